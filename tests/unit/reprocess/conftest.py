"""A small archive, and its maps as one machine makes them after a scan."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.finish import finish_recording
from edge.spectra.model import SpectrumModel
from tools.bench.made_recording import Made, make_recording

Counts = NDArray[np.float64]
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


@pytest.fixture(scope="package", autouse=True)
def each_sum_is_learned_from_once() -> Iterator[None]:
    """What the same sum spectrum teaches under the same settings: half of the time that these tests would take."""
    learned: dict[str, SpectrumModel] = {}
    learn = SpectrumModel.from_sum_spectrum

    def learned_once(sum_counts: Counts, live_s: float, **settings: Any) -> SpectrumModel:
        key = hashlib.sha256(repr((sum_counts.dtype, sum_counts.tobytes(), live_s, settings)).encode()).hexdigest()
        if key not in learned:
            learned[key] = learn(sum_counts, live_s, **settings)
        return learned[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SpectrumModel, "from_sum_spectrum", staticmethod(learned_once))
        yield


@pytest.fixture(scope="package")
def archive(tmp_path_factory: pytest.TempPathFactory, each_sum_is_learned_from_once: None) -> Path:
    """One recording with its maps; not to be changed."""
    folder = tmp_path_factory.mktemp("archive")
    make_recording(folder / "panel", MADE)
    finish_recording(folder / "panel")
    return folder
