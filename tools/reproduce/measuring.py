"""Measure masks by reconstructions over subjects; what a cache holds is not measured again."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.faults import EdgeError
from edge.replay_matrix.result_cache import MaskRow, ResultCache, ScoreRow, digest_of, packed, unpacked
from models.density import cells_for_rate
from models.faults import ModelsError
from tools.reproduce.estimators import Estimator
from tools.reproduce.faults import ReproductionError
from tools.reproduce.masks import MaskCandidate
from tools.reproduce.provenance import processor_name
from tools.reproduce.subjects import Subject

_WARM_CELLS = 32
"""Side of the corner on which a mask, or reconstruction, is run first, so that compiling does not count."""
_WARM_EVERY = 5
"""One in so many of the corner's cells is a sample then."""
_REPORT_S = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a table needs."""

    masks: Sequence[MaskCandidate]
    estimators: Sequence[Estimator]
    rates: Sequence[float]
    subjects: Sequence[Subject]
    caps: Mapping[str, int] = field(default_factory=dict)
    """Most subjects of a slow mask or reconstruction, by its name."""
    only: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Masks of a reconstruction that is not held against all of them."""

    def subjects_of(self, mask: str, method: str) -> Sequence[Subject]:
        """The first subjects, as many as both may have."""
        if mask not in self.only.get(method, (mask,)):
            return ()
        return self.subjects[: min(self.caps.get(name, len(self.subjects)) for name in (mask, method))]


@dataclass(frozen=True, slots=True)
class Unit:
    """A mask of a subject, if it isn't known, and the reconstructions that are missing."""

    mask: MaskCandidate
    rate: float
    subject: Subject
    estimators: tuple[Estimator, ...]
    known: MaskRow | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """What could not be measured, and why."""

    what: str
    reason: str


@dataclass(slots=True)
class Found:
    """What a unit gave."""

    masks: list[MaskRow] = field(default_factory=list)
    scores: list[ScoreRow] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """Everything that a plan asks for, as far as it can be had."""

    plan: Plan
    masks: Mapping[tuple[str, float, str], MaskRow]
    """By mask, rate and subject."""
    scores: Mapping[tuple[str, float, str, str], ScoreRow]
    """By mask, rate, subject and reconstruction."""
    refusals: tuple[Refusal, ...]

    def db(self, mask: str, method: str, rate: float) -> dict[str, float]:
        """PSNR of each subject, by its name."""
        return {name: row.db for name, row in self.rows(mask, method, rate).items()}

    def rows(self, mask: str, method: str, rate: float) -> dict[str, ScoreRow]:
        """All figures of each subject, by its name."""
        found = {}
        for subject in self.plan.subjects_of(mask, method):
            row = self.scores.get((mask, rate, subject.name, method))
            if row is not None:
                found[subject.name] = row
        return found

    def mask_seconds(self, mask: str, rate: float) -> list[float]:
        """What each mask took."""
        rows = [self.masks.get((mask, rate, subject.name)) for subject in self.plan.subjects]
        return [row.seconds for row in rows if row is not None]

    def method_seconds(self, method: str, rate: float) -> list[float]:
        """What each reconstruction took, whatever the mask."""
        return [row.seconds for key, row in self.scores.items() if key[1] == rate and key[3] == method]

    @property
    def processors(self) -> list[str]:
        """Everything that seconds were taken on."""
        rows: Iterable[MaskRow | ScoreRow] = [*self.masks.values(), *self.scores.values()]
        return sorted({row.processor for row in rows})


def measured(plan: Plan, cache_folder: Path, *, jobs: int) -> Results:
    """Measure what the cache does not hold, keep each result as it comes, and gather all.

    Raises
    ------
    ReproductionError
        A mask has not the count that was asked, or the cache cannot be used.
    """
    cache = ResultCache(cache_folder)
    units = list(missing(plan, cache))
    refusals: list[Refusal] = []
    started = reported = time.monotonic()
    for done, found in enumerate(_run(units, jobs), 1):
        cache.masks.append(found.masks)
        cache.scores.append(found.scores)
        refusals += found.refusals
        now = time.monotonic()
        if now - reported > _REPORT_S and done < len(units):
            reported = now
            left_s = (now - started) / done * (len(units) - done)
            print(f"{done} of {len(units)} masks, {left_s / 60:.0f} min left by the pace so far", file=sys.stderr)
    return _gathered(plan, cache, refusals)


def missing(plan: Plan, cache: ResultCache) -> Iterator[Unit]:
    """What is not in the cache, mask by mask, so that a network stays open."""
    for mask in plan.masks:
        for rate in plan.rates:
            for index, subject in enumerate(plan.subjects):
                wanted = [one for one in plan.estimators if index < len(plan.subjects_of(mask.name, one.name))]
                if not wanted:
                    continue
                known, cells_digest = _known_mask(cache, mask, rate, subject)
                lacking = tuple(
                    one
                    for one in wanted
                    if (subject.digest, cells_digest, one.name, one.version) not in cache.scores.rows
                )
                if known is None or lacking:
                    yield Unit(mask, rate, subject, lacking, known)


