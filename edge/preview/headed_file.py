"""Files that the preview leaves for the page: a page of JSON, then numbers. They live as long as the scan, unsynced."""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

HEAD_BYTES = 8_192
_MOST_ELEMENTS = 200
_LONGEST_NAME = 32


class Unfit(Exception):
    """Such a file cannot be read, or is none; without the path."""


def head_of(fields: dict[str, Any]) -> bytes:
    """The first bytes of a file."""
    head = json.dumps(fields).encode()
    if len(head) > HEAD_BYTES:
        raise ValueError(f"a head of {len(head)} bytes: at most {HEAD_BYTES} are kept for it")
    return head.ljust(HEAD_BYTES)


def opened(path: Path) -> int:
    """A descriptor of a plain file for reading; a link is not followed.

    Raises
    ------
    Unfit
        There is no such file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Unfit(str(error.strerror)) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unfit("no plain file")
    return descriptor


def read_head(descriptor: int, kind: str) -> dict[str, Any]:
    """The fields of a file's head.

    Raises
    ------
    Unfit
        It is of another kind, or none.
    """
    try:
        fields = json.loads(os.pread(descriptor, HEAD_BYTES, 0))
    except (ValueError, RecursionError, OSError):
        raise Unfit("its head cannot be read") from None
    if not isinstance(fields, dict) or fields.get("kind") != kind:
        raise Unfit("of another kind")
    return fields


def elements_of(fields: dict[str, Any]) -> tuple[str, ...]:
    """Names of the elements in a head.

    Raises
    ------
    Unfit
        There are none, or too many.
    """
    names = fields.get("elements")
    if not isinstance(names, list) or not 0 < len(names) <= _MOST_ELEMENTS:
        raise Unfit("names no elements")
    if not all(isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME for name in names):
        raise Unfit("names no elements")
    return tuple(names)


def number_of(fields: dict[str, Any], name: str, *, at_most: float) -> float:
    """A number in a head.

    Raises
    ------
    Unfit
        There is none, or one that cannot be.
    """
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -at_most <= value <= at_most:
        raise Unfit(f"{name} is none")
    return float(value)


def close(descriptor: int | None) -> None:
    """Let go of a file."""
    if descriptor is not None:
        with suppress(OSError):
            os.close(descriptor)
