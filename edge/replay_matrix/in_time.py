"""The question itself: what would Pointillist have shown in a tenth of the time that a raster took?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.console import duration_text
from edge.faults import UsageError
from edge.modes.competition import Predicted, best_of, compete
from edge.modes.course import Course, carried_out
from edge.modes.lines import lies_along_columns, line_count
from edge.modes.mode import Mode
from edge.modes.registry import MODES
from edge.modes.setting import Setting
from edge.replay_matrix.prices import Stage, grid_on, raster_s
from edge.replaying.measured_again import CountingNoise, MeasuredAgain, counting_noise_of
from edge.replaying.score import Scores, score
from edge.replaying.sources import Stack
from edge.report.wording import percent, significant, whole

_MOST_TRIED = 16_000
"""Cells of the band that modes are tried on where there is no photograph."""
_MOST_VALUES = 2_000_000
"""Cells times elements that are scanned again, in some two minutes of a processor; of a larger raster a band is."""
SECONDS_FOR_ALL, SECONDS_FOR_A_VALUE = 25.0, 7e-5
"""What a scan again takes, measured: the choice of a mode, and the scan for each value of the raster."""


@dataclass(frozen=True, slots=True, eq=False)
class InTime:
    """A scan in a share of a raster's time, carried out on the raster's own values."""

    share: float
    full_s: float
    """The raster's: every known cell flown over in its dwell."""
    mode: Mode
    seconds: float
    """What the scan takes, by the same kinematics."""
    scanned: NDArray[np.bool_]
    """Cells that were scanned again, shape (rows, columns): the source's known ones, or those of a band."""
    cells: NDArray[np.bool_]
    """Measured ones, same shape."""
    live_s: float
    """Mean time on a measured cell."""
    maps: NDArray[np.float32]
    """Shape (rows, columns, elements); not finite beyond the band."""
    scores: Scores
    chosen_by: str
    is_noise_guessed: bool

    is_whole: bool

    def sentences(self) -> list[str]:
        """What there is to say."""
        tenth = "a tenth" if np.isclose(self.share, 0.1) else percent(self.share)
        said = [
            f"In {tenth} of the time, {duration_text(self.seconds)} instead of {duration_text(self.full_s)}, "
            f"Pointillist would have shown maps that are off by {percent(self.scores.rmse)} of each element's range "
            f"(root mean square; {self.scores.psnr_db:.1f} dB).",
            f"It would have gone by the mode {self.mode.name} ({self.mode.about}), {self.chosen_by}. "
            f"{whole(int(self.cells.sum()))} of {whole(int(self.scanned.sum()))} cells are measured, each for "
            f"{significant(self.live_s, 2)} s on average.",
        ]
        if not self.is_whole:
            said.append(
                f"So much was carried out on a band of {whole(int(self.scanned.any(axis=1).sum()))} rows and "
                f"{whole(int(self.scanned.any(axis=0).sum()))} columns, in its share of the time."
            )
        if self.is_noise_guessed:
            said.append(
                "The source does not tell what counting left in it; that is guessed from how neighbouring cells "
                "differ, and shorter stays are taken to be noisier by that. Maps that were smoothed hide some of it."
            )
        return said

    def to_report(self) -> dict[str, object]:
        """What ``report.json`` holds of it."""
        scores = self.scores
        return {
            "share": self.share,
            "full_raster_s": self.full_s,
            "seconds": self.seconds,
            "mode": self.mode.name,
            "chosen_by": self.chosen_by,
            "cells": int(self.cells.sum()),
            "mean_live_s": self.live_s,
            "is_noise_guessed": self.is_noise_guessed,
            "rmse": scores.rmse,
            "psnr_db": scores.psnr_db,
            "ssim": scores.ssim,
        }


