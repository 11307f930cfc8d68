"""What a pair of devices can do, and which exposures it can take. Pure but for the boot identity."""

from __future__ import annotations

import math
import secrets
from typing import Final

from firmware_bridge.faults import LimitExceeded, SettingRefused
from firmware_bridge.messages import Capabilities, Exposure, StagePose
from firmware_bridge.pairing.rows import Row, speed_mm_s
from firmware_bridge.spectrometer import SpectrometerCapabilities
from firmware_bridge.stage import StageCapabilities

LEASE_S: Final = 0.5
"""How long the beam stays on at the most after the last word from here."""
LEAD_S: Final = 0.5
"""Constant speed before a row, for two reports of the stage at five a second."""
LONGEST_ROW_S: Final = 20.0
MOST_CELLS: Final = 64
"""What is flown without stopping, at the most."""
_QUEUE_LENGTH: Final = 16
_FLYING_QUEUE_LENGTH: Final = 64
"""A whole row ahead of the one in progress."""
_FASTER: Final = 1e-6


def combined(moves: StageCapabilities, counts: SpectrometerCapabilities) -> Capabilities:
    """Stage and spectrometer as one controller, with a new boot identity.

    Raises
    ------
    SettingRefused
        The stage has no output that closes the shutter by itself.
    """
    if not (moves.has_gate or moves.flies_with_beam):
        raise SettingRefused(
            "the stage has no output that closes the shutter by itself when this computer falls silent: wire a "
            "retriggerable monostable to one and name it as the stage's gate, or switch laser mode on where it has it"
        )
    return Capabilities(
        firmware=f"{moves.firmware} with {counts.model} {counts.serial_number} ({counts.firmware})",
        protocol_version=1,
        boot_id=secrets.randbits(32),
        x_limits_mm=moves.x_limits_mm,
        y_limits_mm=moves.y_limits_mm,
        max_speed_mm_s=moves.max_speed_mm_s,
        max_acceleration_mm_s2=moves.max_acceleration_mm_s2,
        channels=counts.channels,
        queue_length=_FLYING_QUEUE_LENGTH if moves.flies_with_beam else _QUEUE_LENGTH,
        lease_s=LEASE_S,
    )


def check_pose(moves: StageCapabilities, pose: StagePose, what: str) -> None:
    """Raise `LimitExceeded` for a pose outside the stage's limits."""
    (x_low, x_high), (y_low, y_high) = moves.x_limits_mm, moves.y_limits_mm
    inside = x_low <= pose.x_mm <= x_high and y_low <= pose.y_mm <= y_high
    if not (inside and math.isfinite(pose.x_mm + pose.y_mm)):
        raise LimitExceeded(
            f"{what}: {pose.x_mm:.3f}, {pose.y_mm:.3f} mm lies outside the stage's limits "
            f"({x_low:g} to {x_high:g}, {y_low:g} to {y_high:g} mm): move the scan area or the object"
        )


def check_exposure(moves: StageCapabilities, exposure: Exposure) -> None:
    """Refuse what the stage cannot do.

    Raises
    ------
    LimitExceeded
        It lies outside the limits, or is too fast.
    SettingRefused
        The stage has no output for it.
    ValueError
        Its time is not positive.
    """
    what = f"exposure {exposure.index}"
    if not 0.0 < exposure.live_s < math.inf:
        raise ValueError(f"{what} takes {exposure.live_s} s: give a positive time")
    check_pose(moves, exposure.start, what)
    check_pose(moves, exposure.end, what)
    if exposure.is_dwell:
        if not moves.has_gate:
            raise SettingRefused(
                f"{what} is a dwell, and the stage has no output that lets the beam through at rest: wire a "
                "retriggerable monostable and name it as the stage's gate, or scan in strokes"
            )
        return
    if not moves.flies_with_beam:
        raise SettingRefused(
            f"{what} is a stroke, and the stage has no output that lets the beam through in motion: switch laser mode "
            "on where the stage has it, or scan in dwells"
        )
    if speed_mm_s(exposure) > moves.max_speed_mm_s * (1 + _FASTER):
        raise LimitExceeded(
            f"{what} is a stroke at {speed_mm_s(exposure):g} mm/s, faster than the stage "
            f"({moves.max_speed_mm_s:g} mm/s): lengthen its time"
        )
    _check_runs(moves, exposure, what)


def _check_runs(moves: StageCapabilities, exposure: Exposure, what: str) -> None:
    """A row may have to begin or end with any of its strokes: each needs its runs, which the stage may lengthen yet."""
    row, speed = Row((exposure,)), speed_mm_s(exposure)
    braking_mm = speed**2 / (2 * moves.max_acceleration_mm_s2)
    lead_mm = speed * LEAD_S + braking_mm
    check_pose(moves, row.place(-lead_mm), f"the run-up of {what}, {lead_mm:.1f} mm long")
    check_pose(moves, row.place(row.length_mm + braking_mm), f"the run-out of {what}, {braking_mm:.1f} mm long")


def check_stroke_time(exposure: Exposure, shortest_s: float, *, is_triggered: bool) -> None:
    """Raise `LimitExceeded` for a stroke that the spectrometer cannot tell from the next one."""
    if exposure.is_dwell or exposure.live_s >= shortest_s:
        return
    remedy = "lengthen the strokes" if is_triggered else "lengthen the strokes or wire a trigger"
    raise LimitExceeded(
        f"exposure {exposure.index} is a stroke of {1000 * exposure.live_s:.0f} ms, shorter than the spectrometer can "
        f"be read ({1000 * shortest_s:.0f} ms): {remedy}"
    )
