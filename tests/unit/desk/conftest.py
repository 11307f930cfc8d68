"""The panel's picture, taken once, and a desk for each test."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from edge.simulate.camera import SimulatedCamera, write_frame
from edge.simulate.config import load_instrument
from edge.simulate.specimen import load_specimen
from tests.unit.desk.panel import INSTRUMENT, Desk


@pytest.fixture(scope="session")
def photograph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The panel as the simulated camera sees it."""
    folder = tmp_path_factory.mktemp("panel")
    (folder / "instrument.yaml").write_text(yaml.safe_dump(INSTRUMENT))
    instrument = load_instrument(folder / "instrument.yaml")
    return write_frame(folder / "frames", SimulatedCamera.of(instrument, load_specimen(instrument)).render())


@pytest.fixture
def desk(tmp_path: Path, photograph: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, photograph, capsys)
