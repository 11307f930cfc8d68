"""A map on the page: the picture, its layers, a scale bar in millimetres and a colour bar."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.grid import CellWindow, ScanGrid
from edge.report.contents import Outline
from edge.report.figures import Colormap, ColourLimits
from edge.report.markup import label, line, rectangle, svg
from edge.report.scales import scale_bar_mm, ticks
from edge.report.wording import escaped, on_scale, significant

NARROWEST_PX = 172.0
"""Width that a colour bar needs for its numbers."""
_BELOW_PX = 52.0
_MARGIN_LEFT_PX, _MARGIN_BOTTOM_PX = 34.0, 30.0


@dataclass(frozen=True, slots=True)
class Frame:
    """Cells laid out in a drawing's pixels."""

    rows: int
    columns: int
    pitch_mm: float
    px_per_cell: float

    @property
    def width_px(self) -> float:
        return self.columns * self.px_per_cell

    @property
    def height_px(self) -> float:
        return self.rows * self.px_per_cell

    @property
    def px_per_mm(self) -> float:
        return self.px_per_cell / self.pitch_mm


def fitted_frame(rows: int, columns: int, pitch_mm: float, box_px: tuple[float, float]) -> Frame:
    """The largest frame within a box (width, height); cells get whole pixels where they get one at all."""
    px_per_cell = min(box_px[0] / columns, box_px[1] / rows)
    return Frame(rows, columns, pitch_mm, math.floor(px_per_cell) if px_per_cell >= 1 else px_per_cell)


def picture(uri: str, frame: Frame, anchor: str = "") -> str:
    """An image that fills a frame; sharp cells where they are enlarged."""
    style = "sharp" if frame.px_per_cell >= 1 else "smooth"
    name = f' id="{anchor}"' if anchor else ""
    return (
        f'<image{name} class="{style}" width="{frame.width_px:.3f}" height="{frame.height_px:.3f}" '
        f'preserveAspectRatio="none" href="{uri}"/>'
    )


def stretched(anchor: str, frame: Frame) -> str:
    """A shared unit-square layer, laid over a whole frame."""
    return f'<use href="#{anchor}" transform="scale({frame.width_px:.3f} {frame.height_px:.3f})"/>'


def cell_dots(measured: NDArray[np.bool_], anchor: str) -> str:
    """A shared layer in cell units: a white dot with a dark rim in each measured cell, shape (rows, columns)."""
    rows, columns = np.nonzero(measured)
    path = "".join(f"M{column}.5 {row}.5h0" for row, column in zip(rows.tolist(), columns.tolist(), strict=True))
    return f'<g id="{anchor}"><path class="dot-rim" d="{path}"/><path class="dot" d="{path}"/></g>'


def map_figure(
    frame: Frame,
    alt: str,
    layers: str,
    *,
    limits: ColourLimits | None = None,
    colormap: Colormap = "viridis",
    unit: str = "",
) -> str:
    """A framed map with scale bar and, where it has limits, colour bar; `layers` is markup in the frame's pixels."""
    width = max(frame.width_px, NARROWEST_PX) + 2
    left = (width - frame.width_px) / 2
    bottom = frame.height_px + 1
    parts = [
        f'<g transform="translate({left:.2f} 1)">{layers}',
        rectangle(0, 0, frame.width_px, frame.height_px, "frame"),
        "</g>",
        scale_bar(frame, 1, bottom + 12),
    ]
    if limits is not None:
        parts.append(label(width - 1, bottom + 16, unit, anchor="end", style="unit"))
        parts.append(_colour_bar(limits, colormap, width - 2, bottom + 24))
    height = bottom + (_BELOW_PX if limits is not None else 20)
    return svg(width, height, alt, *parts, style="map")


def scale_bar(frame: Frame, x: float, y: float) -> str:
    """A bar of a round number of millimetres with its length in words."""
    length_mm = scale_bar_mm(frame.columns * frame.pitch_mm)
    length_px = length_mm * frame.px_per_mm
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{length_px:.3f}" height="3" class="scale-bar" data-mm="{length_mm:g}"/>'
        + label(x + length_px + 5, y + 5, f"{significant(length_mm)} mm")
    )


