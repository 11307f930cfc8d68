"""Super-resolution of spectra: an iteration at the published size, and what arithmetic and memory allow."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.exposure_operator import areas
from edge.reconstruct.fusion.palm import Plan, Walk, begun
from edge.reconstruct.fusion.problem import Problem, Unknowns
from edge.reconstruct.fusion.smoothness import even_steps
from edge.reconstruct.fusion.wide import DICTIONARY_STEPS
from tools.bench.bandwidth import bandwidth_bytes_per_s
from tools.bench.products import product_per_s
from tools.bench.reconstruct import use_one_core
from tools.bench.table import Row

Floats = NDArray[np.float32]

ROWS, COLUMNS, CHANNELS, FACTOR, ATOMS = 345, 490, 1024, 5, 50
TIMES_THE_LIMIT = 3
ITERATIONS = 150
"""Of the synthetic experiment, at most."""
NOTES = (
    "Everything runs on one core; seconds are processor time. An iteration is one step of abundances and, every second "
    "time, one of dictionaries; the mean of a pair is given, the fastest of the repeats.",
    "Arithmetic: the matrix products of an iteration as it is made here, of atoms by atoms and never of cells by "
    "channels, over the rate measured in this run of a large product, and of one as thin as most of these are.",
    "As Eq. 15 to 21 stand, with cells by channels: the products D A, D' D A G and their like, over the same rate.",
    "Memory: each pass over abundances or their gradient, over the bandwidth measured in this run.",
    f"The whole solve is {ITERATIONS} such iterations; it is not run here.",
)


def measure(repeats: int) -> list[Row]:
    """The iteration against its limits, and the whole solve by its pace."""
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
    large, thin = product_per_s(1500, 1500, 1500), product_per_s(2048, ATOMS, ATOMS)
    arithmetic = _operations() / large
    return [
        Row("ssr: iteration, limit of arithmetic", size, least, "s", None, arithmetic, TIMES_THE_LIMIT * arithmetic),
        Row("ssr: iteration, limit of products as thin as these", size, least, "s", None, _operations() / thin),
        Row("ssr: iteration, limit of memory", size, least, "s", None, _memory_s()),
        Row("ssr: iteration, as the equations stand", size, least, "s", None, _as_printed() / large),
        Row("ssr: whole solve", size, least * ITERATIONS, "s"),
    ]


def _started() -> Walk[Any]:
    """Everything drawn at random: what an iteration takes hardly turns on the values."""
    rng = np.random.default_rng(0)
    top, left = (one.ravel() for one in np.mgrid[:ROWS:FACTOR, :COLUMNS:FACTOR])
    operator = areas((ROWS, COLUMNS), top, left, height=FACTOR, width=FACTOR)
    values = rng.random((len(top), CHANNELS), dtype=np.float32)
    photograph = rng.random((ROWS, COLUMNS, 3), dtype=np.float32)
    steps = even_steps((ROWS, COLUMNS))
    problem = Problem(operator, values, photograph, steps, steps, 0.0, 0.01)
    abundances: Floats = rng.random((ROWS * COLUMNS, 2 * ATOMS), dtype=np.float32)
    # most of a cell in a few atoms, as abundances are
    for _ in range(4):
        np.square(abundances, out=abundances)
    abundances /= abundances.sum(axis=1, keepdims=True)
    visible = rng.random((ATOMS, CHANNELS + 3), dtype=np.float32)
    return begun(problem, Unknowns(abundances, visible, visible[:, :CHANNELS].copy()), Plan())


def _operations() -> float:
    """Multiplications and additions of a mean iteration's matrix products."""
    cells, exposures, both = ROWS * COLUMNS, ROWS * COLUMNS / FACTOR**2, 2 * ATOMS
    judged = 2 * (cells * ATOMS * (ATOMS + 2 * 3) + exposures * both**2)
    statistics = 2 * (2 * cells * ATOMS**2 + cells * ATOMS * 3 + exposures * both * (both + CHANNELS))
    steps = 2 * (DICTIONARY_STEPS + 1) * both**2 * CHANNELS
    # the new dictionaries are multiplied with what was measured, once for abundances now and before
    referred = 2 * both * CHANNELS * (both + exposures)
    return judged + (2 * judged + statistics + steps + referred) / 2


def _as_printed() -> float:
    """The same with cells by channels: D A and its gradient of both parts, and those of both dictionaries."""
    one_pass = 2 * ROWS * COLUMNS * (2 * CHANNELS + 3) * ATOMS
    return (2 + 4 / 2) * one_pass


def _memory_s() -> float:
    """Of a mean iteration's passes over abundances or their gradient, read or written.

    Abundances: those and gradients now and before read, new ones written; these read for exposures, and once more while
    the gradient is written. Dictionaries, every second time: the latter for abundances now and before, and one for
    products.
    """
    one_pass = ROWS * COLUMNS * 2 * ATOMS * np.dtype(np.float32).itemsize
    judged = 2
    return (5 + 1 + judged + (2 * judged + 1) / 2) * one_pass / bandwidth_bytes_per_s()
