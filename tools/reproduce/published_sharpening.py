"""Figures as the papers on super-resolution print them: RMSE and PSNR in dB, by the names that the rows have here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

Pair: TypeAlias = tuple[float, float]
"""RMSE and PSNR."""

DAI_TABLE_II: Mapping[str, tuple[float, float, float]] = {
    "GSOMP": (75.18, 42.70, 32.60),
    "csusr": (70.20, 55.66, 12.30),
    "NSSR": (79.72, 49.70, 25.81),
    "ssr-baseline-1": (70.35, 56.06, 11.60),
    "ssr-baseline-2": (70.43, 54.93, 12.98),
    "ssr": (69.83, 56.19, 11.32),
}
"""Dai et al., super-resolution: "Bloemen en insecten", 680 x 580 x 2,048, factor 5; the angle in degrees third."""

PAINTINGS = ("Flowers and Insects", "The Virgin of the Rocks", "Doña Isabel de Porcel")
VERINAZ_TABLE_I: Mapping[str, tuple[Pair, Pair, Pair]] = {
    "CAR": ((0.0380, 28.42), (0.0281, 31.01), (0.0388, 28.22)),
    "HAT": ((0.0275, 31.22), (0.0226, 32.92), (0.0296, 30.57)),
    "Swin2SR": ((0.0275, 31.22), (0.0229, 32.79), (0.0297, 30.54)),
    "MMSR": ((0.0231, 32.72), (0.0240, 32.41), (0.0252, 31.97)),
    "SSGNet": ((0.0242, 32.34), (0.0247, 32.14), (0.0264, 31.55)),
    "CSTF": ((0.1336, 17.48), (0.0771, 22.26), (0.0777, 22.19)),
    "CMS": ((0.0412, 27.70), (0.0397, 28.03), (0.0373, 28.56)),
    "LTTR": ((0.0582, 24.71), (0.0657, 23.63), (0.0513, 25.80)),
    "CS2DIPs": ((0.0187, 34.56), (0.0211, 33.52), (0.0247, 32.16)),
    "ssr": ((0.0232, 32.69), (0.0223, 33.03), (0.0264, 31.55)),
    "ssrcu": ((0.0187, 34.55), (0.0182, 34.80), (0.0252, 31.98)),
    "unfolding, earlier": ((0.0145, 36.75), (0.0163, 35.77), (0.0210, 33.57)),
}
"""Verinaz-Jadan et al., both papers' Table I: factor 4, 512 x 512, by painting; the later one's own row is in its
ablations."""
VERINAZ_LATER_FLOWERS: Pair = (0.0136, 37.31)
"""The later paper's full model on the first painting, from its Tables II and III."""
