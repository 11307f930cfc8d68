"""What an instrument file says of the twins: how they differ from their own settings, and what goes wrong on lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from edge.configuration.schema import Closed, Millimetres, Name, PositiveMillimetres

if TYPE_CHECKING:
    from firmware_bridge.twins.fault_script import FaultScript, LineFault

Seed = Annotated[int, Field(ge=0, lt=2**63)]
Interval = Annotated[list[Millimetres], Field(min_length=2, max_length=2)]
NOT_OF_A_PAIR: Final = {
    "queue_length",
    "lease_s",
    "jerk_mm_s3",
    "settle_s",
    "overhead_s",
    "encoder_noise_mm",
    "position_error_mm",
    "door_open_at_s",
    "door_opens_after",
    "door_stays_open_s",
    "standoff_leaves_after",
    "clock_step_s",
    "clock_steps_at_s",
    "clock_steps_after",
}
"""Keys of `twin` that only the native controller heeds."""


class LineFaultConfig(Closed):
    """Something that goes wrong on the controller's line; see `firmware_bridge.twins.fault_script`."""

    kind: Literal["drop", "flip", "duplicate", "delay", "stall", "half", "reset", "hang_up"]
    towards: Literal["host", "controller"] = "host"
    at_byte: Annotated[int, Field(ge=0)] | None = None
    at_s: Annotated[float, Field(ge=0)] | None = None
    count: Annotated[int, Field(ge=1, le=65_536)] = 1
    bit: Annotated[int, Field(ge=0, le=7)] = 0
    for_s: Annotated[float, Field(ge=0, le=3_600)] | None = None
    every_bytes: Annotated[int, Field(ge=1)] | None = None
    every_s: Annotated[float, Field(ge=0.001)] | None = None

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        self.scripted()
        return self

    def scripted(self) -> LineFault:
        """The fault as the twin's line takes it; raises `ValueError` when it lacks what its kind needs."""
        from firmware_bridge.twins.fault_script import fault_of

        return fault_of(self.model_dump())


class TwinConfig(Closed):
    """What differs from the twin's own settings; see `firmware_bridge.twins.settings`."""

    x_limits_mm: Interval | None = None
    y_limits_mm: Interval | None = None
    channels: Annotated[int, Field(ge=16, le=16_384)] | None = None
    offset_kev: Annotated[float, Field(ge=-5, le=5)] | None = None
    gain_kev: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: Seed | None = None
    clock_factor: Annotated[float, Field(gt=0, le=10_000)] | None = None
    log: Name | None = None
    queue_length: Annotated[int, Field(ge=1, le=65_535)] | None = None
    lease_s: Annotated[float, Field(gt=0, le=0.5)] | None = None
    starts_homed: bool | None = None
    max_speed_mm_s: Annotated[float, Field(gt=0, le=5_000)] | None = None
    max_acceleration_mm_s2: Annotated[float, Field(gt=0, le=1e6)] | None = None
    speed_factor: Annotated[float, Field(gt=0, le=2)] | None = None
    acceleration_factor: Annotated[float, Field(gt=0, le=2)] | None = None
    jerk_mm_s3: Annotated[float, Field(gt=0, le=1e9)] | None = None
    settle_s: Annotated[float, Field(ge=0, le=60)] | None = None
    overhead_s: Annotated[float, Field(ge=0, le=60)] | None = None
    encoder_noise_mm: Annotated[float, Field(ge=0, le=1)] | None = None
    position_error_mm: Annotated[float, Field(ge=0, le=1)] | None = None
    gain_error: Annotated[float, Field(ge=-0.2, le=0.2)] | None = None
    offset_error_kev: Annotated[float, Field(ge=-1, le=1)] | None = None
    gain_drift_per_hour: Annotated[float, Field(ge=-0.1, le=0.1)] | None = None
    output_drift_per_hour: Annotated[float, Field(ge=-100, le=100)] | None = None
    dead_time_s: Annotated[float, Field(ge=0, le=1e-3)] | None = None
    pile_up_s: Annotated[float, Field(ge=0, le=1e-3)] | None = None
    door_open_at_s: Annotated[float, Field(ge=0)] | None = None
    door_opens_after: Annotated[int, Field(ge=0)] | None = None
    door_stays_open_s: Annotated[float, Field(ge=0)] | None = None
    standoff_mm: PositiveMillimetres | None = None
    bow_mm: Millimetres | None = None
    nearest_mm: PositiveMillimetres | None = None
    farthest_mm: PositiveMillimetres | None = None
    standoff_leaves_at_s: Annotated[float, Field(ge=0)] | None = None
    standoff_leaves_after: Annotated[int, Field(ge=0)] | None = None
    standoff_stays_out_s: Annotated[float, Field(ge=0)] | None = None
    clock_step_s: Annotated[float, Field(ge=-1e6, le=1e6)] | None = None
    clock_steps_at_s: Annotated[float, Field(ge=0)] | None = None
    clock_steps_after: Annotated[int, Field(ge=0)] | None = None
    faults: list[LineFaultConfig] = Field(default=[], max_length=1_000)
    """What goes wrong on its line."""


