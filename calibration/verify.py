"""Whether a registration still holds: what has changed between where points were and where they are found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.fiducials import Fiducial
from calibration.projection import pixels_from_stage, stage_from_pixels
from calibration.registration import Registration

_TELLING = 0.3
"""Share of the largest displacement from which its part by scale names the cause: a camera that is focused scales about
the picture's centre, which shifts an area beside it too, and one that is moved hardly scales."""
_QUIET_SHARE = 0.2
"""Rim around a marker, as a share of its side, that is looked at for sharpness with it."""


@dataclass(frozen=True, slots=True)
class PlaneChange:
    """A similarity that takes places on the stage to where they are found, and what it leaves."""

    x_mm: float
    """Shift of the points' centre."""
    y_mm: float
    turn_deg: float
    scale: float
    largest_mm: float
    """The farthest that any of the points is found from its place."""
    rms_mm: float
    """Root mean square distance of the points from their places."""
    misfit_mm: float
    """Root mean square of what the similarity leaves."""
    radius_mm: float
    """Of the points about their centre, at the farthest."""

    @property
    def is_of_scale(self) -> bool:
        """Whether a change of scale is what moved the points: the camera was focused, zoomed, or moved nearer."""
        return abs(self.scale - 1) * self.radius_mm > _TELLING * self.largest_mm


def plane_change(expected_mm: NDArray[np.float64], found_mm: NDArray[np.float64]) -> PlaneChange:
    """The similarity of least squares (Umeyama 1991, in the plane) between two sets of points.

    Parameters
    ----------
    expected_mm, found_mm : shape (n, 2), n at least 2
        The same points where they should be and where they are; not all in one place.
    """
    expected = expected_mm[:, 0] + 1j * expected_mm[:, 1]
    found = found_mm[:, 0] + 1j * found_mm[:, 1]
    arms, moved = expected - expected.mean(), found - found.mean()
    ratio = complex((arms.conj() @ moved) / (arms.conj() @ arms).real)
    shift = complex(found.mean() - expected.mean())
    left = np.abs(moved - ratio * arms)
    return PlaneChange(
        x_mm=shift.real,
        y_mm=shift.imag,
        turn_deg=math.degrees(math.atan2(ratio.imag, ratio.real)),
        scale=abs(ratio),
        largest_mm=float(np.abs(found - expected).max()),
        rms_mm=float(np.sqrt(np.mean(np.abs(found - expected) ** 2))),
        misfit_mm=float(np.sqrt(np.mean(left**2))),
        radius_mm=float(np.abs(arms).max()),
    )


def change_of_view(before: Registration, now: Registration, points_mm: NDArray[np.float64]) -> PlaneChange:
    """How points of the stage moved in the picture from one registration to another, told in mm of the former.

    Parameters
    ----------
    points_mm : shape (n, 2), n at least 2
        Places on the stage, for instance the scan area's corners.
    """
    return plane_change(points_mm, stage_from_pixels(before, pixels_from_stage(now, points_mm)))


def change_at_fiducials(
    registration: Registration, fiducials: Sequence[Fiducial], seen: dict[int, NDArray[np.float64]]
) -> PlaneChange | None:
    """How far fiducials of known places are from where a registration, made without this picture, says; None below two.

    Parameters
    ----------
    seen
        Corners of the markers found, px, shape (4, 2) each.
    """
    known = [fiducial for fiducial in fiducials if fiducial.id in seen]
    if len(known) < 2:
        return None
    corners_px = np.concatenate([seen[fiducial.id] for fiducial in known])
    # centres are compared: a stage whose axes are turned against the picture turns its prints, not their centres
    found_mm = stage_from_pixels(registration, corners_px).reshape(-1, 4, 2).mean(axis=1)
    return plane_change(np.array([(each.centre.x_mm, each.centre.y_mm) for each in known]), found_mm)


def sharpness(image: NDArray[Any], registration: Registration, fiducials: Sequence[Fiducial]) -> float:
    """How steep the markers' edges are: the curvature of light over its contrast, per px, the median of all markers.

    Light of any strength gives the same; a blur of twice the width gives about a quarter. Zero where no marker lies
    wholly inside the picture.

    Parameters
    ----------
    image : uint8 or uint16, shape (h, w, 3)
    """
    height, width = image.shape[:2]
    found = []
    for fiducial in fiducials:
        rim = fiducial.side_mm * _QUIET_SHARE * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
        corners = pixels_from_stage(registration, fiducial.corners_mm + rim)
        low, high = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))
        if not (np.isfinite(corners).all() and low.min() >= 0 and high[0] < width and high[1] < height):
            continue
        patch = image[int(low[1]) : int(high[1]), int(low[0]) : int(high[0])].mean(axis=2, dtype=np.float32)
        smooth = cv2.GaussianBlur(np.asarray(patch), (0, 0), 1.0)
        contrast = float(smooth.std())
        if contrast > 0:
            found.append(float(cv2.Laplacian(smooth, cv2.CV_32F).std()) / contrast)
    return float(np.median(found)) if found else 0.0
