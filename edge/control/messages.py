"""What is asked of a running scan and what it answers: one line of JSON each way."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast, get_args

Command = Literal["pause", "resume", "finish", "stop", "status", "arm"]
Standing = Literal["preparing", "waiting to be armed", "measuring", "pausing", "paused", "ending"]
"""What the scan's process is at."""

LONGEST_LINE = 1_024
"""Bytes of a line, its end included."""
LONGEST_NAME = 64
"""Letters of whoever asks."""


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody asks."""

    do: Command
    by: str
    """Who, in words for the journal."""
    plan: str = ""
    """Of arming: digest of the plan that was looked at."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the scan says to that; what was asked for happens after the answer."""

    ok: bool
    sentence: str
    state: Standing


def order_from(line: bytes) -> Order:
    """Read an order.

    Raises
    ------
    ValueError
        It is none; the text says why, as a sentence for whoever sent it.
    """
    fields = _object(line)
    if not set(fields) <= {"do", "by", "plan"} or not {"do", "by"} <= set(fields):
        raise ValueError('an order is {"do": ..., "by": ...}, and "plan" where it arms')
    do, by, plan = fields["do"], fields["by"], fields.get("plan", "")
    if do not in get_args(Command):
        raise ValueError(f"an order's do is one of {', '.join(get_args(Command))}")
    if not isinstance(by, str) or not 0 < len(by) <= LONGEST_NAME or not _is_printable(by):
        raise ValueError(f"an order's by is a name of 1 to {LONGEST_NAME} printable letters")
    if not isinstance(plan, str) or len(plan) > 128:
        raise ValueError("an order's plan is a digest")
    return Order(cast(Command, do), by, plan)


def reply_from(line: bytes) -> Reply:
    """Read an answer.

    Raises
    ------
    ValueError
        It is none.
    """
    fields = _object(line)
    match fields:
        case {"ok": bool(ok), "sentence": str(sentence), "state": str(state)} if state in get_args(Standing):
            return Reply(ok, sentence, cast(Standing, state))
    raise ValueError('an answer is {"ok": ..., "sentence": ..., "state": ...}')


def line_of(message: Order | Reply) -> bytes:
    """A message as it is sent."""
    return json.dumps(asdict(message), ensure_ascii=True).encode() + b"\n"


def _object(line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("a message is one line of JSON") from None
    if not isinstance(fields, dict):
        raise ValueError("a message is an object of JSON")
    return fields


def _is_printable(text: str) -> bool:
    """Whether a text can stand in a journal and on a terminal: no control characters, no spaces but the usual one."""
    kinds = {unicodedata.category(letter)[0] for letter in text if letter != " "}
    return bool(kinds) and not kinds & {"C", "Z"}
