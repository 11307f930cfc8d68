"""Where nothing was to be scanned, nothing is shown: in maps, their file, their pictures, and what is said of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.maps import ElementMaps, limited_to
from edge.record.maps_file import read_maps, write_maps
from edge.replaying.replay import replay_source
from edge.replaying.sources import Stack
from edge.report.contents import Outline
from edge.report.figures import NO_VALUE_RGB, colour_limits, palette, palette_indices
from edge.report.page import render
from tests.unit.report.conftest import make_report

__all__ = ["make_report"]

SHAPE = (6, 8)


def maps_with(measured) -> ElementMaps:
    random = np.random.default_rng(0)
    values, errors, visible = (random.random((*SHAPE, 2)).astype(np.float32) for _ in range(3))
    return ElementMaps(("Fe", "Pb"), values, errors, measured, "kriging", visible=visible)


def scanned_half():
    scanned = np.zeros(SHAPE, np.bool_)
    scanned[:, :4] = True
    return scanned


def test_no_value_is_left_where_nothing_was_to_be_scanned():
    scanned = scanned_half()
    limited = limited_to(maps_with(np.zeros(SHAPE, np.bool_)), scanned)
    for values in (limited.maps, limited.standard_error, limited.visible):
        assert np.array_equal(np.isfinite(values).all(axis=2), scanned)
        assert not values.flags.writeable
    assert np.array_equal(limited.scanned, scanned)


def test_what_was_measured_all_the_same_stays():
    measured = np.zeros(SHAPE, np.bool_)
    measured[2, 6] = True
    limited = limited_to(maps_with(measured), scanned_half())
    assert np.isfinite(limited.maps[2, 6]).all()
    assert limited.scanned[2, 6]


def test_maps_of_a_whole_rectangle_stay_the_same_object():
    maps = maps_with(np.zeros(SHAPE, np.bool_))
    assert limited_to(maps, np.ones(SHAPE, np.bool_)) is maps


def test_the_maps_file_says_where_nothing_was_to_be_scanned(tmp_path):
    limited = limited_to(maps_with(np.zeros(SHAPE, np.bool_)), scanned_half())
    write_maps(tmp_path / "maps.h5", limited)
    read = read_maps(tmp_path / "maps.h5").element_maps
    assert np.array_equal(read.scanned, limited.scanned)
    assert np.array_equal(read.maps, limited.maps, equal_nan=True)
    write_maps(tmp_path / "whole.h5", maps_with(np.zeros(SHAPE, np.bool_)))
    assert read_maps(tmp_path / "whole.h5").element_maps.scanned is None


def test_cells_without_a_value_have_a_colour_of_their_own():
    limited = limited_to(maps_with(np.zeros(SHAPE, np.bool_)), scanned_half())
    values = limited.maps[..., 0]
    drawn = palette("viridis")[palette_indices(values, colour_limits(values))]
    assert (drawn[:, 4:] == NO_VALUE_RGB).all()
    assert not (drawn[:, :4] == NO_VALUE_RGB).all(axis=2).any()
    assert colour_limits(values).high == pytest.approx(float(values[:, :4].max()))


def test_the_report_counts_and_names_what_was_left_out(make_report):
    whole = make_report()
    scanned = np.ones(whole.grid.shape, np.bool_)
    scanned[:, : whole.grid.columns // 2] = False
    origin = np.array([whole.grid.origin_x_mm, whole.grid.origin_y_mm])
    corners = origin + np.array([[0, 0], [1, 0], [1, 1]]) * whole.grid.pitch_mm
    limited = replace(
        whole,
        maps=limited_to(replace(whole.maps, measured=whole.maps.measured & scanned), scanned),
        outline=Outline(None, (("a <seal>", corners),)),
    )
    page = render(limited)
    assert limited.cells == int(scanned.sum())
    assert "a &lt;seal&gt;" in page
    assert "<seal>" not in page
    assert "no value is shown there" in page
    assert 'class="bound keep-out"' in page
    assert "no value is shown there" not in render(whole)


def test_a_replay_counts_and_shows_only_what_was_to_be_scanned(tmp_path, monkeypatch):
    random = np.random.default_rng(3)
    shape = (20, 20)
    scanned = np.zeros(shape, np.bool_)
    scanned[:, :10] = True
    known = scanned & (random.random(shape) < 0.6)
    values = random.random((*shape, 2)).astype(np.float32)
    stack = Stack(values, np.zeros_like(values), ("Fe", "Pb"), None, known, False, "counts/s", scanned)
    monkeypatch.setattr("edge.replaying.replay.load_stack", lambda source, settings: stack)
    result = replay_source(Path("scan"), rate=0.2, mask="blue-noise", method="kriging", seed=0, out=tmp_path / "out")
    assert int(result.mask.cells.sum()) == 40
    assert result.scored_cells == int(known.sum()) - 40
    assert np.array_equal(np.isfinite(result.maps.maps).all(axis=2), scanned)
    assert np.array_equal(read_maps(tmp_path / "out" / "maps.h5").element_maps.scanned, scanned)
