"""Corrections of the photograph's place on their way from the preview to the journal."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.correction import corrected
from calibration.registration import Registration, StageShift
from calibration.registration_record import registration_digest, registration_from_dict
from edge.cameras import Frame
from edge.configuration.config import ScanConfig
from edge.maps import Samples
from edge.photography.correction import (
    Corrections,
    as_planned,
    correction_sentence,
    due_after,
    leave_correction,
    placed_by_samples,
    shift_of,
)
from edge.prepare import Sighting, place
from edge.reconstruct.lowest_point import Offset
from tests.unit.reconstruct.scenes import PENTIMENTO_LINES, pentimento, random_mask, sampled

AT = "2026-01-02T03:04:05.000006+00:00"
SHIFT = StageShift(0.42, -0.1, ((0.0009, 0.0), (0.0, 0.0004)), 1e-6, 500)


@pytest.fixture
def registered() -> Registration:
    bare = Registration(
        np.eye(3), np.eye(3), np.zeros(5), (0, 1, 2, 3), np.full(16, 0.02), "bench", "2026-01-02T03:04:05+00:00", ""
    )
    return replace(bare, digest=registration_digest(bare))


@pytest.fixture
def seconds():
    """A clock that is a second later each time it is looked at."""
    ticks = iter(range(1_000))
    return lambda: float(next(ticks))


def test_what_the_preview_leaves_is_taken_once_and_the_next_one_on_top_of_it(registered, seconds, tmp_path: Path):
    file = tmp_path / "correction.json"
    corrections = Corrections(file, registered, clock=seconds)
    assert corrections.look(AT) is None
    first = corrected(registered, SHIFT)
    leave_correction(file, first, 512)
    event = corrections.look(AT)
    assert event is not None
    assert (event.at, event.exposures) == (AT, 512)
    assert registration_from_dict(json.loads(event.registration_json)).digest == first.digest
    assert corrections.look(AT) is None
    leave_correction(file, corrected(first, SHIFT), 1_024)
    assert corrections.look(AT) is not None
    assert corrections.registration.digest == corrected(first, SHIFT).digest


def test_a_later_correction_is_taken_whatever_it_was_built_on_and_an_older_one_is_not(registered, seconds, tmp_path):
    """After a crash the new preview begins from the journal, which may lack what the old one had found."""
    file = tmp_path / "correction.json"
    first = corrected(registered, SHIFT)
    corrections = Corrections(file, first, 512, clock=seconds)
    leave_correction(file, corrected(registered, replace(SHIFT, x_mm=0.4)), 512)
    assert corrections.look(AT) is None
    leave_correction(file, corrected(registered, replace(SHIFT, x_mm=0.4)), 1_024)
    assert corrections.look(AT) is not None


def test_a_correction_of_another_registration_or_a_damaged_one_is_none(registered, seconds, tmp_path: Path):
    file = tmp_path / "correction.json"
    corrections = Corrections(file, registered, clock=seconds)
    elsewhere = replace(registered, registered_at="2026-01-02T03:04:06+00:00")
    other = corrected(replace(elsewhere, digest=registration_digest(elsewhere)), SHIFT)
    leave_correction(file, other, 512)
    assert corrections.look(AT) is None
    leave_correction(file, registered, 512)
    assert corrections.look(AT) is None
    leave_correction(file, corrected(registered, SHIFT), 512)
    whole = file.read_text()
    for damaged in (
        whole[: len(whole) // 2],
        whole.replace("512", "Infinity"),
        whole.replace("0.42", "0.43"),
        "[]",
        '{"before": 3}',
        "\x00\xff",
    ):
        file.write_text(damaged)
        assert corrections.look(AT) is None


def test_looking_again_within_a_second_touches_no_file(registered, tmp_path: Path):
    file = tmp_path / "correction.json"
    corrections = Corrections(file, registered, clock=lambda: 5.0)
    leave_correction(file, corrected(registered, SHIFT), 512)
    assert corrections.look(AT) is None


PITCH_MM, PX_PER_CELL = 0.5, 3


def seen(inset: int) -> tuple[Sighting, ScanConfig, Samples]:
    """A panel of 120 x 160 cells whose photograph lies two cells off, scanned but for some cells at its edges."""
    maps, _, rgb = pentimento()
    off = np.roll(rgb, 2, axis=1)
    image = np.repeat(np.repeat(np.round(255 * off).astype(np.uint8), PX_PER_CELL, axis=0), PX_PER_CELL, axis=1)
    scale = PITCH_MM / PX_PER_CELL
    stage_from_camera = np.array([[scale, 0, scale / 2], [0, scale, scale / 2], [0, 0, 1]])
    bare = Registration(stage_from_camera, np.eye(3), np.zeros(5), (0, 1, 2, 3), np.full(16, 0.02), "bench", AT, "")
    registration = replace(bare, digest=registration_digest(bare))
    rows, columns = maps.shape[0] - 2 * inset, maps.shape[1] - 2 * inset
    config = ScanConfig.model_validate(
        {
            "instrument": {
                "controller": {"kind": "native", "port": "port"},
                "camera": {"kind": "file", "path": "frame.png"},
                "fiducials": {"markers": [{"id": 0, "x_mm": 1.0, "y_mm": 1.0}]},
            },
            "area": {
                "x_mm": inset * PITCH_MM,
                "y_mm": inset * PITCH_MM,
                "width_mm": columns * PITCH_MM,
                "height_mm": rows * PITCH_MM,
                "pitch_mm": PITCH_MM,
            },
        }
    )
    inner = maps[inset : inset + rows, inset : inset + columns]
    samples = sampled(inner, random_mask(np.ones((rows, columns), np.bool_), 0.1))
    return place(Frame(image, "bench", AT), config, registration), config, samples


def test_a_photograph_with_room_around_the_area_is_moved_to_where_the_samples_say():
    sighting, config, samples = seen(inset=5)
    placing = placed_by_samples(samples, PENTIMENTO_LINES, sighting, config)
    assert placing.was_moved
    shift = placing.sighting.registration.shift
    assert shift is not None
    assert shift.x_mm == pytest.approx(-2 * PITCH_MM, abs=4 * shift.deviation_mm[0])
    assert as_planned(placing.sighting, config).registration.digest == sighting.registration.digest


def test_an_area_that_fills_the_photograph_leaves_it_where_it_is_and_says_so():
    sighting, config, samples = seen(inset=0)
    placing = placed_by_samples(samples, PENTIMENTO_LINES, sighting, config)
    assert placing.offset
    assert placing.offset.is_significant
    assert not placing.was_moved
    assert placing.sighting is sighting
    assert "would leave the photograph" in placing.unmoved


def test_cells_down_and_right_are_millimetres_of_y_and_x():
    shift = shift_of(Offset(-1.0, 2.0, ((0.04, 0.01), (0.01, 0.09)), 1e-5, 1e-3, 700), 0.5)
    assert (shift.x_mm, shift.y_mm) == (1.0, -0.5)
    assert np.array(shift.covariance_mm2) == pytest.approx(np.array([[0.0225, 0.0025], [0.0025, 0.01]]))


def test_the_operator_reads_how_far_and_how_surely(registered):
    sentence = correction_sentence(corrected(registered, SHIFT))
    assert "+0.42 mm in x and -0.10 mm in y" in sentence
    assert "standard errors 30 and 20 um" in sentence


def test_the_first_look_waits_for_a_share_of_the_plan():
    assert due_after(1_000) == 300
    assert due_after(40_000) == 2_000
