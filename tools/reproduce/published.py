"""Figures as Dai et al. (2017) print them in Tables I to IV and Figure 9, by the names that the rows have here.

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

TABLE_II_METHODS = ("harmonic", "mumford-shah", "bpfa", "fusion")
TABLE_II_RMSE: Mapping[float, ByMask] = {
    0.05: _columns(
        MASKS,
        harmonic=(0.0428, 0.1224, 0.2374, 0.2374, 0.0333),
        mumford_shah=(0.0319, 0.0378, 0.0309, 0.0309, 0.0279),
        bpfa=(0.1141, 0.1446, 0.1791, 0.1791, 0.0910),
        fusion=(0.0300, 0.0355, 0.0297, 0.0297, 0.0261),
    ),
    0.1: _columns(
        MASKS,
        harmonic=(0.0260, 0.0408, 0.1473, 0.2374, 0.0227),
        mumford_shah=(0.0247, 0.0284, 0.0231, 0.0309, 0.0211),
        bpfa=(0.0369, 0.0703, 0.1268, 0.1791, 0.0353),
        fusion=(0.0229, 0.0260, 0.0220, 0.0297, 0.0195),
    ),
    0.2: _columns(
        MASKS,
        harmonic=(0.0195, 0.0185, 0.0518, 0.2374, 0.0160),
        mumford_shah=(0.0184, 0.0154, 0.0157, 0.0309, 0.0145),
        bpfa=(0.0176, 0.0336, 0.0683, 0.1791, 0.0151),
        fusion=(0.0168, 0.0141, 0.0148, 0.0297, 0.0137),
    ),
}
"""Of "Bloemen en insecten", whose truth is itself a fusion with the photograph."""
TABLE_II_DB: Mapping[float, ByMask] = {
    0.05: _columns(
        MASKS,
        harmonic=(27.37, 18.24, 12.49, 12.49, 29.56),
        mumford_shah=(29.93, 28.45, 30.19, 30.19, 31.09),
        bpfa=(22.57, 17.80, 15.08, 15.08, 24.22),
        fusion=(30.45, 37.03, 39.25, 39.25, 39.54),
    ),
    0.1: _columns(
        MASKS,
        harmonic=(31.70, 27.78, 16.63, 12.49, 32.87),
        mumford_shah=(32.14, 30.92, 32.74, 30.19, 33.53),
        bpfa=(28.71, 23.12, 18.06, 15.08, 29.66),
        fusion=(32.80, 38.54, 41.59, 39.25, 41.87),
    ),
    0.2: _columns(
        MASKS,
        harmonic=(34.19, 34.66, 25.71, 12.49, 35.90),
        mumford_shah=(34.70, 36.24, 36.08, 30.19, 36.77),
        bpfa=(35.29, 29.50, 23.39, 15.08, 36.70),
        fusion=(35.48, 42.95, 44.02, 39.25, 44.10),
    ),
}
"""As printed: the column of the fusion does not follow from its RMSE, nor Mascar's rows from a rate."""
TABLE_II_SAM_DEG: Mapping[float, ByMask] = {
    0.05: _columns(
        MASKS,
        harmonic=(5.06, 8.20, 12.62, 12.62, 4.22),
        mumford_shah=(3.85, 4.33, 3.95, 3.95, 3.43),
        bpfa=(8.27, 13.49, 19.51, 19.51, 7.21),
        fusion=(3.67, 4.14, 3.85, 3.85, 3.27),
    ),
    0.1: _columns(
        MASKS,
        harmonic=(3.10, 3.77, 7.78, 12.62, 2.84),
        mumford_shah=(2.84, 3.04, 2.83, 3.95, 2.50),
        bpfa=(3.27, 4.30, 9.00, 19.51, 3.61),
        fusion=(2.66, 2.84, 2.73, 3.85, 2.38),
    ),
    0.2: _columns(
        MASKS,
        harmonic=(2.18, 1.94, 3.35, 12.62, 1.86),
        mumford_shah=(1.92, 1.59, 1.78, 3.95, 1.54),
        bpfa=(2.01, 2.48, 3.21, 19.51, 1.80),
        fusion=(1.79, 1.49, 1.72, 3.85, 1.48),
    ),
}

TABLE_III: Mapping[str, tuple[float, float, float]] = {
    "super-resolution from a grid": (0.0382, 28.36, 4.77),
    "fusion from the network's mask": (0.0278, 31.12, 3.55),
}
"""RMSE, PSNR and angle at c = 0.04, on the painting of Table II."""

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
