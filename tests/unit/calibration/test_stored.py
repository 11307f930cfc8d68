"""Calibrations as files."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from calibration import stored
from calibration.stored import DamagedCalibration, load_stored, read_stored, store, stored_picture

MADE_AT = "2026-03-01T10:20:30.500+00:00"

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(content=st.dictionaries(st.text(max_size=8), plain, max_size=4))
def test_what_was_stored_is_read_back_exactly(content, tmp_path_factory):
    path = store(tmp_path_factory.mktemp("stored"), "camera", content, made_at=MADE_AT)
    assert load_stored(path, "camera") == content


def test_an_older_calibration_of_the_same_second_is_kept(tmp_path):
    first = store(tmp_path, "camera", {"rms_px": 0.2}, made_at=MADE_AT)
    second = store(tmp_path, "camera", {"rms_px": 0.3}, made_at=MADE_AT)
    assert [path.name for path in (first, second)] == ["camera-20260301T102030Z.yaml", "camera-20260301T102030Z-2.yaml"]
    assert load_stored(first, "camera") == {"rms_px": 0.2}


def test_a_picture_is_read_back_as_it_was_given(tmp_path):
    image = np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    path = store(tmp_path, "camera", {}, made_at=MADE_AT, pictures={"residuals": image})
    assert (stored_picture(read_stored(path, []), "residuals") == image).all()


def test_a_picture_that_was_changed_is_refused(tmp_path):
    path = store(tmp_path, "stage", {}, made_at=MADE_AT, pictures={"frame": np.zeros((4, 4), np.uint8)})
    path.with_name("stage-20260301T102030Z-frame.png").write_bytes(b"another")
    with pytest.raises(DamagedCalibration, match=r"missing or changed since the calibration: restore it"):
        stored_picture(read_stored(path, ["stage"]), "frame")


def test_nothing_is_left_of_a_calibration_that_cannot_be_written(tmp_path):
    with pytest.raises(ValueError):
        store(tmp_path, "camera", {"rms_px": 0.2}, made_at=MADE_AT, pictures={"x": np.zeros((4, 4, 9), np.uint8)})
    assert list(tmp_path.iterdir()) == []


def test_no_file_stands_there_before_it_is_whole(tmp_path, monkeypatch):
    before = store(tmp_path, "camera", {"rms_px": 0.2}, made_at=MADE_AT)
    seen = []
    write = stored._write_picture

    def watched(*args):
        seen.append(sorted(path.name for path in tmp_path.glob("*.yaml")))
        return write(*args)

    monkeypatch.setattr(stored, "_write_picture", watched)
    after = store(tmp_path, "camera", {}, made_at=MADE_AT, pictures={"x": np.zeros((4, 4), np.uint8)})
    assert seen == [[before.name]]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([before.name, after.name, f"{after.stem}-x.png"])


def test_a_name_that_another_program_is_about_to_take_is_left_to_it(tmp_path):
    (tmp_path / ".camera-20260301T102030Z.yaml.reserved").touch()
    assert store(tmp_path, "camera", {}, made_at=MADE_AT).name == "camera-20260301T102030Z-2.yaml"


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    with pytest.raises(ValueError):
        store(tmp_path, "camera", {"rms_px": float("nan")}, made_at=MADE_AT)


def edited(path, change):
    record = yaml.safe_load(path.read_text())
    change(record)
    path.write_text(yaml.safe_dump(record))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda record: record["content"].update(rms_px=0.1), "changed since it was written .* calibrate again"),
        (lambda record: record.update(made_at="2027-01-01T00:00:00+00:00"), "changed since it was written"),
        (lambda record: record.pop("pictures"), "changed since it was written"),
        (lambda record: record.update(version=99), "written in format 99, newer than 1: update this program"),
        (lambda record: record.update(format="other"), "not a stored calibration"),
        (lambda record: record.update(kind="stage"), "of the kind 'stage', not 'camera': give that one"),
    ],
)
def test_a_file_edited_by_hand_is_refused_in_one_sentence(tmp_path, change, sentence):
    path = store(tmp_path, "camera", {"rms_px": 0.2}, made_at=MADE_AT)
    edited(path, change)
    with pytest.raises(DamagedCalibration, match=sentence):
        load_stored(path, "camera")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "not a stored calibration"),
        (b"a: &x [1]\nb: *x\n", "not a stored calibration"),
        (b"{", "not a whole calibration's file"),
        (b"\xff\xfe\x00", "not a whole calibration's file"),
    ],
)
def test_a_foreign_file_is_refused_in_one_sentence(tmp_path, content, sentence):
    path = tmp_path / "camera.yaml"
    path.write_bytes(content)
    with pytest.raises(DamagedCalibration, match=sentence):
        load_stored(path, "camera")


def test_a_missing_file_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(DamagedCalibration, match=r"cannot be read \(No such file or directory\): check the path"):
        load_stored(tmp_path / "none.yaml", "camera")
