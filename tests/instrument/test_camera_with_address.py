"""A simulated instrument's camera at its address, asked by the application as any network camera."""

from __future__ import annotations


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
