"""Inner loops of the multigrid Laplace solver; fields are (rows, columns, elements), the rest (rows, columns).

Level 0 is the scan grid. A coarse cell stands for a block of 2 x 2, cut off at the border. A free cell is one whose
value is sought; the others are held. On coarse levels `across` weighs a cell's link to its right neighbour, `down` to
the lower one, and `diagonal` is the sum of a free cell's links, those to held cells included.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.compiled import compiled

Field = NDArray[np.float32]
Plane = NDArray[np.float32]
Free = NDArray[np.bool_]


@compiled
def average_blocks(fine: Field, free: Free, coarse: Field, coarse_free: Free) -> None:
    """Hold each coarse cell at the mean of the held cells of its block; free where the block holds none."""
    rows, columns, elements = fine.shape
    for a in range(coarse.shape[0]):
        for b in range(coarse.shape[1]):
            held = 0
            for e in range(elements):
                coarse[a, b, e] = 0
            for i in range(2 * a, min(2 * a + 2, rows)):
                for j in range(2 * b, min(2 * b + 2, columns)):
                    if not free[i, j]:
                        held += 1
                        for e in range(elements):
                            coarse[a, b, e] += fine[i, j, e]
            coarse_free[a, b] = held == 0
            if held > 1:
                for e in range(elements):
                    coarse[a, b, e] /= np.float32(held)


@compiled
def add_interpolated(coarse: Field, fine: Field, free: Free) -> None:
    """Add the bilinear interpolation of a coarse field to the free cells of the finer one."""
    rows, columns, elements = fine.shape
    last_row, last_column = coarse.shape[0] - 1, coarse.shape[1] - 1
    near, far, corner = np.float32(0.5625), np.float32(0.1875), np.float32(0.0625)
    for i in range(rows):
        a = i // 2
        b = min(max(a + 2 * (i % 2) - 1, 0), last_row)
        for j in range(columns):
            if free[i, j]:
                c = j // 2
                d = min(max(c + 2 * (j % 2) - 1, 0), last_column)
                for e in range(elements):
                    fine[i, j, e] += (
                        near * coarse[a, c, e] + far * (coarse[b, c, e] + coarse[a, d, e]) + corner * coarse[b, d, e]
                    )


@compiled
def relax(field: Field, free: Free) -> None:
    """One red-black Gauss-Seidel sweep: each free cell becomes the mean of its neighbours inside the grid."""
    rows, columns, elements = field.shape
    for parity in range(2):
        for i in range(rows):
            above, below = max(i - 1, 0), min(i + 1, rows - 1)
            for j in range((i + parity) % 2, columns, 2):
                if free[i, j]:
                    left, right = max(j - 1, 0), min(j + 1, columns - 1)
                    outside = (above == i) + (below == i) + (left == j) + (right == j)
                    scale = np.float32(1) / np.float32(max(4 - outside, 1))
                    kept = np.float32(outside)
                    for e in range(elements):
                        field[i, j, e] = scale * (
                            field[above, j, e]
                            + field[below, j, e]
                            + field[i, left, e]
                            + field[i, right, e]
                            - kept * field[i, j, e]
                        )


@compiled
def restrict_residual(field: Field, free: Free, load: Field) -> None:
    """Sum over each block the Laplacian of the free cells."""
    rows, columns, elements = field.shape
    load[:] = 0
    for i in range(rows):
        above, below = max(i - 1, 0), min(i + 1, rows - 1)
        for j in range(columns):
            if free[i, j]:
                left, right = max(j - 1, 0), min(j + 1, columns - 1)
                a, b = i // 2, j // 2
                for e in range(elements):
                    load[a, b, e] += (
                        field[above, j, e]
                        + field[below, j, e]
                        + field[i, left, e]
                        + field[i, right, e]
                        - np.float32(4) * field[i, j, e]
                    )


@compiled
def relax_correction(error: Field, load: Field, across: Plane, down: Plane, diagonal: Plane) -> None:
    """One red-black Gauss-Seidel sweep of a coarse correction."""
    rows, columns, elements = error.shape
    for parity in range(2):
        for i in range(rows):
            above, below = max(i - 1, 0), min(i + 1, rows - 1)
            for j in range((i + parity) % 2, columns, 2):
                if diagonal[i, j] > 0:
                    left, right = max(j - 1, 0), min(j + 1, columns - 1)
                    scale = np.float32(1) / diagonal[i, j]
                    up_link = down[above, j] if above < i else np.float32(0)
                    left_link = across[i, left] if left < j else np.float32(0)
                    down_link, right_link = down[i, j], across[i, j]
                    for e in range(elements):
                        error[i, j, e] = scale * (
                            load[i, j, e]
                            + up_link * error[above, j, e]
                            + down_link * error[below, j, e]
                            + left_link * error[i, left, e]
                            + right_link * error[i, right, e]
                        )


@compiled
def restrict_correction(
    error: Field, load: Field, across: Plane, down: Plane, diagonal: Plane, coarse_load: Field
) -> None:
    """Sum over each block the residual of a coarse correction."""
    rows, columns, elements = error.shape
    coarse_load[:] = 0
    for i in range(rows):
        above, below = max(i - 1, 0), min(i + 1, rows - 1)
        for j in range(columns):
            if diagonal[i, j] > 0:
                left, right = max(j - 1, 0), min(j + 1, columns - 1)
                up_link = down[above, j] if above < i else np.float32(0)
                left_link = across[i, left] if left < j else np.float32(0)
                a, b = i // 2, j // 2
                for e in range(elements):
                    coarse_load[a, b, e] += (
                        load[i, j, e]
                        + up_link * error[above, j, e]
                        + down[i, j] * error[below, j, e]
                        + left_link * error[i, left, e]
                        + across[i, j] * error[i, right, e]
                        - diagonal[i, j] * error[i, j, e]
                    )


@compiled
def coarse_links(
    across: Plane, down: Plane, diagonal: Plane, coarse_across: Plane, coarse_down: Plane, coarse_diagonal: Plane
) -> None:
    """Links of the next coarser level: half the sum of the links that cross between blocks; held links add up."""
    rows, columns = diagonal.shape
    coarse_across[:] = 0
    coarse_down[:] = 0
    coarse_diagonal[:] = 0
    half = np.float32(0.5)
    for i in range(rows):
        for j in range(columns):
            if diagonal[i, j] == 0:
                continue
            a, b = i // 2, j // 2
            held = diagonal[i, j] - across[i, j] - down[i, j]
            if i > 0:
                held -= down[i - 1, j]
            if j > 0:
                held -= across[i, j - 1]
            coarse_diagonal[a, b] += held
            if j % 2 == 1 and across[i, j] > 0:
                coarse_across[a, b] += half * across[i, j]
                coarse_diagonal[a, b] += half * across[i, j]
                coarse_diagonal[a, b + 1] += half * across[i, j]
            if i % 2 == 1 and down[i, j] > 0:
                coarse_down[a, b] += half * down[i, j]
                coarse_diagonal[a, b] += half * down[i, j]
                coarse_diagonal[a + 1, b] += half * down[i, j]
