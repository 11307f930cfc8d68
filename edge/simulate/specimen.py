"""What lies on the easel: something that radiates under the beam and can be photographed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, assert_never

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.messages import StagePose
from firmware_bridge.twins.source import Emission, RecordedCounts

if TYPE_CHECKING:
    from edge.simulate.config import SimulatedInstrumentConfig


class Specimen(Protocol):
    """A flat object with its upper left corner at a stage pose; a `SpectrumSource` for the twin."""

    @property
    def origin(self) -> StagePose:
        """Upper left corner on the stage."""
        ...

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height."""
        ...

    def at(self, start: StagePose, end: StagePose) -> Emission | RecordedCounts:
        """Mean radiation over the beam's way from start to end, its footprint included."""
        ...

    def photograph(self, mm_per_px: float) -> NDArray[np.uint8]:
        """The surface as a flawless, evenly lit photograph would show it: sRGB, shape (rows, columns, 3)."""
        ...


def load_specimen(instrument: SimulatedInstrumentConfig) -> Specimen:
    """Paint or load what an instrument file puts on the easel.

    Raises
    ------
    UsageError
        A file that it names cannot be used.
    """
    specimen = _turned(instrument)
    if instrument.standard is None:
        return specimen
    from edge.simulate.glass import BesideGlass

    return BesideGlass(specimen, instrument.standard)


def _turned(instrument: SimulatedInstrumentConfig) -> Specimen:
    upright = _upright(instrument)
    if instrument.placement.turn_deg == 0:
        return upright
    from edge.simulate.turned import TurnedSpecimen

    return TurnedSpecimen(upright, instrument.placement.turn_deg)


def _upright(instrument: SimulatedInstrumentConfig) -> Specimen:
    from edge.simulate.config import CubeConfig, MapsConfig, PanelConfig

    origin = StagePose(instrument.placement.x_mm, instrument.placement.y_mm)
    match instrument.specimen:
        case PanelConfig() as panel:
            from edge.simulate.painted import PanelSpecimen, paint_panel

            painted = paint_panel(panel.seed, panel.width_mm, panel.height_mm)
            return PanelSpecimen(painted, origin, beam_fwhm_mm=panel.beam_fwhm_mm)
        case CubeConfig() as cube:
            from edge.simulate.recorded import load_cube

            return load_cube([Path(file) for file in cube.files], cube.pitch_mm, cube.live_s, origin)
        case MapsConfig() as maps:
            from edge.simulate.recorded import load_maps

            return load_maps(Path(maps.file), maps, origin)
        case unknown:
            assert_never(unknown)
