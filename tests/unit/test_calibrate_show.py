"""A stored calibration in words."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.camera_calibration import CameraCalibration, ViewReport, calibration_to_dict
from calibration.lens import Lens
from calibration.stored import store
from edge.calibrate.camera import table
from edge.calibrate.show import described
from edge.cli import run
from edge.faults import UsageError

MADE_AT = "2026-03-01T10:20:30+00:00"


def test_figures_and_pictures_are_shown(tmp_path):
    content = {"rms_px": 0.2134567891, "views": [0.1] * 20, "lens": {"width_px": 640}, "covariance": [[1 / 3] * 8] * 8}
    path = store(tmp_path, "other", content, made_at=MADE_AT, pictures={"residuals": np.zeros((4, 4), np.uint8)})
    lines = "\n".join(described(path))
    assert "other calibration of 2026-03-01T10:20:30+00:00" in lines
    assert "rms_px: 0.213457" in lines
    assert "views: 20 entries" in lines
    assert "covariance: 8 rows" in lines
    assert "width_px: 640" in lines
    assert str(path.with_name("other-20260301T102030Z-residuals.png")) in lines


def test_a_file_that_is_no_calibration_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        described(tmp_path / "none.yaml")


def test_the_console_shows_a_calibration(tmp_path, capsys):
    path = store(tmp_path, "other", {"rms_px": 0.2}, made_at=MADE_AT)
    assert run(["calibrate", "show", str(path)]) == 0
    assert "rms_px: 0.2" in capsys.readouterr().out


def test_a_cameras_calibration_is_shown_as_the_table_that_it_was_stored_with(tmp_path):
    lens = Lens(np.array([[700.0, 0, 322], [0, 700.0, 236], [0, 0, 1]]), np.zeros(5), 640, 480)
    views = (ViewReport("a.png", 54, 0.19, 20.0), ViewReport("b.png", 0, None, None, "no board"))
    found = CameraCalibration(lens, np.full(9, 0.5), "none", 0.19, 0.2, 0.8, views, "chessboard:9x6:25mm", "", MADE_AT)
    path = store(tmp_path, "camera", calibration_to_dict(found), made_at=MADE_AT)
    lines = described(path)
    assert lines[1:] == ["camera: not named", "board: chessboard:9x6:25mm", *table(found)]


def test_a_picture_that_was_changed_is_told(tmp_path):
    path = store(tmp_path, "other", {}, made_at=MADE_AT, pictures={"residuals": np.zeros((4, 4), np.uint8)})
    path.with_name("other-20260301T102030Z-residuals.png").unlink()
    assert "missing or changed since the calibration" in described(path)[-1]
