"""The photograph's place corrected by what is measured: found beside the scan, written down by it, used from then on.

The preview's process finds the offset and leaves the corrected registration in a file; the scan, which alone writes
the journal, takes it from there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from calibration.correction import corrected
from calibration.registration import Registration, StageShift
from calibration.registration_record import registration_digest, registration_from_dict, registration_to_dict
from edge.config import ScanConfig
from edge.events import Corrected
from edge.maps import Samples
from edge.prepare import Sighting, place

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


def moved_by(sighting: Sighting, offset: Offset, config: ScanConfig) -> Sighting:
    """The photograph where the offset says that it lies."""
    shift = shift_of(offset, sighting.grid.pitch_mm)
    return place(sighting.frame, config, corrected(sighting.registration, shift))


def as_planned(sighting: Sighting, config: ScanConfig) -> Sighting:
    """The photograph where it was before any correction, as the plan was made from it."""
    if sighting.registration.shift is None:
        return sighting
    bare = replace(sighting.registration, shift=None)
    return place(sighting.frame, config, replace(bare, digest=registration_digest(bare)))


def leave_correction(path: Path, *, before: Registration, after: Registration, exposures: int) -> None:
    """Leave a corrected registration for the scan; whoever looks finds the whole file or none."""
    found = {"before": before.digest, "registration": registration_to_dict(after), "exposures": exposures}
    unfinished = path.with_suffix(".part")
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
    clock
        Monotonic time in s.
    """

    def __init__(self, path: Path, registration: Registration, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._looked_s = clock()
        self.registration = registration
        """The one in force."""

    def look(self, at: str) -> Corrected | None:
        """A correction of the registration in force, to be written down; None where there is none.

        Looks once a second at the most. A file that is damaged, or of another registration, is no correction: the
        scan goes on without.
        """
        if self._clock() - self._looked_s < _PERIOD_S:
            return None
        self._looked_s = self._clock()
        try:
            left = json.loads(self._path.read_text(encoding="utf-8"))
            if left["before"] != self.registration.digest:
                return None
            after = registration_from_dict(left["registration"])
            exposures = int(left["exposures"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        self.registration = after
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
