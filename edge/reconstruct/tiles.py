"""Inner loops of local kriging; one file, so that a change anywhere in it renews all of its cached machine code.

A neighbourhood is one small system, written as rows of

    [ K | y - offset | 1 | further right-hand sides ]

one row per sample. Eliminating below the diagonal leaves U of the Cholesky factorisation K = U' U in the first block
and U'^-1 times the others. Everything that kriging asks for is then a product of such columns, with no substitution
back: a' K^-1 b = (U'^-1 a)' (U'^-1 b).

`features` are (places, 8): row, column, the photograph's L, a, b and the guide's three. `law` is `Covariance.as_array`.
A `metric` is the upper triangle of a symmetric matrix by which rows and columns are multiplied before distances are
taken: one matrix for a neighbourhood leaves its covariance positive definite.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.compiled import compiled

Floats = NDArray[np.float32]
Indices = NDArray[np.int32]


@compiled
def correlate(places: Floats, count: int, sample: int, samples: Floats, law: Floats, out: Floats) -> None:
    """Correlation of one sample with the first `count` places; features run along the last axis of both arrays."""
    one = np.float32(1)
    share = law[2]
    blind = one - share
    reach, colour_reach = one / (law[1] * law[1]), one / law[4]
    width = np.float32(0.5) / (law[3] * law[3])
    row, column = samples[0, sample], samples[1, sample]
    light, red, blue = samples[2, sample], samples[3, sample], samples[4, sample]
    first, second, third = samples[5, sample], samples[6, sample], samples[7, sample]
    for p in range(count):
        dy, dx = places[0, p] - row, places[1, p] - column
        dl, da, db = places[2, p] - light, places[3, p] - red, places[4, p] - blue
        square = dy * dy + dx * dx
        near = np.sqrt(one + square * reach)
        d1, d2, d3 = places[5, p] - first, places[6, p] - second, places[7, p] - third
        guided = np.float32(0.5) * (d1 * d1 + d2 * d2 + d3 * d3)
        alike = one + np.sqrt(square) * colour_reach + (dl * dl + da * da + db * db) * width + guided
        out[p] = (blind * alike + share * near) / (near * alike)


@compiled
def stretch(places: Floats, count: int, metric: Floats) -> None:
    """Multiply row and column of the first `count` places by the metric, in place."""
    for p in range(count):
        row, column = places[0, p], places[1, p]
        places[0, p] = metric[0] * row + metric[1] * column
        places[1, p] = metric[1] * row + metric[2] * column


@compiled
def set_up(
    here: Indices,
    features: Floats,
    values: Floats,
    noise: Floats,
    metric: Floats,
    law: Floats,
    samples: Floats,
    system: Floats,
) -> None:
    """Write a neighbourhood's features to `samples` and [K | y - offset | 1] to the first columns of `system`.

    The offset is the value of the first sample.
    """
    count, elements = here.shape[0], values.shape[1]
    for s in range(count):
        for f in range(8):
            samples[f, s] = features[here[s], f]
    stretch(samples, count, metric)
    for s in range(count):
        correlate(samples, count, s, samples, law, system[s])
        system[s, s] += law[0] * noise[here[s]]
        for e in range(elements):
            system[s, count + e] = values[here[s], e] - values[here[0], e]
        system[s, count + elements] = 1


@compiled
def eliminate(system: Floats, width: int) -> None:
    """Forward elimination of `system`, symmetric positive definite in its first block, over `width` columns.

    Each row takes off the rows above it, four at a time. Loops run from column 0, although what is left of the
    diagonal is never read: only then does the compiler know that no index is negative, and uses vector instructions.
    """
    for i in range(system.shape[0]):
        row = system[i]
        for block in range(i // 4):
            first, second, third, fourth = (
                system[4 * block], system[4 * block + 1], system[4 * block + 2], system[4 * block + 3],
            )  # fmt: skip
            a, b, c, d = first[i], second[i], third[i], fourth[i]
            for j in range(width):
                row[j] -= a * first[j] + b * second[j] + c * third[j] + d * fourth[j]
        for k in range(i - i % 4, i):
            above = system[k]
            a = above[i]
            for j in range(width):
                row[j] -= a * above[j]
        scale = np.float32(1) / np.sqrt(max(row[i], np.float32(1e-9)))
        for j in range(width):
            row[j] *= scale


@compiled
def take_mean_off(system: Floats, elements: int, mean: Floats, energy: Floats) -> float:
    """Subtract the generalised least-squares mean from the eliminated values.

    Writes that mean, above the offset, and the residuals' quadratic form. Returns 1' K^-1 1.
    """
    count = system.shape[0]
    ones = count + elements
    total = np.float32(0)
    mean[:] = 0
    energy[:] = 0
    for s in range(count):
        total += system[s, ones] * system[s, ones]
        for e in range(elements):
            mean[e] += system[s, ones] * system[s, count + e]
    for e in range(elements):
        mean[e] /= total
    for s in range(count):
        for e in range(elements):
            system[s, count + e] -= mean[e] * system[s, ones]
            energy[e] += system[s, count + e] * system[s, count + e]
    return float(total)


@compiled
def estimate_cells(system: Floats, elements: int, inside: int, mean: Floats, estimate: Floats) -> None:
    """Kriging estimate of the first `inside` right-hand sides, (elements, cells), above the offset."""
    count = system.shape[0]
    for e in range(elements):
        row = estimate[e]
        row[:] = mean[e]
        values = system[:, count + e]
        for block in range(count // 4):
            s = 4 * block
            first, second = system[s, count + elements + 1 :], system[s + 1, count + elements + 1 :]
            third, fourth = system[s + 2, count + elements + 1 :], system[s + 3, count + elements + 1 :]
            a, b, c, d = values[s], values[s + 1], values[s + 2], values[s + 3]
            for k in range(inside):
                row[k] += a * first[k] + b * second[k] + c * third[k] + d * fourth[k]
        for s in range(count - count % 4, count):
            links = system[s, count + elements + 1 :]
            a = values[s]
            for k in range(inside):
                row[k] += a * links[k]


@compiled
def spread_of_cells(system: Floats, elements: int, inside: int, total: float, drift: Floats, spread: Floats) -> None:
    """Kriging variance of the first `inside` right-hand sides, in units of the sill and without nugget."""
    count = system.shape[0]
    ones = count + elements
    drift[:] = 1
    spread[:] = 1
    for s in range(count):
        weight = system[s, ones]
        for k in range(inside):
            link = system[s, ones + 1 + k]
            drift[k] -= weight * link
            spread[k] -= link * link
    for k in range(inside):
        spread[k] = max(spread[k], np.float32(0)) + drift[k] * drift[k] / np.float32(total)


@compiled
def krige_tiles(
    tiles: Indices,
    tile_cells: int,
    neighbours: Indices,
    features: Floats,
    values: Floats,
    noise: Floats,
    metric: Floats,
    colour: Floats,
    guide: Floats,
    law: Floats,
    scaling: Floats,
    trust: float,
    channels: Indices,
    top: int,
    left: int,
    grid_columns: int,
    maps: Floats,
    standard_error: Floats,
    deviation: Floats,
) -> None:
    """Estimate every cell of the given square tiles, row-major over the grid, each from its row of `neighbours`.

    `metric` has a row for each of the given tiles. Arrays of cells are those of a rectangle of the grid that begins at
    the cell (`top`, `left`), where a tile begins, and ends where tiles or the grid end; coordinates are the grid's,
    which has `grid_columns` of them across, so that a rectangle's cells come out as the whole grid's to the bit.
    `colour` and `guide` are (rows, columns, 3) of it, or (1, 1, 3) where every cell has the same.

    Writes the estimates and their standard errors to `channels` of two (rows, columns, elements) arrays, and the root
    of each tile's sill, in the maps' unit, to `deviation` (tiles of the rectangle, elements). The sill of a
    tile is that of its samples' residuals, drawn towards the global one, which counts as `trust` samples. `scaling`
    has a column for each element: the global sill, the part of the nugget that is true variation, the factor on the
    standard error, offset and scale that turn normalised values into maps, the lowest of all samples or zero, the power
    of the level that the standard error grows with (see `error_scale`), and the lowest normalised sample. No estimate
    lies below zero, or below the lowest of the tile's samples where that is negative, as counting makes it.
    """
    count, elements = neighbours.shape[1], values.shape[1]
    rows, columns = maps.shape[0], maps.shape[1]
    across, area = (grid_columns + tile_cells - 1) // tile_cells, tile_cells * tile_cells
    own_across = (columns + tile_cells - 1) // tile_cells
    samples, cells = np.empty((8, count), np.float32), np.empty((8, area), np.float32)
    system, links = np.empty((count, count + elements + 1 + area), np.float32), count + elements + 1
    mean, energy = np.empty(elements, np.float32), np.empty(elements, np.float32)
    estimate, drift = np.empty((elements, area), np.float32), np.empty(area, np.float32)
    spread, lowest = np.empty(area, np.float32), np.empty(elements, np.float32)
    for t in range(tiles.shape[0]):
        above, before = (tiles[t] // across) * tile_cells - top, (tiles[t] % across) * tile_cells - left
        height, width = min(tile_cells, rows - above), min(tile_cells, columns - before)
        own = above // tile_cells * own_across + before // tile_cells
        for k in range(height * width):
            i, j = above + k // width, before + k % width
            cells[0, k], cells[1, k] = top + i, left + j
            for f in range(3):
                cells[2 + f, k] = colour[min(i, colour.shape[0] - 1), min(j, colour.shape[1] - 1), f]
                cells[5 + f, k] = guide[min(i, guide.shape[0] - 1), min(j, guide.shape[1] - 1), f]
        stretch(cells, height * width, metric[t])
        set_up(neighbours[t], features, values, noise, metric[t], law, samples, system)
        for s in range(count):
            correlate(cells, height * width, s, samples, law, system[s, links:])
        eliminate(system, links + height * width)
        total = take_mean_off(system, elements, mean, energy)
        estimate_cells(system, elements, height * width, mean, estimate)
        spread_of_cells(system, elements, height * width, total, drift, spread)
        for e in range(elements):
            local = (energy[e] + trust * scaling[0, e]) / (count - 1 + trust)
            energy[e] = local * (scaling[2, e] * scaling[4, e]) ** 2
            deviation[own, channels[e]] = np.sqrt(energy[e])
            mean[e] = scaling[3, e] + scaling[4, e] * values[neighbours[t, 0], e]
            lowest[e] = 0
        for s in range(count):
            for e in range(elements):
                lowest[e] = min(lowest[e], scaling[3, e] + scaling[4, e] * values[neighbours[t, s], e])
        for k in range(height * width):
            i, j = above + k // width, before + k % width
            for e in range(elements):
                maps[i, j, channels[e]] = max(mean[e] + scaling[4, e] * estimate[e, k], lowest[e], scaling[5, e])
                error = np.sqrt(energy[e] * (spread[k] + scaling[1, e]))
                if scaling[6, e] > 0:
                    height = max((maps[i, j, channels[e]] - scaling[3, e]) / scaling[4, e] - scaling[7, e], 0)
                    level = height + np.float32(0.2)
                    error *= level if scaling[6, e] == 1 else np.sqrt(level)
                standard_error[i, j, channels[e]] = error


@compiled
def leave_one_out(
    neighbours: Indices,
    centres: int,
    features: Floats,
    values: Floats,
    noise: Floats,
    metric: Floats,
    law: Floats,
    residual: Floats,
    variance: Floats,
    rest: Floats,
) -> None:
    """Errors of the first `centres` samples of each neighbourhood when each is predicted from the others.

    Closed form of O. Dubrule, "Cross validation of kriging in a unique neighborhood" (1983): with B the inverse of K
    without its constant part, the error is (B y)_i / B_ii and its variance 1 / B_ii. Writes, for each sample left out,
    the error to `residual` (k, elements), its variance in units of the sill to `variance` (k,), and the mean quadratic
    form of the neighbourhood without that sample to `rest` (k, elements).
    """
    count, elements = neighbours.shape[1], values.shape[1]
    units = count + elements + 1
    samples, system = np.empty((8, count), features.dtype), np.empty((count, units + centres), features.dtype)
    mean, energy = np.empty(elements, features.dtype), np.empty(elements, features.dtype)
    for t in range(neighbours.shape[0]):
        set_up(neighbours[t], features, values, noise, metric[t], law, samples, system)
        system[:, units:] = 0
        for c in range(centres):
            system[c, units + c] = 1
        eliminate(system, units + centres)
        total = take_mean_off(system, elements, mean, energy)
        for c in range(centres):
            at = t * centres + c
            precision, constant = np.float32(0), np.float32(0)
            residual[at] = 0
            for s in range(c, count):
                unit = system[s, units + c]
                precision += unit * unit
                constant += unit * system[s, units - 1]
                for e in range(elements):
                    residual[at, e] += unit * system[s, count + e]
            precision -= constant * constant / np.float32(total)
            variance[at] = np.float32(1) / precision
            for e in range(elements):
                error = residual[at, e] / precision
                residual[at, e] = error
                rest[at, e] = max(energy[e] - error * error * precision, np.float32(0)) / max(count - 2, 1)
