"""A small archive, and its maps as one machine makes them after a scan."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.finish import finish_recording
from tools.bench.made_recording import Made, make_recording

MADE = Made(
    40,
    56,
    rate=0.25,
    channels=512,
    live_s=4.0,
    elements=("Ca", "Fe", "Pb"),
    drift=0.004,
    polygon=((0.0, 0.0), (56.0, 0.0), (56.0, 30.0), (0.0, 40.0)),
)
"""Some 560 exposures in several blocks of the drift, and cells that were not to be scanned."""


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One recording with its maps; not to be changed."""
    folder = tmp_path_factory.mktemp("archive")
    make_recording(folder / "panel", MADE)
    finish_recording(folder / "panel")
    return folder
