"""A raster scanned again in a tenth of its time: what is counted, which mode is taken, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.configuration.config import load_scan_config
from edge.faults import UsageError
from edge.modes.pieces import Pieces
from edge.motion.stage_model import StageModel
from edge.replay_matrix import in_time, prices
from edge.replay_matrix.in_time import in_a_share
from edge.replay_matrix.prices import Stage, points_s
from edge.replay_matrix.stated import Wanted, stage_wanted
from edge.replaying.measured_again import MeasuredAgain, counting_noise_of
from edge.replaying.sources import Stack, load_stack

ROWS, COLUMNS = 40, 60
STAGE = Stage(0.5, 1.0, StageModel(50.0, 500.0))
EVERYWHERE = np.ones((ROWS, COLUMNS), bool)


def stack_of(maps, variance=None, rgb=None):
    maps = np.asarray(maps, np.float32)
    return Stack(
        maps,
        np.zeros_like(maps) if variance is None else np.asarray(variance, np.float32),
        tuple(f"E{k}" for k in range(maps.shape[2])),
        rgb,
        np.ones(maps.shape[:2], bool),
        True,
        "counts",
    )


@pytest.fixture
def painted():
    """Two elements that the photograph shows, counted."""
    row, column = np.mgrid[:ROWS, :COLUMNS].astype(float)
    disc = 1.0 / (1 + np.exp((np.hypot(row - 20, column - 20) - 9) / 0.8))
    blot = np.exp(-((column - 44) ** 2 + (row - 14) ** 2) / 60)
    counts = np.random.default_rng(5).poisson(400 * np.stack([disc, blot], axis=2) + 4)
    rgb = np.stack([40 + 180 * disc, 60 + 120 * blot, 90 + 60 * disc], axis=2).astype(np.uint8)
    return stack_of(counts, counts, rgb)


def test_pieces_of_a_cells_dwell_add_up_to_what_the_source_has_there():
    stack = stack_of(np.full((ROWS, COLUMNS, 1), 50.0))
    target = MeasuredAgain(stack, 1.0, np.full_like(stack.maps, 50.0), seed=1)
    for cell_s in (0.2, 0.3, 0.5):
        target.expose(Pieces.points(EVERYWHERE, cell_s))
    assert np.allclose(target.seen().cells.values, 50.0, atol=1e-3)
    target.expose(Pieces.points(EVERYWHERE, 4.0))
    seen = target.seen()
    assert np.allclose(seen.cells.values, 50.0, atol=1e-3), "no stay tells more than the source"
    assert np.allclose(seen.cells.variance, 50.0)


def test_who_leaves_early_sees_the_noise_of_the_photons_that_he_lacks():
    stack = stack_of(np.full((ROWS, COLUMNS, 1), 50.0))
    target = MeasuredAgain(stack, 1.0, np.full_like(stack.maps, 50.0), seed=1)
    target.expose(Pieces.along_rows(EVERYWHERE, 0.1))
    target.expose(Pieces.along_rows(EVERYWHERE, 0.1))
    seen = target.seen()
    off = seen.cells.values - 50.0
    # of 2,400 values: a mean is off by sigma / 49, a variance by 3 %, four times that is chance no more
    assert abs(off.mean()) < 4 * np.sqrt(200.0 / off.size)
    assert off.var() == pytest.approx(50.0 * (1 / 0.2 - 1), rel=0.12)
    assert np.allclose(seen.cells.variance, 50.0 / 0.2), "what counting leaves, of an object that nobody knows better"
    assert np.allclose(seen.planned_s, 0.2)


def test_neighbours_tell_the_noise_of_a_source_that_does_not():
    row, column = np.mgrid[:120, :160]
    rate = 80 + 40 * np.sin(row / 25) + 30 * np.cos(column / 30)
    counts = np.random.default_rng(3).poisson(rate)[..., None]
    noise = counting_noise_of(stack_of(counts * 0.02))
    assert noise.is_guessed
    # a value of counts times 0.02 has the variance of 0.02 times itself
    assert noise.variance.mean() == pytest.approx(0.02 * 0.02 * rate.mean(), rel=0.1)
    told = counting_noise_of(stack_of(counts, counts))
    assert not told.is_guessed
    assert told.variance.mean() == pytest.approx(rate.mean(), rel=0.02)
    bright = told.rates(stack_of(counts, counts), 2.0).bright_per_s
    assert bright == pytest.approx(np.percentile(counts, 99.9) / 2, rel=1e-3)


def test_a_tenth_of_the_time_is_spent_in_the_mode_that_the_photograph_speaks_for(painted, monkeypatch):
    monkeypatch.setattr(in_time, "MODES", {name: in_time.MODES[name] for name in ("grid", "rows")})
    found = in_a_share(painted, STAGE, 0.1, seed=0)
    assert not isinstance(found, str)
    assert found.full_s == pytest.approx(ROWS * COLUMNS, rel=0.05), "a second on each cell, and 40 turns"
    assert found.seconds == pytest.approx(0.1 * found.full_s, rel=0.1)
    assert found.chosen_by.startswith("chosen by the photograph")
    said = found.sentences()
    assert said[0].startswith(f"In a tenth of the time, {int(found.seconds // 60)} min")
    assert f"off by {100 * found.scores.rmse:.1f} %" in said[0]
    assert found.mode.name in said[1]
    report = found.to_report()
    assert report["psnr_db"] == found.scores.psnr_db
    assert report["cells"] == found.cells.sum()


def test_without_a_photograph_the_source_itself_tells_which_mode_is_best(painted, monkeypatch):
    monkeypatch.setattr(in_time, "_MOST_TRIED", 12 * COLUMNS)
    monkeypatch.setattr(in_time, "_MOST_VALUES", 20 * COLUMNS * 2)
    monkeypatch.setattr(in_time, "MODES", {name: in_time.MODES[name] for name in ("grid", "rows")})
    found = in_a_share(replace(painted, rgb=None), STAGE, 0.1, seed=0)
    assert not isinstance(found, str)
    assert found.mode.name in ("grid", "rows")
    assert "no photograph to choose by" in found.sentences()[1]
    assert "on a band of 20 rows and 60 columns" in found.sentences()[2]
    assert np.isfinite(found.maps).all(axis=2).sum() == 20 * COLUMNS
    assert not found.cells[:10].any(), "the band is in the middle"
    assert found.seconds == pytest.approx(0.1 * found.full_s, rel=0.2), "the whole raster's, by the band's share"


def test_a_raster_of_a_part_of_its_rectangle_took_that_parts_time(painted, monkeypatch):
    monkeypatch.setattr(in_time, "MODES", {"grid": in_time.MODES["grid"]})
    known = EVERYWHERE.copy()
    known[:, COLUMNS // 2 :] = False
    found = in_a_share(replace(painted, rgb=None, known=known), STAGE, 0.1, seed=0)
    assert not isinstance(found, str)
    assert found.full_s == pytest.approx(known.sum(), rel=0.05), "a second on each of its cells"
    assert found.seconds == pytest.approx(0.1 * known.sum(), rel=0.2)


def test_a_share_that_is_too_short_for_anything_is_said(painted):
    said = in_a_share(painted, STAGE, 1e-6, seed=0)
    assert isinstance(said, str)
    assert said.startswith("In 0.0 % of the time nothing can be scanned") or "too short" in said


def test_an_order_of_more_cells_than_are_ordered_is_priced_by_a_part_of_it(monkeypatch):
    cells = np.random.default_rng(4).random((200, 100)) < 0.2
    whole_s = points_s(cells, STAGE)
    monkeypatch.setattr(prices, "_MOST_ORDERED", 2_000)
    # a part has more border for its size: its way between two cells differs by some percent
    assert points_s(cells, replace(STAGE, dwell_s=0.0)) == pytest.approx(whole_s - cells.sum(), rel=0.05)


def test_a_stage_is_two_to_four_numbers_or_a_configuration(painted, tmp_path):
    found = stage_wanted(painted, tmp_path, Wanted(stage="200,2000,0.01", dwell_s=0.2, pitch_mm=0.3))
    assert (found.model.speed_mm_s, found.model.acceleration_mm_s2, found.model.settle_s) == (200, 2000, 0.01)
    assert found.assumed == ()
    assert stage_wanted(painted, tmp_path, Wanted()).assumed == ("pitch", "dwell", "stage")
    for text in ("fast", "200", "1,2,3,4,5", "scan.yaml"):
        with pytest.raises(UsageError, match=f"--stage {text}: neither a scan's configuration nor SPEED,ACCELERATION"):
            stage_wanted(painted, tmp_path, Wanted(stage=text))


def test_a_recording_says_stage_pitch_and_dwell_by_itself():
    recording = Path(__file__).parent / "recordings" / "points"
    config = load_scan_config(recording / "scan.yaml")
    stack = load_stack(recording)
    found = stage_wanted(stack, recording, Wanted())
    assert found.assumed == ()
    assert found.pitch_mm == pytest.approx(config.area.pitch_mm)
    assert found.dwell_s == pytest.approx(config.sampling.dwell_s)
    assert stage_wanted(stack, recording, Wanted(dwell_s=3.0)).dwell_s == 3.0
