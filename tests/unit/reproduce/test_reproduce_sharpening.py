"""Coarse scans of known maps, rivals that draw them out, and the page of super-resolution."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.reproduce import published_sharpening, sr_table
from tools.reproduce.__main__ import main
from tools.reproduce.coarse import ways as coarse_ways
from tools.reproduce.coarse.scans import block_means, coarse_scan
from tools.reproduce.coarse.seconds import cells_in_time, raster_s
from tools.reproduce.coarse.upsampling import bicubic, guided, joint_bilateral
from tools.reproduce.coarse.ways import AS_LONG, AS_MANY, NOT_YET, WITHOUT_WEIGHTS, ways
from tools.reproduce.faults import ReproductionError
from tools.reproduce.stacks import Stack
from tools.reproduce.subjects import Subject


def subject_of(shape, *, channels=2, seed=0, allowed=None):
    random = np.random.default_rng(seed)
    values = random.random((*shape, channels), np.float32)
    rgb = random.integers(0, 256, (*shape, 3)).astype(np.uint8)
    return Subject("made", rgb, values, np.ones(shape, np.bool_) if allowed is None else allowed, 0, "elements")


@settings(max_examples=20, deadline=None)
@given(st.integers(8, 23), st.integers(8, 23), st.integers(2, 4), st.integers(0, 99))
def test_an_exposure_of_a_coarse_scan_sees_the_mean_that_it_says(rows, columns, factor, seed):
    scan = coarse_scan(subject_of((rows, columns), seed=seed), factor)
    # means of at most 16 values of at most 1 in single precision
    np.testing.assert_allclose(scan.cells.seen_by().seen(scan.subject.values), scan.cells.values, atol=1e-6)
    assert scan.subject.shape == (rows // factor * factor, columns // factor * factor)


def test_a_block_with_a_cell_that_may_not_be_scored_is_not_scored():
    allowed = np.ones((8, 8), np.bool_)
    allowed[1, 5] = False
    scored = coarse_scan(subject_of((8, 8), allowed=allowed), 4).subject.allowed
    assert not scored[:4, 4:].any()
    assert scored.sum() == 48


@pytest.mark.parametrize("factor", [1, 0, -4, 6])
def test_a_factor_that_leaves_no_blocks_is_refused(factor):
    with pytest.raises(ReproductionError, match=f"factor {factor}: .*give another factor"):
        coarse_scan(subject_of((8, 8)), factor)


def test_every_rival_leaves_an_even_map_even():
    photograph = np.random.default_rng(1).random((20, 24, 3), np.float32)
    even = np.full((5, 6, 3), 0.75, np.float32)
    for drawn in (bicubic(even, 4), guided(even, 4, photograph), joint_bilateral(even, 4, photograph)):
        np.testing.assert_allclose(drawn, 0.75, atol=1e-5)


def test_the_guided_filter_finds_maps_that_are_linear_in_colour():
    photograph = np.random.default_rng(2).random((40, 40, 3), np.float32)
    maps = (photograph @ np.array([[1.0], [0.5], [-0.25]], np.float32)) + 1
    found = guided(block_means(maps, 4), 4, photograph)
    away = np.abs(found - maps).mean()
    # the ridge of 1e-3 is a fifth of the variance of blocks of 16 such colours, 1 / 192
    assert away < 0.35 * np.abs(bicubic(block_means(maps, 4), 4) - maps).mean()


def test_joint_bilateral_upsampling_keeps_an_edge_of_the_photograph():
    photograph = np.zeros((16, 16, 3), np.float32)
    photograph[:, 8:] = 1
    found = joint_bilateral(block_means(photograph[:, :, :1], 4), 4, photograph)
    np.testing.assert_allclose(found[:, :, 0], photograph[:, :, 0], atol=1e-6)


def test_single_cells_that_take_as_long_are_fewer_than_blocks_by_no_more_than_travel():
    scan = coarse_scan(subject_of((48, 48)), 4)
    assert raster_s(scan) > 0.1 * len(scan.cells)
    assert 0.9 * len(scan.cells) < cells_in_time(scan) < 1.2 * len(scan.cells)


def test_published_figures_follow_from_their_rmse():
    for pairs in published_sharpening.VERINAZ_TABLE_I.values():
        for rmse, db in pairs:
            # RMSE is printed with four digits behind the point; of LTTR, one PSNR is off by 0.02 dB more
            slack = 20 * np.log10((rmse + 5e-5) / rmse) + 0.026
            assert -20 * np.log10(rmse) == pytest.approx(db, abs=slack)


def test_only_cells_that_take_as_long_are_measured_anew_when_their_time_is_told_otherwise(monkeypatch):
    monkeypatch.setattr(coarse_ways, "code_version", lambda function: function.__name__)
    as_many, as_long = (one.version for one in ways((AS_MANY, AS_LONG)))
    assert "cells_in_time" in as_long
    assert "cells_in_time" not in as_many


@pytest.fixture
def small_panel(monkeypatch):
    made = Stack("panel", "Made.", True, lambda folder, seeds: [subject_of((20, 25), seed=5)])
    monkeypatch.setattr(sr_table, "STACKS", (made,))


@pytest.mark.usefixtures("small_panel")
def test_the_page_has_every_way_and_names_those_that_cannot_be_had(tmp_path):
    places = ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    options = ["--stacks", "panel", "--factors", "5", "--ways", "bicubic", "guided", "joint-bilateral"]
    assert main(["sr-table", *options, *places]) == 0
    text = (tmp_path / "out" / "sr-table.md").read_text("utf-8")
    for name in (*WITHOUT_WEIGHTS, *NOT_YET):
        assert f"- `{name}`: " in text
    with (tmp_path / "out" / "sr-table.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["way"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"bicubic", "guided", "joint-bilateral"}
    assert all(0 < float(row["rmse"]) < 1 for row in rows.values())


@pytest.mark.usefixtures("small_panel")
@pytest.mark.parametrize(("option", "value"), [("--ways", "hat"), ("--stacks", "mona"), ("--factors", "1")])
def test_what_the_table_cannot_have_is_said(tmp_path, capsys, option, value):
    places = ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    assert main(["sr-table", "--stacks", "panel", "--ways", "bicubic", option, value, *places]) == 2
    assert value in capsys.readouterr().err
