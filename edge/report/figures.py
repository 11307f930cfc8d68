"""Maps as pictures: colour limits, palettes, previews, and where to look closely."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge.grid import CellWindow
from edge.report.png import palette_png
from edge.report.wording import significant

Colormap = Literal["viridis", "cividis", "grey", "diverging"]

NO_VALUE_RGB = (214, 196, 196)
"""Colour of cells without a value: in none of the colour scales."""
_DIVERGING = ((8, 46, 110), (66, 133, 190), (248, 248, 248), (224, 130, 20), (110, 45, 4))
"""Told apart by those who don't see red from green, too."""
MARK_RGB = (255, 84, 40)
"""Colour of visited cells over a photograph."""


@dataclass(frozen=True, slots=True)
class ColourLimits:
    """Which values the ends of a colour scale stand for."""

    low: float
    high: float
    cells_below: int = 0
    """Cells whose value lies below the scale and is drawn in its first colour."""
    cells_above: int = 0


def colour_limits(values: NDArray[np.floating]) -> ColourLimits:
    """Limits of a map's colour scale: the smallest and largest finite value.

    An end whose outermost thousandth of the cells would take more than a third of the scale is cut back to that
    thousandth, so that a single nail does not darken a whole map; the cells beyond are counted.
    """
    finite = values[np.isfinite(values)].astype(np.float64)
    if finite.size == 0:
        return ColourLimits(0.0, 1.0)
    low, high = float(finite.min()), float(finite.max())
    inner_low, inner_high = (float(edge) for edge in np.quantile(finite, [0.001, 0.999]))
    tail = 0.5 * (inner_high - inner_low)
    if tail > 0:
        low = inner_low if inner_low - low > tail else low
        high = inner_high if high - inner_high > tail else high
    return ColourLimits(low, high, int((finite < low).sum()), int((finite > high).sum()))


@cache
def palette(colormap: Colormap) -> NDArray[np.uint8]:
    """Colours of a scale, shape (256, 3), RGB: entry 0 for cells without a value, 1 to 255 from low to high.

    Grey runs from near white to near black, so that the darker is the larger. The diverging scale is blue below its
    middle, white there, and orange above.
    """
    if colormap == "grey":
        grey = np.linspace(246, 22, 255)
        colours = np.repeat(grey[:, None], 3, axis=1).round().astype(np.uint8)
    elif colormap == "diverging":
        at = np.linspace(0, len(_DIVERGING) - 1, 255)
        anchors = np.array(_DIVERGING, dtype=np.float64)
        channels = [np.interp(at, np.arange(len(_DIVERGING)), anchors[:, channel]) for channel in range(3)]
        colours = np.stack(channels, axis=1).round().astype(np.uint8)
    else:
        import cv2

        code = cv2.COLORMAP_VIRIDIS if colormap == "viridis" else cv2.COLORMAP_CIVIDIS
        ramp = np.arange(1, 256, dtype=np.uint8)[:, None]
        colours = np.asarray(cv2.applyColorMap(ramp, code), dtype=np.uint8)[:, 0, ::-1]
    table = np.vstack([np.array([NO_VALUE_RGB], dtype=np.uint8), colours])
    table.flags.writeable = False
    return table


def palette_indices(values: NDArray[np.floating], limits: ColourLimits) -> NDArray[np.uint8]:
    """Palette entries of a map, same shape: 0 without a value, else 1 to 255."""
    span = limits.high - limits.low
    finite = np.isfinite(values)
    scaled = np.where(finite, values, limits.low).astype(np.float64) - limits.low
    scaled = np.clip(scaled / span, 0, 1) if span > 0 else np.zeros_like(scaled)
    return np.where(finite, 1 + np.rint(254 * scaled), 0).astype(np.uint8)


def map_png(map2d: NDArray[np.floating], colormap: Colormap, limits: ColourLimits) -> bytes:
    """One map as a PNG file, one pixel a cell."""
    return palette_png(palette_indices(map2d, limits), palette(colormap))


