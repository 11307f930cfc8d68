"""One trial after the other until all are made or the time is over; what was made once is not made again."""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path

from edge.faults import EdgeError
from edge.replay_matrix.choosing import Cells, Setup, chosen, scored
from edge.replay_matrix.costs import Costs
from edge.replay_matrix.design import Design, Trial
from edge.replay_matrix.learner import OutOfTime
from edge.replay_matrix.result_cache import MaskRow, ResultCache, ScoreRow, digest_of, packed, unpacked
from models.faults import ModelsError

_ROOMS = ("edge", "models")


@dataclass(slots=True)
class Outcome:
    """What came of a design."""

    scores: dict[Trial, ScoreRow] = field(default_factory=dict)
    cells: dict[tuple[str, float], Cells] = field(default_factory=dict)
    """By mask and rate."""
    refusals: dict[str, str] = field(default_factory=dict)
    """What could not be had, and why."""
    left_out: list[Trial] = field(default_factory=list)
    """Those that there was no time for."""


def carried_out(
    design: Design,
    setup: Setup,
    folder: Path,
    *,
    within_s: float,
    told: Callable[[int], None] = lambda _done: None,
    known: Mapping[tuple[str, float], Cells] | None = None,
    costs: Costs | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Make the trials that the folder does not hold, in their order, as far as there is time.

    Parameters
    ----------
    folder
        Where results are kept as they come; an interrupted comparison goes on from there.
    told
        Called with the number of trials that are done, after each.
    known
        Masks that were made already.
    costs
        What trials are expected to take: one for which there is no time is not begun.
    """
    kept, digest, code = ResultCache(folder), setup.digest, code_digest()
    course = _Course(setup, kept, digest, code, costs or Costs(setup), clock, clock() + within_s, design.first)
    course.outcome.cells.update(known or {})
    for done, trial in enumerate(design.trials, 1):
        course.take(trial)
        told(done)
    return course.outcome


@dataclass(slots=True)
class _Course:
    """A comparison under way."""

    setup: Setup
    kept: ResultCache
    digest: str
    code: str
    costs: Costs
    clock: Callable[[], float]
    ends: float
    first: frozenset[Trial]
    """Those that are begun whatever they are expected to take."""
    outcome: Outcome = field(default_factory=Outcome)

    def take(self, trial: Trial) -> None:
        """Find a trial among those that are kept, or make it, or leave it out."""
        key, outcome = (trial.mask, trial.rate), self.outcome
        row = self.kept.masks.rows.get((self.digest, *key, self.code))
        if key not in outcome.cells and row is not None:
            cells = unpacked(row.cells, self.setup.stack.shape)
            if cells is not None:
                outcome.cells[key] = cells
        found = None if key not in outcome.cells else self.kept.scores.rows.get(self._score_key(trial))
        if found is not None:
            outcome.scores[trial] = found
            self.costs.saw(trial.method, found.seconds)
        elif f"mask {trial.mask}" in outcome.refusals:
            return
        elif not self._fits(trial):
            outcome.left_out.append(trial)
        else:
            self._make(trial)

    def _score_key(self, trial: Trial) -> tuple[str, str, str, str]:
        return self.digest, digest_of(self.outcome.cells[trial.mask, trial.rate]), trial.method, self.code

    def _fits(self, trial: Trial) -> bool:
        left_s = self.ends - self.clock()
        if left_s <= 0 or trial in self.first:
            return left_s > 0
        has_mask = (trial.mask, trial.rate) in self.outcome.cells
        return self.costs.seconds(trial, has_mask=has_mask) <= left_s

    def _make(self, trial: Trial) -> None:
        key, outcome = (trial.mask, trial.rate), self.outcome
        try:
            if key not in outcome.cells:
                outcome.cells[key] = self._mask(trial)
        except OutOfTime:
            outcome.left_out.append(trial)
            return
        except (ModelsError, EdgeError) as error:
            outcome.refusals[f"mask {trial.mask}"] = str(error)
            return
        try:
            figures, seconds = scored(outcome.cells[key], trial.method, self.setup.stack)
        except (ModelsError, EdgeError) as error:
            outcome.refusals[f"{trial.method} after {trial.mask} at {trial.rate:g}"] = str(error)
            return
        self.costs.saw(trial.method, seconds)
        subject, cells, method, code = self._score_key(trial)
        where = (subject, trial.mask, trial.rate, cells, method, code)
        outcome.scores[trial] = made = ScoreRow(*where, *figures, seconds, platform.machine())
        self.kept.scores.append([made])

    def _mask(self, trial: Trial) -> Cells:
        start = time.perf_counter()
        cells = chosen(trial.mask, trial.rate, self.setup, keep_on=lambda: self.clock() < self.ends)
        seconds = time.perf_counter() - start
        where = (self.digest, trial.mask, trial.rate, self.code)
        self.kept.masks.append([MaskRow(*where, seconds, platform.machine(), packed(cells))])
        return cells


@cache
def code_digest() -> str:
    """Of all code that a result may depend on: another version's results are not taken for this one's."""
    digest = hashlib.sha256(version("numpy").encode() + version("scipy").encode())
    rooms = Path(__file__).resolve().parents[2]
    for room in _ROOMS:
        for path in sorted((rooms / room).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
