"""One recording for all tests of exports, and each format of it once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from edge.console import Console
from edge.export import FORMATS
from edge.export.run import export_recording
from tests.unit.export.made_recording import make_recording


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished one; not to be changed."""
    return make_recording(tmp_path_factory.mktemp("export") / "inv-7")


@pytest.fixture(scope="session")
def exported(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives the recording in a format by its name."""
    folder = tmp_path_factory.mktemp("exported")

    @cache
    def give(name: str) -> Path:
        place = folder / f"inv-7{FORMATS[name].ending}"
        return export_recording(recording, name=name, out=place, console=Console(quiet=True, log_level="info"))

    return give
