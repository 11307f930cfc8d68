"""The native protocol before an object that bows: the fault, the status, and going on, in one process and in two."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_bridge.faults import StandoffExceeded
from firmware_bridge.messages import Exposure, StagePose
from firmware_bridge.native import messages as m
from firmware_bridge.native.client import NativeController, connect
from firmware_bridge.native.vocabulary import Code, ConditionBits
from firmware_bridge.twins.settings import TwinSettings
from tests.protocol.constant_twin import running_twin
from tests.protocol.rehearsal import Rehearsal, dwell

DOME = {"standoff_mm": 10.0, "bow_mm": 4.0, "nearest_mm": 8.0, "farthest_mm": 12.0, "starts_homed": True}
"""Along y = 150 mm, 8 mm away at x = 43.9 and 256.1 mm."""
NEAREST_X_MM = 43.93
"""Two steps of the stage's error inside that."""


def across(index: int) -> Exposure:
    pose = StagePose(30.0 + index, 150.0)
    return Exposure(index, pose, pose, 0.05)


def expose_until_exceeded(controller: NativeController) -> tuple[list[int], StandoffExceeded]:
    """Indices of what was measured before the fault, and the fault."""
    measured: list[int] = []
    try:
        while (done := controller.next_done(20.0)) is not None:
            controller.acknowledge(done.index)
            measured.append(done.index)
    except StandoffExceeded as fault:
        return measured, fault
    pytest.fail(f"no fault came, after {measured}")


def test_nothing_is_exposed_where_the_object_bows_and_the_operator_reads_how_far(tmp_path: Path) -> None:
    with running_twin(tmp_path, clock_factor=20.0, **DOME) as twin, connect(twin.port, 2_000_000) as controller:
        controller.move_to(across(0).start)
        assert controller.status().is_in_range
        controller.open_shutter()
        controller.submit([across(index) for index in range(30)])
        measured, fault = expose_until_exceeded(controller)
        status = controller.status()
        with pytest.raises(StandoffExceeded, match="opening the shutter: the object is too near or too far"):
            controller.open_shutter()
        exposed, closed = twin.events("exposed"), twin.events("shutter_closed")
    assert measured == [event["index"] for event in exposed] == list(range(14))
    assert all(event["x_mm"] < NEAREST_X_MM for event in exposed)
    assert closed[0]["reason"] == "standoff"
    assert "set the distance right, then open the shutter again (7.9" in str(fault)
    assert str(fault).endswith("mm, allowed 8 to 12 mm)")
    assert not status.is_shutter_open
    assert not status.is_in_range
    assert status.standoff_mm == pytest.approx(7.9975, abs=0.002)
    assert status.fault == ""


def test_opening_again_goes_on_where_it_stopped_and_nothing_is_lost(tmp_path: Path) -> None:
    moved = {"standoff_mm": 10.0, "standoff_leaves_after": 7, "standoff_stays_out_s": 20.0, "starts_homed": True}
    with running_twin(tmp_path, clock_factor=50.0, **moved) as twin, connect(twin.port, 2_000_000) as controller:
        controller.open_shutter()
        controller.submit([dwell(index) for index in range(20)])
        measured, _ = expose_until_exceeded(controller)
        while not controller.status().is_in_range:
            assert not controller.status().is_shutter_open
        controller.open_shutter()
        while len(measured) < 20 and (done := controller.next_done(20.0)) is not None:
            measured.append(done.index)
        exposed = twin.events("exposed")
    assert measured == [event["index"] for event in exposed] == list(range(20))


def test_a_fault_that_an_opened_shutter_has_answered_is_not_told_again() -> None:
    settings = TwinSettings(starts_homed=True, channels=64, standoff_mm=10.0, standoff_leaves_after=2,
                            standoff_stays_out_s=1.0)  # fmt: skip
    rehearsal = Rehearsal(settings)
    rehearsal.begin()
    assert rehearsal.open() == 0
    rehearsal.host.submit([dwell(index) for index in range(5)])
    collected = rehearsal.collect(2)
    rehearsal.until(lambda: bool(rehearsal.host.faults))
    assert rehearsal.open() == Code.STANDOFF
    rehearsal.pass_time(1.0)
    assert rehearsal.open() == 0
    assert not rehearsal.host.faults
    assert "18.000 mm, allowed 8 to 12 mm" in rehearsal.host.remarks[0]
    collected += rehearsal.collect(3)
    assert [spectrum.index for spectrum in collected] == list(range(5))


def test_a_status_carries_the_distance_in_micrometres_and_whether_it_is_allowed() -> None:
    rehearsal = Rehearsal(TwinSettings(starts_homed=True, channels=64, standoff_mm=7.412))
    rehearsal.until(lambda: rehearsal.host.is_running)
    status = rehearsal.ask(m.AskStatus)
    assert isinstance(status, m.Status)
    assert status.standoff_um == 7_412
    assert ConditionBits.OUT_OF_RANGE in status.conditions
