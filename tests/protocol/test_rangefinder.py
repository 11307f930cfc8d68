"""The rangefinder as the application opens it: a port, and a twin in another process."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from firmware_bridge.faults import BridgeError, ControllerFault, LinkLost, WrongDevice
from firmware_bridge.messages import StagePose
from firmware_bridge.rangefinder import sources
from firmware_bridge.rangefinder.sensor import RangefinderSensor, connect_rangefinder
from firmware_bridge.standoff import StandoffOptions
from firmware_bridge.twins.shared_pose import SharedPoseWriter
from tests.protocol.rangefinder_twin import RangefinderProcess, running_rangefinder

ASKED: dict[str, Any] = {"ask": "M"}
FREE: dict[str, Any] = {}


def connected(twin: RangefinderProcess, ask: str = "", mm_per_unit: float = 1.0) -> RangefinderSensor:
    return connect_rangefinder(StandoffOptions(twin.port, 115_200, ask, mm_per_unit, 8.0, 12.0))


def read_on(sensor: RangefinderSensor) -> None:
    """Read until something is wrong."""
    deadline_s = time.monotonic() + 60.0
    while time.monotonic() < deadline_s:
        sensor.read()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "ANSWER_S", 0.7)


@pytest.mark.parametrize("mode", [FREE, ASKED], ids=["free-running", "asked"])
def test_the_distance_is_read(tmp_path: Path, mode: dict[str, Any]) -> None:
    with running_rangefinder(tmp_path, **mode, mm_per_unit=0.1, template="+{:09.3f} x0.1mm") as twin:
        sensor = connected(twin, mode.get("ask", ""), mm_per_unit=0.1)
        readings = [sensor.read() for _ in range(5)]
        sensor.close()
        sensor.close()
    assert all(reading.is_in_range for reading in readings)
    # Noise of 5 micrometres; ten standard deviations.
    assert [reading.distance_mm for reading in readings] == pytest.approx([10.0] * 5, abs=0.05)


@pytest.mark.parametrize("mode", [FREE, ASKED], ids=["free-running", "asked"])
def test_the_object_bows_under_the_stage(tmp_path: Path, mode: dict[str, Any]) -> None:
    with SharedPoseWriter(tmp_path / "pose") as stage:
        stage.write(StagePose(0.0, 0.0), is_on=False)
        with running_rangefinder(tmp_path, pose=tmp_path / "pose", bow_mm=4.0, **mode) as twin:
            sensor = connected(twin, mode.get("ask", ""))
            assert sensor.read().is_in_range
            stage.write(StagePose(150.0, 150.0), is_on=False)
            deadline_s = time.monotonic() + 60.0
            while (reading := sensor.read()).is_in_range:
                assert time.monotonic() < deadline_s, "the bow was never read"
            while (reading := sensor.read()).distance_mm != pytest.approx(6.0, abs=0.05):
                assert time.monotonic() < deadline_s, reading.text
            sensor.close()
    assert "mm too near: the rangefinder reads" in reading.text
    assert "allowed are 8 to 12 mm" in reading.text


@pytest.mark.parametrize(
    ("lapse", "kind", "words"),
    [
        ("silence", LinkLost, "has said nothing for .* check its power, cable and baud rate"),
        ("garbage", WrongDevice, "sent a line with not text .* check the baud rate"),
        ("error", ControllerFault, r"could not measure \(E01\)"),
    ],
)
@pytest.mark.usefixtures("impatient")
def test_what_is_no_reading_is_named(tmp_path: Path, lapse: str, kind: type[BridgeError], words: str) -> None:
    with running_rangefinder(tmp_path, lapse=lapse, lapses_at_s=0.0) as twin, pytest.raises(kind, match=words):
        connected(twin)


@pytest.mark.usefixtures("impatient")
def test_a_reading_of_before_is_never_taken_for_one_of_now(tmp_path: Path) -> None:
    with running_rangefinder(tmp_path) as twin:
        sensor = connected(twin)
        os.kill(twin.pid, signal.SIGSTOP)
        with pytest.raises(LinkLost, match="has said nothing"):
            read_on(sensor)
        sensor.close()
        # one that stands still would not hear that it is to end
        os.kill(twin.pid, signal.SIGKILL)


def test_a_short_lapse_is_waited_out(tmp_path: Path) -> None:
    with running_rangefinder(tmp_path, lapse="garbage", lapses_at_s=0.6, stays_lapsed_s=1.0) as twin:
        sensor = connected(twin)
        deadline_s, longest_s = time.monotonic() + 60.0, 0.0
        while longest_s < 0.3:
            began_s = time.monotonic()
            assert began_s < deadline_s, "there was no lapse"
            assert sensor.read().is_in_range
            longest_s = max(longest_s, time.monotonic() - began_s)
            time.sleep(0.005)
        sensor.close()


def test_a_rangefinder_that_is_unplugged_is_a_lost_link(tmp_path: Path) -> None:
    with running_rangefinder(tmp_path) as twin:
        sensor = connected(twin)
        os.kill(twin.pid, signal.SIGKILL)
        with pytest.raises(LinkLost, match="has gone"):
            read_on(sensor)
        sensor.close()
