"""Between the bridge's millimetres and seconds and the wire's micrometres and microseconds."""

from __future__ import annotations

from firmware_bridge.messages import (
    Capabilities,
    ControllerState,
    ControllerStatus,
    Exposure,
    ExposureDone,
    ExposureFlag,
    StagePose,
)
from firmware_bridge.native import messages as m
from firmware_bridge.native.faults import SENTENCES
from firmware_bridge.native.spectrum_coding import decode_spectrum
from firmware_bridge.native.vocabulary import Code, ConditionBits, StateCode

_STATES = {
    StateCode.UNHOMED: ControllerState.UNHOMED,
    StateCode.IDLE: ControllerState.IDLE,
    StateCode.HOMING: ControllerState.HOMING,
    StateCode.MOVING: ControllerState.MOVING,
    StateCode.EXPOSING: ControllerState.EXPOSING,
    StateCode.PAUSED: ControllerState.PAUSED,
    StateCode.FAULTED: ControllerState.FAULTED,
}


def micrometres(position_mm: float) -> int:
    """Nearest whole micrometre: what the wire resolves."""
    return round(position_mm * 1e3)


def microseconds(time_s: float) -> int:
    """Nearest whole microsecond."""
    return round(time_s * 1e6)


def is_wire_dwell(exposure: Exposure) -> bool:
    """Whether start and end are the same micrometre."""
    return exposure.is_dwell or (
        micrometres(exposure.start.x_mm) == micrometres(exposure.end.x_mm)
        and micrometres(exposure.start.y_mm) == micrometres(exposure.end.y_mm)
    )


def capabilities_of(welcome: m.Welcome) -> Capabilities:
    """What a WELCOME says, in the bridge's units."""
    return Capabilities(
        firmware=welcome.firmware,
        protocol_version=welcome.protocol_version,
        boot_id=welcome.boot_id,
        x_limits_mm=(welcome.x_min_um / 1e3, welcome.x_max_um / 1e3),
        y_limits_mm=(welcome.y_min_um / 1e3, welcome.y_max_um / 1e3),
        max_speed_mm_s=welcome.max_speed_um_s / 1e3,
        max_acceleration_mm_s2=welcome.max_acceleration_um_s2 / 1e3,
        channels=welcome.channels,
        queue_length=welcome.queue_length,
        lease_s=welcome.max_lease_ms / 1e3,
    )


def status_of(status: m.Status) -> ControllerStatus:
    """What a STATUS says, in the bridge's units."""
    try:
        fault = SENTENCES[Code(status.code)]
    except ValueError:
        fault = f"the controller reports fault {status.code}: look it up in the firmware's manual"
    return ControllerStatus(
        state=_STATES[status.state],
        pose=StagePose(status.x_um / 1e3, status.y_um / 1e3),
        is_homed=ConditionBits.HOMED in status.conditions,
        is_shutter_open=ConditionBits.SHUTTER_OPEN in status.conditions,
        is_door_closed=ConditionBits.DOOR_CLOSED in status.conditions,
        controller_time_s=status.time_us / 1e6,
        queue_free=status.queue_free,
        fault=fault,
        standoff_mm=status.standoff_um / 1e3 if status.standoff_um else None,
        is_in_range=ConditionBits.OUT_OF_RANGE not in status.conditions,
    )


def exposure_of(entry: m.CodedSpectrum, channels: int) -> ExposureDone:
    """A finished exposure with its spectrum unpacked.

    Raises
    ------
    SpectrumCodingError
        The coded spectrum doesn't cover the channels exactly.
    """
    counts = decode_spectrum(entry.coded, channels)
    live_s = entry.live_us / 1e6
    real_s = entry.real_us / 1e6
    return ExposureDone(
        index=entry.index,
        start=StagePose(entry.start_x_um / 1e3, entry.start_y_um / 1e3),
        end=StagePose(entry.end_x_um / 1e3, entry.end_y_um / 1e3),
        real_s=real_s,
        live_s=live_s,
        opened_at_s=entry.opened_us / 1e6,
        closed_at_s=(entry.opened_us + entry.real_us) / 1e6,
        input_rate_hz=entry.input_events / live_s if live_s else 0.0,
        output_rate_hz=int(counts.sum(dtype="u8")) / real_s if real_s else 0.0,
        flags=ExposureFlag(entry.flags & 0x03),
        counts=counts,
    )
