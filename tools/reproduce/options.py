"""Options that several tables share, and what can be wrong with them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.reproduce.faults import ReproductionError
from tools.reproduce.masks import Absent

CACHE = Path("runs/reproduce")
OUT = Path("docs/results")


def add_shared(
    parser: argparse.ArgumentParser,
    *,
    masks: Sequence[str],
    methods: Sequence[str],
    references: Sequence[str] | None,
    caps: Mapping[str, int],
) -> None:
    """Rows, columns, references (None: no such option) and caps with a table's own defaults; then jobs and places."""
    usual = " ".join(f"{name}={most}" for name, most in caps.items())
    parser.add_argument("--masks", nargs="+", default=list(masks), metavar="NAME", help=f"rows ({', '.join(masks)})")
    parser.add_argument(
        "--methods", nargs="+", default=list(methods), metavar="NAME", help=f"columns ({', '.join(methods)})"
    )
    if references is not None:
        parser.add_argument(
            "--reference",
            nargs="*",
            default=list(references),
            metavar="NAME",
            help=f"masks that the others are compared with, in pairs ({', '.join(references)})",
        )
    parser.add_argument(
        "--cap",
        nargs="*",
        default=[],
        metavar="NAME=N",
        help=f"most images of a slow mask or reconstruction ({usual or 'none'})",
    )
    parser.add_argument(
        "--network",
        nargs="+",
        default=[],
        metavar="NAME=FILE.onnx",
        help="networks of our training of the published forms; NAME-diffused is the same under error diffusion",
    )
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes that share the work (1)")
    parser.add_argument("--data", type=Path, metavar="PATH", help="instead of what POINTILLIST_DATA holds")
    parser.add_argument("--cache", type=Path, default=CACHE, metavar="FOLDER", help=f"kept results ({CACHE})")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FOLDER", help=f"where the page goes ({OUT})")


def networks_of(options: argparse.Namespace) -> dict[str, Path]:
    """Files of mask networks by row.

    Raises
    ------
    ReproductionError
        Not NAME=FILE, or a name twice.
    """
    found: dict[str, Path] = {}
    for text in options.network:
        name, _, path = text.partition("=")
        if not name or not path or name in found:
            raise ReproductionError(f"--network {text}: give each row once, as NAME=FILE.onnx")
        found[name] = Path(path)
    return found


def caps_of(options: argparse.Namespace, usual: Mapping[str, int], known: Sequence[str]) -> dict[str, int]:
    """Most images by mask or reconstruction, those asked for over the usual ones.

    Raises
    ------
    ReproductionError
        Not NAME=N with a whole number from 1, or no row or column of the table.
    """
    caps = dict(usual)
    for text in options.cap:
        name, _, most = text.partition("=")
        if not name or not most.isdecimal() or int(most) < 1:
            raise ReproductionError(f"--cap {text}: give it as NAME=N with a whole number from 1")
        require_known("cap", [name], known)
        caps[name] = int(most)
    return caps


def require_counts(**counts: int | None) -> None:
    """Numbers that must be at least 1, by the option's name.

    Raises
    ------
    ReproductionError
        One is not.
    """
    for name, count in counts.items():
        if count is not None and count < 1:
            raise ReproductionError(f"--{name} {count}: give a whole number from 1")


def require_seed(seed: int) -> None:
    """A seed that random numbers can start from.

    Raises
    ------
    ReproductionError
        It is negative.
    """
    if seed < 0:
        raise ReproductionError(f"--seed {seed}: give a whole number from 0")


def require_known(option: str, names: Sequence[str | float], known: Sequence[str | float]) -> None:
    """Rows, columns or rates that the table can have.

    Raises
    ------
    ReproductionError
        One is unknown, or stands there twice.
    """
    for name in names:
        if name not in known:
            raise ReproductionError(f"--{option} {name}: not in this table: choose from {', '.join(map(str, known))}")
        if names.count(name) > 1:
            raise ReproductionError(f"--{option} {name}: stands there twice: give each once")


def absent_of(candidates: Sequence[object]) -> list[Absent]:
    """Those candidates that cannot be had."""
    return [one for one in candidates if isinstance(one, Absent)]
