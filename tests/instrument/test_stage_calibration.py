"""A simulated stage is calibrated by its laser's spot, and a scan is planned by that without any marker."""

from __future__ import annotations

import pytest

from calibration.stored import load_stored


@pytest.fixture
def lit(bench):
    """The bench with a camera at an address, and the alignment laser on."""
    bench.instrument["camera_link"] = "camera"
    bench.instrument["camera"] |= {"width_px": 600, "height_px": 440, "focal_px": 1300.0, "laser": {"fwhm_mm": 1.6}}
    return bench


def test_a_plan_is_made_by_a_stage_calibration_in_place_of_markers(lit):
    with lit.running():
        url = (lit.folder / "camera").read_text().strip()
        lit.scan["instrument"]["camera"] = {"kind": "http", "url": url}
        del lit.scan["instrument"]["fiducials"]
        lit.write()
        made = lit.run("calibrate", "stage", str(lit.config), "--method", "spot", "--columns", "3", "--rows", "3")
        assert made.returncode == 0, made.stderr
        (stored,) = (lit.folder / "calibrations").glob("stage-*.yaml")
        lit.scan["instrument"]["stage_calibration"] = str(stored.relative_to(lit.folder))
        lit.write()
        planned = lit.run("plan", str(lit.config), "--out", str(lit.folder / "plan"))
    assert planned.returncode == 0, planned.stderr
    assert "placed by the stage's calibration" in planned.stdout
    assert "no fiducials are listed to hold it against" in planned.stderr
    assert "Expected error over the area" in made.stdout
    content = load_stored(stored, "stage")
    assert content["method"] == "spot"
    assert len(content["points_px"]) == 18
    # The simulated stage has no backlash; what is told must say so.
    for value, error in zip(content["backlash_mm"], content["backlash_error_mm"], strict=True):
        assert abs(value) < 4 * error
    opened = [event for event in lit.twin_events() if "shutter" in str(event).lower() and "open" in str(event).lower()]
    assert not opened, "the shutter stays closed"
