"""The controller as the application opens it: a port, a thread, and a twin in another process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware_bridge.faults import ControllerFault, DoorOpen, LeaseExpired, LimitExceeded, LinkLost, PortUnavailable
from firmware_bridge.messages import ControllerState, Exposure, ExposureDone, StagePose
from firmware_bridge.native.client import NativeController, connect
from firmware_bridge.registry import CONNECT
from tests.protocol.constant_twin import TwinProcess, running_twin
from tests.protocol.rehearsal import dwell

FAST = {"clock_factor": 50.0, "starts_homed": True}


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[TwinProcess]:
    with running_twin(tmp_path, **FAST) as running:
        yield running


def collect(controller: NativeController, count: int, *, record: bool = True) -> list[ExposureDone]:
    done: list[ExposureDone] = []
    while len(done) < count:
        exposure = controller.next_done(60.0)
        assert exposure is not None, f"only {len(done)} of {count} exposures came"
        done.append(exposure)
        if record:
            controller.acknowledge(exposure.index)
    return done


def expose(controller: NativeController, exposures: list[Exposure]) -> list[ExposureDone]:
    done: list[ExposureDone] = []
    waiting = list(exposures)
    while len(done) < len(exposures):
        try:
            del waiting[: controller.submit(waiting)]
            done += collect(controller, 1)
        except LeaseExpired:
            # this computer was too busy to renew it
            controller.open_shutter()
    return done


def test_a_scan_goes_all_the_way_through(tmp_path: Path) -> None:
    with running_twin(tmp_path, clock_factor=50.0) as twin, connect(twin.port, 2_000_000) as controller:
        assert controller.status().state is ControllerState.UNHOMED
        controller.home()
        assert controller.status().is_homed
        controller.move_to(StagePose(10.0, 20.0))
        assert controller.status().pose == StagePose(10.0, 20.0)
        controller.open_shutter()
        assert controller.status().is_shutter_open
        exposures = [dwell(index) for index in range(80)]
        done = expose(controller, exposures)
        controller.close_shutter()
        assert not controller.status().is_shutter_open
    assert [each.index for each in done] == list(range(80))
    for asked, measured in zip(exposures, done, strict=True):
        assert measured.live_s == asked.live_s
        assert measured.real_s > measured.live_s
        assert measured.counts.shape == (2048,)
        # Position error and encoder noise of the twin, 4 and 2 micrometres; six standard deviations.
        assert abs(measured.start.x_mm - asked.start.x_mm) < 0.03
        assert measured.start.y_mm == pytest.approx(asked.start.y_mm, abs=0.03)
    assert all(after.opened_at_s >= before.closed_at_s for before, after in pairwise(done))


def test_the_registry_opens_the_native_controller(twin: TwinProcess) -> None:
    controller = CONNECT["native"](twin.port, 2_000_000)
    assert controller.capabilities.channels == 2048
    assert controller.capabilities.lease_s == 0.5
    controller.close()
    controller.close()


def test_an_index_that_is_submitted_twice_is_measured_once(twin: TwinProcess) -> None:
    with connect(twin.port, 2_000_000) as controller:
        controller.open_shutter()
        assert controller.submit([dwell(0), dwell(1), dwell(0)]) == 3
        collect(controller, 2)
        assert controller.submit([dwell(1)]) == 1
        assert controller.next_done(0.3) is None
    assert len(twin.events("exposed")) == 2


def test_submitting_takes_what_there_is_room_for_and_never_blocks(twin: TwinProcess) -> None:
    with connect(twin.port, 2_000_000) as controller:
        exposures = [dwell(index, live_s=0.1) for index in range(2_000)]
        taken = controller.submit(exposures)
        assert controller.capabilities.queue_length <= taken < 2_000


def test_a_pause_finishes_the_exposure_closes_the_shutter_and_keeps_the_queue(tmp_path: Path) -> None:
    # in real time, so that the queue outlasts a busy computer's way to the pause
    near: dict[str, Any] = {"x_limits_mm": [0, 30], "y_limits_mm": [0, 30], "starts_homed": True}
    with running_twin(tmp_path, **near) as twin, connect(twin.port, 2_000_000) as controller:
        controller.open_shutter()
        controller.submit([dwell(index) for index in range(25)])
        done = collect(controller, 5)
        controller.pause()
        status = controller.status()
        assert status.state is ControllerState.PAUSED
        assert not status.is_shutter_open
        while (exposure := controller.next_done(0.2)) is not None:
            done.append(exposure)
        assert len(done) < 25
        controller.open_shutter()
        controller.resume()
        done += collect(controller, 25 - len(done))
    assert [each.index for each in done] == list(range(25))
    assert "pause" in [closed["reason"] for closed in twin.events("shutter_closed")]
    assert len(twin.events("exposed")) == 25


def test_exposures_wait_for_the_shutter(twin: TwinProcess) -> None:
    with connect(twin.port, 2_000_000) as controller:
        controller.submit([dwell(0)])
        assert controller.next_done(0.3) is None
        controller.open_shutter()
        assert collect(controller, 1)[0].index == 0


def test_an_exposure_that_was_interrupted_is_repeated_whole(tmp_path: Path) -> None:
    small: dict[str, Any] = {"x_limits_mm": [0, 30], "y_limits_mm": [0, 30], "starts_homed": True}
    with running_twin(tmp_path, **small) as twin, connect(twin.port, 2_000_000) as controller:
        controller.move_to(dwell(0).start)
        controller.open_shutter()
        controller.submit([dwell(0, live_s=0.4)])
        while controller.status().state is not ControllerState.EXPOSING:
            pass
        controller.close_shutter()
        assert controller.next_done(0.6) is None
        controller.open_shutter()
        (done,) = collect(controller, 1)
    assert done.live_s == 0.4
    assert len(twin.events("exposed")) == 1
    assert len(twin.events("shutter_opened")) == 2


def test_an_abort_closes_at_once_and_drops_the_queue(twin: TwinProcess) -> None:
    with connect(twin.port, 2_000_000) as controller:
        controller.open_shutter()
        controller.submit([dwell(index, live_s=5.0) for index in range(20)])
        controller.abort()
        status = controller.status()
        assert not status.is_shutter_open
        assert status.queue_free == controller.capabilities.queue_length
        controller.open_shutter()
        assert controller.next_done(0.3) is None
        controller.submit([dwell(3)])
        assert collect(controller, 1)[0].index == 3


def test_a_pose_outside_the_limits_is_refused_before_anything_is_sent(twin: TwinProcess) -> None:
    with connect(twin.port, 2_000_000) as controller:
        with pytest.raises(LimitExceeded, match=r"310\.000, 20\.000 mm lies outside the controller's limits"):
            controller.submit([dwell(0), dwell(1, x_mm=309.5)])
        with pytest.raises(LimitExceeded, match="moving the stage"):
            controller.move_to(StagePose(-1.0, 0.0))
        assert controller.status().queue_free == controller.capabilities.queue_length


def test_an_open_door_closes_the_shutter_and_is_told_once(tmp_path: Path) -> None:
    settings = {**FAST, "door_opens_after": 5, "door_stays_open_s": 20.0}
    with running_twin(tmp_path, **settings) as twin, connect(twin.port, 2_000_000) as controller:
        controller.open_shutter()
        controller.submit([dwell(index) for index in range(20)])
        done = collect(controller, 5)
        with pytest.raises(DoorOpen, match="close it"):
            controller.next_done(60.0)
        with pytest.raises(DoorOpen):
            controller.open_shutter()
        assert not controller.status().is_door_closed
        while not controller.status().is_door_closed:
            pass
        controller.open_shutter()
        done += collect(controller, 15)
    assert [each.index for each in done] == list(range(20))
    (closed, *_) = twin.events("shutter_closed")
    assert closed["reason"] == "door_open"


def test_a_new_session_of_the_same_scan_gets_what_was_not_recorded(twin: TwinProcess) -> None:
    with connect(twin.port, 2_000_000) as first:
        assert first.begin_scan(42, ()) == 0
        first.open_shutter()
        first.submit([dwell(index) for index in range(30)])
        before = {each.index: each for each in collect(first, 30, record=False)}
        boot = first.capabilities.boot_id
    with connect(twin.port, 2_000_000) as second:
        assert second.capabilities.boot_id == boot
        assert second.begin_scan(42, frozenset(range(10))) == 20
        second.submit([dwell(index) for index in range(10, 31)])
        second.open_shutter()
        again = collect(second, 21)
    assert sorted(each.index for each in again) == list(range(10, 31))
    assert all(np.array_equal(each.counts, before[each.index].counts) for each in again if each.index < 30)
    assert len(twin.events("exposed")) == 31


def test_another_scan_never_gets_the_spectra_of_the_one_before(twin: TwinProcess) -> None:
    with connect(twin.port, 2_000_000) as first:
        first.begin_scan(1, ())
        first.open_shutter()
        first.submit([dwell(0)])
        (before,) = collect(first, 1, record=False)
    with connect(twin.port, 2_000_000) as second:
        assert second.begin_scan(2, ()) == 0
        second.open_shutter()
        second.submit([dwell(0)])
        (after,) = collect(second, 1)
    assert after.opened_at_s > before.closed_at_s


def test_what_is_recorded_is_forgotten_by_the_controller(twin: TwinProcess) -> None:
    with connect(twin.port, 2_000_000) as first:
        first.begin_scan(7, ())
        first.open_shutter()
        expose(first, [dwell(index) for index in range(200)])
        first.close_shutter()
        first.status()
    with connect(twin.port, 2_000_000) as second:
        assert second.begin_scan(7, ()) == 0


def test_strokes_of_a_row_are_driven_without_stopping(twin: TwinProcess) -> None:
    row = [Exposure(n, StagePose(50 + 0.5 * n, 50.0), StagePose(50.5 + 0.5 * n, 50.0), 0.02) for n in range(40)]
    with connect(twin.port, 2_000_000) as controller:
        controller.open_shutter()
        done = expose(controller, row)
    gaps = [after.opened_at_s - before.closed_at_s for before, after in pairwise(done)]
    assert max(gaps) < 1e-5
    for asked, measured in zip(row, done, strict=True):
        assert measured.real_s == pytest.approx(asked.live_s, abs=1e-6)
        assert measured.live_s < measured.real_s
        assert measured.end.x_mm == pytest.approx(asked.end.x_mm, abs=0.03)


def test_a_controller_that_dies_is_a_lost_link(twin: TwinProcess) -> None:
    controller = connect(twin.port, 2_000_000)
    controller.open_shutter()
    twin.kill()
    with pytest.raises(LinkLost):
        controller.next_done(60.0)
    with pytest.raises(LinkLost):
        controller.status()
    controller.close()


def test_a_port_in_use_is_unavailable_to_another(twin: TwinProcess) -> None:
    with connect(twin.port, 2_000_000), pytest.raises(PortUnavailable, match="in use by another program"):
        connect(twin.port, 2_000_000)


def test_the_device_clock_is_known_against_the_hosts(twin: TwinProcess) -> None:
    with connect(twin.port, 2_000_000) as controller:
        for _ in range(6):
            controller.next_done(0.25)
        fit = controller.clock
    assert fit is not None
    # The twin's clock runs 50 times faster; half a round trip of a pseudo-terminal over a second bounds the slope.
    assert fit.rate == pytest.approx(50.0, rel=0.02)


def test_the_twin_removes_its_link_when_it_ends(tmp_path: Path) -> None:
    with running_twin(tmp_path, **FAST) as twin:
        assert Path(twin.port).is_symlink()
    assert not Path(twin.port).is_symlink()


def test_an_abort_from_another_thread_ends_a_command_that_waits(tmp_path: Path) -> None:
    with running_twin(tmp_path, homing_s=600.0) as twin, connect(twin.port, 2_000_000) as controller:
        threading.Timer(0.2, controller.abort).start()
        with pytest.raises(ControllerFault, match="homing the stage: the command was aborted"):
            controller.home()
        assert not controller.status().is_homed
