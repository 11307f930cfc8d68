"""The pictures of the page, made once, shared between figures, and kept within a budget of bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.grid import CellWindow
from edge.report.contents import ScanReport
from edge.report.figures import (
    MARK_RGB,
    Colormap,
    ColourLimits,
    block_mean,
    colour_limits,
    cover_png,
    liveliest_window,
    map_png,
    palette,
)
from edge.report.mapfigure import Frame, cell_dots, fitted_frame
from edge.report.markup import data_uri
from edge.report.png import palette_png, rgb_png
from edge.report.split import Split, split_pictures

PICTURE_BUDGET = 6_500_000
"""Characters that the page's pictures may take together."""
_SPLIT_SHARE = 0.25
"""Of the budget, at most, for the maps' visible and hidden parts."""
PAPER_RGB = (255, 255, 255)
PLANNED_RGB = (40, 90, 255)
_MOST_PICTURE_CELLS = 600_000
_MOST_COVER_CELLS = 4_000_000
_MAP_BOX_PX = (378.0, 600.0)
_DETAIL_CELLS, _DETAIL_PX = 36, 220.0
_DOTTED_FROM_PX = 5


@dataclass(frozen=True, slots=True)
class ElementPicture:
    """One element's map and standard error, ready to be placed."""

    value_uri: str
    error_uri: str
    detail_uri: str
    value_limits: ColourLimits
    error_limits: ColourLimits


@dataclass(frozen=True, slots=True)
class Imagery:
    """Every picture of the page, and how they are laid out."""

    frame: Frame
    """Of the element maps."""
    window: CellWindow | None
    """The enlarged detail; None where whole maps already show each cell, or where there is nothing to tell apart."""
    detail_frame: Frame | None
    photograph_uri: str | None
    photograph_detail_uri: str | None
    density_uri: str | None
    density_limits: ColourLimits | None
    elements: tuple[ElementPicture, ...]
    value_block: int
    """Cells along each side of a pixel in the element maps."""
    error_block: int
    split: Split
    definitions: str
    """Markup of the shared layers: colour ramps, visited cells, the veil over inferred ones."""

    @property
    def is_dotted(self) -> bool:
        """Whether whole maps are large enough to mark each visited cell with a dot."""
        return self.frame.px_per_cell >= _DOTTED_FROM_PX


def make_imagery(report: ScanReport) -> Imagery:
    """Draw everything that the page shows as a picture."""
    grid = report.grid
    frame = fitted_frame(grid.rows, grid.columns, grid.pitch_mm, _MAP_BOX_PX)
    measured = report.maps.measured
    partly = 0 < report.measured_cells < report.cells
    window = None
    detail_frame = None
    if partly and frame.px_per_cell < _DOTTED_FROM_PX:
        window = liveliest_window(_contrast_picture(report), measured, _DETAIL_CELLS)
        detail_frame = fitted_frame(window.rows, window.columns, grid.pitch_mm, (_DETAIL_PX, _DETAIL_PX))
    photograph = None if report.rgb is None else _photograph_uri(report.rgb)
    density_limits = None if report.density is None else colour_limits(report.density)
    density = None
    if report.density is not None and density_limits is not None:
        block = _block_for(report.density.shape, _MOST_PICTURE_CELLS)
        density = data_uri(map_png(block_mean(report.density, block), "cividis", density_limits))
    definitions = _definitions(report, window, frame)
    left = PICTURE_BUDGET - len(photograph or "") - len(density or "") - len(definitions)
    finest = _block_for(measured.shape, _MOST_PICTURE_CELLS)
    split = split_pictures(report.maps, int(_SPLIT_SHARE * left), finest_block=finest)
    elements, value_block, error_block = _element_pictures(report, window, left - split.characters)
    return Imagery(
        frame=frame,
        window=window,
        detail_frame=detail_frame,
        photograph_uri=photograph,
        photograph_detail_uri=(
            data_uri(rgb_png(report.rgb[window.slices])) if report.rgb is not None and window is not None else None
        ),
        density_uri=density,
        density_limits=density_limits,
        elements=elements,
        value_block=value_block,
        error_block=error_block,
        split=split,
        definitions=definitions,
    )


