"""A registration corrected by what was measured: the picture moved on the stage, by how much, and how surely."""

from __future__ import annotations

from dataclasses import replace

from calibration.registration import Registration, StageShift
from calibration.registration_record import registration_digest


def corrected(registration: Registration, shift: StageShift) -> Registration:
    """The registration with its picture moved on the stage.

    Parameters
    ----------
    shift
        As found with the picture where `registration` has it: one that it carries already is added to, and the
        covariance is the new one's, for that is how well the picture's place is known now.
    """
    before = registration.shift
    if before is not None:
        shift = replace(shift, x_mm=before.x_mm + shift.x_mm, y_mm=before.y_mm + shift.y_mm)
    moved = replace(registration, shift=shift)
    return replace(moved, digest=registration_digest(moved))


def uncorrected(registration: Registration) -> Registration:
    """The registration as its markers gave it, before any correction."""
    if registration.shift is None:
        return registration
    bare = replace(registration, shift=None)
    return replace(bare, digest=registration_digest(bare))


def corrected_alike(registration: Registration, other: Registration) -> Registration:
    """A registration of the same camera and markers with the shift that another one carries, where it carries one.

    What was found of one frame holds for the next: markers that are not where they are stated to be stay there.
    """
    return registration if other.shift is None else corrected(registration, other.shift)
