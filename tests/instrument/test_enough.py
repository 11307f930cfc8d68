"""A scan that ends once its maps are good enough, on the simulated instrument, and after it was killed as well."""

from __future__ import annotations

import numpy as np
import pytest

from edge.planning.plan import plan_from_json
from edge.record.folder import open_recording
from edge.record.maps_file import read_maps
from edge.state import Ended
from edge.stopping.drawing import FEWEST


@pytest.fixture
def asking(drawing):
    """A panel at a rate that it does not need for the error that is asked for."""
    drawing.scan["sampling"] |= {"mask": "adaptive", "batches": 6, "rate": 0.25, "stop": {"error": 0.12}}
    drawing.instrument["twin"]["clock_factor"] = 20.0
    return drawing


def require_that_it_stopped_at_its_error(bench) -> None:
    with open_recording(bench.recording) as recording:
        history = recording.history
    assert history.state == Ended("finished", is_planned=True)
    assert history.concluded is not None
    assert "asked for 0.12" in history.concluded.reason
    assert history.irregular == ()
    # the rule may be met while the shutter is closed for the next batch
    assert history.shutter[-1].reason in ("enough is measured", "choosing where to measure next")
    assert history.judged[-1].exposures <= history.exposures
    plan = plan_from_json(history.plan_json)
    assert len(history.done) < round(0.25 * plan.mask.cells.size)
    assert plan.held is not None
    assert int(plan.held_out.sum()) >= FEWEST
    measured = read_maps(bench.recording / "maps.h5").element_maps.measured
    assert not (measured & plan.held).any()
    assert np.array_equal(measured & ~plan.mask.cells, np.zeros_like(measured))
    page = (bench.recording / "report.html").read_text("utf-8")
    assert history.concluded.reason.partition(":")[0] in page


def test_a_scan_stops_once_its_error_is_reached_and_no_map_knows_what_was_held_out(asking):
    with asking.running():
        scan = asking.run("scan", str(asking.config), "--out", str(asking.recording))
    assert scan.returncode == 0, scan.stderr
    assert "Done: the error that was asked for is reached" in scan.stdout
    assert "held out: " in scan.stdout
    require_that_it_stopped_at_its_error(asking)
    shutter = [event["event"] for event in asking.twin_events() if event["event"].startswith("shutter_")]
    assert shutter[-1] == "shutter_closed"


@pytest.mark.campaign
def test_a_scan_that_was_killed_goes_on_by_the_same_rule(asking):
    with asking.running():
        with asking.scanning() as scan:
            asking.scan_until(200, scan)
            scan.kill()
        resumed = asking.run("scan", "--resume", str(asking.recording))
    assert resumed.returncode == 0, resumed.stderr
    require_that_it_stopped_at_its_error(asking)


def test_a_time_that_is_too_short_for_the_plan_is_refused_before_the_beam(bench):
    bench.instrument["twin"]["clock_factor"] = 20.0
    bench.scan["sampling"] |= {"mask": "netm"}
    with bench.running():
        scan = bench.run("scan", str(bench.config), "--out", str(bench.recording), "--time", "1s")
        assert scan.returncode == 2, scan.stdout
    assert "sampling.stop.time_s of 1 s is too short, for the plan alone takes about" in scan.stderr
    assert "shutter_opened" not in [event["event"] for event in bench.twin_events()]