def _known_mask(
    cache: ResultCache, mask: MaskCandidate, rate: float, subject: Subject
) -> tuple[MaskRow | None, str | None]:
    """The row of a mask, and the digest of its cells; None where the cache has none that is whole."""
    row = cache.masks.rows.get((subject.digest, mask.name, rate, mask.version))
    cells = None if row is None else unpacked(row.cells, subject.shape)
    return (None, None) if cells is None else (row, digest_of(cells))


def _run(units: Sequence[Unit], jobs: int) -> Iterator[Found]:
    if jobs == 1 or len(units) < 2:
        yield from map(run_unit, units)
        return
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from multiprocessing import get_context

    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_leave_interrupts) as pool:
        waiting = [pool.submit(run_unit, unit) for unit in units]
        try:
            for future in as_completed(waiting):
                yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _leave_interrupts() -> None:
    """The first process answers Ctrl-C, for all."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


_warm: set[tuple[str, str]] = set()


def run_unit(unit: Unit) -> Found:
    """Make the mask, unless it is known, and reconstruct from it.

    Raises
    ------
    ReproductionError
        The mask has not the count that was asked.
    """
    found = Found()
    cells = None if unit.known is None else unpacked(unit.known.cells, unit.subject.shape)
    if cells is None:
        _warm_up(unit)
        try:
            cells, seconds = _chosen(unit)
        except (ModelsError, EdgeError) as error:
            return Found(refusals=[Refusal(f"{unit.mask.name} at {unit.rate:.0%}", str(error))])
        found.masks.append(
            MaskRow(
                unit.subject.digest,
                unit.mask.name,
                unit.rate,
                unit.mask.version,
                seconds,
                processor_name(),
                packed(cells),
            )
        )
    for estimator in unit.estimators:
        _reconstruct(unit, cells, estimator, found)
    return found


def _chosen(unit: Unit) -> tuple[NDArray[np.bool_], float]:
    count = cells_for_rate(unit.rate, int(unit.subject.allowed.sum()))
    start = time.perf_counter()
    cells = unit.mask.choose(unit.subject, count)
    seconds = time.perf_counter() - start
    if int(cells.sum()) != count or (cells & ~unit.subject.allowed).any():
        raise ReproductionError(
            f"the mask {unit.mask.name} chose {int(cells.sum())} cells of {unit.subject.name} where {count} of the "
            "allowed ones were asked: mend it, or leave it out with --masks"
        )
    return cells, seconds


def _reconstruct(unit: Unit, cells: NDArray[np.bool_], estimator: Estimator, found: Found) -> None:
    _warm_up_on(estimator, unit.subject)
    start = time.perf_counter()
    try:
        estimate = estimator.estimate(unit.subject, cells)
        seconds = time.perf_counter() - start
        figures = unit.subject.figures(estimate)
    except (ModelsError, EdgeError, ReproductionError) as error:
        found.refusals.append(Refusal(f"{estimator.name} of {unit.mask.name} at {unit.rate:.0%}", str(error)))
        return
    found.scores.append(
        ScoreRow(
            unit.subject.digest,
            unit.mask.name,
            unit.rate,
            digest_of(cells),
            estimator.name,
            estimator.version,
            figures.db,
            figures.rmse,
            figures.sam_deg,
            seconds,
            processor_name(),
        )
    )


def _warm_up(unit: Unit) -> None:
    """Compile and open everything once in this process, on a corner."""
    if ("mask", unit.mask.version) in _warm:
        return
    _warm.add(("mask", unit.mask.version))
    corner = unit.subject.corner(_WARM_CELLS)
    try:
        unit.mask.choose(corner, max(1, corner.allowed.size // 5))
    except (ModelsError, EdgeError):
        return  # what a corner cannot have is said of the whole, where it counts


def _warm_up_on(estimator: Estimator, subject: Subject) -> None:
    if ("method", estimator.name + estimator.version) in _warm:
        return
    _warm.add(("method", estimator.name + estimator.version))
    corner = subject.corner(2 * _WARM_CELLS)
    # a fixed share of the corner: the samples of the mask may all lie elsewhere
    cells = np.zeros(corner.shape, np.bool_)
    cells.ravel()[::_WARM_EVERY] = True
    try:
        estimator.estimate(corner, cells)
    except (ModelsError, EdgeError):
        return


def _gathered(plan: Plan, cache: ResultCache, refusals: Sequence[Refusal]) -> Results:
    masks, scores = {}, {}
    for mask in plan.masks:
        for rate in plan.rates:
            for subject in plan.subjects:
                row, cells_digest = _known_mask(cache, mask, rate, subject)
                if row is None:
                    continue
                masks[mask.name, rate, subject.name] = row
                for one in plan.estimators:
                    score = cache.scores.rows.get((subject.digest, cells_digest, one.name, one.version))
                    if score is not None:
                        scores[mask.name, rate, subject.name, one.name] = score
    return Results(plan, masks, scores, tuple(refusals))
