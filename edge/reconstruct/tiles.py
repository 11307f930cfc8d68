"""Inner loops of local kriging; one file, so that a change anywhere in it renews all of its cached machine code.

Each neighbourhood is a small system K = U' U (Cholesky), solved for all elements at once. `features` are float32,
(places, 5): row, column and the photograph's L, a, b. `covariance` is the array of `Covariance.as_array`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.compiled import compiled

Floats = NDArray[np.float32]
Indices = NDArray[np.int32]


@compiled
def correlate(places: Floats, first: int, last: int, feature: Floats, covariance: Floats, out: Floats) -> None:
    """Correlation of one place with others, whose features run along the last axis: ``out[first:last]``."""
    one = np.float32(1)
    share = covariance[2]
    blind = one - share
    reach = one / (covariance[1] * covariance[1])
    width = np.float32(0.5) / (covariance[3] * covariance[3])
    colour_reach = one / covariance[4]
    for s in range(first, last):
        y, x = places[0, s] - feature[0], places[1, s] - feature[1]
        square = y * y + x * x
        light, red, blue = places[2, s] - feature[2], places[3, s] - feature[3], places[4, s] - feature[4]
        colour = light * light + red * red + blue * blue
        out[s] = blind / np.sqrt(one + square * reach) + share / (one + np.sqrt(square) * colour_reach + colour * width)


@compiled
def factorise(places: Floats, noise: Floats, covariance: Floats, upper: Floats) -> None:
    """Upper Cholesky factor of the samples' covariance; its diagonal is stored inverted."""
    count = upper.shape[0]
    feature = np.empty(5, places.dtype)
    for s in range(count):
        for f in range(5):
            feature[f] = places[f, s]
        correlate(places, s, count, feature, covariance, upper[s])
        upper[s, s] += covariance[0] * noise[s]
    for k in range(count):
        scale = np.float32(1) / np.sqrt(max(upper[k, k], np.float32(1e-9)))
        upper[k, k] = scale
        for j in range(k + 1, count):
            upper[k, j] *= scale
        for i in range(k + 1, count):
            factor = upper[k, i]
            for j in range(i, count):
                upper[i, j] -= factor * upper[k, j]


@compiled
def solve_down(upper: Floats, right: Floats, width: int) -> None:
    """Replace `right` by the solution of U' z = right, for its first `width` columns."""
    count = upper.shape[0]
    for k in range(count):
        scale = upper[k, k]
        for e in range(width):
            right[k, e] *= scale
        for i in range(k + 1, count):
            factor = upper[k, i]
            for e in range(width):
                right[i, e] -= factor * right[k, e]


@compiled
def solve_up(upper: Floats, right: Floats, width: int) -> None:
    """Replace `right` by the solution of U z = right, for its first `width` columns."""
    count = upper.shape[0]
    for k in range(count - 1, -1, -1):
        for i in range(k + 1, count):
            factor = upper[k, i]
            for e in range(width):
                right[k, e] -= factor * right[i, e]
        scale = upper[k, k]
        for e in range(width):
            right[k, e] *= scale


@compiled
def ordinary_weights(
    here: Indices,
    features: Floats,
    values: Floats,
    noise: Floats,
    covariance: Floats,
    places: Floats,
    upper: Floats,
    duals: Floats,
    mean: Floats,
    energy: Floats,
) -> float:
    """Solve one neighbourhood of ordinary kriging, whose mean is unknown and constant.

    Writes the samples' features to `places`, the factor to `upper`, K^-1 (y - mean) to `duals` with K^-1 1 in its
    last column, the generalised least-squares mean, and the quadratic form of the residuals to `energy`.
    Returns 1' K^-1 1.
    """
    count, elements = here.shape[0], values.shape[1]
    diagonal = np.empty(count, places.dtype)
    for s in range(count):
        i = here[s]
        diagonal[s] = noise[i]
        for f in range(5):
            places[f, s] = features[i, f]
    for e in range(elements):
        mean[e] = values[here[0], e]
        energy[e] = 0
    for s in range(count):
        duals[s, elements] = 1
        for e in range(elements):
            duals[s, e] = values[here[s], e] - mean[e]
    factorise(places, diagonal, covariance, upper)
    solve_down(upper, duals, elements + 1)
    for s in range(count):
        for e in range(elements):
            energy[e] += duals[s, e] * duals[s, e]
    solve_up(upper, duals, elements + 1)
    total = np.float32(0)
    for s in range(count):
        total += duals[s, elements]
    for e in range(elements):
        moment = np.float32(0)
        for s in range(count):
            moment += duals[s, e]
        shift = moment / total
        mean[e] += shift
        energy[e] = max(energy[e] - shift * moment, np.float32(0))
        for s in range(count):
            duals[s, e] -= shift * duals[s, elements]
    return total


