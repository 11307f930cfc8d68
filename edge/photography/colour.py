"""From a picture's levels to linear light of sRGB's primaries, whatever space the picture is in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.srgb import FULL, decoded, linear_light
from edge.photography.icc import MatrixProfile, parse_profile

SpaceName = Literal["embedded", "srgb", "linear", "adobe-rgb", "display-p3"]

_D50_FROM_SRGB = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)
"""XYZ relative to D50 of sRGB's primaries (IEC 61966-2-1), adapted by Bradford's matrix as profiles are."""
_D50_FROM_ADOBE = np.array(
    [[0.6097559, 0.2052401, 0.1492240], [0.3111242, 0.6256560, 0.0632197], [0.0194811, 0.0608902, 0.7448387]]
)
"""The same of Adobe RGB (1998)."""
_D50_FROM_P3 = np.array(
    [[0.5151187, 0.2919778, 0.1571035], [0.2411892, 0.6922441, 0.0665668], [-0.0010505, 0.0418791, 0.7840713]]
)
"""The same of Display P3, whose curve is sRGB's."""
_ADOBE_GAMMA = 563 / 256
_SAME = 2e-3
"""Elements of a matrix, or points of a curve, this close are sRGB's own: profiles round them."""


@dataclass(frozen=True, slots=True, eq=False)
class ColourSpace:
    """How levels become light."""

    name: str
    curves: NDArray[np.float64] | None
    """Light at evenly spaced levels, in [0, 1], shape (3, points); None: sRGB's own."""
    srgb_from_rgb: NDArray[np.float64] | None
    """Linear light of sRGB's primaries from this space's, shape (3, 3); None: the same."""
    remark: str = ""
    """What somebody should know, one sentence; mostly empty."""

    def light(self, picture: NDArray[Any]) -> NDArray[np.uint16]:
        """Linear light of 16 bits, sRGB's primaries, shape (h, w, 3); colours beyond sRGB are clipped to it.

        Parameters
        ----------
        picture : uint8 or uint16, shape (h, w, 3)
        """
        light = linear_light(picture) if self.curves is None else _through(picture, self.curves)
        if self.srgb_from_rgb is None:
            return light
        mixed = cv2.transform(light.astype(np.float32), self.srgb_from_rgb.astype(np.float32))
        return np.asarray(np.rint(np.clip(mixed, 0, FULL)), dtype=np.uint16)


def _through(picture: NDArray[Any], curves: NDArray[np.float64]) -> NDArray[np.uint16]:
    levels = np.linspace(0, 1, np.iinfo(picture.dtype).max + 1)
    points = np.linspace(0, 1, curves.shape[1])
    tables = [np.rint(np.interp(levels, points, curve) * FULL).astype(np.uint16) for curve in curves]
    return np.stack([table[picture[..., channel]] for channel, table in enumerate(tables)], axis=2)


@cache
def _named(name: SpaceName) -> ColourSpace:
    points = np.linspace(0, 1, 4096)
    match name:
        case "linear":
            return ColourSpace("linear", np.tile(points, (3, 1)), None)
        case "adobe-rgb":
            curves = np.tile(points**_ADOBE_GAMMA, (3, 1))
            return ColourSpace("Adobe RGB (1998)", curves, _mixing(_D50_FROM_ADOBE))
        case "display-p3":
            return ColourSpace("Display P3", None, _mixing(_D50_FROM_P3))
        case _:
            return ColourSpace("sRGB", None, None)


def colour_space(stated: SpaceName, profile: bytes | None) -> ColourSpace:
    """The space that the configuration states, or for ``embedded`` the one that the picture's own profile says.

    Parameters
    ----------
    profile
        ICC profile as the file carries it; None where it carries none, which is taken as sRGB.
    """
    if stated != "embedded" or profile is None:
        return _named(stated)
    parsed = parse_profile(profile)
    if not isinstance(parsed, MatrixProfile):
        remark = (
            f"the photograph's colour profile, {parsed.name}, is no matrix profile and is taken as sRGB: "
            "have the camera save sRGB, or state instrument.colour.space"
        )
        return ColourSpace("sRGB", None, None, remark)
    return _of_profile(parsed)


def _mixing(xyz_from_rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """To the primaries of sRGB; greys stay grey, though published whites differ in the fourth digit."""
    mixing = np.linalg.solve(_D50_FROM_SRGB, xyz_from_rgb)
    return np.asarray(mixing / mixing.sum(axis=1, keepdims=True), dtype=np.float64)


def _of_profile(profile: MatrixProfile) -> ColourSpace:
    points = np.linspace(0, 1, profile.curves.shape[1])
    srgb = decoded(points)
    curves = None if np.abs(profile.curves - srgb).max() < _SAME else profile.curves
    mixing = _mixing(profile.xyz_from_rgb)
    return ColourSpace(profile.name, curves, None if np.abs(mixing - np.eye(3)).max() < 5 * _SAME else mixing)
