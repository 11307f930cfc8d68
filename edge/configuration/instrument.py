"""What the configuration says of the instrument: everything that is plugged in."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from edge.configuration.about import AboutConfig
from edge.configuration.camera import CameraConfig, ColourConfig, MosaicCameraConfig
from edge.configuration.devices import ControllerConfig
from edge.configuration.schema import Closed, Millimetres, Name, PositiveMillimetres


class LensConfig(Closed):
    """Intrinsics of the camera, as its calibration found them."""

    matrix: Annotated[list[list[float]], Field(min_length=3, max_length=3)]
    distortion: Annotated[list[float], Field(min_length=5, max_length=5)]
    """OpenCV order: k1, k2, p1, p2, k3."""
    width_px: Annotated[int, Field(gt=0)]
    height_px: Annotated[int, Field(gt=0)]

    @model_validator(mode="after")
    def _is_a_pinhole(self) -> Self:
        if any(len(row) != 3 for row in self.matrix):
            raise ValueError("matrix is not 3 x 3: copy it from the camera's calibration")
        if min(self.matrix[0][0], self.matrix[1][1]) <= 0:
            raise ValueError("a focal length is not positive: copy matrix from the camera's calibration")
        return self


class MarkerConfig(Closed):
    """One printed ArUco marker and where its centre lies."""

    id: Annotated[int, Field(ge=0)]
    x_mm: Millimetres
    y_mm: Millimetres


class FiducialsConfig(Closed):
    """Markers around the object, at known stage positions, upright: their top edge towards smaller y."""

    dictionary: Name = "DICT_4X4_50"
    side_mm: PositiveMillimetres = 10.0
    markers: list[MarkerConfig] = Field(default=[], max_length=200)

    @model_validator(mode="after")
    def _identities_differ(self) -> Self:
        ids = [marker.id for marker in self.markers]
        if len(set(ids)) != len(ids):
            raise ValueError("two markers share an id: every marker needs its own")
        return self


class StageConfig(Closed):
    """How the stage moves, as far as the operator knows; the controller's own limits are read as well."""

    speed_mm_s: Annotated[float, Field(gt=0, le=5_000)] = 50.0
    acceleration_mm_s2: Annotated[float, Field(gt=0, le=1e6)] = 500.0
    settle_s: Annotated[float, Field(ge=0, le=60)] = 0.0
    overhead_s: Annotated[float, Field(ge=0, le=60)] = 0.0
    """What each dwell, and each run of strokes, costs besides moving, settling and counting."""
    jerk_mm_s3: Annotated[float, Field(gt=0, le=1e9)] | None = None
    """Change of acceleration; None: the acceleration sets in at once."""
    dwell_step_s: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Dwells are rounded up to multiples of this; 0: they are not."""
    readout_s: Annotated[float, Field(ge=0, le=60)] = 0.0
    """Time after each dwell in which the detector is read and does not count."""
    shortest_stroke_s: Annotated[float, Field(ge=0, le=60)] = 0.0
    """Shortest stroke whose counts the detector can tell from the next one's."""
    shutter_s: Annotated[float, Field(ge=0, le=60)] = 0.5
    """To close the shutter and open it again, on the way past a keep-out."""


class DetectorConfig(Closed):
    """Nominal energy scale and resolution; the spectra themselves correct them."""

    channels: Annotated[int, Field(ge=64, le=16_384)] = 2048
    offset_kev: Annotated[float, Field(ge=-5, le=5)] = 0.0
    gain_kev: Annotated[float, Field(gt=0, le=1)] = 0.01
    """keV per channel."""
    fwhm_mn_kev: Annotated[float, Field(gt=0.05, le=1)] = 0.14
    """Full width at half maximum of Mn K-alpha (5.895 keV)."""


class TubeConfig(Closed):
    """Excitation, for the fit's line ratios and the report."""

    anode: Annotated[str, Field(pattern=r"^[A-Z][a-z]?$")] = "Rh"
    kv: Annotated[float, Field(gt=1, le=160)] = 40.0
    ua: Annotated[float, Field(gt=0, le=100_000)] = 500.0
    filter: str = "none"


class StandardConfig(Closed):
    """A reference standard that lies still beside the object and is visited while a scan runs."""

    x_mm: Millimetres
    """Where the stage stands when the beam is on it."""
    y_mm: Millimetres
    live_s: Annotated[float, Field(ge=0.1, le=600)] = 20.0
    """Live time of a visit."""
    every_minutes: Annotated[float, Field(gt=0, le=10_080)] = 30.0
    """From one visit to the next; there is one before the first exposure and one after the last."""


class BeamConfig(Closed):
    """The beam on the object."""

    fwhm_mm: Annotated[float, Field(gt=0, le=50)] | None = None
    """Full width at half maximum; None: taken as no wider than a cell."""
    flux_per_s: Annotated[float, Field(gt=0, le=1e18)] | None = None
    """Photons per second on the object; None: unknown, and what the object receives is told in seconds."""


class InstrumentConfig(Closed):
    """Everything that is plugged in."""

    about: AboutConfig = AboutConfig()
    controller: ControllerConfig
    reconnect_s: Annotated[float, Field(ge=0, le=86_400)] = 60.0
    """How long a running scan looks for a controller that it has lost; 0: it ends at once."""
    camera: CameraConfig
    lens: LensConfig | None = None
    camera_calibration: Name | None = None
    """Stored calibration of the camera, in place of `lens`."""
    stage_calibration: Name | None = None
    """Stored calibration of the stage, which places every photograph in place of `fiducials`."""
    motion_calibration: Name | None = None
    """Stored calibration of the stage's motion, in place of what `stage` states."""
    fiducials: FiducialsConfig = FiducialsConfig()
    stage: StageConfig = StageConfig()
    detector: DetectorConfig = DetectorConfig()
    tube: TubeConfig = TubeConfig()
    beam: BeamConfig = BeamConfig()
    colour: ColourConfig = ColourConfig()
    standard: StandardConfig | None = None
    """Reference standard by which gain and tube output are followed; None: there is none."""

    @model_validator(mode="after")
    def _mosaic_is_placed_already(self) -> Self:
        stated = [key for key in ("lens", "camera_calibration", "stage_calibration") if getattr(self, key) is not None]
        if isinstance(self.camera, MosaicCameraConfig) and stated:
            raise ValueError(f"a mosaic is free of distortion and placed already: leave out {stated[0]}")
        return self

    @model_validator(mode="after")
    def _one_lens(self) -> Self:
        if self.lens is not None and self.camera_calibration is not None:
            raise ValueError("lens and camera_calibration both say what the lens is: keep one of them")
        return self
