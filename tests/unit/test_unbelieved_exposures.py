"""Exposures that are recorded for their dose alone, of rows whose spectra were not believed, change no map."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.export.survey import survey
from edge.folds.ledger import read_ledger
from edge.preview.live import Preview
from edge.record.folder import open_recording
from edge.record.maps_file import read_maps
from edge.results import FittedRecording, fit_recording, read_planned
from firmware_bridge.messages import ExposureFlag
from tests.unit.export import made_recording


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """A recording without maps, and the same after three of its exposures had been flown for nothing before."""
    folder, whole = tmp_path_factory.mktemp("unbelieved"), made_recording.exposures()[1:]
    lost = [
        replace(done, flags=ExposureFlag.TRUNCATED, counts=np.zeros_like(done.counts), input_rate_hz=0.0)
        for done in whole[:3]
    ]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(made_recording, "exposures", lambda: whole)
        plain = made_recording.make_recording(folder / "plain", measured=1_000)
        patched.setattr(made_recording, "exposures", lambda: (*lost, *whole))
        yield plain, made_recording.make_recording(folder / "again", measured=1_000)


def _fitted(folder: Path) -> FittedRecording:
    with open_recording(folder) as recording:
        return fit_recording(recording, read_planned(recording))


def test_cells_that_were_measured_again_have_the_rates_of_that_alone(recordings: tuple[Path, Path]) -> None:
    plain, again = map(_fitted, recordings)
    assert len(again.samples) == len(plain.samples)
    # the way of the energy scale is fitted over places among the exposures, and these are three on
    np.testing.assert_allclose(again.samples.values, plain.samples.values, rtol=1e-3)
    np.testing.assert_allclose(again.live_s, plain.live_s)


def test_the_preview_shows_them_no_darker_either(recordings: tuple[Path, Path]) -> None:
    shown = []
    for folder in recordings:
        preview = Preview(folder)
        try:
            assert preview.update(), preview.trouble
        finally:
            preview.close()
        shown.append(read_maps(folder / "live" / "maps.h5").element_maps.maps)
    np.testing.assert_allclose(shown[1], shown[0], rtol=0.02, atol=1.0)


def test_exports_count_no_live_time_for_them(recordings: tuple[Path, Path]) -> None:
    found = []
    for folder in recordings:
        with open_recording(folder) as recording:
            grid = read_planned(recording).plan.grid
            found.append(survey(recording.reader, grid, made_recording.CHANNELS, lambda read: None))
    np.testing.assert_allclose(found[1].totals.live_s, found[0].totals.live_s)
    assert found[1].exposures == found[0].exposures + 3


def test_their_beam_is_still_counted(recordings: tuple[Path, Path]) -> None:
    lives = []
    for folder in recordings:
        with open_recording(folder) as recording:
            lives.append(read_ledger(recording.reader, read_planned(recording).plan.grid).live_s.sum())
    assert lives[1] - lives[0] == pytest.approx(3 * made_recording.LIVE_S)


def test_an_exposure_that_was_cut_short_after_its_first_counts_still_tells(recordings: tuple[Path, Path]) -> None:
    with open_recording(recordings[1]) as recording:
        batch = recording.reader.measured_arrays()
    begun = replace(batch, flags=np.full_like(batch.flags, ExposureFlag.TRUNCATED))
    assert begun.tells.tolist() == [False] * 3 + [True] * (len(batch) - 3)
    assert len(begun.telling()) == len(batch) - 3
