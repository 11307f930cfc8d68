"""Printed ArUco markers: finding them in a picture and placing their corners to a few hundredths of a pixel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.edges import refine_square
from firmware_bridge.messages import StagePose

_SMALLEST_PERIMETER_PX = 60.0
_COARSE_LONG_SIDE_PX = 1600


class DuplicateFiducial(ValueError):
    """One identity is seen at two places."""


class UnknownDictionary(ValueError):
    """No such family of markers."""


@dataclass(frozen=True, slots=True)
class Fiducial:
    """A printed marker at a known place, upright: its top edge lies towards smaller y."""

    id: int
    centre: StagePose
    side_mm: float
    """Length of the black square's side."""

    @property
    def corners_mm(self) -> NDArray[np.float64]:
        """Corners in stage mm, shape (4, 2): upper left, upper right, lower right, lower left."""
        half = self.side_mm / 2
        signs = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
        return np.array([self.centre.x_mm, self.centre.y_mm]) + half * signs


def marker_dictionary(name: str) -> Any:
    """The OpenCV dictionary of this name.

    Raises
    ------
    UnknownDictionary
        No such dictionary.
    """
    number = getattr(cv2.aruco, name, None) if name.startswith("DICT_") else None
    if not isinstance(number, int):
        raise UnknownDictionary(f"'{name}' is no marker dictionary: use a name such as DICT_4X4_50 or DICT_6X6_250")
    return cv2.aruco.getPredefinedDictionary(number)


def detect_fiducials(image_rgb: NDArray[Any], dictionary: str, ids: Iterable[int]) -> dict[int, NDArray[np.float64]]:
    """Find the markers with these identities.

    Parameters
    ----------
    image_rgb : uint8 or uint16, shape (h, w), (h, w, 1) or (h, w, 3)
    dictionary : str
        OpenCV's name of the family.
    ids : iterable of int
        Identities to look for; others are ignored.

    Returns
    -------
    dict
        Identity to corners, shape (4, 2), pixels (column, row), pixel centres at whole numbers, in the marker's own
        order: upper left, upper right, lower right, lower left of the upright marker.

    Raises
    ------
    DuplicateFiducial
        An identity is seen twice.
    UnknownDictionary
        No such dictionary.
    """
    wanted = set(ids)
    family = marker_dictionary(dictionary)
    picture = as_rgb(image_rgb)
    grey = eight_bit_grey(picture)
    seen: dict[int, NDArray[np.float64]] = {}
    for scale in _scales(grey.shape):
        if wanted <= seen.keys():
            break
        for marker, corners in _find(grey, family, wanted, scale):
            if marker not in seen:
                seen[marker] = corners
    return {marker: refine_square(picture, corners) for marker, corners in sorted(seen.items())}


def as_rgb(image: NDArray[Any]) -> NDArray[Any]:
    """The picture as (h, w, 1) or (h, w, 3).

    Raises
    ------
    ValueError
        It is no 8- or 16-bit grey or RGB picture.
    """
    picture = np.asarray(image)
    if picture.ndim == 2:
        picture = picture[:, :, None]
    if picture.ndim != 3 or picture.shape[2] not in (1, 3) or picture.dtype not in (np.uint8, np.uint16):
        raise ValueError(
            f"a picture of shape {picture.shape} and type {picture.dtype} cannot be used: give 8- or 16-bit grey or RGB"
        )
    return picture


def _scales(shape: tuple[int, ...]) -> tuple[float, ...]:
    """Small pictures whole; large ones reduced first, which finds large markers sooner, then whole."""
    longest = max(shape[:2])
    return (1.0,) if longest <= _COARSE_LONG_SIDE_PX else (_COARSE_LONG_SIDE_PX / longest, 1.0)


def eight_bit_grey(picture: NDArray[Any]) -> NDArray[np.uint8]:
    if picture.dtype == np.uint16:
        picture = (picture >> 8).astype(np.uint8)
    if picture.shape[2] == 1:
        return np.ascontiguousarray(picture[:, :, 0])
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def _find(
    grey: NDArray[np.uint8], family: Any, wanted: set[int], scale: float
) -> list[tuple[int, NDArray[np.float64]]]:
    reduced = grey if scale == 1.0 else cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    parameters = cv2.aruco.DetectorParameters()
    parameters.minMarkerPerimeterRate = min(0.03, _SMALLEST_PERIMETER_PX / max(reduced.shape))
    parameters.errorCorrectionRate = 0.3
    found: Any
    identities: Any
    found, identities, _ = cv2.aruco.ArucoDetector(family, parameters).detectMarkers(reduced)
    if identities is None:
        return []
    markers: list[tuple[int, NDArray[np.float64]]] = []
    for corners, marker in zip(found, np.asarray(identities).reshape(-1), strict=True):
        if int(marker) not in wanted:
            continue
        if any(int(marker) == other for other, _ in markers):
            raise DuplicateFiducial(f"marker {int(marker)} is seen twice: leave one print of it in the picture")
        points = np.asarray(corners, dtype=np.float64).reshape(-1, 2)
        factor = np.array([grey.shape[1] / reduced.shape[1], grey.shape[0] / reduced.shape[0]])
        markers.append((int(marker), (points + 0.5) * factor - 0.5))
    return markers
