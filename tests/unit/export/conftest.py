"""One recording for all tests of exports, and each format of it once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge import results
from edge.configuration.config import ScanConfig
from edge.console import Console
from edge.export import FORMATS, gather
from edge.export.run import export_recording
from edge.results import spectrum_model
from edge.spectra.model import SpectrumModel
from tests.unit.export.made_recording import make_recording

_LEARNED: dict[tuple[object, ...], SpectrumModel] = {}


def _learned_once(sum_counts: NDArray[np.float64], live_s: float, config: ScanConfig) -> SpectrumModel:
    key = (sum_counts.tobytes(), sum_counts.dtype, live_s, config.model_dump_json())
    if key not in _LEARNED:
        _LEARNED[key] = spectrum_model(sum_counts, live_s, config)
    return _LEARNED[key]


@pytest.fixture(scope="module", autouse=True)
def _sums_learned_once() -> Iterator[None]:
    """The same sum spectrum is learned from once: nearly all exports are of one recording."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (gather, results):
            patch.setattr(module, "spectrum_model", _learned_once)
        yield


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
