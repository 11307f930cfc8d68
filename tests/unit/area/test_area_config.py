"""Outlines that enclose nothing, or not one thing, and keep-outs that protect nothing, are refused with a sentence."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given

from edge.configuration.config import parse_scan_config
from edge.configuration.outline import why_no_outline
from edge.faults import UsageError
from edge.motion.stage_known import stage_of
from edge.planning.passage import passage_of
from tests.unit.area.outlines import outlines

SQUARE = [[2.0, 2.0], [6.0, 2.0], [6.0, 6.0], [2.0, 6.0]]


def parsed(tmp_path, instrument=None, **area):
    document = {
        "instrument": {
            "controller": {"kind": "native", "port": "p"},
            "camera": {"kind": "file", "path": "f.png"},
        }
        | (instrument or {}),
        "area": {"x_mm": 0.0, "y_mm": 0.0, "width_mm": 20.0, "height_mm": 20.0, "pitch_mm": 0.5} | area,
    }
    return parse_scan_config(json.dumps(document), tmp_path / "scan.yaml")


@given(outlines())
def test_an_outline_that_winds_once_round_a_middle_is_simple(corners):
    assert why_no_outline([tuple(corner) for corner in corners]) == ""


@pytest.mark.parametrize(
    ("corners", "words"),
    [
        ([[1.0, 1.0], [2.0, 2.0]], "needs 3 corners or more and has 2"),
        ([[2.0, 2.0], [6.0, 6.0], [6.0, 2.0], [2.0, 6.0]], "crosses or touches itself, from corner 1 to 2 and"),
        ([[2.0, 2.0], [6.0, 2.0], [4.0, 2.0]], "crosses or touches itself"),
        ([[2.0, 2.0], [6.0, 2.0], [4.0, 6.0], [4.0, 2.0], [2.0, 6.0]], "crosses or touches itself"),
        ([*SQUARE, SQUARE[0]], "the last corner repeats the first"),
        ([SQUARE[0], *SQUARE], "corners 1 and 2 are the same"),
        ([[2.0, 2.0], [6.0, float("nan")], [6.0, 6.0]], "valid number"),
        ([[2.0, 2.0], [6.0, float("inf")], [6.0, 6.0]], "valid number"),
        ([[2.0, 2.0], [6.0], [6.0, 6.0]], "at least 2 items"),
        ([[2.0, 2.0], [6.0, 2.0, 1.0], [6.0, 6.0]], "at most 2 items"),
        ([[float(k), float(k * k % 7)] for k in range(401)], "at most 400 items"),
    ],
)
@pytest.mark.parametrize("key", ["polygon", "keep_out"])
def test_an_outline_that_cannot_be_used_is_refused(tmp_path, key, corners, words):
    area = {"polygon": corners} if key == "polygon" else {"keep_out": [{"name": "seal", "polygon": corners}]}
    with pytest.raises(UsageError, match=words) as refused:
        parsed(tmp_path, **area)
    assert "\n" not in str(refused.value)


def test_a_corner_of_the_area_outside_its_rectangle_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"corner 2, \(21, 2\) mm, lies outside the rectangle x 0 to 20, y 0 to 20 mm"):
        parsed(tmp_path, polygon=[[2.0, 2.0], [21.0, 2.0], [6.0, 6.0]])


def test_a_keep_out_where_the_beam_never_comes_is_refused(tmp_path):
    # four times 2.5 mm of run-out at 50 mm/s and 500 mm/s2, 10 mm in 0.2 s, and half a millimetre of beam
    beside = [[x + 38.6, y] for x, y in SQUARE]
    with pytest.raises(UsageError, match=r"keep-out 'seal' lies 20\.6 mm outside the area, where the beam never comes"):
        parsed(tmp_path, keep_out=[{"name": "seal", "polygon": beside}])


@pytest.mark.parametrize(("acceleration_mm_s2", "reach_mm"), [(500.0, 6.2), (5_000.0, 1.7), (100_000.0, 1.2)])
def test_a_keep_out_beside_the_area_that_strokes_run_out_over_is_kept(tmp_path, acceleration_mm_s2, reach_mm):
    clamp = [{"name": "clamp", "polygon": [[x + 18.0 + reach_mm, y] for x, y in SQUARE]}]
    instrument = {"stage": {"acceleration_mm_s2": acceleration_mm_s2}}
    config = parsed(tmp_path, instrument, keep_out=clamp)
    # a stroke at full speed that ends with the area does reach there
    stroke = np.array([[15.0, 4.0, 20.0, 4.0, 0.1]])
    assert passage_of(config, stage_of(config)).trespass(stroke) == (0, "clamp")


def test_a_standard_in_a_keep_out_is_refused(tmp_path):
    beside = [[x + 19.5, y] for x, y in SQUARE]
    standard = {"x_mm": 23.0, "y_mm": 4.0}
    with pytest.raises(UsageError, match="lies in the keep-out 'clamp'"):
        parsed(tmp_path, {"standard": standard}, keep_out=[{"name": "clamp", "polygon": beside}])
    parsed(tmp_path, {"standard": standard | {"y_mm": 8.0}}, keep_out=[{"name": "clamp", "polygon": beside}])


@pytest.mark.parametrize(
    ("place", "fwhm_mm", "is_refused"),
    [
        ((25.9, 4.0), 0.5, True),
        ((25.8, 6.3), 0.5, True),
        ((25.8, 6.6), 0.5, False),
        ((25.7, 4.0), None, True),
        ((25.8, 4.0), None, False),
        ((30.0, 4.0), 5.0, True),
    ],
)
def test_a_standard_from_which_the_beam_reaches_into_a_keep_out_is_refused(tmp_path, place, fwhm_mm, is_refused):
    beside = [[x + 19.5, y] for x, y in SQUARE]
    instrument = {"standard": {"x_mm": place[0], "y_mm": place[1]}, "beam": {"fwhm_mm": fwhm_mm}}
    clamp = [{"name": "clamp", "polygon": beside}]
    if not is_refused:
        assert parsed(tmp_path, instrument, keep_out=clamp).instrument.standard is not None
        return
    with pytest.raises(UsageError, match=r"from the keep-out 'clamp', which the beam there, reaching .* would touch"):
        parsed(tmp_path, instrument, keep_out=clamp)


def test_two_keep_outs_of_one_name_are_refused(tmp_path):
    with pytest.raises(UsageError, match="two keep-outs share a name"):
        parsed(tmp_path, keep_out=[{"name": "seal", "polygon": SQUARE}] * 2)


def test_a_rectangle_alone_is_whole(tmp_path):
    assert parsed(tmp_path).area.is_whole
    assert not parsed(tmp_path, polygon=SQUARE).area.is_whole
    assert not parsed(tmp_path, keep_out=[{"name": "seal", "polygon": SQUARE}]).area.is_whole
