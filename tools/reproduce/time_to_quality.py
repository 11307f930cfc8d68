"""Time to quality: what each way of scanning shows in a time, against the full raster that people scan today."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from multiprocessing import get_context
from pathlib import Path

from edge.modes.registry import MODES
from tools.measurement_folder import measurement_folder
from tools.reproduce import page
from tools.reproduce.code_version import code_version
from tools.reproduce.faults import ReproductionError
from tools.reproduce.options import CACHE, OUT, require_counts
from tools.reproduce.timed import pages
from tools.reproduce.timed.asked import Asked, subject_of, tried
from tools.reproduce.timed.rivals import RIVALS
from tools.reproduce.timed.stages import STAGES
from tools.reproduce.timed.trial import COARSE, RAW

HELP = "what each way of scanning shows in a time, on three stages"
SHARES = (1 / 18, 1 / 10, 1 / 3)
DWELLS_S = (0.001, 0.01, 0.1, 1.0)
HOUR_COUNTS = (100.0, 1_000.0, 10_000.0)
HOUR_SHARE, HOUR_DWELL_S, HOUR_STAGE = 1 / 18, 0.164, "laboratory stage"
RIVALS_STAGE = HOUR_STAGE
HOUR_WAYS = ("rows", "runs", "raster")


@dataclass(frozen=True, slots=True)
class Row:
    """What came of it."""

    subject: str
    stage: str
    dwell_s: float
    share: float
    way: str
    version: str
    full_s: float
    seconds: float
    rmse: float
    db: float
    predicted: float


class TimeToQuality:
    """The page of times."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Options of this page."""
        parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes that share the work (1)")
        parser.add_argument("--data", type=Path, metavar="PATH", help="instead of what POINTILLIST_DATA holds")
        parser.add_argument("--cache", type=Path, default=CACHE, metavar="FOLDER", help=f"kept results ({CACHE})")
        parser.add_argument("--out", type=Path, default=OUT, metavar="FOLDER", help=f"where the page goes ({OUT})")

    def run(self, options: argparse.Namespace) -> page.Page:
        """Try what is missing, and make the page.

        Raises
        ------
        ReproductionError
            An option that cannot be, or no measurements.
        """
        require_counts(jobs=options.jobs)
        folder = options.data or measurement_folder()
        kept = _Kept(options.cache / "times.csv", code_version(tried))
        missing = [asked for asked in _all() if asked not in kept.rows]
        for row in _each(missing, folder, kept.version, options.jobs):
            kept.add(row)
        return pages.page_of([kept.rows[asked] for asked in _all()], about=_about(folder))


def _all() -> Iterator[Asked]:
    for subject in ("portrait", "hands"):
        for stage in STAGES:
            for dwell_s in DWELLS_S:
                yield Asked(subject, stage, dwell_s, 1.0, RAW)
                for share in SHARES:
                    for way in (COARSE, *(RIVALS if stage == RIVALS_STAGE else ()), *MODES):
                        yield Asked(subject, stage, dwell_s, share, way)
    for subject in (*(f"hour {counts:g}" for counts in HOUR_COUNTS), "hour hands"):
        yield Asked(subject, HOUR_STAGE, HOUR_DWELL_S, 1.0, RAW)
        for way in HOUR_WAYS:
            yield Asked(subject, HOUR_STAGE, HOUR_DWELL_S, HOUR_SHARE, way)


def _about(folder: Path) -> list[str]:
    return [subject_of("portrait", folder).about, subject_of("hands", folder).about]


def _each(missing: Sequence[Asked], folder: Path, version: str, jobs: int) -> Iterator[Row]:
    if jobs == 1 or len(missing) < 2:
        yield from (_row(asked, folder, version) for asked in missing)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_row, missing, [folder] * len(missing), [version] * len(missing))


def _row(asked: Asked, folder: Path, version: str) -> Row:
    trial, full_s = tried(asked, folder)
    return Row(**asdict(asked), version=version, full_s=full_s, **asdict(trial))


class _Kept:
    """Rows in a file that only grows; those of another version of the code are not found."""

    def __init__(self, path: Path, version: str) -> None:
        self.version = version
        self._path = path
        self.rows: dict[Asked, Row] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = list(csv.DictReader(path.open(encoding="utf-8", newline=""))) if path.exists() else []
        except OSError as error:
            raise ReproductionError(f"{path}: cannot be used ({error.strerror}): give another --cache") from None
        for line in lines:
            row = _parsed(line)
            if row is not None and row.version == version:
                self.rows[_asked(row)] = row

    def add(self, row: Row) -> None:
        """Keep a row, on disk first."""
        is_new = not self._path.exists()
        with self._path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [field.name for field in fields(Row)])
            if is_new:
                writer.writeheader()
            writer.writerow(asdict(row))
        self.rows[_asked(row)] = row


def _asked(row: Row) -> Asked:
    return Asked(row.subject, row.stage, row.dwell_s, row.share, row.way)


def _parsed(line: dict[str, str]) -> Row | None:
    try:
        return Row(**{f.name: line[f.name] if f.type == "str" else float(line[f.name]) for f in fields(Row)})  # type: ignore[arg-type]
    except (KeyError, ValueError, TypeError):
        return None


TABLE = TimeToQuality()
