"""Our maps of a real painting against PyMca's of the same spectra; needs the extra `peers` and the measurement data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.configuration.config import DetectorConfig, TubeConfig
from edge.spectra.model import SpectrumModel
from tools.bench.pymca_fit import is_installed
from tools.bench.spectra import Agreement, agreement, hands_counts

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # a peer's warnings are not ours to mend
    pytest.mark.skipif(not is_installed(), reason="PyMca5 is not installed: pip install '.[peers]'"),
]

DETECTOR = DetectorConfig(channels=1024, offset_kev=-0.0697, gain_kev=0.029168, fwhm_mn_kev=0.15)


@pytest.fixture(scope="module")
def compared(measurement_data: Path) -> dict[str, Agreement]:
    measured = hands_counts()
    if measured is None:
        pytest.skip(f"no spectra of the hands in {measurement_data}")
    counts, live_s = measured
    total = counts.sum(axis=0, dtype=np.int64)
    model = SpectrumModel.from_sum_spectrum(
        total, float(live_s.sum()), detector=DETECTOR, tube=TubeConfig(anode="Ag", kv=40.0)
    )
    return agreement(model, counts[::24], live_s[::24])


@pytest.mark.parametrize("element", ["Ca-K", "Mn-K", "Fe-K", "Ni-K", "Cu-K", "Zn-K", "Sr-K"])
def test_maps_agree_with_pymca_within_the_error_bars(compared: dict[str, Agreement], element: str) -> None:
    # Both variances together, and spectra that share their counts: 1 would be a difference of 1.4 standard errors.
    assert compared[element].chi2 < 1.2


@pytest.mark.parametrize("element", ["Ca-K", "Ti-K", "Fe-K", "Ni-K", "Cu-K", "Zn-K", "Hg-L", "Pb-L"])
def test_maps_differ_from_pymca_by_little_more_than_a_factor(compared: dict[str, Agreement], element: str) -> None:
    # The factor is the ratio between families of lines: from the sum spectrum here, from tables there (Ti: 5 %).
    assert 0.93 < compared[element].slope < 1.02
    assert abs(compared[element].offset) < 1.0
    assert compared[element].chi2_about_line < 0.3
    assert compared[element].correlation > 0.99
