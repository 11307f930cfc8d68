"""From frames at stated places to one picture, placed on the stage, or to the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.mosaic.adjust import Adjustment, adjusted
from calibration.mosaic.blend import blended, extent_of
from calibration.mosaic.findings import all_different, apart, faulty, hole, misplaced, nothing_in_common
from calibration.mosaic.frames import GLANCE_LONG_SIDE, Glance, MosaicFrame, glances
from calibration.mosaic.light import Light, card_of, estimated_light
from calibration.mosaic.overlaps import Overlap, overlaps_of
from calibration.mosaic.view import Doubles, HeadView

MOST_PIXELS = 150_000_000
"""Of a mosaic: six bytes each while it is made, and a PNG that everything else can still read."""
_ANOTHER_PASS_CELLS = 1.5
"""Frames are looked at again where the head's rotation or scale was off by so much at a frame's corner."""


@dataclass(frozen=True, slots=True, eq=False)
class MosaicRequest:
    """What a mosaic is to be made of, and how."""

    frames: Sequence[MosaicFrame]
    view: HeadView
    mm_per_px: float | None = None
    """None: as fine as the frames, or as coarse as `MOST_PIXELS` asks."""
    stage_error_mm: float = 0.1
    """Standard deviation of the stage's positions along each axis."""
    strain_error: float = 0.01
    """Standard deviation of the head's rotation, in radians, and of its scale, relative."""
    card: NDArray[np.uint16] | None = None
    """Linear light of a frame of an even card; None: the fall-off is found from the frames."""


@dataclass(frozen=True, slots=True)
class NeighbourResidual:
    """How two neighbours agree."""

    first: str
    second: str
    before_mm: float
    """Distance between what both show, placed by the stage alone."""
    after_mm: float
    likeness: float
    weight: float
    """What it counted for, 0 to 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Mosaic:
    """One picture of what the frames showed, straight on, and its place."""

    picture: NDArray[Any]
    """sRGB, uint8 or uint16, shape (rows, columns, 3); black where nothing covers it."""
    covered: NDArray[np.bool_]
    """Shape (rows, columns)."""
    left_mm: float
    """Stage x of the left edge of column 0."""
    upper_mm: float
    mm_per_px: float
    neighbours: tuple[NeighbourResidual, ...]
    adjustment: Adjustment
    view: HeadView
    """The head's view as the frames corrected it."""
    exposures: Doubles
    """Of each frame that was used and colour, 1 on average."""
    used: tuple[str, ...]
    notes: tuple[str, ...]
    """One sentence for each frame that was left out or lies elsewhere than stated, and for what is not covered."""

    @property
    def stage_from_camera(self) -> Doubles:
        """Stage mm of the picture's pixels, shape (3, 3)."""
        return placement(self.left_mm, self.upper_mm, self.mm_per_px)

    @property
    def covered_share(self) -> float:
        return float(self.covered.mean())

    @property
    def rms_before_mm(self) -> float:
        """Between what neighbours show that are alike, placed by the stage alone."""
        return _rms([one.before_mm for one in self.neighbours if one.weight > 0])

    @property
    def rms_after_mm(self) -> float:
        """The same once adjusted."""
        return _rms([one.after_mm for one in self.neighbours if one.weight > 0])


@dataclass(frozen=True, slots=True)
class NoMosaic:
    """No mosaic could be made, and why; falsy."""

    reason: str
    """One sentence: what is wrong and what to do."""

    def __bool__(self) -> bool:
        return False


def placement(left_mm: float, upper_mm: float, mm_per_px: float) -> Doubles:
    """Stage mm of the pixels (column, row) of a picture whose edges lie so, shape (3, 3)."""
    return np.array(
        [[mm_per_px, 0, left_mm + mm_per_px / 2], [0, mm_per_px, upper_mm + mm_per_px / 2], [0, 0, 1]], dtype=np.float64
    )


def build_mosaic(request: MosaicRequest) -> Mosaic | NoMosaic:
    """Place, adjust, balance and blend; every frame is read two or three times, one at a time.

    Memory: the picture (3 bytes a pixel, and 1 for what is covered), 16 bytes for each pixel of the rows that one row
    of frames spans, some 1 MB a frame, and about 25 bytes for each pixel of one frame.

    Returns
    -------
    Mosaic, or NoMosaic (falsy) with one sentence.
    """
    try:
        return _built(request)
    except ValueError as error:
        return NoMosaic(str(error))


