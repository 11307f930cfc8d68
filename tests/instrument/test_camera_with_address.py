"""A simulated instrument's camera at its address, asked by the application as any network camera."""

from __future__ import annotations

import re

import pytest


@pytest.mark.campaign
def test_a_plan_is_made_from_what_the_camera_shows_at_its_address(bench):
    bench.instrument["camera_link"] = "camera"
    with bench.running():
        url = (bench.folder / "camera").read_text().strip()
        bench.scan["instrument"]["camera"] = {"kind": "http", "url": url}
        bench.write()
        ended = bench.run("plan", str(bench.config), "--out", str(bench.folder / "plan"))
    assert ended.returncode == 0, ended.stderr
    assert f"Camera on {url}" in (bench.folder / "instrument.log").read_text()
    assert not (bench.folder / "camera").exists()


def test_the_spot_is_verified_where_nothing_was_calibrated(bench):
    bench.instrument["camera_link"] = "camera"
    bench.instrument["camera"] |= {"width_px": 600, "height_px": 440, "focal_px": 1300.0, "laser": {"fwhm_mm": 1.6}}
    with bench.running():
        url = (bench.folder / "camera").read_text().strip()
        bench.scan["instrument"]["camera"] = {"kind": "http", "url": url}
        bench.write()
        ended = bench.run("calibrate", "verify", str(bench.config), "--spot")
        opened = [event for event in bench.twin_events() if event["event"] == "shutter_opened"]
    assert ended.returncode == 0, ended.stdout + ended.stderr
    spot = ended.stdout.splitlines()[-1]
    assert spot.startswith("ok")
    assert re.search(r"at [89] places not used before", spot)
    assert opened == []