class PairConfig(Closed):
    """A stage and a spectrometer in place of the one native controller; each a process of its own.

    Both take from `twin` what applies to them: limits, speeds, clock and seed the one, the detector the other.
    """

    stage: Literal["grbl", "marlin"] = "grbl"
    spectrometer: Literal["dp5", "scpi"] = "dp5"
    gate: Annotated[str, Field(pattern=r"^(M3|M7|M8|P\d{1,3})$")] | None = None
    """Output that triggers the monostable; None: M8 of a GRBL board, P57 of Marlin."""
    has_trigger: bool = False
    """Whether the level of a GRBL board's spindle output is wired to a DP5's AUX_IN2."""
    spectrometer_link: Name | None = None
    """Where a DP5's twin leaves a link to its serial port, and a SCPI twin a file with its address."""
    udp_port: Annotated[int, Field(ge=0, le=65_535)] | None = None
    """Port on the loopback interface where a DP5 answers too; 0 for any that is free."""
    network_port: Annotated[int, Field(ge=0, le=65_535)] | None = None
    """Port on the loopback interface where a SCPI spectrometer answers; None and 0: any that is free."""
    stage_log: Name | None = None
    """Where the stage's twin writes its own log."""
    rangefinder_link: Name | None = None
    """Where a rangefinder leaves a link to its serial port; None: there is none."""
    stage_faults: list[LineFaultConfig] = Field(default=[], max_length=1_000)
    """What goes wrong on the stage's line."""
    spectrometer_faults: list[LineFaultConfig] = Field(default=[], max_length=1_000)
    """What goes wrong on the spectrometer's line."""

    @property
    def gate_output(self) -> str:
        """The gate, chosen or not."""
        return self.gate or {"grbl": "M8", "marlin": "P57"}[self.stage]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.gate_output.startswith("P") != (self.stage == "marlin"):
            raise ValueError(f"gate {self.gate}: give M3, M7 or M8 of a grbl stage, or a pin as P57 of a marlin stage")
        if self.has_trigger and (self.stage, self.spectrometer) != ("grbl", "dp5"):
            raise ValueError("has_trigger: only a grbl stage triggers, and only a dp5 spectrometer: leave it out")
        if self.spectrometer == "dp5" and self.spectrometer_link is None:
            raise ValueError("a dp5 spectrometer needs spectrometer_link: name the link to its serial port")
        stray = {"dp5": "network_port", "scpi": "udp_port"}[self.spectrometer]
        if getattr(self, stray) is not None:
            raise ValueError(f"a {self.spectrometer} spectrometer has no {stray}: leave it out")
        return self


def faulty_wire(faults: Sequence[LineFaultConfig], *, delimiter: int | None) -> FaultScript | None:
    """A line on which these faults happen; None for none of them.

    Parameters
    ----------
    delimiter
        Byte that ends a message of the line's protocol; None where there is none.
    """
    from firmware_bridge.twins.fault_script import FaultScript

    return FaultScript([fault.scripted() for fault in faults], delimiter) if faults else None
