"""The demonstration's instrument, built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.cameras import Frame
from edge.configuration.config import ScanConfig, load_scan_config
from edge.simulate.camera import SimulatedCamera
from edge.simulate.config import SimulatedInstrumentConfig, load_instrument
from edge.simulate.painted import PanelSpecimen
from edge.simulate.specimen import load_specimen

DEMONSTRATION = Path(__file__).resolve().parents[3] / "edge" / "simulate" / "panel"


@pytest.fixture(scope="session")
def instrument() -> SimulatedInstrumentConfig:
    return load_instrument(DEMONSTRATION / "instrument.yaml")


@pytest.fixture(scope="session")
def scan() -> ScanConfig:
    return load_scan_config(DEMONSTRATION / "scan.yaml")


@pytest.fixture(scope="session")
def panel(instrument) -> PanelSpecimen:
    specimen = load_specimen(instrument)
    assert isinstance(specimen, PanelSpecimen)
    return specimen


@pytest.fixture(scope="session")
def camera(instrument, panel) -> SimulatedCamera:
    return SimulatedCamera.of(instrument, panel)


@pytest.fixture(scope="session")
def frame(camera) -> Frame:
    return camera.capture()
