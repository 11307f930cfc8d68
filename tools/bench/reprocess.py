"""Reprocessing: what each step costs, and what the model made of that predicts for one and two workers."""

from __future__ import annotations

import pickle
import resource
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge.console import Console
from edge.reprocess.changes import Settings
from edge.reprocess.cluster import DaskExecutor, connected
from edge.reprocess.drive import Failure
from edge.reprocess.job import Job
from edge.reprocess.look import Look
from edge.reprocess.recipe import Done, Task, recipe_for
from edge.reprocess.run import reprocess
from edge.reprocess.software import software_digest
from edge.reprocess.spectra import Learned
from tools.bench.made_recording import Made, make_recording
from tools.bench.reprocess_model import (
    Constants,
    Scan,
    alone_s,
    archive_s,
    overlap,
    processor_s,
    reading_bytes_s,
    steps,
    work_s,
)
from tools.bench.table import Row

_ELEMENTS = ("K", "Ca", "Ti", "Cr", "Mn", "Fe", "Co", "Cu", "Zn", "As", "Sr", "Sn", "Ba", "Hg", "Pb")
_TINY = Made(40, 40, channels=256, elements=("Ca", "Fe"), method="kriging", seed=2)
"""Carried out first, so that nothing is compiled or imported in what is measured."""
_DENSE = Made(320, 320, rate=0.1, channels=4_096, live_s=1.0, elements=_ELEMENTS, method="kriging", seed=1)
_WIDE = Made(640, 640, rate=0.025, channels=4_096, live_s=1.0, elements=_ELEMENTS, method="kriging", seed=1)
"""As many exposures, from which as much is learned, on four times the cells."""
_PIECE = 64
"""Cells along a side: both grids are made in pieces, and what a piece costs goes with its cells."""
_SCANS = 2
"""Of the archive that is measured whole."""
_ARCHIVE = Scan(1_600_000, 16_000_000)
_NO_TASKS = 200
_IDLE_S = 10.0
NOTES = (
    "Constants are processor time of one core, in a worker, so that other work on the machine does not count; archives "
    "are by the clock, with the processor time of all workers beside it.",
    f"Spectra of {_DENSE.channels:,} channels with some {900:,} counts, {len(_ELEMENTS)} elements; kriging, with the "
    "visible part.",
    "A scan of 4,000 x 4,000 cells is taken as measured at a tenth of them.",
)


def measure(repeats: int) -> list[Row]:
    """Constants, the model against whole runs, and the archive that nobody has yet."""
    with tempfile.TemporaryDirectory(prefix="pointillist-") as name:
        folder = Path(name)
        archive = folder / "archive"
        for made, each in ((_TINY, "tiny"), (_DENSE, "dense"), (_WIDE, "wide")):
            make_recording(archive / each, made)
        known, scan = _measured(folder, archive, repeats)
        rows = _constant_rows(known)
        twice = folder / "twice"
        for i in range(_SCANS):
            shutil.copytree(archive / "dense", twice / f"scan-{i}")
        for workers in (1, 2):
            rows += _whole_run(twice, folder / f"out-{workers}", known, workers, scan)
    return rows + _far_rows(known)


def _measured(folder: Path, archive: Path, repeats: int) -> tuple[Constants, Scan]:
    """Constants as a worker of a cluster shows them, and what the dense scan is.

    Measured in this process they would be others: its linear algebra has a thread for each core, which waits busily.
    """
    task_s = _task_s()
    before_s = _children_s()
    with connected(None, 1) as executor:
        warm = _Timed(executor, folder / "warm", archive, "tiny", piece_cells=16).run()
        runs = [_best(executor, folder, archive, scan, repeats) for scan in ("dense", "wide")]
        beside_share = _beside_share(executor)
        known, took_s = _constants(runs, archive, task_s), sum(sum(run.all_s) for run in (warm, *runs))
        lasted_s = time.perf_counter() - warm.began_s
    start_s = _children_s() - before_s - took_s - beside_share * lasted_s
    return replace(known, start_s=start_s, beside_share=beside_share), runs[0].scan


