"""Markers whose places are stated wrongly: what is measured shows it, and the photograph goes where it belongs."""

from __future__ import annotations

import json

import numpy as np
import pytest

from calibration.correction import corrected
from calibration.registration import StageShift
from calibration.registration_record import registration_from_dict
from edge.photography.correction import Corrections, as_planned, leave_correction
from edge.preview.live import Preview
from edge.record.folder import RecordingPaths, open_recording
from edge.results import read_planned, results_of

OFF_MM = 1.0
"""Two cells."""
PULLED_MM = 0.05
"""A tenth of a cell: layers below the paint, which no colour tells, pull by so much on so small a panel. Over six scans
of it, misplaced or not, the place found lay 0.04 mm too far down on average."""


def scanned(bench):
    """A scan of 12 % of the cells whose markers are all stated 1 mm too far right."""
    for marker in bench.scan["instrument"]["fiducials"]["markers"]:
        marker["x_mm"] += OFF_MM
    bench.scan["sampling"]["rate"] = 0.125
    with bench.running():
        scan = bench.run("scan", str(bench.config), "--out", str(bench.recording))
    assert scan.returncode == 0, scan.stderr
    return bench.recording


@pytest.mark.campaign
def test_the_photograph_is_moved_back_in_maps_and_report_and_the_preview_finds_it(bench):
    misplaced = scanned(bench)
    with open_recording(misplaced) as recording:
        planned = read_planned(recording)
        results = results_of(recording, planned)
        first = as_planned(planned.sighting, planned.config)
    shift = results.placing.sighting.registration.shift
    assert shift is not None
    # four standard errors, each below a fifth of a cell
    assert max(shift.deviation_mm) < 0.1
    assert shift.x_mm == pytest.approx(-OFF_MM, abs=4 * shift.deviation_mm[0] + PULLED_MM)
    assert shift.y_mm == pytest.approx(0.0, abs=4 * shift.deviation_mm[1] + PULLED_MM)
    assert first.registration.shift is None
    assert first.registration.digest == planned.plan.registration_digest
    assert not np.array_equal(first.rgb, results.placing.sighting.rgb)
    assert "the photograph lies elsewhere than its markers say" in (misplaced / "report.html").read_text("utf-8")
    if recording.history.corrections:
        # the preview beside the scan had been quick enough
        assert planned.sighting.registration.shift is not None
    else:
        preview_leaves_it(misplaced, planned.sighting.registration)


def preview_leaves_it(recording, before):
    paths = RecordingPaths(recording)
    preview = Preview(recording)
    try:
        assert preview.update()
    finally:
        preview.close()
    seconds = iter(range(10))
    corrections = Corrections(paths.correction, before, clock=lambda: float(next(seconds)))
    event = corrections.look("2026-01-02T03:04:05.000006+00:00")
    assert event is not None
    taken = registration_from_dict(json.loads(event.registration_json))
    assert taken.shift is not None
    assert taken.shift.x_mm == pytest.approx(-OFF_MM, abs=4 * taken.shift.deviation_mm[0] + PULLED_MM)
    assert corrections.registration.digest == taken.digest
    assert corrections.look("2026-01-02T03:04:06.000006+00:00") is None


def test_a_running_scan_writes_down_what_the_preview_leaves_and_goes_on(bare):
    bare.instrument["twin"]["clock_factor"] = 20.0
    with bare.running(), bare.scanning() as scan:
        bare.scan_until(20, scan)
        with open_recording(bare.recording) as recording:
            registered = read_planned(recording).sighting.registration
        moved = corrected(registered, StageShift(0.3, -0.2, ((1e-4, 0.0), (0.0, 1e-4)), 1e-6, 20))
        recording.paths.live.mkdir(exist_ok=True)
        leave_correction(recording.paths.correction, moved, 20)
        assert scan.wait(timeout=240) == 0, bare.said
    with open_recording(bare.recording) as recording:
        history = recording.history
        planned = read_planned(recording)
    assert history.corrections[0].exposures == 20
    assert json.loads(history.corrections[0].registration_json)["digest"] == moved.digest
    assert planned.sighting.registration.shift is not None
    assert len(history.done) == len(planned.plan.exposures)
    assert "After 20 exposures: the measured cells show that the photograph lies +0.30 mm in x" in bare.said
