"""What a configuration may say of the devices that move and count."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from edge.configuration.schema import Closed, Name, PositiveMillimetres
from firmware_bridge.spectrometer import SpectrometerOptions
from firmware_bridge.stage import StageOptions
from firmware_bridge.standoff import StandoffOptions

Baud = Annotated[int, Field(ge=9_600, le=12_000_000)]


class NativeControllerConfig(Closed):
    """A controller that speaks the native protocol."""

    kind: Literal["native"] = "native"
    port: Name
    """Serial device, pseudo-terminal, or any address that pyserial opens."""
    baud: Baud = 2_000_000


class GrblStageConfig(Closed):
    """A stage on a GRBL 1.1 board."""

    kind: Literal["grbl"] = "grbl"
    port: Name
    """Serial device, pseudo-terminal, or any address that pyserial opens."""
    baud: Baud = 115_200
    gate: Literal["M3", "M7", "M8"] | None = None
    """Output that triggers the external monostable which lets the beam through at rest; none: strokes only, no scan."""
    has_trigger: bool = False
    """Whether the spectrometer's trigger input is wired to the level of the spindle's output."""


class MarlinStageConfig(Closed):
    """A stage on a board with Marlin 2."""

    kind: Literal["marlin"] = "marlin"
    port: Name
    """Serial device, pseudo-terminal, or any address that pyserial opens."""
    baud: Baud = 250_000
    gate: Annotated[str, Field(pattern=r"^P\d{1,3}$")]
    """Pin (``P57``) that triggers the external monostable which lets the beam through."""


class Dp5SpectrometerConfig(Closed):
    """A spectrometer of Amptek's DP5 family."""

    kind: Literal["dp5"] = "dp5"
    port: Name
    """Serial device, or ``udp://host:10001``."""
    baud: Baud = 115_200
    settings: dict[str, str] = Field(default={})
    """Commands of the maker's guide and their values, sent without writing flash; empty: left as the device is."""


class ScpiSpectrometerConfig(Closed):
    """A spectrometer on the network that takes SCPI commands, a line each."""

    kind: Literal["scpi"] = "scpi"
    port: Name
    """Address, ``socket://host:5025``."""
    settings: dict[str, str] = Field(default={})
    """Commands without their values, and the values; read back after they were sent."""


class InputStandoffConfig(Closed):
    """A switch on the stage's probe input that is active while the object is too near or too far."""

    kind: Literal["input"] = "input"


class RangefinderStandoffConfig(Closed):
    """A rangefinder on a serial port of its own that tells the distance as text, a line each."""

    kind: Literal["rangefinder"] = "rangefinder"
    port: Name
    baud: Baud = 115_200
    ask: Annotated[str, Field(max_length=80, pattern=r"^[ -~]*$")] = ""
    """What asks for one reading, without the line's end; empty: the device sends readings by itself."""
    mm_per_unit: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    """Millimetres per unit of the number that it sends."""
    nearest_mm: PositiveMillimetres
    farthest_mm: PositiveMillimetres

    @model_validator(mode="after")
    def _is_an_interval(self) -> Self:
        if self.nearest_mm >= self.farthest_mm:
            raise ValueError("nearest_mm is not below farthest_mm: give the interval of allowed distances")
        return self


PairedStageConfig = Annotated[GrblStageConfig | MarlinStageConfig, Field(discriminator="kind")]
PairedSpectrometerConfig = Annotated[Dp5SpectrometerConfig | ScpiSpectrometerConfig, Field(discriminator="kind")]
StandoffConfig = Annotated[InputStandoffConfig | RangefinderStandoffConfig, Field(discriminator="kind")]


class PairedControllerConfig(Closed):
    """A stage and a spectrometer, each a device of its own, paired by this computer."""

    kind: Literal["paired"] = "paired"
    stage: PairedStageConfig
    spectrometer: PairedSpectrometerConfig
    standoff: StandoffConfig | None = None
    """What tells whether the object's surface is where the beam's focus needs it; none: nothing watches it."""

    @model_validator(mode="after")
    def _is_wired(self) -> Self:
        if isinstance(self.standoff, InputStandoffConfig) and not isinstance(self.stage, GrblStageConfig):
            raise ValueError(
                "standoff: a switch is read from a grbl board's probe input, and this stage has none: use a rangefinder"
            )
        has_trigger = isinstance(self.stage, GrblStageConfig) and self.stage.has_trigger
        if has_trigger and not isinstance(self.spectrometer, Dp5SpectrometerConfig):
            raise ValueError("stage.has_trigger: only a dp5 spectrometer has a trigger input: leave it out")
        return self


ControllerConfig = Annotated[NativeControllerConfig | PairedControllerConfig, Field(discriminator="kind")]


def stage_options(stage: PairedStageConfig) -> StageOptions:
    """What the bridge is told of a stage."""
    has_trigger = isinstance(stage, GrblStageConfig) and stage.has_trigger
    return StageOptions(stage.port, stage.baud, stage.gate, has_trigger)


def spectrometer_options(spectrometer: PairedSpectrometerConfig) -> SpectrometerOptions:
    """What the bridge is told of a spectrometer."""
    baud = spectrometer.baud if isinstance(spectrometer, Dp5SpectrometerConfig) else 0
    return SpectrometerOptions(spectrometer.port, baud, spectrometer.settings)


def standoff_options(standoff: InputStandoffConfig | RangefinderStandoffConfig) -> StandoffOptions:
    """What the bridge is told of what watches the stand-off."""
    if isinstance(standoff, InputStandoffConfig):
        return StandoffOptions()
    return StandoffOptions(
        standoff.port, standoff.baud, standoff.ask, standoff.mm_per_unit, standoff.nearest_mm, standoff.farthest_mm
    )
