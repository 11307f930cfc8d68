"""A plan made at a desk is the plan of a scan that sees the same frame."""

from __future__ import annotations

from edge.planning.plan import plan_from_json
from edge.record.folder import open_recording

STOPPED = 6
PICTURES = ("density.png", "mask.png", "path.png")


def planned_by_a_scan(bench) -> str:
    """The plan that a scan journals, stopped before the beam for want of somebody to ask."""
    scan = bench.run("scan", str(bench.config), "--out", str(bench.recording), "--review")
    assert scan.returncode == STOPPED, scan.stderr
    with open_recording(bench.recording) as recording:
        return recording.history.plan_json


def test_a_plan_and_a_scan_of_the_same_frame_are_one(bench):
    with bench.running():
        plan = bench.run("plan", str(bench.config), "--out", str(bench.folder / "plan"))
        assert plan.returncode == 0, plan.stderr
        recorded = planned_by_a_scan(bench)
        assert not [event for event in bench.twin_events() if event["event"] == "shutter_opened"]
    # the twin announces no slower stage than the configuration, so that even the prices agree
    assert (bench.folder / "plan" / "plan.json").read_text("utf-8") == recorded
    for name in PICTURES:
        ours, theirs = (folder / "review" / name for folder in (bench.folder / "plan", bench.recording))
        assert ours.read_bytes() == theirs.read_bytes()


def test_on_a_slower_controller_the_cells_are_the_same_and_take_longer(bench):
    bench.instrument["twin"]["max_speed_mm_s"] = 5.0
    with bench.running():
        recorded = plan_from_json(planned_by_a_scan(bench))
    # the instrument has gone, its last picture lies there still
    plan = bench.run("plan", str(bench.config), "--out", str(bench.folder / "plan"))
    assert plan.returncode == 0, plan.stderr
    ours = plan_from_json((bench.folder / "plan" / "plan.json").read_text("utf-8"))
    assert (ours.mask.cells == recorded.mask.cells).all()
    assert ours.predicted_s < recorded.predicted_s