def block_mean(values: NDArray[Any], block: int) -> NDArray[np.float32]:
    """Means over blocks of cells, ignoring cells without a value; partial blocks at the far edges are kept.

    Parameters
    ----------
    values : shape (rows, columns) or (rows, columns, channels)
    block : cells along each side of a block

    Returns
    -------
    shape (ceil(rows / block), ceil(columns / block), ...), NaN where a block holds no value
    """
    if block == 1:
        return np.asarray(values, dtype=np.float32)
    present = np.isfinite(values)
    row_starts = np.arange(0, values.shape[0], block)
    column_starts = np.arange(0, values.shape[1], block)
    total = np.where(present, values, 0).astype(np.float64)
    total = np.add.reduceat(np.add.reduceat(total, row_starts, axis=0), column_starts, axis=1)
    count = np.add.reduceat(np.add.reduceat(present.astype(np.int32), row_starts, axis=0), column_starts, axis=1)
    mean = np.full(total.shape, np.nan, dtype=np.float32)
    np.divide(total, count, out=mean, where=count > 0, casting="unsafe")
    return mean


def cover_png(fraction: NDArray[np.floating], rgb: tuple[int, int, int]) -> bytes:
    """One colour laid over a picture, as opaque in each cell as the fraction (0 to 1) says."""
    levels = np.rint(255 * np.clip(fraction, 0, 1)).astype(np.uint8)
    colours = np.tile(np.array(rgb, dtype=np.uint8), (256, 1))
    return palette_png(levels, colours, np.arange(256, dtype=np.uint8))


def overlay_mask(
    rgb: NDArray[np.uint8], mask: NDArray[np.bool_], *, cell_px: int = 1, opacity: float = 1.0
) -> NDArray[np.uint8]:
    """A photograph with the visited cells marked.

    Parameters
    ----------
    rgb : shape (rows, columns, 3)
    mask : shape (rows, columns)
    cell_px : pixels along each side of a cell; from 3 on, marks leave a margin that shows the cell's own colour
    opacity : of the marks, 0 to 1

    Returns
    -------
    shape (rows * cell_px, columns * cell_px, 3)
    """
    image = np.repeat(np.repeat(rgb, cell_px, axis=0), cell_px, axis=1)
    stamp = np.zeros((cell_px, cell_px), dtype=bool)
    margin = cell_px // 3
    stamp[margin : cell_px - margin, margin : cell_px - margin] = True
    marked = np.kron(mask, stamp).astype(bool)
    colour = np.array(MARK_RGB, dtype=np.float64)
    image[marked] = np.rint((1 - opacity) * image[marked] + opacity * colour).astype(np.uint8)
    return image


def liveliest_window(picture: NDArray[np.floating], measured: NDArray[np.bool_], side: int) -> CellWindow:
    """The window of at most `side` cells each way that holds the most contrast among visited cells.

    Parameters
    ----------
    picture : shape (rows, columns), any scale; cells without a value count as flat
    measured : shape (rows, columns)
    """
    rows, columns = picture.shape
    height, width = min(side, rows), min(side, columns)
    contrast = np.zeros(picture.shape)
    contrast[1:] += np.nan_to_num(np.abs(np.diff(picture, axis=0)))
    contrast[:, 1:] += np.nan_to_num(np.abs(np.diff(picture, axis=1)))
    score = _window_sums(contrast, height, width) * (_window_sums(measured.astype(np.float64), height, width) > 0)
    row, column = np.unravel_index(int(np.argmax(score)), score.shape)
    return CellWindow(int(row), int(column), height, width)