def in_a_share(stack: Stack, stage: Stage, share: float, *, seed: int, model: Path | None = None) -> InTime | str:
    """Scan a full raster again in a share of its time, in the mode that Pointillist would have chosen.

    Returns
    -------
    InTime or str
        The scan, or a sentence that says why there is none.
    """
    full_s = raster_s(stack.shape, stage, cells=int(stack.known.sum()))
    noise = counting_noise_of(stack)
    setting = Setting(
        grid_on(stack.shape, stage), stage.model, stage.dwell_s, stack.known, rgb=stack.rgb, seed=seed, model=model
    )
    again = _Again(stack, noise, stage.dwell_s, seed)
    predicted, chosen_by = _competition(setting, again, share * full_s)
    best = best_of(predicted)
    if best is None:
        return f"In {percent(share)} of the time nothing can be scanned on the stage below: {predicted[0].reason}."
    mode, band = MODES[best.mode], _band(setting, again, _MOST_VALUES // len(stack.elements))
    try:
        course, target = band.again.scanned(mode, band.setting, band.share * share * full_s)
    except UsageError as reason:
        return f"In {percent(share)} of the time nothing can be scanned on the stage below: {reason}."
    seen, part = target.seen(), band.again.stack
    found = seen.maps(part.rgb).maps
    maps = np.full(stack.maps.shape, np.nan, np.float32)
    maps[band.window] = found
    scanned, cells = np.zeros(stack.shape, np.bool_), np.zeros(stack.shape, np.bool_)
    scanned[band.window], cells[band.window] = part.known, seen.planned_s > 0
    return InTime(
        share=share,
        full_s=full_s,
        mode=mode,
        seconds=course.seconds / band.share,
        scanned=scanned,
        cells=cells,
        live_s=float(seen.planned_s[seen.planned_s > 0].mean()),
        maps=maps,
        scores=score(found, part.maps, part.known),
        chosen_by=chosen_by,
        is_noise_guessed=noise.is_guessed,
        is_whole=part.shape == stack.shape,
    )


def seconds_to_scan_again(stack: Stack) -> float:
    """About what `in_a_share` takes of a processor of a desk's computer."""
    return SECONDS_FOR_ALL + SECONDS_FOR_A_VALUE * min(stack.maps.size, _MOST_VALUES)


@dataclass(frozen=True, slots=True, eq=False)
class _Again:
    """A source to be scanned anew, as often as one likes."""

    stack: Stack
    noise: CountingNoise
    dwell_s: float
    seed: int

    def scanned(self, mode: Mode, setting: Setting, budget_s: float) -> tuple[Course, MeasuredAgain]:
        """By a mode in a time; raises UsageError where it cannot be done."""
        target = MeasuredAgain(self.stack, self.dwell_s, self.noise.variance, self.seed)
        return carried_out(mode, setting, budget_s, target), target

    def part(self, window: tuple[slice, slice]) -> _Again:
        """Of some rows and columns."""
        stack = self.stack
        small = replace(
            stack,
            maps=stack.maps[window],
            variance=stack.variance[window],
            known=stack.known[window],
            rgb=None if stack.rgb is None else stack.rgb[window],
            scanned=None,
        )
        return replace(self, stack=small, noise=replace(self.noise, variance=self.noise.variance[window]))


def _competition(setting: Setting, again: _Again, budget_s: float) -> tuple[list[Predicted], str]:
    """What each mode is predicted to do in a time, and what that was predicted from."""
    if setting.rgb is not None:
        rates = again.noise.rates(again.stack, again.dwell_s)
        return compete(
            setting, rates, [budget_s], MODES.values()
        ), "chosen by the photograph, before anything is measured"
    band = _band(setting, again, _MOST_TRIED)
    tried = [_tried(mode, band, band.share * budget_s) for mode in MODES.values()]
    return tried, "the best of all on a part of the source itself, as there is no photograph to choose by"


@dataclass(frozen=True, slots=True, eq=False)
class _Band:
    """Neighbouring lines of a source."""

    setting: Setting
    again: _Again
    window: tuple[slice, slice]
    """Rows and columns."""
    share: float
    """Of the known cells."""


def _band(setting: Setting, again: _Again, most: int) -> _Band:
    """The middle lines that hold no more than so many cells; all where there are no more, or the middle has none."""
    total = line_count(setting)
    lines = min(total, max(1, most // max(setting.shape)))
    first = (total - lines) // 2
    lie = slice(first, first + lines)
    window = (slice(None), lie) if lies_along_columns(setting) else (lie, slice(None))
    if lines == total or not again.stack.known[window].any():
        return _Band(setting, again, (slice(None), slice(None)), 1.0)
    part = again.part(window)
    rows, columns = part.stack.shape
    grid = replace(setting.grid, rows=rows, columns=columns)
    small = replace(setting, grid=grid, allowed=part.stack.known, rgb=part.stack.rgb)
    return _Band(small, part, window, float(part.stack.known.sum() / setting.allowed.sum()))


def _tried(mode: Mode, band: _Band, budget_s: float) -> Predicted:
    try:
        course, target = band.again.scanned(mode, band.setting, budget_s)
    except UsageError as reason:
        return Predicted(mode.name, budget_s, np.nan, np.nan, str(reason))
    stack = band.again.stack
    maps = target.seen().maps(None).maps
    return Predicted(mode.name, budget_s, course.seconds, score(maps, stack.maps, stack.known).rmse)
