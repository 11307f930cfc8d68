"""Figures as Dai et al. (2017) print them in Tables I and IV and Figure 9, by the names that the rows have here.

PSNR in dB, time in seconds. The paper's time of a random mask is a dash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

ByMethod: TypeAlias = Mapping[str, float]
ByMask: TypeAlias = Mapping[str, ByMethod]

MASKS = ("random", "airs", "kbas", "mascar", "netm")
"""Rows of Table I, in its order."""
METHODS = ("nete", "harmonic", "mumford-shah", "bpfa")
"""Columns of Table I at each rate, in their order."""
TEST_IMAGES = 1000
"""Over which Tables I and IV average."""


def _columns(masks: Sequence[str], **columns: Sequence[float]) -> ByMask:
    """Rows by mask from the columns as they are printed; an underscore stands for a hyphen."""
    named = {method.replace("_", "-"): figures for method, figures in columns.items()}
    return {mask: {method: figures[row] for method, figures in named.items()} for row, mask in enumerate(masks)}


TABLE_I_DB: Mapping[float, ByMask] = {
    0.05: _columns(
        MASKS,
        nete=(18.44, 17.27, 18.41, 18.39, 20.35),
        harmonic=(18.15, 16.72, 17.84, 17.44, 20.22),
        mumford_shah=(18.56, 18.01, 19.79, 19.20, 20.70),
        bpfa=(15.42, 13.24, 14.64, 14.67, 15.82),
    ),
    0.1: _columns(
        MASKS,
        nete=(19.94, 18.50, 20.58, 20.18, 21.93),
        harmonic=(19.88, 18.52, 20.88, 19.95, 22.42),
        mumford_shah=(20.08, 19.53, 21.98, 20.87, 22.98),
        bpfa=(19.01, 16.56, 18.85, 19.30, 20.82),
    ),
    0.2: _columns(
        MASKS,
        nete=(22.06, 18.22, 23.01, 21.63, 24.31),
        harmonic=(21.76, 20.30, 23.63, 22.27, 24.38),
        mumford_shah=(22.08, 20.60, 24.51, 23.13, 25.04),
        bpfa=(21.80, 18.49, 22.52, 21.53, 24.16),
    ),
}
TABLE_I_MASK_S: Mapping[float, Mapping[str, float]] = {
    0.05: {"airs": 0.22, "kbas": 23.37, "mascar": 0.04, "netm": 0.02},
    0.1: {"airs": 0.23, "kbas": 50.87, "mascar": 0.04, "netm": 0.02},
    0.2: {"airs": 0.24, "kbas": 104.55, "mascar": 0.04, "netm": 0.02},
}
"""Seconds for one mask of 64 x 64."""

TABLE_IV_RATE = 0.1
TABLE_IV_DB: ByMask = _columns(
    ("random", "airs", "kbas", "mascar", "netm-pre-train-joint", "netm-rand-init-joint", "netm-sequential"),
    nete=(19.94, 18.50, 20.58, 20.18, 19.53, 15.37, 21.93),
    harmonic=(19.88, 18.52, 20.88, 19.95, 19.72, 19.87, 22.42),
    mumford_shah=(20.08, 19.53, 21.98, 20.87, 19.89, 20.08, 22.98),
)

FIGURE_9_RATE = 0.1
FIGURE_9_SHAPE = (680, 580)
"""Rows and columns of the one painting that the figure shows."""
FIGURE_9_DB: ByMask = _columns(
    MASKS,
    harmonic=(25.85, 23.34, 14.41, 19.77, 28.13),
    mumford_shah=(25.07, 23.24, 28.43, 27.22, 28.57),
    bpfa=(24.59, 21.65, 27.48, 26.83, 28.57),
)
FIGURE_9_MASK_S: Mapping[str, float] = {"airs": 468.15, "kbas": 32533.10, "mascar": 3.08, "netm": 0.26}
