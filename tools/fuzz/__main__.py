"""``python -m tools.fuzz [--seconds N] [--folder FOLDER] [NAME ...]``: fuzz targets in turn, and tell what was found.

What goes new ways through the code is kept in the folder, and begun with the next time. A find is made as short as it
goes; with finds the program ends with 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from tools.fuzz import reference
from tools.fuzz.campaign import fuzz
from tools.fuzz.targets import TARGETS


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz; returns the exit status."""
    names = [*TARGETS, reference.NAME]
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description="Fuzz what takes bytes from outside.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all if none is given: {', '.join(names)}")
    parser.add_argument("--seconds", type=float, default=600.0, metavar="N", help="for all together; 600")
    parser.add_argument("--folder", type=Path, default=Path("runs/fuzz"), help="of corpus and finds; runs/fuzz")
    chosen = parser.parse_args(arguments)
    unknown = sorted(set(chosen.names) - set(names))
    if unknown:
        parser.error(f"there is no target {unknown[0]}: choose from {', '.join(names)}")
    if find_spec("atheris") is None:
        print("atheris is not installed: what is Python is fuzzed by chance, unguided by coverage.")
    wanted = chosen.names or names
    finds: list[str] = []
    for name in wanted:
        outcome = fuzz(name, chosen.seconds / len(wanted), chosen.folder)
        finds += outcome.finds
        print(
            f"{name:16} {outcome.seconds:6.0f} s {outcome.inputs:10} inputs {outcome.kept:6} kept "
            f"{len(outcome.finds):3} found  {outcome.remark}".rstrip(),
            flush=True,
        )
    print(*finds, sep="\n")
    return 1 if finds else 0


if __name__ == "__main__":
    sys.exit(main())
