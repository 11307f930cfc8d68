"""The whole object: its photograph placed in its own frame, its grid, and the mask that all placements share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.fiducials import Fiducial
from calibration.lens import Lens
from calibration.placing import NotPlaced, Placed, PlanePicture, place_in_whole
from calibration.register import register
from calibration.registration import NotRegistered, Registration
from edge.cameras import read_picture
from edge.campaign.config import CampaignConfig, load_campaign
from edge.configuration.config import LensConfig
from edge.faults import SafetyStop, UsageError
from edge.grid import ScanGrid
from edge.photography.resample import rgb_on_grid
from edge.planning.area import cells_clear_of
from edge.planning.keep_outs import KeepOuts
from edge.prepare import Sighting, frame_digest, grid_of
from firmware_bridge.messages import StagePose
from models.density import cells_for_rate
from models.masks import MASKS, MaskRequest, make_mask
from models.sampling import SamplingMask

_FINER = 4
"""Pixels to a cell's side in the pictures that are compared."""
_LONGEST_PX = 2_500


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """A campaign's object as its photograph shows it."""

    config: CampaignConfig
    image: NDArray[Any]
    registration: Registration
    """Of the photograph in the object's frame."""
    grid: ScanGrid
    """In the object's frame."""
    rgb: NDArray[np.uint8]
    """The photograph on that grid."""
    frame_sha256: str

    def picture(self) -> PlanePicture:
        """The photograph seen straight on, finer than the grid."""
        return _seen(self.image, self.registration, self.grid)

    def mask(self) -> SamplingMask:
        """Where the whole is visited, made once for all placements; the same for the same photograph."""
        sampling = self.config.sampling
        allowed = cells_clear_of(KeepOuts(), self.grid, self.config.area)
        request = MaskRequest(
            shape=self.grid.shape,
            count=cells_for_rate(sampling.rate, int(allowed.sum())),
            rgb=self.rgb,
            allowed=allowed,
            binariser=sampling.binariser,
            seed=sampling.seed,
            max_hole=None if sampling.max_hole_mm is None else sampling.max_hole_mm / self.grid.pitch_mm,
            model=None if sampling.model is None else Path(sampling.model),
        )
        return make_mask(sampling.first_mask, request).mask


def load_whole(path: Path) -> Whole:
    """Read a campaign and place its photograph.

    Raises
    ------
    UsageError
        The campaign's file or photograph cannot be used.
    SafetyStop
        The photograph cannot be placed, or does not show the whole area.
    """
    config = load_campaign(path)
    if config.sampling.first_mask not in MASKS:
        raise UsageError(f"sampling.mask: there is no {config.sampling.mask!r}: choose one of {', '.join(MASKS)}")
    photograph = Path(config.photograph)
    if not photograph.is_file():
        raise UsageError(f"{photograph}: no such file: give the photograph of the whole as photograph in {path}")
    image = read_picture(photograph)
    markers = config.fiducials
    registration = register(
        image,
        [Fiducial(marker.id, StagePose(marker.x_mm, marker.y_mm), markers.side_mm) for marker in markers.markers],
        lens=_lens(config.lens),
        dictionary=markers.dictionary,
        camera_identity=photograph.name,
        registered_at="",
        tolerance_mm=config.area.pitch_mm / 2,
    )
    if isinstance(registration, NotRegistered):
        raise SafetyStop(f"{photograph}: the photograph of the whole cannot be placed: {registration.reason}")
    grid = grid_of(config.area)
    rgb = eight_bits(rgb_on_grid(image, registration, grid))
    return Whole(config, image, registration, grid, rgb, frame_digest(image))


def placed_in(whole: Whole, sighting: Sighting, name: str) -> Placed:
    """Where a placement's stage lies in the object's frame, by what its photograph and the whole's both show.

    Raises
    ------
    SafetyStop
        It cannot be told within half a cell.
    """
    part = _seen(sighting.frame.image, sighting.registration, sighting.grid, like=whole.grid)
    outcome = place_in_whole(part, whole.picture())
    if isinstance(outcome, NotPlaced):
        raise SafetyStop(f"the placement {name!r} cannot be found in the photograph of the whole: {outcome.reason}")
    if outcome.rms_mm > whole.grid.pitch_mm / 2:
        raise SafetyStop(
            f"the placement {name!r} fits the photograph of the whole within {outcome.rms_mm:.2f} mm rms only, more "
            "than half a cell: check the markers' stated places in both"
        )
    return outcome


def _seen(
    image: NDArray[Any], registration: Registration, grid: ScanGrid, *, like: ScanGrid | None = None
) -> PlanePicture:
    """A photograph seen straight on over a grid's area, as fine as one of the `like` grid would be."""
    other = grid if like is None else like
    mm_per_px = max(other.pitch_mm / _FINER, max(other.width_mm, other.height_mm) / _LONGEST_PX)
    rows, columns = math.floor(grid.height_mm / mm_per_px), math.floor(grid.width_mm / mm_per_px)
    fine = ScanGrid(grid.origin_x_mm, grid.origin_y_mm, mm_per_px, rows=rows, columns=columns)
    rgb = eight_bits(rgb_on_grid(image, registration, fine))
    return PlanePicture(rgb, grid.origin_x_mm, grid.origin_y_mm, mm_per_px)


def eight_bits(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """A picture of 8 or 16 bits, of 8."""
    return picture if picture.dtype == np.uint8 else np.asarray(np.rint(picture / 257), np.uint8)


def _lens(config: LensConfig | None) -> Lens | None:
    if config is None:
        return None
    return Lens(np.array(config.matrix, float), np.array(config.distortion, float), config.width_px, config.height_px)
