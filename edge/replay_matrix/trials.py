"""One trial after the other until all are made or the time is over; what was made once is not made again."""

from __future__ import annotations

import hashlib
import math
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.adaptive.batches import ADAPTIVE
from edge.faults import EdgeError
from edge.reconstruct import reconstruct
from edge.replay_matrix.design import LEARNER, Design, Trial
from edge.replay_matrix.result_cache import MaskRow, ResultCache, ScoreRow, digest_of, packed, unpacked
from edge.score import score
from edge.sources import Stack
from models.density import cells_for_rate
from models.faults import ModelsError
from models.masks import MaskRequest, make_mask

Cells = NDArray[np.bool_]
_ROOMS = ("edge", "models")


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """What all trials share."""

    stack: Stack
    seed: int
    model: Path | None = None

    def request(self, rate: float) -> MaskRequest:
        """For a mask at a rate."""
        stack = self.stack
        count = cells_for_rate(rate, int(stack.known.sum()) if stack.is_full else stack.cells)
        return MaskRequest(
            shape=stack.shape, count=count, rgb=stack.rgb, allowed=stack.known, seed=self.seed, model=self.model
        )

    @property
    def digest(self) -> str:
        """Of everything that is sampled, looked at and seeded."""
        stack = self.stack
        photograph = [] if stack.rgb is None else [stack.rgb]
        model = "" if self.model is None else hashlib.sha256(self.model.read_bytes()).hexdigest()
        return digest_of(stack.maps, stack.variance, stack.known, *photograph, seed=self.seed, model=model)


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
    """
    kept, digest, code = ResultCache(folder), setup.digest, code_digest()
    outcome, ends = Outcome(cells=dict(known or {})), clock() + within_s
    for done, trial in enumerate(design.trials, 1):
        key = (trial.mask, trial.rate)
        row = kept.masks.rows.get((digest, *key, code))
        if key not in outcome.cells and row is not None:
            cells = unpacked(row.cells, setup.stack.shape)
            if cells is not None:
                outcome.cells[key] = cells
        found = key in outcome.cells and kept.scores.rows.get(
            (digest, digest_of(outcome.cells[key]), trial.method, code)
        )
        if found:
            outcome.scores[trial] = found
        elif clock() >= ends:
            outcome.left_out.append(trial)
        else:
            _make(trial, setup, kept, outcome, (digest, code))
        told(done)
    return outcome


def _make(trial: Trial, setup: Setup, kept: ResultCache, outcome: Outcome, of: tuple[str, str]) -> None:
    digest, code = of
    key = (trial.mask, trial.rate)
    if f"mask {trial.mask}" in outcome.refusals:
        return
    try:
        if key not in outcome.cells:
            start = time.perf_counter()
            cells = chosen(trial.mask, trial.rate, setup)
            seconds = time.perf_counter() - start
            row = MaskRow(digest, trial.mask, trial.rate, code, seconds, platform.machine(), packed(cells))
            kept.masks.append([row])
            outcome.cells[key] = cells
    except (ModelsError, EdgeError) as error:
        outcome.refusals[f"mask {trial.mask}"] = str(error)
        return
    try:
        figures, seconds = scored(outcome.cells[key], trial.method, setup.stack)
    except (ModelsError, EdgeError) as error:
        outcome.refusals[f"{trial.method} after {trial.mask} at {trial.rate:g}"] = str(error)
        return
    made = ScoreRow(
        digest,
        trial.mask,
        trial.rate,
        digest_of(outcome.cells[key]),
        trial.method,
        code,
        *figures,
        seconds,
        platform.machine(),
    )
    kept.scores.append([made])
    outcome.scores[trial] = made


def chosen(mask: str, rate: float, setup: Setup) -> Cells:
    """Cells of a mask by its name.

    Raises
    ------
    ModelsError, EdgeError
        They cannot be had.
    """
    request = setup.request(rate)
    if mask == ADAPTIVE:
        from edge.adaptive.recorded import adaptive_mask

        return adaptive_mask(setup.stack, request).cells
    if mask == LEARNER:
        from edge.replay_matrix.learner import learner_cells

        return learner_cells(setup.stack.maps, request.allowed_cells(), request.count)
    return make_mask(mask, request).mask.cells


def scored(cells: Cells, method: str, stack: Stack) -> tuple[tuple[float, float, float], float]:
    """PSNR in dB, normalised RMSE and mean spectral angle in degrees, as in a replay's report; and the seconds."""
    start = time.perf_counter()
    maps = reconstruct(stack.samples(cells), stack.shape, elements=stack.elements, rgb=stack.rgb, method=method)
    seconds = time.perf_counter() - start
    figures = score(maps.maps, stack.maps, scored_cells(cells, stack))
    angle = 0.0 if math.isnan(figures.sam_rad) else math.degrees(figures.sam_rad)
    return (figures.psnr_db, figures.rmse, angle), seconds


def scored_cells(cells: Cells, stack: Stack) -> Cells:
    """Where maps are held against the source: everywhere in a full raster, else where the replay did not look."""
    return stack.known if stack.is_full else stack.known & ~cells


@cache
def code_digest() -> str:
    """Of all code that a result may depend on: another version's results are not taken for this one's."""
    digest = hashlib.sha256(version("numpy").encode() + version("scipy").encode())
    rooms = Path(__file__).resolve().parents[2]
    for room in _ROOMS:
        for path in sorted((rooms / room).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
