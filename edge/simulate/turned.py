"""A specimen that hangs askew: turned about its upper left corner."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.simulate.specimen import Specimen
from firmware_bridge.messages import StagePose
from firmware_bridge.twins.source import Emission, RecordedCounts

_BOARD_SRGB = (124, 120, 113)
"""What is seen of the easel's board beside the turned specimen."""


@dataclass(frozen=True, slots=True)
class TurnedSpecimen:
    """Another specimen, its upper left corner left where it is, turned clockwise as the camera sees it."""

    upright: Specimen
    turn_deg: float

    @property
    def origin(self) -> StagePose:
        """Upper left corner of the upright rectangle around it."""
        low = self._corners_mm().min(axis=0)
        return StagePose(float(low[0]), float(low[1]))

    @property
    def size_mm(self) -> tuple[float, float]:
        """Of that rectangle."""
        width, height = np.ptp(self._corners_mm(), axis=0)
        return float(width), float(height)

    def at(self, start: StagePose, end: StagePose) -> Emission | RecordedCounts:
        """As the upright specimen radiates where the beam falls on it."""
        return self.upright.at(self._upright(start), self._upright(end))

    def photograph(self, mm_per_px: float) -> NDArray[np.uint8]:
        """The specimen before the board, over the rectangle around it."""
        picture = self.upright.photograph(mm_per_px)
        width, height = (max(1, round(length / mm_per_px)) for length in self.size_mm)
        across, down = width / self.size_mm[0], height / self.size_mm[1]
        # pixel centres of the result to stage, turned back, to pixel centres of the upright picture
        to_stage = np.array([[1 / across, 0, 0.5 / across], [0, 1 / down, 0.5 / down], [0, 0, 1]])
        to_stage[:2, 2] += [self.origin.x_mm, self.origin.y_mm]
        about = np.eye(3)
        about[:2, :2] = self._rotation().T
        corner = np.array([self.upright.origin.x_mm, self.upright.origin.y_mm])
        about[:2, 2] = -about[:2, :2] @ corner
        wide, high = self.upright.size_mm
        to_pixels = np.array([[picture.shape[1] / wide, 0, -0.5], [0, picture.shape[0] / high, -0.5], [0, 0, 1]])
        source = (to_pixels @ about @ to_stage)[:2]
        turned = cv2.warpAffine(
            picture, source, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=_BOARD_SRGB
        )
        return np.asarray(turned, dtype=np.uint8)

    def _rotation(self) -> NDArray[np.float64]:
        turn = np.deg2rad(self.turn_deg)
        return np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])

    def _corners_mm(self) -> NDArray[np.float64]:
        corner = np.array([self.upright.origin.x_mm, self.upright.origin.y_mm])
        sides = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * self.upright.size_mm
        return np.asarray(corner + sides @ self._rotation().T)

    def _upright(self, pose: StagePose) -> StagePose:
        corner = np.array([self.upright.origin.x_mm, self.upright.origin.y_mm])
        x, y = corner + (np.array([pose.x_mm, pose.y_mm]) - corner) @ self._rotation()
        return replace(pose, x_mm=float(x), y_mm=float(y))
