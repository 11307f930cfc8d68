"""The photograph's place corrected by what is measured: found beside the scan, written down by it, used from then on.

The preview's process finds the offset and leaves the corrected registration in a file; the scan, which alone writes
the journal, takes it from there.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from calibration.correction import corrected, uncorrected
from calibration.registration import Registration, StageShift
from calibration.registration_record import registration_from_dict, registration_to_dict
from edge.configuration.config import ScanConfig
from edge.events import Corrected
from edge.faults import SafetyStop
from edge.grid import ScanGrid
from edge.maps import Samples
from edge.photography.resample import refuse_unseen_area
from edge.prepare import Sighting, place
from edge.record.own_files import read_note

if TYPE_CHECKING:
    from edge.reconstruct.lowest_point import NoOffset, Offset

_FIRST_SHARE = 0.05
_FIRST_EXPOSURES = 300
"""The offset is looked for from so large a share of the plan's exposures on, and so many, then at every doubling."""
_PERIOD_S = 1.0
"""Time between two looks for a file."""


def due_after(planned: int) -> int:
    """Exposures from which on the offset is looked for the first time."""
    return max(_FIRST_EXPOSURES, round(_FIRST_SHARE * planned))


def offset_of_photograph(samples: Samples, elements: tuple[str, ...], sighting: Sighting) -> Offset | NoOffset:
    """How far a scan's photograph lies from where its samples say it should."""
    from edge.reconstruct.cells import checked_photograph, merged
    from edge.reconstruct.misplacement import offset_of

    shape = sighting.grid.shape
    return offset_of(merged(samples, shape, elements), checked_photograph(sighting.rgb, shape))


def shift_of(offset: Offset, pitch_mm: float) -> StageShift:
    """The offset on the stage: rows run with y, columns with x."""
    (down, both), (_, right) = offset.covariance
    square = pitch_mm * pitch_mm
    return StageShift(
        x_mm=offset.right * pitch_mm,
        y_mm=offset.down * pitch_mm,
        covariance_mm2=((right * square, both * square), (both * square, down * square)),
        chance=offset.chance,
        samples=offset.samples,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Placing:
    """The photograph where the samples say that it lies."""

    sighting: Sighting
    """Moved where the offset is significant and there is picture enough."""
    offset: Offset | NoOffset
    """How far that is from where it was, in cells."""
    unmoved: str = ""
    """Why it was left where it was in spite of a significant offset; mostly empty."""

    @property
    def was_moved(self) -> bool:
        """Whether the sighting is another one than before."""
        return not self.unmoved and (self.offset.is_significant if self.offset else False)


def placed_by_samples(samples: Samples, elements: tuple[str, ...], sighting: Sighting, config: ScanConfig) -> Placing:
    """Look where the samples say that the photograph lies, and place it there.

    It stays where the scan's area would come nearer than a cell to the picture's edge: a later photograph, a hair
    beside, has to show the area as well.
    """
    offset = offset_of_photograph(samples, elements, sighting)
    if not offset or not offset.is_significant:
        return Placing(sighting, offset)
    grid = sighting.grid
    registration = corrected(sighting.registration, shift_of(offset, grid.pitch_mm))
    room = ScanGrid(
        grid.origin_x_mm - grid.pitch_mm,
        grid.origin_y_mm - grid.pitch_mm,
        grid.pitch_mm,
        rows=grid.rows + 2,
        columns=grid.columns + 2,
    )
    try:
        refuse_unseen_area(registration, room, sighting.frame.image.shape[1], sighting.frame.image.shape[0])
        return Placing(place(sighting.frame, config, registration), offset)
    except SafetyStop:
        return Placing(sighting, offset, "the scan’s area would leave the photograph, or come too near to its edge")


def as_planned(sighting: Sighting, config: ScanConfig) -> Sighting:
    """The photograph where it was before any correction, as the plan was made from it."""
    if sighting.registration.shift is None:
        return sighting
    return place(sighting.frame, config, uncorrected(sighting.registration))


def leave_correction(path: Path, registration: Registration, exposures: int) -> None:
    """Leave a corrected registration for the scan; whoever looks finds the whole file or none.

    Raises
    ------
    OSError
        It cannot be written.
    """
    found = {"registration": registration_to_dict(registration), "exposures": exposures}
    # a preview of a scan that was killed may still be about
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    unfinished.write_text(json.dumps(found), encoding="utf-8")
    unfinished.replace(path)


class Corrections:
    """The scan's side: what the preview left, each correction once.

    Parameters
    ----------
    path
        Where the preview leaves it.
    registration
        The one in force.
    exposures
        That it was corrected from, 0 where it was not.
    clock
        Monotonic time in s.
    """

    def __init__(
        self,
        path: Path,
        registration: Registration,
        exposures: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._clock = clock
        self._looked_s = clock()
        self._base = uncorrected(registration).digest
        self._exposures = exposures
        self.registration = registration
        """The one in force."""

    def look(self, at: str) -> Corrected | None:
        """A correction from more exposures than the one in force, to be written down; None where there is none.

        Looks once a second at the most. A file that is damaged, or of another photograph or other markers, is no
        correction: the scan goes on without.
        """
        if self._clock() - self._looked_s < _PERIOD_S:
            return None
        self._looked_s = self._clock()
        try:
            left = json.loads(read_note(self._path))
            after = registration_from_dict(left["registration"])
            exposures = int(left["exposures"])
        except (OSError, ValueError, KeyError, TypeError, ArithmeticError):
            return None
        if after.shift is None or uncorrected(after).digest != self._base or exposures <= self._exposures:
            return None
        self.registration, self._exposures = after, exposures
        return Corrected(at, json.dumps(left["registration"]), exposures)


def correction_sentence(registration: Registration) -> str:
    """What the operator reads of a correction."""
    shift = registration.shift
    if shift is None:
        return "the photograph's place is as registered"
    x_um, y_um = (1_000 * deviation for deviation in shift.deviation_mm)
    return (
        f"the measured cells show that the photograph lies {shift.x_mm:+.2f} mm in x and {shift.y_mm:+.2f} mm in y "
        f"from where it was registered (standard errors {x_um:.0f} and {y_um:.0f} um): corrected"
    )
