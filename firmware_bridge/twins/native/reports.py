"""What the native twin says of itself, in the units of the wire."""

from __future__ import annotations

from firmware_bridge.native import messages as m
from firmware_bridge.native.framing import PROTOCOL_VERSION
from firmware_bridge.native.units import micrometres, microseconds
from firmware_bridge.twins.native.instrument import Instrument
from firmware_bridge.twins.settings import TwinSettings


def welcome_of(settings: TwinSettings, boot_id: int) -> m.Welcome:
    """What it announces, which is not all true of it."""
    return m.Welcome(
        protocol_version=PROTOCOL_VERSION,
        boot_id=boot_id,
        x_min_um=micrometres(settings.x_limits_mm[0]),
        x_max_um=micrometres(settings.x_limits_mm[1]),
        y_min_um=micrometres(settings.y_limits_mm[0]),
        y_max_um=micrometres(settings.y_limits_mm[1]),
        max_speed_um_s=micrometres(settings.max_speed_mm_s),
        max_acceleration_um_s2=micrometres(settings.max_acceleration_mm_s2),
        channels=settings.channels,
        queue_length=settings.queue_length,
        store_length=settings.store_length,
        max_lease_ms=round(settings.lease_s * 1e3),
        window=settings.receive_window,
        max_frame=settings.max_frame,
        firmware=settings.firmware,
    )


def status_of(instrument: Instrument, request: int, now_s: float) -> m.Status:
    """A snapshot."""
    pose = instrument.pose(now_s)
    standoff_mm = instrument.standoff_mm(now_s)
    return m.Status(
        request=request,
        state=instrument.state,
        conditions=instrument.conditions,
        x_um=micrometres(pose.x_mm),
        y_um=micrometres(pose.y_mm),
        time_us=microseconds(instrument.told_s(now_s)),
        queue_free=instrument.queue_free,
        kept=len(instrument.engine.kept),
        code=instrument.fault,
        standoff_um=0 if standoff_mm is None else max(1, micrometres(standoff_mm)),
    )
