"""What an archive costs to reprocess, from constants that are measured on one core: see docs/explanation.

A step of a scan is a number of equal tasks; the next step waits for all of them. So a scan takes no less than its
chain, one task of each step after the other, and an archive no less than all tasks shared out among the workers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

RANGE = 32_768
PORTION = 4_096


@dataclass(frozen=True, slots=True)
class Constants:
    """Seconds of one core, unless named otherwise."""

    look_s: float
    """An exposure: bytes digested, record checked."""
    add_up_s: float
    """An exposure: spectrum unpacked and added."""
    learn_s: float
    """A scan."""
    fit_s: float
    """An exposure: spectrum unpacked and fitted."""
    settle_exposure_s: float
    """An exposure: history folded, rates joined and merged."""
    settle_cell_s: float
    """A cell: photograph, guide, neighbours."""
    settle_s: float
    """A scan: what is learned from draws of fixed size."""
    account_s: float
    """An exposure."""
    estimate_s: float
    """A cell of a piece, or of the ring around it."""
    assemble_s: float
    """A cell."""
    task_s: float
    """A task, of the scheduler's one core: handed out and taken back."""
    spectrum_bytes: float
    """Of the journal, an exposure."""
    travels_bytes: float
    """A scan and worker: what its spectra have taught."""
    start_s: float = 0.0
    """A worker: its imports, the software's digest, machine code read."""
    beside_share: float = 0.0
    """Of a core, for each worker as long as it is there: what Dask does beside tasks."""


@dataclass(frozen=True, slots=True)
class Scan:
    """The size of a scan."""

    exposures: int
    cells: int
    piece_cells: int = 512


@dataclass(frozen=True, slots=True)
class Step:
    """Equal tasks."""

    name: str
    tasks: int
    seconds: float
    """Of each."""


def steps(scan: Scan, known: Constants) -> list[Step]:
    """The steps of a scan that is made in pieces."""
    ranges = math.ceil(scan.exposures / RANGE)
    pieces = math.ceil(scan.cells / scan.piece_cells**2)
    settling = known.settle_s + scan.exposures * known.settle_exposure_s + scan.cells * known.settle_cell_s
    cut = min(65 * PORTION, scan.exposures) * known.add_up_s
    return [
        Step("look", 1, scan.exposures * known.look_s),
        Step("add up", ranges, scan.exposures * known.add_up_s / ranges),
        Step("learn", 1, known.learn_s + cut),
        Step("fit", ranges, scan.exposures * known.fit_s / ranges),
        Step("settle", 1, settling),
        Step("account", 1, scan.exposures * known.account_s),
        Step("estimate", pieces, scan.cells * known.estimate_s * overlap(scan) / pieces),
        Step("assemble", 1, scan.cells * known.assemble_s),
    ]


def overlap(scan: Scan) -> float:
    """Cells that are estimated for each cell of a map: a ring of one tile of 8 cells lies around each piece."""
    return (1 + 16 / scan.piece_cells) ** 2


def work_s(scan: Scan, known: Constants) -> float:
    """All of a scan's tasks."""
    return sum(step.tasks * step.seconds for step in steps(scan, known))


def processor_s(scans: int, scan: Scan, known: Constants, workers: int, *, lasts_s: float) -> float:
    """Processor time of all workers for an archive that is under way for some time by the clock."""
    return scans * work_s(scan, known) + workers * (known.start_s + known.beside_share * lasts_s)


def alone_s(scan: Scan, known: Constants, workers: int) -> float:
    """A scan by itself: each step takes as many rounds as its tasks need; the account is made beside the pieces."""
    lasts = {step.name: math.ceil(step.tasks / workers) * step.seconds for step in steps(scan, known)}
    account, estimate = lasts.pop("account"), lasts.pop("estimate")
    beside = max(account, estimate) if workers > 1 else account + estimate
    return sum(lasts.values()) + beside


def archive_s(scans: int, scan: Scan, known: Constants, workers: int) -> float:
    """An archive of equal scans.

    The tasks shared out among the workers, and the last scans' chains, in which workers wait: half of one on average;
    no less than one scan by itself, nor than the scheduler takes to hand all tasks out.
    """
    shared = scans * work_s(scan, known) / workers
    tail = alone_s(scan, known, workers) / 2 if scans > 1 else 0.0
    tasks = scans * sum(step.tasks for step in steps(scan, known))
    return max(shared + tail, alone_s(scan, known, workers), tasks * known.task_s)


def reading_bytes_s(scans: int, scan: Scan, known: Constants, workers: int) -> float:
    """Bytes a second that the shared file system has to give for that: the journal is read seven times."""
    return 7 * scans * scan.exposures * known.spectrum_bytes / archive_s(scans, scan, known, workers)
