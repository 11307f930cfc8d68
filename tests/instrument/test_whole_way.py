"""The main job on the simulated instrument, run as a user runs it."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

import numpy as np
import pytest

from edge.record.folder import open_recording
from edge.record.maps_file import read_maps
from edge.results import read_planned
from edge.state import Ended
from tests.instrument.conftest import Bench, await_that, bench_in

PLANNED = 384


@dataclass(frozen=True)
class Scanned:
    """A scan that ran by itself from beginning to end, and what the instrument wrote down meanwhile."""

    bench: Bench
    scan: subprocess.CompletedProcess[str]
    events: tuple[dict, ...]


@pytest.fixture(scope="module")
def scanned(tmp_path_factory, starter) -> Scanned:
    """To be looked at and copied from, not written to; its scan and its instrument are started in full."""
    bench = bench_in(tmp_path_factory.mktemp("scanned"))
    with bench.running():
        scan = bench.run("scan", str(bench.config), "--out", str(bench.recording), "--quiet")
        events = bench.twin_events()
    assert scan.returncode == 0, scan.stderr
    bench.starter = starter
    return Scanned(bench, scan, tuple(events))


def test_a_scan_goes_from_photograph_to_report_unattended(scanned):
    with open_recording(scanned.bench.recording) as recording:
        planned = read_planned(recording)
        history = recording.history
    assert history.state == Ended("finished", is_planned=True)
    assert history.done == frozenset(range(PLANNED))
    assert history.exposures == PLANNED
    assert not history.is_shutter_open
    assert history.irregular == ()
    kept = read_maps(recording.paths.maps)
    assert kept.element_maps.elements == ("Ca-K", "Fe-K", "Cu-K", "Hg-L", "Pb-L")
    assert np.array_equal(kept.element_maps.measured, planned.plan.mask.cells)
    assert np.isfinite(kept.element_maps.maps).all()
    assert (kept.element_maps.standard_error > 0).all()
    page = recording.paths.report.read_text("utf-8")
    assert "Bench panel" in page
    assert not re.search(r'(src|href)="https?:', page)


def test_the_twins_own_log_agrees_with_the_recording(scanned):
    measured = [event["index"] for event in scanned.events if event["event"] == "exposed"]
    assert sorted(measured) == list(range(PLANNED))
    shutter = [event["event"] for event in scanned.events if event["event"].startswith("shutter")]
    assert shutter[-1] == "shutter_closed"


def test_maps_grow_while_the_scan_runs(drawing):
    # in real time: a preview, which gives way to all else, has to come before the scan's end
    drawing.instrument["twin"]["clock_factor"] = 1.0
    with drawing.running(), drawing.scanning() as scan:
        preview = drawing.recording / "live" / "maps.h5"
        await_that(lambda: scan.poll() is not None or preview.exists(), "the first preview")
        assert scan.poll() is None, drawing.said
        assert (drawing.recording / "live" / "maps.png").read_bytes().startswith(b"\x89PNG")
        growing = read_maps(preview).element_maps
        assert 0 < int(growing.measured.sum()) < PLANNED
        assert growing.visible is None
        await_that(lambda: "Measuring" in (drawing.recording / "log.txt").read_text("utf-8"), "a line on its progress")
        assert scan.poll() is None, drawing.said
        scan.terminate()
        assert scan.wait(timeout=120) == 6


def test_quiet_prints_nothing(scanned):
    warned = [line for line in scanned.scan.stderr.splitlines() if "its lease was not renewed in time" not in line]
    assert (scanned.scan.returncode, scanned.scan.stdout, warned) == (0, "", [])


def test_doctor_finds_a_sound_instrument(bench):
    with bench.running():
        found = bench.run("doctor", str(bench.config))
        assert not [event for event in bench.twin_events() if event["event"] == "shutter_opened"]
    assert found.returncode == 0, found.stdout
    sound = ("packages", "disk", "port", "firmware", "detector", "limits", "door", "shutter", "camera", "fiducials")
    for what in sound:
        assert re.search(rf"^ok +{what} ", found.stdout, re.MULTILINE), what
    for what in ("buffers", "lease", "round trip", "link"):
        assert re.search(rf"^(ok|note) +{what} ", found.stdout, re.MULTILINE), what
    assert re.search(r"^note +clock .* as a simulated instrument's may", found.stdout, re.MULTILINE)


def test_review_without_anybody_to_ask_stops_before_the_beam(bench):
    with bench.running():
        scan = bench.run("scan", str(bench.config), "--out", str(bench.recording), "--review")
        events = bench.twin_events()
    assert scan.returncode == 6
    assert "needs somebody at a terminal" in scan.stderr
    assert not [event for event in events if event["event"] == "shutter_opened"]
    assert {path.name for path in (bench.recording / "review").iterdir()} == {"density.png", "mask.png", "path.png"}


def test_a_finished_scan_is_not_resumed(scanned):
    again = scanned.bench.run("scan", "--resume", str(scanned.bench.recording))
    assert again.returncode == 2
    assert "this scan is finished" in again.stderr


def test_a_recording_of_ours_replays_and_is_scored_on_what_was_left_out(scanned):
    bench = scanned.bench
    finished = read_maps(bench.recording / "maps.h5").element_maps
    assert finished.visible is not None
    replay = bench.run(
        "replay", str(bench.recording), "--mask", "adaptive", "--rate", "0.04", "--out", str(bench.folder / "again")
    )
    assert replay.returncode == 0, replay.stderr
    assert "exposures left out" in replay.stdout
    kept = read_maps(bench.folder / "again" / "maps.h5")
    assert int(kept.mask.sum()) == round(0.04 * kept.mask.size)
    above = bench.run(
        "replay", str(bench.recording), "--mask", "adaptive", "--rate", "0.1", "--out", str(bench.folder / "above")
    )
    assert above.returncode == 2
    assert "the recording holds 384" in above.stderr
