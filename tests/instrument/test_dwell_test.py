"""A dwell test on the simulated instrument: measured as a scan, told, reported, and counted as dose of what follows."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edge.dwell_test.expected import read_dwell_test
from edge.events import ShutterClosed, ShutterOpened
from edge.finish import finish_recording
from edge.record.maps_file import read_maps
from edge.record.reader import JournalReader
from tests.instrument.conftest import Bench

PLACES = ("54.75,47.75", "77.25,62.25")


@pytest.fixture
def tested(bench: Bench) -> Bench:
    bench.scan["dose"] = {"max_live_s_per_cell": 6.0}
    bench.scan["sampling"] |= {"mask": "grid", "rate": 0.01}
    return bench


def dwell_test(bench: Bench, *arguments: str, out: str = "dwell"):
    return bench.run("plan", str(bench.config), "--dwell-test", "--out", str(bench.folder / out), *arguments)


def test_points_are_measured_told_reported_and_count_as_dose_of_the_scan(tested: Bench) -> None:
    at = [word for place in PLACES for word in ("--at", place)]
    with tested.running():
        ended = dwell_test(tested, *at)
        assert ended.returncode == 0, ended.stderr
        short = dwell_test(tested, *at, "--live-s", "0.01", out="short")
        # What was measured there is dose of a scan in the same place, whose plan would give these cells too much.
        tested.scan["dose"] |= {"earlier": ["dwell"], "max_live_s_per_cell": 5.05}
        tested.scan["sampling"] |= {"rate": 1.0}
        tested.write()
        refused = tested.run("scan", str(tested.config), "--out", str(tested.recording))
        events = tested.twin_events()
    # Each point once, 5 s long, in one opening that is closed again.
    exposed = [event for event in events if event["event"] == "exposed"]
    assert len(exposed) == 2 + 2
    names = [event["event"] for event in events]
    assert names.count("shutter_opened") == names.count("shutter_closed") == 2
    with JournalReader(tested.folder / "dwell" / "journal.sqlite") as reader:
        story = [event for _, event in reader.events()]
        arrays = reader.measured_arrays()
    assert [type(event) for event in story if isinstance(event, ShutterOpened | ShutterClosed)] == [
        ShutterOpened,
        ShutterClosed,
    ]
    np.testing.assert_allclose(np.sort(arrays.starts_mm, axis=0), [[54.75, 47.75], [77.25, 62.25]], atol=0.05)
    assert arrays.live_s == pytest.approx(5.0, rel=0.01)

    # What it says: copper at the second point, and there alone; its counts add up to the spectrum's.
    assert "Net counts where strongest, and their relative standard deviation" in ended.stdout
    rates = read_dwell_test(tested.folder / "dwell" / "dwell-test.json")
    copper = rates.elements.index("Cu-K")
    assert rates.bright_per_s[copper] > 1_000
    kept = json.loads((tested.folder / "dwell" / "dwell-test.json").read_text())
    assert sum(point["counts"] for point in kept["points"]) == arrays.counts.sum()
    assert sum(point["share"] for point in kept["points"]) == pytest.approx(1.0)

    # It is a recording as any other: with maps, such as two points allow, and a report.
    finish_recording(tested.folder / "dwell")
    received = read_maps(tested.folder / "dwell" / "maps.h5").received
    assert received["live_s"].max() == pytest.approx(5.0, rel=0.01)
    assert (received["beam_s"] > 0).sum() > 2, "the way from one point to the other is in the map"
    assert "How long the open beam was on each cell" in (tested.folder / "dwell" / "report.html").read_text("utf-8")

    assert short.returncode == 2
    assert "2 points gave " in short.stderr
    assert "too few to say anything of shorter dwells: measure longer with --live-s" in short.stderr

    assert refused.returncode == 4, refused.stderr
    assert "5 s of it received already, above dose.max_live_s_per_cell of 5.05 s" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--at", "20,20"), "--at 20,20 lies outside the area, x 46 to 94, y 43 to 75 mm"),
        (("--live-s", "7"), "--live-s 7 is above dose.max_live_s_per_cell, 6 s: measure for less, or raise the limit"),
        (("--live-s", "0"), "--live-s 0: give 0.001 to 3600 seconds"),
        (("--dry-run",), "leave --photograph, --dry-run, --time, --rate, --error and --mode out"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_connected(
    tested: Bench, arguments: tuple[str, ...], sentence: str
) -> None:
    tested.write()
    ended = dwell_test(tested, *arguments)
    assert ended.returncode == 2
    assert sentence in ended.stderr
    assert not (tested.folder / "dwell").exists()


def test_a_keep_out_keeps_points_out(tested: Bench) -> None:
    tested.scan["area"]["keep_out"] = [{"name": "nail", "polygon": [[60.0, 50.0], [64.0, 50.0], [64.0, 54.0]]}]
    tested.write()
    ended = dwell_test(tested, "--at", "62.5,50.75")
    assert ended.returncode == 2
    assert "--at 62.5,50.75 lies outside area.polygon, in a keep-out, or so near to one" in ended.stderr