def _colour_bar(limits: ColourLimits, colormap: Colormap, width: float, y: float) -> str:
    """A horizontal colour bar; its ends carry the limits, the round values between them stand where there is room."""
    span = limits.high - limits.low
    low, high = on_scale(limits.low, span), on_scale(limits.high, span)
    low, high = ("≤ " if limits.cells_below else "") + low, ("≥ " if limits.cells_above else "") + high
    parts = [
        f'<use href="#ramp-{colormap}" transform="translate(1 {y:.1f}) scale({width:.2f} 9)"/>',
        rectangle(1, y, width, 9, "frame"),
        label(1, y + 22, low, style="bar-low") if span > 0 else "",
        label(width + 1, y + 22, high, anchor="end", style="bar-high"),
    ]
    taken_left, taken_right = 1 + 6.4 * len(low), width + 1 - 6.4 * len(high)
    for value in ticks(limits.low, limits.high) if span > 0 else []:
        x = 1 + width * (value - limits.low) / span
        parts.append(line(x, y + 9, x, y + 12, "tick"))
        text = significant(value)
        half = 3.2 * len(text)
        if taken_left + 6 <= x - half and x + half <= taken_right - 6:
            parts.append(label(x, y + 22, text, anchor="middle"))
            taken_left = x + half
    return "".join(parts)


def stage_figure(frame: Frame, grid: ScanGrid, alt: str, layers: str) -> str:
    """A framed picture with axes in stage millimetres and a scale bar."""
    left, bottom = _MARGIN_LEFT_PX, frame.height_px + 1
    parts = [
        f'<g transform="translate({left:g} 1)">{layers}',
        rectangle(0, 0, frame.width_px, frame.height_px, "frame"),
        "</g>",
    ]
    for x_mm in ticks(grid.origin_x_mm, grid.origin_x_mm + grid.width_mm, max(1, round(frame.width_px / 55))):
        x = left + (x_mm - grid.origin_x_mm) * frame.px_per_mm
        parts += [line(x, bottom, x, bottom + 4, "tick"), label(x, bottom + 15, significant(x_mm, 5), anchor="middle")]
    for y_mm in ticks(grid.origin_y_mm, grid.origin_y_mm + grid.height_mm, max(1, round(frame.height_px / 65))):
        y = 1 + (y_mm - grid.origin_y_mm) * frame.px_per_mm
        parts += [line(left - 4, y, left, y, "tick"), label(left - 7, y + 4, significant(y_mm, 5), anchor="end")]
    parts.append(scale_bar(frame, left, bottom + 24))
    width = left + max(frame.width_px, 120) + 16
    parts.append(label(left + frame.width_px, bottom + 29, "stage mm", anchor="end", style="unit"))
    return svg(width, bottom + _MARGIN_BOTTOM_PX + 4, alt, *parts, style="map")


def outlines_drawn(outline: Outline | None, frame: Frame, grid: ScanGrid) -> str:
    """The limits of what was to be scanned, drawn over a whole map: a dark line under white dashes, keep-outs shaded.

    What of them lies beyond the map is cut off at its edge.
    """
    if outline is None:
        return ""
    drawn = [] if outline.polygon is None else [(outline.polygon, "", "bound")]
    drawn += [(corners, name, "bound keep-out") for name, corners in outline.keep_outs]
    parts = []
    for corners, name, style in drawn:
        places = (corners - (grid.origin_x_mm, grid.origin_y_mm)) * frame.px_per_mm
        points = " ".join(f"{x:.2f},{y:.2f}" for x, y in places.tolist())
        title = f"<title>{escaped(name)}</title>" if name else ""
        parts.append(f'<polygon class="bound-rim" points="{points}"/>')
        parts.append(f'<polygon class="{style}" points="{points}">{title}</polygon>')
    size = f'width="{frame.width_px:.2f}" height="{frame.height_px:.2f}"'
    return f'<svg class="limits" {size}>{"".join(parts)}</svg>'


def window_outline(window: CellWindow, frame: Frame) -> str:
    """The place of an enlarged detail, drawn on the whole map."""
    scale = frame.px_per_cell
    box = (window.column * scale, window.row * scale, window.columns * scale, window.rows * scale)
    return rectangle(*box, "window-rim") + rectangle(*box, "window")
