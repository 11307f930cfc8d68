"""``python -m tools.reproduce NAME``: measure a table again, and write its page and its CSV."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from edge.faults import EdgeError
from models.faults import ModelsError
from tools.reproduce.faults import ReproductionError
from tools.reproduce.index import update_index
from tools.reproduce.page import Page

TABLES = {
    "table1": "tools.reproduce.table1",
    "table2": "tools.reproduce.table2",
    "table3": "tools.reproduce.table3",
    "table4": "tools.reproduce.table4",
    "figure9": "tools.reproduce.figure9",
    "figure10": "tools.reproduce.figure10",
    "ssr-synthetic": "tools.reproduce.ssr_synthetic",
    "portrait": "tools.reproduce.portrait",
    "starved": "tools.reproduce.starved",
    "time-to-quality": "tools.reproduce.time_to_quality",
    "held-out": "tools.reproduce.held_out",
    "sr-table": "tools.reproduce.sr_table",
    "ablations": "tools.reproduce.ablations",
    "masked-unfolding": "tools.reproduce.masked_unfolding",
}
"""Each name's module has a ``TABLE`` with ``add_options`` and ``run``, and a line ``HELP``."""


class Table(Protocol):
    """What a module of `TABLES` calls ``TABLE``."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add the table's own options."""

    def run(self, options: argparse.Namespace) -> Page:
        """Measure, and make the page."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make one table; the exit code is 0, 2 for what cannot be, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m tools.reproduce", description=(__doc__ or "").partition(": ")[2])
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    tables: dict[str, Table] = {}
    for name, place in TABLES.items():
        module = import_module(place)
        tables[name] = cast(Table, module.TABLE)
        tables[name].add_options(names.add_parser(name, help=module.HELP, description=module.__doc__))
    options = parser.parse_args(arguments)
    try:
        page = tables[options.name].run(options)
        written = page.write(options.out, options.name)
        update_index(options.out, list(TABLES))
    except (ReproductionError, ModelsError, EdgeError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"stopped: what was measured is kept in {options.cache}; the same command goes on", file=sys.stderr)
        return 130
    print("\n".join(str(path) for path in written))
    return 0


if __name__ == "__main__":
    sys.exit(main())
