"""The beam's footprint: rates averaged over its Gaussian spot and along its way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.messages import StagePose


def beam_way(start: StagePose, end: StagePose, step_mm: float) -> NDArray[np.float64]:
    """Points along the way, at most a step apart and each standing for an equal part of it, shape (n, 2)."""
    length_mm = float(np.hypot(end.x_mm - start.x_mm, end.y_mm - start.y_mm))
    points = max(1, int(np.ceil(length_mm / step_mm)))
    parts = (np.arange(points) + 0.5)[:, None] / points
    first = np.array([start.x_mm, start.y_mm])
    return np.asarray(first + parts * (np.array([end.x_mm, end.y_mm]) - first), dtype=np.float64)


class RateField:
    """Rates on a raster over the specimen, blurred once by the beam's Gaussian footprint, sampled bilinearly."""

    def __init__(
        self, rates_hz: NDArray[np.float32], outside_hz: NDArray[np.float32], pitch_mm: float, beam_fwhm_mm: float
    ) -> None:
        """Take rates of shape (rows, columns, channels) and those of the support around, shape (channels,)."""
        import cv2

        self._pitch_mm = pitch_mm
        self._margin = int(np.ceil(1.5 * beam_fwhm_mm / pitch_mm)) + 1
        rows, columns, channels = rates_hz.shape
        padded = np.empty((rows + 2 * self._margin, columns + 2 * self._margin, channels), dtype=np.float32)
        padded[:] = outside_hz
        padded[self._margin : -self._margin, self._margin : -self._margin] = rates_hz
        sigma_px = beam_fwhm_mm / 2.3548 / pitch_mm
        if sigma_px > 0.2:
            for first in range(0, channels, 4):
                padded[..., first : first + 4] = cv2.GaussianBlur(
                    np.ascontiguousarray(padded[..., first : first + 4]),
                    (0, 0),
                    sigma_px,
                    borderType=cv2.BORDER_REPLICATE,
                ).reshape(*padded.shape[:2], -1)
        self._rates = padded
        self._outside = outside_hz.astype(np.float64)

    def mean(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean over points (x, y) measured from the specimen's corner, shape (channels,)."""
        place = points_mm / self._pitch_mm - 0.5 + self._margin
        corner = np.floor(place).astype(np.intp)
        total = np.zeros(self._rates.shape[2])
        high, wide = self._rates.shape[:2]
        for (column, row), (fx, fy) in zip(corner.tolist(), (place - corner).tolist(), strict=True):
            if 0 <= row < high - 1 and 0 <= column < wide - 1:
                four = self._rates[row : row + 2, column : column + 2]
                total += (1 - fy) * ((1 - fx) * four[0, 0] + fx * four[0, 1])
                total += fy * ((1 - fx) * four[1, 0] + fx * four[1, 1])
            else:
                total += self._outside
        return np.asarray(total / len(place), dtype=np.float64)
