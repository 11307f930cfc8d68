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
from edge.correction import Corrections, correction_sentence, due_after, leave_correction, shift_of
from edge.reconstruct.lowest_point import Offset

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
    leave_correction(file, before=registered, after=first, exposures=512)
    event = corrections.look(AT)
    assert event is not None
    assert (event.at, event.exposures) == (AT, 512)
    assert registration_from_dict(json.loads(event.registration_json)).digest == first.digest
    assert corrections.look(AT) is None
    leave_correction(file, before=first, after=corrected(first, SHIFT), exposures=1_024)
    assert corrections.look(AT) is not None


def test_a_correction_of_another_registration_or_a_damaged_one_is_none(registered, seconds, tmp_path: Path):
    file = tmp_path / "correction.json"
    corrections = Corrections(file, registered, clock=seconds)
    other = corrected(registered, SHIFT)
    leave_correction(file, before=other, after=corrected(other, SHIFT), exposures=512)
    assert corrections.look(AT) is None
    leave_correction(file, before=registered, after=other, exposures=512)
    whole = file.read_text()
    for damaged in (whole[: len(whole) // 2], whole.replace("0.42", "0.43"), "[]", '{"before": 3}', "\x00\xff"):
        file.write_text(damaged)
        assert corrections.look(AT) is None


def test_looking_again_within_a_second_touches_no_file(registered, tmp_path: Path):
    file = tmp_path / "correction.json"
    corrections = Corrections(file, registered, clock=lambda: 5.0)
    leave_correction(file, before=registered, after=corrected(registered, SHIFT), exposures=512)
    assert corrections.look(AT) is None


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
