"""Whether camera, markers and object are where a plan's photograph shows them: asked before the shutter opens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from calibration.correction import corrected_alike
from calibration.motion import NotAlike, NothingToCompare, motion_between
from calibration.verify import PlaneChange, change_of_view, sharpness
from edge.cameras import Frame
from edge.cameras.identity import is_same_camera
from edge.configuration.config import ScanConfig
from edge.faults import SafetyStop
from edge.grid import ScanGrid
from edge.prepare import Sighting, fiducials_of, frame_digest, place, register_frame

BLURRED = 0.5
"""Share of the former sharpness below which the picture is told to be out of focus."""


@dataclass(frozen=True, slots=True)
class PlaceCheck:
    """Nothing was seen to move."""

    sentence: str
    """What the photograph tells, for the operator."""
    remarks: tuple[str, ...] = ()
    """What somebody should do something about all the same, one sentence each."""


@dataclass(frozen=True, slots=True)
class LastLook:
    """What a photograph has to be newer than, to tell anything."""

    at: str
    """UTC, ISO 8601."""
    frame_sha256: str = ""
    """Of the photograph that was looked at then; empty where there is none."""

    @classmethod
    def of(cls, frame: Frame) -> LastLook:
        """The look at a photograph."""
        return cls(frame.taken_at, frame_digest(frame.image))

    def is_followed_by(self, frame: Frame) -> bool:
        """Whether a photograph is another one, and younger."""
        is_younger = datetime.fromisoformat(frame.taken_at) > datetime.fromisoformat(self.at)
        return is_younger and frame_digest(frame.image) != self.frame_sha256


def check_place(before: Sighting, frame: Frame, config: ScanConfig, *, last: LastLook | None = None) -> PlaceCheck:
    """Compare a photograph with the one that a plan was made from.

    Parameters
    ----------
    last
        The look, or the interruption, before this one. A photograph that is not newer is compared all the same, but
        does not pass for a look: the sentence says so.

    Raises
    ------
    SafetyStop
        Another camera, another size, a view or an object that moved by more than half a pitch, or no likeness; the
        text names the remedy.
    """
    if frame_digest(frame.image) == before.frame_sha256:
        return PlaceCheck(
            "the camera gave the plan's own photograph again, which cannot show whether the object has moved"
        )
    require_same_camera(before.frame, frame)
    now = place(frame, config, corrected_alike(register_frame(frame, config), before.registration))
    tolerance_mm = before.grid.pitch_mm / 2
    view = change_of_view(before.registration, now.registration, outline_of(before.grid))
    object_mm = require_unmoved(before.rgb, now.rgb, before.grid.pitch_mm, view=view)
    if view.largest_mm > tolerance_mm:
        raise SafetyStop(_of_view(view))
    remarks = _remarks(before, now, config)
    if last is not None and not last.is_followed_by(frame):
        return PlaceCheck(
            f"the camera gave a photograph of before the last look or interruption again ({frame.taken_at}), which "
            "cannot show whether the object has moved since",
            remarks,
        )
    if object_mm is None:
        blank = "the photograph shows nothing, so it could not be checked that the object has not moved"
        return PlaceCheck("the markers are where they were", (blank, *remarks))
    moved_um = 1_000 * max(object_mm, view.largest_mm)
    return PlaceCheck(f"the object is where it was (within {moved_um:.0f} um)", remarks)


def require_same_camera(before: Frame, now: Frame) -> None:
    """A photograph can be compared with one of the same camera at the same size alone.

    Raises
    ------
    SafetyStop
        It is of another one.
    """
    if not is_same_camera(before.identity, now.identity):
        raise SafetyStop(
            f"the photograph is of another camera ({now.identity}) than the plan's ({before.identity}): connect that "
            "one again, or start a new scan"
        )
    if now.image.shape != before.image.shape:
        (high, wide), (height, width) = before.image.shape[:2], now.image.shape[:2]
        raise SafetyStop(
            f"the camera changed its pictures from {wide} x {high} to {width} x {height} pixels: set it back, or start "
            "a new scan"
        )


def require_unmoved(
    before: NDArray[np.uint8], now: NDArray[np.uint8], pitch_mm: float, *, view: PlaneChange | None = None
) -> float | None:
    """How far the object moved on the stage between two photographs, both resampled to the scan grid, in mm.

    Parameters
    ----------
    view
        How the markers moved in the picture, to tell what it was that moved.

    Returns
    -------
    The longest way of any corner of the area; None where neither picture shows anything to compare.

    Raises
    ------
    SafetyStop
        More than half a pitch, or pictures that are not of the same object in the same place.
    """
    motion = motion_between(before, now, pitch_mm)
    match motion:
        case NothingToCompare():
            return None
        case NotAlike(likeness=likeness, wanted=wanted):
            raise SafetyStop(
                "the photograph does not show the object as it was when the scan was planned "
                f"(likeness {likeness:.2f}, at least {wanted} wanted): put the same object back, uncovered, lit "
                "as before, or start a new scan"
            )
    if motion.largest_mm <= pitch_mm / 2:
        return motion.largest_mm
    turned = f" and turned by {motion.turn_deg:.2f} degrees" if abs(motion.turn_deg) > 0.05 else ""
    if view is not None and view.largest_mm > pitch_mm / 2:
        raise SafetyStop(
            f"the markers moved by {view.largest_mm:.2f} mm in the picture, and the object by {motion.largest_mm:.2f} "
            "mm against them, since the scan was planned: put both back, or start a new scan"
        )
    raise SafetyStop(
        f"the object moved by {motion.largest_mm:.2f} mm{turned} since the scan was planned, more than half a pitch: "
        "put it back, or start a new scan"
    )


def outline_of(grid: ScanGrid) -> NDArray[np.float64]:
    """Corners of a grid's area, the middles of its sides and its centre, shape (9, 2), mm."""
    x = grid.origin_x_mm + grid.width_mm * np.array([0, 0.5, 1])
    y = grid.origin_y_mm + grid.height_mm * np.array([0, 0.5, 1])
    across, down = np.meshgrid(x, y)
    return np.column_stack([across.ravel(), down.ravel()])


def _of_view(view: PlaneChange) -> str:
    if view.is_of_scale:
        return (
            f"the picture's scale changed by {100 * (view.scale - 1):+.2f} %, which moves the area's edge by "
            f"{view.largest_mm:.2f} mm, since the scan was planned: focus, zoom or distance of the camera was changed, "
            "set it back, or start a new scan"
        )
    return (
        f"markers and object moved together by {view.largest_mm:.2f} mm in the picture since the scan was planned: the "
        "easel or the camera was moved, put it back, or start a new scan"
    )


def _remarks(before: Sighting, now: Sighting, config: ScanConfig) -> tuple[str, ...]:
    fiducials = fiducials_of(config)
    was, is_now = (sharpness(each.frame.image, each.registration, fiducials) for each in (before, now))
    if is_now >= BLURRED * was:
        return ()
    return (
        f"the markers' edges are {100 * is_now / was:.0f} % as sharp as when the scan was planned: focus the camera",
    )
