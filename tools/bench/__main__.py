"""``python -m tools.bench NAME [--json FILE] [--repeats N]``: measure, print a table, and write it as rows."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from tools.bench.table import print_table, write_json

BENCHES = {
    "calibration": "tools.bench.calibration",
    "fusion": "tools.bench.fusion",
    "journal": "tools.bench.journal",
    "lens": "tools.bench.lens",
    "link": "tools.bench.link",
    "mask": "tools.bench.mask",
    "monitor": "tools.bench.monitor",
    "mosaic": "tools.bench.mosaic",
    "plan": "tools.bench.plan",
    "reconstruct": "tools.bench.reconstruct",
    "reprocess": "tools.bench.reprocess",
    "soak": "tools.bench.soak",
    "spectra": "tools.bench.spectra",
    "ssr": "tools.bench.ssr",
    "ten-hours": "tools.bench.ten_hours",
}
"""Each name's module has ``measure(repeats) -> list[Row]`` and ``NOTES``, sentences that the table needs; where it has
``FAILS``, a target that is missed ends the command with code 1."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one benchmark."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description="Measure speed and quality.")
    parser.add_argument("name", choices=sorted(BENCHES))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to FILE as well")
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="runs of each, the fastest counts")
    chosen = parser.parse_args(arguments)
    if chosen.repeats < 1:
        parser.error("--repeats must be at least 1")
    bench = import_module(BENCHES[chosen.name])
    rows = bench.measure(chosen.repeats)
    print_table(rows, bench.NOTES)
    if chosen.json is not None:
        write_json(chosen.json, rows)
    if getattr(bench, "FAILS", False) and any(row.met is False for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