@compiled
def krige_tiles(
    tiles: Indices,
    tile_cells: int,
    neighbours: Indices,
    features: Floats,
    values: Floats,
    noise: Floats,
    colour: Floats,
    covariance: Floats,
    scaling: Floats,
    trust: float,
    columns_out: Indices,
    maps: Floats,
    standard_error: Floats,
) -> None:
    """Estimate every cell of the given square tiles, row-major over the grid, each from its row of `neighbours`.

    Writes the estimates and their standard errors to the channels `columns_out` of two (rows, columns, channels)
    arrays. The sill of a tile is that of its samples' residuals, drawn towards the global one, which counts as `trust`
    samples. `scaling` has a column for each element: the global sill, the part of the noise that is true variation,
    the factor on the standard error, and offset, scale and lower bound that turn normalised values into maps.
    """
    count, elements = neighbours.shape[1], values.shape[1]
    rows, columns = colour.shape[0], colour.shape[1]
    across = (columns + tile_cells - 1) // tile_cells
    area = tile_cells * tile_cells
    places, upper = np.empty((5, count), np.float32), np.empty((count, count), np.float32)
    duals = np.empty((count, elements + 1), np.float32)
    mean, energy, estimate = (
        np.empty(elements, np.float32),
        np.empty(elements, np.float32),
        np.empty(elements, np.float32),
    )
    cells, links = np.empty((area, 5), np.float32), np.empty((count, area), np.float32)
    cells_last, feature = np.empty((5, area), np.float32), np.empty(5, np.float32)
    drift, spread = np.empty(area, np.float32), np.empty(area, np.float32)
    for t in range(tiles.shape[0]):
        total = ordinary_weights(
            neighbours[t], features, values, noise, covariance, places, upper, duals, mean, energy
        )
        top, left = (tiles[t] // across) * tile_cells, (tiles[t] % across) * tile_cells
        height, width = min(tile_cells, rows - top), min(tile_cells, columns - left)
        inside = height * width
        for k in range(inside):
            i, j = top + k // width, left + k % width
            cells_last[0, k], cells_last[1, k] = i, j
            for f in range(3):
                cells_last[2 + f, k] = colour[i, j, f]
            drift[k], spread[k] = 1, 1
        for s in range(count):
            for f in range(5):
                feature[f] = places[f, s]
            correlate(cells_last, 0, inside, feature, covariance, links[s])
            factor = duals[s, elements]
            for k in range(inside):
                drift[k] -= factor * links[s, k]
        for k in range(inside):
            for e in range(elements):
                estimate[e] = mean[e]
            for s in range(0, count - 3, 4):
                a, b, c, d = links[s, k], links[s + 1, k], links[s + 2, k], links[s + 3, k]
                for e in range(elements):
                    estimate[e] += a * duals[s, e] + b * duals[s + 1, e] + c * duals[s + 2, e] + d * duals[s + 3, e]
            for s in range(count - count % 4, count):
                a = links[s, k]
                for e in range(elements):
                    estimate[e] += a * duals[s, e]
            for e in range(elements):
                maps[top + k // width, left + k % width, columns_out[e]] = max(
                    scaling[3, e] + scaling[4, e] * estimate[e], scaling[5, e]
                )
        solve_down(upper, links, inside)
        for s in range(count):
            for k in range(inside):
                spread[k] -= links[s, k] * links[s, k]
        for e in range(elements):
            local = (energy[e] + trust * scaling[0, e]) / (count - 1 + trust)
            energy[e] = local * (scaling[2, e] * scaling[4, e]) ** 2
        for k in range(inside):
            variance = max(spread[k], np.float32(0)) + drift[k] * drift[k] / total
            for e in range(elements):
                standard_error[top + k // width, left + k % width, columns_out[e]] = np.sqrt(
                    energy[e] * (variance + scaling[1, e])
                )


@compiled
def leave_one_out(
    neighbours: Indices,
    centres: int,
    features: Floats,
    values: Floats,
    noise: Floats,
    covariance: Floats,
    residual: Floats,
    variance: Floats,
    rest: Floats,
) -> None:
    """Errors of the first `centres` samples of each neighbourhood when each is predicted from the others.

    Closed form of O. Dubrule, "Cross validation of kriging in a unique neighborhood" (1983). Writes, for each sample
    left out, its error to `residual` (k, elements), the variance of that error in units of the sill to `variance`
    (k,), and the residuals' mean quadratic form without that sample to `rest` (k, elements).
    """
    count, elements = neighbours.shape[1], values.shape[1]
    dtype = features.dtype
    places, upper = np.empty((5, count), dtype), np.empty((count, count), dtype)
    duals, units = np.empty((count, elements + 1), dtype), np.empty((count, centres), dtype)
    mean, energy = np.empty(elements, dtype), np.empty(elements, dtype)
    for t in range(neighbours.shape[0]):
        total = ordinary_weights(
            neighbours[t], features, values, noise, covariance, places, upper, duals, mean, energy
        )
        units[:] = 0
        for s in range(centres):
            units[s, s] = 1
        solve_down(upper, units, centres)
        for s in range(centres):
            precision = -duals[s, elements] * duals[s, elements] / total
            for k in range(s, count):
                precision += units[k, s] * units[k, s]
            at = t * centres + s
            variance[at] = 1 / precision
            for e in range(elements):
                error = duals[s, e] / precision
                residual[at, e] = error
                rest[at, e] = max(energy[e] - error * error * precision, 0) / max(count - 2, 1)
