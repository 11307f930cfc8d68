"""The one-page answer: what a sparse scan would have shown, beside what one would do without it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edge.adaptive.batches import ADAPTIVE
from edge.console import duration_text
from edge.replay_matrix.design import GRID, LEARNER, OURS, PLAIN, Design, Trial
from edge.replay_matrix.result_cache import ScoreRow
from edge.replay_matrix.trials import Outcome
from edge.report.wording import percent, whole

_SAME_DB = 0.1


@dataclass(frozen=True, slots=True)
class Times:
    """Predicted seconds on the stage that is stated."""

    full_s: float
    ours_s: float
    """Of the answer's cells, visited one by one."""


def answer(design: Design, outcome: Outcome, cells: int, times: Times | None, counting: float = 0.0) -> list[str]:
    """Sentences, the answer first.

    Parameters
    ----------
    cells
        That could have been measured.
    counting
        Root mean square of the source's own counting noise, of each element's range; 0: nobody knows.
    """
    ours = outcome.scores.get(Trial(ADAPTIVE, design.rate, OURS))
    if ours is None:
        return ["There was no time for a single trial: give more as --within."]
    samples = int(outcome.cells[ADAPTIVE, design.rate].sum())
    said = [
        f"With {percent(samples / cells)} of the cells ({whole(samples)} of {whole(cells)}), Pointillist would have "
        f"shown maps that are off by {percent(ours.rmse)} of each element's range (root mean square; "
        f"{ours.db:.1f} dB), without knowing any of the others."
    ]
    if counting > 0:
        said.append(
            f"The source itself is noisy: by counting alone, maps without any fault would differ from it by "
            f"{percent(counting)}."
        )
    if times is not None:
        said.append(
            f"To stop at each of them takes {duration_text(times.ours_s)} on the stage below, where the full raster "
            f"takes {duration_text(times.full_s)}: {percent(times.ours_s / times.full_s)} of the time."
        )
    for mask, words in ((GRID, "on a regular grid"), (LEARNER, "chosen by adaptive.Learner2D")):
        rival = outcome.scores.get(Trial(mask, design.rate, PLAIN))
        if rival is not None:
            said.append(_beside(words, ours, rival, design, outcome, mask))
    best = max(_at(outcome, design.rate), key=lambda pair: pair[1].db)
    if best[0].mask != ADAPTIVE and best[1].db > ours.db + _SAME_DB:
        said.append(
            f"The best of all that was tried at this rate is {best[0].mask} with {best[0].method}: {best[1].db:.1f} dB."
        )
    return said


def _beside(words: str, ours: ScoreRow, rival: ScoreRow, design: Design, outcome: Outcome, mask: str) -> str:
    less = ours.db - rival.db
    said = f"The same number of cells {words}, filled in linearly, "
    if abs(less) < _SAME_DB:
        said += "shows as much"
    else:
        said += f"gives maps that are {abs(less):.1f} dB {'worse' if less > 0 else 'better'}"
    tried = [(rate, row.db) for rate, row in curve(design, outcome, mask, PLAIN)]
    needed, most = rate_for(ours.db, tried), max(rate for rate, _ in tried)
    if less > _SAME_DB and needed is not None:
        return f"{said}; it takes about {percent(needed)} of the cells to make maps as good that way."
    if less > _SAME_DB and most > design.rate:
        return f"{said}; {percent(most)} of the cells are not enough to make maps as good that way."
    return f"{said}."


def curve(design: Design, outcome: Outcome, mask: str, method: str) -> list[tuple[float, ScoreRow]]:
    """Scores by rate, ascending, as far as there are any."""
    found = ((rate, outcome.scores.get(Trial(mask, rate, method))) for rate in design.rates)
    return [(rate, row) for rate, row in found if row is not None]


def rate_for(db: float, points: Sequence[tuple[float, float]]) -> float | None:
    """Rate at which a curve (rate, dB) first reaches a score, by the logarithm of the rate; None: nowhere."""
    before: tuple[float, float] | None = None
    for rate, reached in points:
        if reached >= db:
            if before is None:
                return rate
            part = (db - before[1]) / max(reached - before[1], 1e-9)
            return math.exp(math.log(before[0]) + part * math.log(rate / before[0]))
        before = rate, reached
    return None


def _at(outcome: Outcome, rate: float) -> list[tuple[Trial, ScoreRow]]:
    return [(trial, row) for trial, row in outcome.scores.items() if trial.rate == rate]