def timed(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """What a function gives, and the processor time that it took where it ran."""
    started = time.process_time()
    value = function(*arguments)
    return value, time.process_time() - started


def _beside_share(executor: DaskExecutor) -> float:
    """Processor time of a worker without a task, for each second."""
    before_s = float(_carried_out(executor, time.process_time))
    time.sleep(_IDLE_S)
    return (float(_carried_out(executor, time.process_time)) - before_s) / _IDLE_S


def _carried_out(executor: DaskExecutor, function: Callable[..., Any], *arguments: Any) -> Any:
    executor.submit(Task(function, arguments, 0.0))
    _, done = executor.wait()
    if isinstance(done, Exception):
        raise done
    return done.value


class _Timed:
    """One scan's recipe carried out by one worker, with the processor time of each function."""

    def __init__(
        self, executor: DaskExecutor, out: Path, archive: Path, name: str, *, piece_cells: int = _PIECE
    ) -> None:
        out.mkdir()
        (out / "reprocess.json").touch()
        self._executor = executor
        self.job = Job(archive, name, out, Settings.of(piece_cells=piece_cells), software_digest())
        self.seconds: dict[str, float] = defaultdict(float)
        self.all_s: list[float] = []
        """Of every task, those of earlier runs among them."""
        self.began_s = time.perf_counter()
        self.scan = Scan(0, 0, _PIECE)
        self.travels_bytes = 0
        """What other workers have to be sent."""

    def run(self) -> _Timed:
        recipe = recipe_for(self.job)
        sent: list[Done] | None = None
        while True:
            try:
                tasks = next(recipe) if sent is None else recipe.send(sent)
            except StopIteration:
                return self
            sent = [self._done(task) for task in tasks]

    def _done(self, task: Task) -> Done:
        value, seconds = _carried_out(self._executor, timed, task.function, *task.arguments)
        self.seconds[task.function.__name__] += seconds
        self.all_s.append(seconds)
        if isinstance(value, Look):
            self.scan = Scan(value.exposures, value.grid.rows * value.grid.columns, _PIECE)
        if isinstance(value, Look | Learned):
            self.travels_bytes += len(pickle.dumps(value))
        return Done(value, value)


def _best(executor: DaskExecutor, folder: Path, archive: Path, name: str, repeats: int) -> _Timed:
    """Each function's fastest of some runs."""
    runs = [_Timed(executor, folder / f"{name}-{i}", archive, name).run() for i in range(repeats)]
    best = runs[0]
    best.all_s = [seconds for run in runs for seconds in run.all_s]
    for function in best.seconds:
        best.seconds[function] = min(run.seconds[function] for run in runs)
    return best


def _constants(runs: list[_Timed], archive: Path, task_s: float) -> Constants:
    dense, wide = runs
    exposures = dense.scan.exposures
    each = {name: seconds / exposures for name, seconds in dense.seconds.items()}
    per_cell = (wide.seconds["settle"] - dense.seconds["settle"]) / (wide.scan.cells - dense.scan.cells)
    # settling goes over the journal as the first look does
    learning_s = dense.seconds["settle"] - exposures * each["look"] - dense.scan.cells * per_cell
    return Constants(
        look_s=each["look"],
        add_up_s=each["add_up"],
        learn_s=max(dense.seconds["learn"] - exposures * each["add_up"], 0.0),
        fit_s=each["fit_range"],
        settle_exposure_s=each["look"],
        settle_cell_s=max(per_cell, 0.0),
        settle_s=max(learning_s, 0.0),
        account_s=each["account"],
        estimate_s=wide.seconds["estimate"] / wide.scan.cells / overlap(wide.scan),
        assemble_s=wide.seconds["assemble"] / wide.scan.cells,
        task_s=task_s,
        spectrum_bytes=(archive / "dense" / "journal.sqlite").stat().st_size / exposures,
        travels_bytes=dense.travels_bytes,
    )


def _task_s() -> float:
    """What handing out one task costs the scheduler and the one who hands it out, in processor time."""
    with connected(None, 1) as executor:
        _carry_out(executor, 10)
        started = time.process_time()
        _carry_out(executor, _NO_TASKS)
        return (time.process_time() - started) / _NO_TASKS


def _carry_out(executor: Any, count: int) -> None:
    for number in range(count):
        executor.submit(Task(abs, (number,), 0.0))
    for _ in range(count):
        executor.wait()


def _constant_rows(known: Constants) -> list[Row]:
    size = "an exposure"
    rates = [
        ("look: digest, every record checked", size, 1e6 * known.look_s, "us"),
        ("add up: unpack a spectrum, add it", size, 1e6 * known.add_up_s, "us"),
        ("fit: unpack a spectrum, fit it", size, 1e6 * known.fit_s, "us"),
        ("account: history and dose", size, 1e6 * known.account_s, "us"),
        ("learn: scale, drift, elements", "a scan", known.learn_s, "s"),
        ("settle: what comes from draws", "a scan", known.settle_s, "s"),
        ("settle: photograph, guide, neighbours", "a cell", 1e6 * known.settle_cell_s, "us"),
        ("estimate: kriging and visible part", "a cell", 1e6 * known.estimate_s, "us"),
        ("estimate: a tile", "64 cells", 64e3 * known.estimate_s, "ms"),
        ("assemble", "a cell", 1e6 * known.assemble_s, "us"),
        ("begin: imports, machine code, first of each task", "a worker", known.start_s, "s"),
        ("beside tasks", "a worker", 1e3 * known.beside_share, "ms/s"),
        ("hand out a task", "a task", 1e3 * known.task_s, "ms"),
        ("journal", size, known.spectrum_bytes, "B"),
        ("link: what is learned, to a worker", "a scan", known.travels_bytes / 1e6, "MB"),
    ]
    return [Row(what, of, value, unit) for what, of, value, unit in rates]


def _whole_run(archive: Path, out: Path, known: Constants, workers: int, scan: Scan) -> list[Row]:
    """A whole archive on processes of this machine: by the clock, and by what the workers' processors did."""
    out.mkdir()
    names = tuple(sorted(path.name for path in archive.iterdir()))
    before = _children_s()
    with connected(None, workers) as executor:
        started = time.perf_counter()
        console = Console(quiet=True, log_level="error")
        outcomes = reprocess(archive, names, out, Settings.of(piece_cells=_PIECE), executor, console)
        took_s = time.perf_counter() - started
    assert not any(isinstance(outcome, Failure) for outcome in outcomes.values()), outcomes
    size = f"{len(names)} scans of {scan.exposures:,} exposures, {workers} worker{'s' if workers > 1 else ''}"
    return [
        Row("predicted, by the clock", size, archive_s(len(names), scan, known, workers), "s"),
        Row("measured, by the clock, workers' beginnings included", size, took_s, "s"),
        Row("predicted, processor time", size, processor_s(len(names), scan, known, workers, lasts_s=took_s), "s"),
        Row("of that, tasks", size, len(names) * work_s(scan, known), "s"),
        Row("measured, processor time of all workers", size, _children_s() - before, "s"),
    ]


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _far_rows(known: Constants) -> list[Row]:
    size = "4,000 x 4,000 cells, 1,600,000 exposures"
    rows = [
        Row(f"predicted: {step.name}, {step.tasks} tasks", size, step.seconds, "s") for step in steps(_ARCHIVE, known)
    ]
    figures: Iterable[tuple[str, Callable[[int], float], str]] = (
        ("predicted: one scan", lambda workers: alone_s(_ARCHIVE, known, workers) / 60, "min"),
        ("predicted: 100 scans", lambda workers: archive_s(100, _ARCHIVE, known, workers) / 3_600, "h"),
        ("predicted: read from the file system", lambda w: reading_bytes_s(100, _ARCHIVE, known, w) / 1e6, "MB/s"),
    )
    for what, of, unit in figures:
        rows += [Row(what, f"{workers} workers", of(workers), unit) for workers in (1, 16, 64)]
    return rows
