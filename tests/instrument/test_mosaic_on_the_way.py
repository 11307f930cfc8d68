"""A camera on the head: calibrated, its frames laid together, the mosaic scanned by; all on simulated instruments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calibration.stored import read_stored, stored_picture
from edge.record.folder import open_recording
from edge.simulate.config import SimulatedHeadCameraConfig
from edge.simulate.head_camera import true_head_view
from edge.state import Ended

HEAD = {"width_px": 640, "height_px": 480, "mm_per_px": 0.05, "seed": 4, "offset_x_mm": 14.0, "offset_y_mm": -9.0}


@pytest.fixture
def head(bare):
    """The bare with a camera on its head, and that camera in the scan's configuration."""
    bare.instrument["head_camera"] = HEAD | {"link": "head"}
    lens = true_head_view(SimulatedHeadCameraConfig(**HEAD)).lens
    bare.scan["instrument"]["lens"] = {
        "matrix": lens.matrix.tolist(),
        "distortion": lens.distortion.tolist(),
        "width_px": lens.width_px,
        "height_px": lens.height_px,
    }
    with bare.running():
        url = (bare.folder / "head").read_text().strip()
        bare.scan["instrument"]["camera"] = {"kind": "http", "url": url}
        bare.write()
        yield bare


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def test_a_scan_is_made_on_a_mosaic_of_the_heads_camera(head):
    # The marker at (38, 38) mm stands before the camera when the beam is 14 mm left of it and 9 mm below.
    ended = head.run("calibrate", "head", str(head.config), "--at", "24", "47", "--step-mm", "4")
    assert ended.returncode == 0, ended.stderr
    kept = head.folder / "calibrations"
    found = read_stored(only(kept, "head-*.yaml"), ["head"]).content
    assert found["offset_x_mm"]["value"] == pytest.approx(14.0, abs=0.15)
    assert found["offset_y_mm"]["value"] == pytest.approx(-9.0, abs=0.15)
    assert found["turn_deg"]["value"] == pytest.approx(2.3, abs=0.1)

    ended = head.run("calibrate", "mosaic", str(head.config), "--head", str(only(kept, "head-*.yaml")))
    assert ended.returncode == 0, ended.stderr
    mosaic = only(kept, "mosaic-*.yaml")
    stored = read_stored(mosaic, ["mosaic"])
    assert stored.content["neighbours_rms_after_mm"] < 0.02
    assert np.mean(stored_picture(stored, "covered") > 0) > 0.8

    head.scan["instrument"]["camera"] = {"kind": "mosaic", "path": str(mosaic)}
    del head.scan["instrument"]["lens"], head.scan["instrument"]["fiducials"]
    head.write()
    verified = head.run("calibrate", "verify", str(head.config))
    assert verified.returncode == 0, verified.stdout
    examined = head.run("doctor", str(head.config))
    assert examined.returncode == 0, examined.stdout
    with head.scanning() as process:
        head.scan_until(5, process)
    ended = head.run("scan", "--resume", str(head.recording))
    assert ended.returncode == 0, ended.stderr
    assert "own photograph again" in ended.stdout
    with open_recording(head.recording) as recording:
        assert recording.history.state == Ended("finished", is_planned=True)