def _built(request: MosaicRequest) -> Mosaic | NoMosaic:
    frames = list(request.frames)
    if len(frames) < 2:
        return NoMosaic("a mosaic needs two frames or more: let the stage visit more places")
    names = [frame.name for frame in frames]
    if len(set(names)) < len(names):
        return NoMosaic("two frames have the same name: give each its own")
    card = None if request.card is None else card_of(request.card)
    lens = request.view.lens
    cell_mm = request.view.mm_per_px * max(1.0, max(lens.width_px, lens.height_px) / GLANCE_LONG_SIDE)
    view, seen, overlaps, adjustment = _placed(frames, request, cell_mm)
    left_out = faulty(names, overlaps)
    kept = [k for k in range(len(frames)) if k not in left_out]
    if len(kept) < 2 or not overlaps:
        return NoMosaic(nothing_in_common(names, overlaps, left_out))
    if at_odds := all_different(names, overlaps):
        return NoMosaic(at_odds)
    notes = list(left_out.values())
    frames, seen = [frames[k] for k in kept], [seen[k] for k in kept]
    overlaps = _among(overlaps, kept)
    places = np.array([frame.place_mm for frame in frames], dtype=np.float64)
    adjustment = adjusted(
        places, overlaps, stage_error_mm=request.stage_error_mm, strain_error=request.strain_error, cell_mm=cell_mm
    )
    view = view.corrected(adjustment.strain)
    names = [frame.name for frame in frames]
    notes += apart(names, overlaps)
    notes += misplaced(names, adjustment, request.stage_error_mm)
    light = estimated_light(seen, places, adjustment.moves_mm, overlaps, view, card)
    is_16_bit = any(one.is_16_bit for one in seen)
    del seen
    return _finished(request, frames, view, adjustment, overlaps, light, notes, is_16_bit=is_16_bit)


def _placed(
    frames: Sequence[MosaicFrame], request: MosaicRequest, cell_mm: float
) -> tuple[HeadView, list[Glance], list[Overlap], Adjustment]:
    """Look at all frames; again where the head's rotation or scale turns out to be off by too much."""
    view = request.view
    places = np.array([frame.place_mm for frame in frames], dtype=np.float64)
    left, upper, right, lower = view.box_mm
    corner = np.array([right - left, lower - upper]) / 2
    for last in (False, True):
        seen = glances(frames, view, cell_mm)
        overlaps = overlaps_of(seen)
        adjustment = adjusted(
            places, overlaps, stage_error_mm=request.stage_error_mm, strain_error=request.strain_error, cell_mm=cell_mm
        )
        off_cells = float(np.linalg.norm(adjustment.strain @ corner)) / cell_mm
        if last or off_cells < _ANOTHER_PASS_CELLS:
            break
        view = view.corrected(adjustment.strain)
    return view, seen, overlaps, adjustment


def _finished(
    request: MosaicRequest,
    frames: Sequence[MosaicFrame],
    view: HeadView,
    adjustment: Adjustment,
    overlaps: Sequence[Overlap],
    light: Light,
    notes: list[str],
    *,
    is_16_bit: bool,
) -> Mosaic | NoMosaic:
    places = np.array([frame.place_mm for frame in frames]) + adjustment.moves_mm
    finest = _finest(view, places)
    mm_per_px = request.mm_per_px or max(finest, view.mm_per_px)
    if mm_per_px < finest:
        return NoMosaic(
            f"{mm_per_px:g} mm per pixel would give more than {MOST_PIXELS // 1_000_000} million pixels: give "
            f"{finest:.4f} mm per pixel or more"
        )
    extent = extent_of(view, places, mm_per_px)
    picture, covered = blended(frames, places, light.exposures, view, light, extent, is_16_bit=is_16_bit)
    if bare := hole(covered, extent.left_cell, extent.upper_cell, mm_per_px):
        notes.append(bare)
    return Mosaic(
        picture=picture,
        covered=covered,
        left_mm=extent.left_cell * mm_per_px,
        upper_mm=extent.upper_cell * mm_per_px,
        mm_per_px=mm_per_px,
        neighbours=tuple(_residuals([frame.name for frame in frames], overlaps, adjustment)),
        adjustment=adjustment,
        view=view,
        exposures=light.exposures,
        used=tuple(frame.name for frame in frames),
        notes=tuple(notes),
    )


def _finest(view: HeadView, places: Doubles) -> float:
    """The least mm per pixel of which a mosaic can be."""
    left, upper, right, lower = view.box_mm
    width = float(np.ptp(places[:, 0])) + right - left
    height = float(np.ptp(places[:, 1])) + lower - upper
    return float(np.sqrt(width * height / MOST_PIXELS))


def _among(overlaps: Sequence[Overlap], kept: Sequence[int]) -> list[Overlap]:
    number = {old: new for new, old in enumerate(kept)}
    return [
        replace(one, first=number[one.first], second=number[one.second])
        for one in overlaps
        if one.first in number and one.second in number
    ]


def _residuals(
    names: Sequence[str], overlaps: Sequence[Overlap], adjustment: Adjustment
) -> Iterator[NeighbourResidual]:
    told = zip(overlaps, adjustment.before_mm, adjustment.after_mm, adjustment.weights, strict=True)
    for one, before, after, weight in told:
        yield NeighbourResidual(
            names[one.first], names[one.second], float(before), float(after), one.likeness, float(weight)
        )


def _rms(values: Sequence[float]) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if values else 0.0
