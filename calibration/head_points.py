"""What a head-mounted camera saw as the stage moved, and whether it is enough to calibrate it by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

LEAST_PLACES: Final = 4
_STILL_PX = 3.0
_MOVED_MM = 0.5
_THIN = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """Points of the object, each seen from several places of the stage."""

    places_mm: Doubles
    """Where the stage stood, shape (n, 2)."""
    points_px: Doubles
    """Where the point was seen, pixels as seen, shape (n, 2)."""
    tracks: NDArray[np.intp]
    """Which point, numbered from 0, shape (n,)."""

    def only(self, keep: NDArray[np.bool_]) -> Tracks:
        """Some of the sights, points numbered as before."""
        return Tracks(self.places_mm[keep], self.points_px[keep], self.tracks[keep])


@dataclass(frozen=True, slots=True)
class Anchor:
    """A point whose place is known: the middle of some tracks, as a marker's centre is of its corners."""

    tracks: tuple[int, ...]
    x_mm: float
    y_mm: float
    error_mm: float = 0.05
    """Of the stated place: beams are steered over a marker by eye."""
    name: str = "the marker"
    """As a sentence calls it."""


@dataclass(frozen=True, slots=True, eq=False)
class Spots:
    """Where the alignment laser, which falls where the beam does, was seen."""

    points_px: Doubles
    """Shape (n, 2)."""
    errors_px: Doubles
    """Standard errors, shape (n, 2)."""


def why_not_enough(seen: Tracks, anchors: Sequence[Anchor], spots: Spots | None) -> str:
    """A sentence where nothing can be fitted; empty otherwise."""
    places = np.unique(seen.places_mm, axis=0)
    if len(places) < LEAST_PLACES:
        return (
            f"something to go by was seen from {len(places)} places of the stage, {LEAST_PLACES} are needed: take "
            "frames at more places, near enough to each other that they show the same"
        )
    if not is_spread(seen):
        return "the places from which a point was seen lie on a line: move the stage along both axes"
    moved_px, moved_mm = 0.0, 0.0
    for track in np.unique(seen.tracks):
        own = seen.tracks == track
        moved_px = max(moved_px, float(np.ptp(seen.points_px[own], axis=0).max()))
        moved_mm = max(moved_mm, float(np.ptp(seen.places_mm[own], axis=0).max()))
    if moved_mm < _MOVED_MM:
        return f"no point was seen from places more than {_MOVED_MM:g} mm apart: move the stage further between frames"
    if moved_px < _STILL_PX:
        return (
            f"the picture does not move with the stage ({moved_px:.1f} px for {moved_mm:.1f} mm): this camera is not "
            "on the head, calibrate it with pointillist calibrate stage"
        )
    if not anchors and (spots is None or len(spots.points_px) == 0):
        return (
            "nothing tells where the beam is: switch the alignment laser on so that its spot is seen, or bring a "
            "marker of known place into view"
        )
    return ""


def is_spread(seen: Tracks) -> bool:
    """Whether points were seen from places that lie apart along both axes."""
    counts = np.maximum(np.bincount(seen.tracks), 1)
    means = [np.bincount(seen.tracks, weights=seen.places_mm[:, axis]) / counts for axis in range(2)]
    spread = np.linalg.svd(seen.places_mm - np.stack(means, axis=1)[seen.tracks], compute_uv=False)
    return bool(spread.size > 1 and spread[1] > _THIN * spread[0])
