"""One piece of a large map: its cells, from what was settled for all of them, as the whole map at once would have them.

A piece is estimated with a ring of one tile around it: standard errors run evenly from tile to tile, and need the
neighbours' levels for that. Samples are taken from wherever the piece's tiles have theirs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct import seams
from edge.reconstruct.growing import GroupPlaces, Tiling
from edge.reconstruct.guide import NO_COLOUR
from edge.reconstruct.layers import FollowedColour, VisibleLaw
from edge.reconstruct.tiling import TILE_CELLS, tiles_of
from edge.reprocess.job import worker_name
from edge.reprocess.look import Look
from edge.reprocess.pieces import Arrays, Pieces
from edge.reprocess.settle import Rectangle

Floats = NDArray[np.float32]


def estimate(look: Look, rectangle: Rectangle) -> str:
    """Estimate a piece, and keep it; gives the worker's name."""
    look.job.enter()
    if not look.job.pieces.has(rectangle.name):
        estimate_piece(look.job.pieces, look.grid.shape, rectangle)
    return worker_name()


def estimate_piece(pieces: Pieces, shape: tuple[int, int], rectangle: Rectangle) -> None:
    """The same from what was settled of a grid."""
    laws = pieces.load("laws.npz")
    maps, standard_error = _kriged(pieces, laws, shape, rectangle)
    found = {"maps": maps, "standard_error": standard_error}
    if "visible-places" in laws:
        found["visible"] = _visible(pieces, laws, rectangle)
    measured = _put_in_measured(pieces, rectangle, maps, standard_error)
    shown = _cells(pieces, "allowed.npy", rectangle) | measured
    for values in found.values():
        values[~shown] = np.nan
    pieces.keep(rectangle.name, {**found, "measured": measured})


def _kriged(pieces: Pieces, laws: Arrays, shape: tuple[int, int], piece: Rectangle) -> tuple[Floats, Floats]:
    """Maps and standard error of the piece's cells, measured cells like the others.

    In memory is the piece with its ring, and nothing of the size of the grid. Tiles keep the grid's coordinates, for
    sums of others would be rounded otherwise.
    """
    around, which = _tiles_around(piece, shape)
    tiling, neighbours = _tiling_of(pieces, laws, shape, around, which)
    elements = int(laws["scaling"].shape[1])
    maps = np.empty((*around.shape, elements), np.float32)
    error = np.empty_like(maps)
    deviation = np.empty((*tiles_of(around.shape), elements), np.float32)
    flat = deviation.reshape(-1, elements)
    tiling.estimate(which, neighbours, maps=maps, standard_error=error, deviation=flat)
    seams.even_out(error, deviation, TILE_CELLS)
    inside = np.s_[
        piece.top - around.top : piece.bottom - around.top, piece.left - around.left : piece.right - around.left
    ]
    return np.ascontiguousarray(maps[inside]), np.ascontiguousarray(error[inside])


def _cells(pieces: Pieces, name: str, area: Rectangle) -> NDArray[Any]:
    """A rectangle's part of an array of all cells."""
    return np.ascontiguousarray(pieces.rows(name, area.top, area.bottom)[:, area.left : area.right])


def _tiles_around(piece: Rectangle, shape: tuple[int, int]) -> tuple[Rectangle, NDArray[np.intp]]:
    """The piece with a ring of one tile, as far as the grid goes, and the numbers of its tiles, row by row."""
    around = Rectangle(
        max(piece.top - TILE_CELLS, 0),
        max(piece.left - TILE_CELLS, 0),
        min(piece.bottom + TILE_CELLS, shape[0]),
        min(piece.right + TILE_CELLS, shape[1]),
    )
    rows = np.arange(around.top // TILE_CELLS, -(-around.bottom // TILE_CELLS))
    columns = np.arange(around.left // TILE_CELLS, -(-around.right // TILE_CELLS))
    return around, (rows[:, None] * tiles_of(shape)[1] + columns).ravel()


def _tiling_of(
    pieces: Pieces, laws: Arrays, shape: tuple[int, int], around: Rectangle, which: NDArray[np.intp]
) -> tuple[Tiling, NDArray[np.int32]]:
    """What these tiles are estimated by, with the samples that they need alone, and which of those each needs."""
    wanted = pieces.array("neighbours.npy")[which]
    used, compact = np.unique(wanted, return_inverse=True)
    groups = []
    for g in range(int(laws["groups"])):
        follows_colour, follows_guide = laws[f"follows-{g}"]
        groups.append(
            GroupPlaces(
                laws[f"elements-{g}"],
                laws[f"law-{g}"],
                pieces.array(f"features-{g}.npy")[used],
                pieces.array(f"values-{g}.npy")[used],
                _cells(pieces, "colour.npy", around) if follows_colour else NO_COLOUR,
                _cells(pieces, "guide.npy", around) if follows_guide else NO_COLOUR,
            )
        )
    noise, metric = pieces.array("noise.npy")[used], pieces.array("metric.npy")
    tiling = Tiling(tuple(groups), noise, metric, laws["scaling"], shape, (around.top, around.left))
    return tiling, compact.reshape(wanted.shape).astype(np.int32)


def _visible(pieces: Pieces, laws: Arrays, piece: Rectangle) -> Floats:
    groups = [
        FollowedColour(laws[f"visible-elements-{g}"], laws[f"visible-weights-{g}"], float(laws[f"visible-width-{g}"]))
        for g in range(int(laws["visible-groups"]))
    ]
    law = VisibleLaw(
        laws["visible-places"],
        tuple(groups),
        laws["visible-mean"],
        float(laws["visible-region"]),
        laws["visible-spread"],
        laws["visible-offset"],
    )
    return law.on(_cells(pieces, "colour.npy", piece), piece.top, piece.left)


def _put_in_measured(pieces: Pieces, piece: Rectangle, maps: Floats, standard_error: Floats) -> NDArray[np.bool_]:
    """Show measured cells as they were measured; gives which they are."""
    rows, columns = pieces.array("cells-rows.npy"), pieces.array("cells-columns.npy")
    first, last = np.searchsorted(rows, [piece.top, piece.bottom])
    here = first + np.flatnonzero((columns[first:last] >= piece.left) & (columns[first:last] < piece.right))
    at = rows[here] - piece.top, columns[here] - piece.left
    maps[at] = pieces.array("cells-values.npy")[here]
    standard_error[at] = np.sqrt(pieces.array("cells-variance.npy")[here])
    measured = np.zeros(maps.shape[:2], np.bool_)
    measured[at] = True
    return measured
