"""The lens that a configuration names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.camera_calibration import CameraCalibration, ViewReport, calibration_to_dict
from calibration.lens import Lens
from calibration.stored import store
from edge.cameras import Frame
from edge.configuration.config import InstrumentConfig
from edge.faults import UsageError
from edge.photography.camera_lens import lens_for

LENS = Lens(np.array([[700.0, 0, 322], [0, 700.0, 236], [0, 0, 1]]), np.array([-0.1, 0.02, 0, 0, 0]), 640, 480)
MADE_AT = "2026-03-01T10:20:30+00:00"
FRAME = Frame(np.zeros((480, 640, 3), np.uint8), "uvc:left", MADE_AT)


def instrument(**rest: object) -> InstrumentConfig:
    return InstrumentConfig.model_validate(
        {
            "controller": {"kind": "native", "port": "port"},
            "camera": {"kind": "file", "path": "frame.png"},
            "fiducials": {"markers": [{"id": 0, "x_mm": 0.0, "y_mm": 0.0}]},
            **rest,
        }
    )


def stored(folder: Path, *, identity: str, lens: Lens = LENS) -> str:
    calibration = CameraCalibration(
        lens, np.zeros(9), "k1", 0.2, None, 0.8, (), "chessboard:9x6:25mm", identity, MADE_AT
    )
    return str(store(folder, "camera", calibration_to_dict(calibration), made_at=MADE_AT))


@pytest.mark.parametrize("identity", ["uvc:left", ""], ids=["of this camera", "of no camera in particular"])
def test_the_stored_lens_is_used(tmp_path, identity):
    lens = lens_for(instrument(camera_calibration=stored(tmp_path, identity=identity)), FRAME)
    assert lens is not None
    assert (lens.matrix == LENS.matrix).all()
    assert (lens.distortion == LENS.distortion).all()


@pytest.mark.parametrize(("held_out_px", "bending_px"), [(0.9, 0.225), (0.2, 0.05), (None, 0.05)])
def test_a_lens_bends_by_what_its_calibration_leaves(tmp_path, held_out_px, bending_px):
    views = tuple(ViewReport(f"{k}.png", 54, 0.2, 10.0) for k in range(10))
    calibration = CameraCalibration(
        LENS, np.zeros(9), "k1", 0.2, held_out_px, 0.8, views, "chessboard:9x6:25mm", "uvc:left", MADE_AT
    )
    path = store(tmp_path, "camera", calibration_to_dict(calibration), made_at=MADE_AT)
    lens = lens_for(instrument(camera_calibration=str(path)), FRAME)
    assert lens is not None
    assert lens.bending_px == pytest.approx(bending_px)


def test_there_is_no_lens_where_none_is_named():
    assert lens_for(instrument(), FRAME) is None


def test_a_calibration_that_names_a_usb_camera_by_its_path_is_used(tmp_path):
    named = replace(FRAME, identity="uvc:046d:082d:A1B2")
    assert lens_for(instrument(camera_calibration=stored(tmp_path, identity="uvc:/dev/video0")), named) is not None


def test_the_calibration_of_another_camera_is_refused(tmp_path):
    config = instrument(camera_calibration=stored(tmp_path, identity="uvc:right"))
    with pytest.raises(
        UsageError, match=r"the calibration of another camera \(uvc:right, not uvc:left\): give that of"
    ):
        lens_for(config, FRAME)


def test_the_calibration_at_another_picture_size_is_refused(tmp_path):
    config = instrument(camera_calibration=stored(tmp_path, identity="", lens=replace(LENS, width_px=800)))
    with pytest.raises(UsageError, match="calibrated at 800 x 480 pixels and gives 640 x 480: set it to that size"):
        lens_for(config, FRAME)


def test_a_calibration_edited_by_hand_is_refused(tmp_path):
    path = Path(stored(tmp_path, identity=""))
    path.write_text(path.read_text().replace("700.0", "710.0"))
    with pytest.raises(UsageError, match=r"changed since it was written .* calibrate again"):
        lens_for(instrument(camera_calibration=str(path)), FRAME)


def test_a_missing_calibration_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        lens_for(instrument(camera_calibration=str(tmp_path / "none.yaml")), FRAME)