def _contrast_picture(report: ScanReport) -> NDArray[np.floating]:
    """All maps added up on one scale; without maps, the photograph's luminance."""
    if not report.maps.elements and report.rgb is not None:
        return report.rgb.astype(np.float32) @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    total = np.zeros(report.grid.shape, dtype=np.float32)
    for i in range(len(report.maps.elements)):
        values = report.maps.maps[..., i]
        limits = colour_limits(values)
        total += np.clip(values, limits.low, limits.high) / ((limits.high - limits.low) or 1.0)
    return total


def _block_for(shape: tuple[int, ...], most_cells: int) -> int:
    return max(1, math.ceil(math.sqrt(shape[0] * shape[1] / most_cells)))


def _photograph_uri(rgb: NDArray[np.uint8]) -> str:
    block = _block_for(rgb.shape, _MOST_PICTURE_CELLS)
    return data_uri(rgb_png(rgb if block == 1 else np.rint(block_mean(rgb, block)).astype(np.uint8)))


def _element_pictures(
    report: ScanReport, window: CellWindow | None, budget: int
) -> tuple[tuple[ElementPicture, ...], int, int]:
    """Pictures of all elements, in the finest blocks of cells whose pictures fit the budget."""
    maps, errors = report.maps.maps, report.maps.standard_error
    count = maps.shape[2]
    value_limits = [colour_limits(maps[..., i]) for i in range(count)]
    error_limits = [colour_limits(errors[..., i]) for i in range(count)]
    value_block = error_block = _block_for(maps.shape, max(1, int(10 * budget / max(2 * count, 1))))
    while True:
        values = [_map_uri(maps[..., i], value_block, "viridis", value_limits[i]) for i in range(count)]
        spent = sum(map(len, values))
        if spent <= 0.75 * budget or value_block >= max(maps.shape[:2]):
            break
        value_block += 1
    error_block = value_block
    while True:
        drawn = [_map_uri(errors[..., i], error_block, "grey", error_limits[i]) for i in range(count)]
        if spent + sum(map(len, drawn)) <= budget or error_block >= max(maps.shape[:2]):
            break
        error_block += 1
    details = [
        "" if window is None else _map_uri(maps[(*window.slices, i)], 1, "viridis", value_limits[i])
        for i in range(count)
    ]
    pictures = (
        ElementPicture(*parts) for parts in zip(values, drawn, details, value_limits, error_limits, strict=True)
    )
    return tuple(pictures), value_block, error_block


def _map_uri(values: NDArray[np.floating], block: int, colormap: Colormap, limits: ColourLimits) -> str:
    return data_uri(map_png(block_mean(values, block), colormap, limits))


def _definitions(report: ScanReport, window: CellWindow | None, frame: Frame) -> str:
    measured = report.maps.measured
    inferred = ~measured if report.maps.scanned is None else report.maps.scanned & ~measured
    is_enlarged = frame.px_per_cell >= 1
    block = _block_for(measured.shape, _MOST_COVER_CELLS)
    layers = [
        ("veil", cover_png(block_mean(inferred, block), PAPER_RGB)),
        ("visited", cover_png(block_mean(measured, block), MARK_RGB)),
    ]
    if report.maps.averaged is not None:
        layers.append(("along", cover_png(block_mean(report.maps.averaged, block), MARK_RGB)))
    missed = report.mask & ~report.maps.reached
    if missed.any():
        layers.append(("missed", cover_png(block_mean(missed, block), PLANNED_RGB)))
    ramp = np.arange(1, 256, dtype=np.uint8)[None]
    names: tuple[Colormap, ...] = ("viridis", "cividis", "grey", "diverging")
    layers += [(f"ramp-{name}", palette_png(ramp, palette(name))) for name in names]
    sharp = "sharp" if is_enlarged else "smooth"
    images = "".join(
        f'<image id="{anchor}" class="{"sharp" if anchor == "veil" else sharp}" width="1" height="1" '
        f'preserveAspectRatio="none" href="{data_uri(png)}"/>'
        for anchor, png in layers
    )
    if frame.px_per_cell >= _DOTTED_FROM_PX:
        images += cell_dots(measured, "dots") + cell_dots(missed, "missed-dots")
    elif window is not None:
        images += cell_dots(measured[window.slices], "dots")
    return f'<svg class="definitions" width="0" height="0" aria-hidden="true"><defs>{images}</defs></svg>'