def _window_sums(values: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    total = np.pad(values, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    sums = total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    return np.asarray(sums)


def montage_png(
    maps: NDArray[np.floating],
    elements: Sequence[str],
    *,
    unit: str = "",
    limits: Sequence[ColourLimits] | None = None,
    colormap: Colormap = "viridis",
    tile_px: int = 260,
) -> bytes:
    """All element maps on one sheet with names and colour bars, as a PNG file: the live preview.

    Parameters
    ----------
    maps : shape (rows, columns, elements)
    elements : one name per map
    unit : of the maps, beside each colour bar
    limits : one per map; from the values where omitted
    tile_px : longer side of each map
    """
    import cv2

    chosen = [colour_limits(maps[..., i]) for i in range(len(elements))] if limits is None else limits
    tiles = [
        _montage_tile(_coloured(maps[..., i], chosen[i], colormap, tile_px), name, unit, chosen[i], colormap)
        for i, name in enumerate(elements)
    ]
    if not tiles:
        raise ValueError("no elements: nothing to draw")
    height, width = tiles[0].shape[:2]
    across = min(len(tiles), max(1, round(math.sqrt(len(tiles) * 1.6 * height / width))))
    down = math.ceil(len(tiles) / across)
    sheet = np.full((down * height, across * width, 3), 255, dtype=np.uint8)
    for i, tile in enumerate(tiles):
        row, column = divmod(i, across)
        sheet[row * height : (row + 1) * height, column * width : (column + 1) * width] = tile
    written, buffer = cv2.imencode(".png", sheet[..., ::-1])
    if not written:
        raise ValueError("the preview cannot be encoded: check that the maps hold at least one cell")
    return bytes(buffer)


def _coloured(map2d: NDArray[np.floating], limits: ColourLimits, colormap: Colormap, tile_px: int) -> NDArray[np.uint8]:
    import cv2

    scale = tile_px / max(map2d.shape)
    size = max(1, round(map2d.shape[1] * scale)), max(1, round(map2d.shape[0] * scale))
    drawn = palette(colormap)[palette_indices(map2d, limits)]
    return np.asarray(
        cv2.resize(drawn, size, interpolation=cv2.INTER_NEAREST if scale >= 1 else cv2.INTER_AREA), dtype=np.uint8
    )


def _montage_tile(
    drawn: NDArray[np.uint8], name: str, unit: str, limits: ColourLimits, colormap: Colormap
) -> NDArray[np.uint8]:
    import cv2

    height, breadth = drawn.shape[:2]
    margin, title_px, bar_px = 12, 26, 34
    width = max(breadth, 150) + 2 * margin
    tile = np.full((margin + title_px + height + bar_px + margin, width, 3), 255, dtype=np.uint8)
    left, top = (width - breadth) // 2, margin + title_px
    tile[top : top + height, left : left + breadth] = drawn
    _write(tile, name, (margin, margin + 15), 0.6, 2)
    bar_top, bar_width = top + height + 7, width - 2 * margin
    ramp = np.linspace(1, 255, bar_width).round().astype(np.uint8)
    tile[bar_top : bar_top + 8, margin : margin + bar_width] = palette(colormap)[ramp]
    labels_y = bar_top + 23
    beyond = ">= " if limits.cells_above else ""
    high = f"{beyond}{_ascii(significant(limits.high))} {_ascii(unit)}".rstrip()
    _write(tile, _ascii(significant(limits.low)), (margin, labels_y), 0.4, 1)
    (text_px, _), _ = cv2.getTextSize(high, cv2.FONT_HERSHEY_SIMPLEX, 0.4, 1)
    _write(tile, high, (width - margin - text_px, labels_y), 0.4, 1)
    return tile


def _write(tile: NDArray[np.uint8], text: str, at: tuple[int, int], scale: float, thickness: int) -> None:
    import cv2

    cv2.putText(tile, _ascii(text), at, cv2.FONT_HERSHEY_SIMPLEX, scale, (29, 28, 26), thickness, cv2.LINE_AA)


def _ascii(text: str) -> str:
    plain = text.replace("−", "-").replace(" × 10", "e").translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    return plain.encode("ascii", "replace").decode("ascii")
