"""Which of the fiducials seen agree on one plane, and why the others were left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibration.homography import PlaneFit, agreeing_points, fit_plane, tight_points
from calibration.lens import Lens
from calibration.registration import NotRegistered

NEEDED_FIDUCIALS: Final = 4
RADIAL_TERM_FROM: Final = 8
"""With so many fiducials or more and no calibrated lens, one radial term is estimated beside the homography."""


@dataclass(frozen=True, slots=True, eq=False)
class Corners:
    """Corners of the fiducials in use."""

    points_mm: NDArray[np.float64]
    points_px: NDArray[np.float64]
    marker_of: NDArray[np.intp]

    def only(self, keep: NDArray[np.bool_]) -> Corners:
        return Corners(self.points_mm[keep], self.points_px[keep], self.marker_of[keep])


def agreeing_corners(
    corners: Corners, lens: Lens, *, has_lens: bool
) -> tuple[Corners, PlaneFit, tuple[str, ...]] | NotRegistered:
    """Corners in use, their plane, and a note for each marker that was left out or lost a corner."""
    seen = np.unique(corners.marker_of).size
    if has_lens or seen < RADIAL_TERM_FROM:
        start = agreeing_points(corners.points_mm, corners.points_px, corners.marker_of, lens)
    else:
        # The lens's bending, which is fitted, would pass for misplaced markers in a plane without it.
        start = np.ones(len(corners.marker_of), dtype=bool)
    keep = _whole_markers(corners, start)
    for _ in range(3):
        used = corners.only(keep)
        if np.unique(used.marker_of).size < NEEDED_FIDUCIALS:
            break
        try:
            fit = plane_of(used, lens, has_lens=has_lens)
        except ValueError as error:
            return NotRegistered(f"{error}: place markers on all sides of the object")
        again = _whole_markers(corners, tight_points(fit, corners.points_mm, corners.points_px))
        if (again == keep).all():
            return used, fit, _notes(corners, keep, fit)
        keep = again
    agreeing = np.unique(corners.marker_of[keep])
    if agreeing.size >= NEEDED_FIDUCIALS:
        used = corners.only(keep)
        fit = plane_of(used, lens, has_lens=has_lens)
        return used, fit, _notes(corners, keep, fit)
    differing = sorted(set(corners.marker_of.tolist()) - set(agreeing.tolist()))
    return NotRegistered(
        f"only {agreeing.size} of {np.unique(corners.marker_of).size} fiducials seen agree on one plane, at least "
        f"{NEEDED_FIDUCIALS} needed: check the stated places and the printed size of markers {listed(differing)}"
        f"{'' if has_lens else ', or calibrate the lens, whose bending may be what differs'}"
    )


def refuse_bent(seen: Corners, used: Corners) -> NotRegistered | None:
    """Without a lens several markers that disagree are its bending rather than misplaced."""
    markers = np.unique(seen.marker_of)
    lost = sorted(set(markers.tolist()) - set(used.marker_of.tolist()))
    if len(lost) <= max(1, markers.size // 6):
        return None
    return NotRegistered(
        f"{len(lost)} of {markers.size} fiducials seen ({listed(lost)}) disagree with the rest, and without a "
        "calibrated lens its bending is not told from misplaced markers: calibrate the lens with pointillist calibrate "
        f"camera, show {RADIAL_TERM_FROM} markers or more, or check the places stated"
    )


def _whole_markers(corners: Corners, keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Leave out whole the markers that lost two corners or more."""
    kept = keep.copy()
    for marker in np.unique(corners.marker_of):
        own = corners.marker_of == marker
        if keep[own].sum() < 3:
            kept[own] = False
    return kept


def plane_of(corners: Corners, lens: Lens, *, has_lens: bool) -> PlaneFit:
    """Fit the plane, with one radial term where there is no lens but enough markers."""
    with_radial_term = not has_lens and np.unique(corners.marker_of).size >= RADIAL_TERM_FROM
    return fit_plane(corners.points_mm, corners.points_px, lens, with_radial_term=with_radial_term)


def _notes(corners: Corners, keep: NDArray[np.bool_], fit: PlaneFit) -> tuple[str, ...]:
    notes = []
    off_mm = np.linalg.norm(fit.stage(corners.points_px) - corners.points_mm, axis=1)
    for marker in np.unique(corners.marker_of[~keep]):
        own = corners.marker_of == marker
        lost = own & ~keep
        which = "was left out" if lost.sum() == own.sum() else "lost a corner"
        notes.append(
            f"fiducial {int(marker)} {which}: it lies up to {off_mm[lost].max():.2f} mm from its stated place, "
            "check that place and the print"
        )
    return tuple(notes)


def listed(markers: Any) -> str:
    """Numbers in order, for a sentence."""
    return ", ".join(str(marker) for marker in sorted(markers))
