"""Fusion inpainting: an iteration at the published size, what arithmetic and memory allow, and the whole solve."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.fusion.palm import Plan, Walk, begun
from edge.reconstruct.fusion.problem import ATOMS, Unknowns, problem_of_cells
from tools.bench.bandwidth import bandwidth_bytes_per_s
from tools.bench.products import product_per_s
from tools.bench.reconstruct import RATE, use_one_core
from tools.bench.table import Row

Floats = NDArray[np.float32]

ROWS, COLUMNS, CHANNELS = 680, 580, 20
TIMES_THE_LIMIT = 3
ITERATIONS_TO_CONVERGE = 905
"""After which the residual was below its tolerance on a crop of the portrait, 96 x 96 cells, from a tenth of them."""
NOTES = (
    "Everything runs on one core; seconds are processor time. An iteration is one step of abundances and, every second "
    "time, one of each dictionary; the mean of a pair is given, the fastest of the repeats.",
    "Arithmetic: the matrix products, 2 x cells x (2 channels + 3) x M multiplications and additions for each "
    "pass over the abundances, four passes a mean iteration, over the rate measured in this run of a large product, "
    "and of one as thin as these are, with as many columns as channels.",
    "Memory: each pass's bytes over the bandwidth measured in this run.",
    f"The whole solve is {ITERATIONS_TO_CONVERGE} such iterations, which is where the residual fell below its "
    "tolerance on a crop of 96 x 96 cells; it is not run here.",
)


def measure(repeats: int) -> list[Row]:
    """The iteration against both limits, and the whole solve by its pace."""
    use_one_core()
    walk = _started()
    seconds = []
    for _ in range(repeats + 1):
        start = time.process_time()
        walk.step_abundances()
        walk.step_abundances()
        walk.step_dictionaries()
        seconds.append((time.process_time() - start) / 2)
    # the first one compiles and has no momentum
    least = min(seconds[1:])
    size = f"{ROWS} x {COLUMNS} x {CHANNELS}, M = {ATOMS}"
    large, of_channels = product_per_s(1500, 1500, 1500), product_per_s(2048, ATOMS, CHANNELS + 3)
    arithmetic, thin, memory = _operations() / large, _operations() / of_channels, _memory_s()
    return [
        Row("fusion: iteration, limit of arithmetic", size, least, "s", None, arithmetic, TIMES_THE_LIMIT * arithmetic),
        Row("fusion: iteration, limit of products as thin as these", size, least, "s", None, thin),
        Row("fusion: iteration, limit of memory", size, least, "s", None, memory),
        Row("fusion: whole solve", size, least * ITERATIONS_TO_CONVERGE, "s"),
    ]


def _started() -> Walk[Any]:
    """Everything drawn at random, a tenth of the cells measured: what an iteration takes hardly turns on the values."""
    rng = np.random.default_rng(0)
    rows, columns = np.nonzero(rng.random((ROWS, COLUMNS)) < RATE)
    values = rng.random((len(rows), CHANNELS), dtype=np.float32)
    photograph = rng.random((ROWS, COLUMNS, 3), dtype=np.float32)
    problem = problem_of_cells((ROWS, COLUMNS), rows, columns, values, photograph)
    abundances: Floats = rng.random((ROWS * COLUMNS, 2 * ATOMS), dtype=np.float32)
    # most of a cell in a few atoms, as abundances are
    for _ in range(4):
        np.square(abundances, out=abundances)
    abundances /= abundances.sum(axis=1, keepdims=True)
    visible = rng.random((ATOMS, CHANNELS + 3), dtype=np.float32)
    return begun(problem, Unknowns(abundances, visible, visible[:, :CHANNELS].copy()), Plan())


def _operations() -> float:
    """Multiplications and additions of a mean iteration's matrix products.

    Abundances: gradient, and what they make. Dictionaries, every second time: their gradient, and what they make
    ahead, after, and with the abundances before.
    """
    one_pass = 2 * ROWS * COLUMNS * (2 * CHANNELS + 3) * ATOMS
    return (2 + 4 / 2) * one_pass


def _memory_s() -> float:
    """Of a mean iteration's passes over the abundances, read or written.

    Abundances: those now and before read, new ones written. Dictionaries, every second time: the four products above
    and two for their curvature.
    """
    one_pass = ROWS * COLUMNS * 2 * ATOMS * np.dtype(np.float32).itemsize
    return (3 + 6 / 2) * one_pass / bandwidth_bytes_per_s()
