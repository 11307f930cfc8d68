"""Loops over cells that `edge.reconstruct.fusion.wide` makes its gradient by, each reading what it needs once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.compiled import compiled

Floats = NDArray[np.float32]


@compiled
def laplacian(cube: Floats, first: int, top: int, across: Floats, down: Floats, room: Floats) -> None:
    """Write the weighted differences from neighbours, added up, of rows from `top` and entries from `first`.

    Parameters
    ----------
    cube
        Shape (rows, columns, entries).
    across, down
        Weights of steps, see `edge.reconstruct.fusion.smoothness.Steps`.
    room
        Shape (rows wanted, columns, entries wanted).
    """
    rows, columns = cube.shape[0], cube.shape[1]
    for r in range(room.shape[0]):
        i = top + r
        for j in range(columns):
            left = across[i, j - 1] if j > 0 else np.float32(0)
            right = across[i, j]
            above = down[i - 1, j] if i > 0 else np.float32(0)
            below = down[i, j]
            jl, jr = max(j - 1, 0), min(j + 1, columns - 1)
            ia, ib = max(i - 1, 0), min(i + 1, rows - 1)
            whole = left + right + above + below
            # views of their own: an index that may be negative keeps a loop from vector instructions
            here, before, after = cube[i, j, first:], cube[i, jl, first:], cube[i, jr, first:]
            over, under, found = cube[ia, j, first:], cube[ib, j, first:], room[r, j]
            for e in range(found.shape[0]):
                found[e] = whole * here[e] - (left * before[e] + right * after[e] + above * over[e] + below * under[e])


@compiled
def beyond(at: Floats, before: Floats, momentum: np.float32, room: Floats) -> None:
    """Write what lies beyond `at`, seen from before."""
    for i in range(room.shape[0]):
        for k in range(room.shape[1]):
            here = at[i, k]
            room[i, k] = here + momentum * (here - before[i, k])


@compiled
def gathered(
    abundances: Floats,
    misses: Floats,
    slope: Floats,
    first: NDArray[np.intp],
    exposure: NDArray[np.intp],
    weight: Floats,
    begin: int,
    photograph: Floats,
    colours: Floats,
    alone: Floats,
    moved: int,
    price: np.float32,
    gradient: Floats,
) -> float:
    """Write the gradient of a block of cells, from cell `begin` on; the value of colours and of the smooth part.

    Parameters
    ----------
    misses
        Gradient by what exposures see, of atoms that maps are made of, shape (exposures, atoms).
    slope
        The hidden part's gradient by its smoothness, shape (cells, hidden atoms).
    first, exposure, weight
        Which exposures see each cell, see `ExposureOperator.by_cell`.
    colours, alone
        D_rgb and colours alone, channels in rows, shape (3, atoms).
    moved
        The first atom that exposures move.
    """
    visible, hidden, rest = colours.shape[1], slope.shape[1], alone.shape[1]
    both, total = visible + hidden, 0.0
    red_of, green_of, blue_of = colours[0], colours[1], colours[2]
    for i in range(abundances.shape[0]):
        # views of their own: an index that may be negative keeps a loop from vector instructions
        here, beside, own = abundances[i, :visible], abundances[i, visible:both], abundances[i, both:]
        of_visible, of_hidden, of_own = gradient[i, :visible], gradient[i, visible:both], gradient[i, both:]
        smooth_slope = slope[i]
        red, green, blue = -photograph[i, 0], -photograph[i, 1], -photograph[i, 2]
        for k in range(visible):
            red += here[k] * red_of[k]
            green += here[k] * green_of[k]
            blue += here[k] * blue_of[k]
        for k in range(rest):
            red += own[k] * alone[0, k]
            green += own[k] * alone[1, k]
            blue += own[k] * alone[2, k]
        total += float(red * red + green * green + blue * blue)
        red, green, blue = red + red, green + green, blue + blue
        for k in range(visible):
            of_visible[k] = red * red_of[k] + green * green_of[k] + blue * blue_of[k]
        smooth = np.float32(0)
        for k in range(hidden):
            smooth += beside[k] * smooth_slope[k]
            of_hidden[k] = smooth_slope[k] + price
        total += 0.5 * float(smooth)
        for k in range(rest):
            of_own[k] = red * alone[0, k] + green * alone[1, k] + blue * alone[2, k] + price
        of_moved = gradient[i, moved:both]
        for entry in range(first[begin + i], first[begin + i + 1]):
            share, pull = weight[entry], misses[exposure[entry], moved:]
            for k in range(of_moved.shape[0]):
                of_moved[k] += share * pull[k]
    return total
