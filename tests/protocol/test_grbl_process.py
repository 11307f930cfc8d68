"""The stage as the application opens it: a port, a thread, and a twin in another process."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firmware_bridge.faults import ControllerFault, LinkLost, PortUnavailable
from firmware_bridge.grbl.stage import GrblStage, connect_grbl
from firmware_bridge.messages import StagePose
from firmware_bridge.twins.shared_pose import SharedPoseReader
from tests.instrument.conftest import await_that
from tests.protocol.forked import Ready, begun
from tests.protocol.grbl_twin_process import GrblProcess, running_grbl


def brought_to_work(port: str) -> GrblStage:
    stage = connect_grbl(port, 115_200, gate="M8")
    stage.home()
    stage.move_to(StagePose(280.0, 290.0))
    return stage


def fly(port: str, ready: Ready) -> None:
    """A host that measures a stroke."""
    stage = brought_to_work(port)
    ready()
    stage.fly(StagePose(270.0, 290.0), StagePose(100.0, 290.0), 20.0, with_beam=True)


def stay(port: str, ready: Ready) -> None:
    """A host that dwells."""
    stage = brought_to_work(port)
    ready()
    while True:
        stage.hold_beam(0.45)
        time.sleep(0.1)


@pytest.fixture
def fast(tmp_path: Path) -> Iterator[GrblProcess]:
    with running_grbl(tmp_path, clock_factor=50.0) as running:
        yield running


def shuttle(stage: GrblStage) -> None:
    for _ in range(100):
        stage.move_to(StagePose(100.0, 100.0))
        stage.move_to(StagePose(110.0, 100.0))


def test_a_session_goes_all_the_way_through(fast: GrblProcess) -> None:
    with connect_grbl(fast.port, 115_200, gate="M8") as stage:
        stage.home()
        stage.move_to(StagePose(100.0, 100.0))
        stage.fly(StagePose(100.0, 50.0), StagePose(200.0, 50.0), 20.0, with_beam=True)
        for row in range(5):
            stage.move_to(StagePose(100.0 + row, 60.0))
            stage.hold_beam(0.2)
        stage.drop_beam()
    row = [event["x_mm"] for event in fast.events("beam_on", "beam_off") if abs(event["y_mm"] - 50.0) < 0.01]
    assert (row[0], row[-1]) == pytest.approx((100.0, 200.0), abs=0.005)
    assert fast.events("overflow") == []
    assert len(fast.events("beam_on")) == len(fast.events("beam_off"))


def test_opening_the_port_again_resets_the_board(fast: GrblProcess) -> None:
    with connect_grbl(fast.port, 115_200, gate="M8") as stage:
        stage.home()
        stage.move_to(StagePose(100.0, 100.0))
    boots = len(fast.events("boot"))
    # A board cannot miss an edge of DTR; its twin looks for hosts every few milliseconds.
    await_that(lambda: fast.events("host_came", "host_left")[-1]["event"] == "host_left", "the host's leaving")
    with connect_grbl(fast.port, 115_200, gate="M8") as stage:
        assert len(fast.events("boot")) == boots + 1
        assert not stage.status().is_homed
        with pytest.raises(ControllerFault, match="home it first"):
            stage.move_to(StagePose(10.0, 10.0))


def test_a_second_program_is_refused(fast: GrblProcess) -> None:
    with connect_grbl(fast.port, 115_200, gate="M8"), pytest.raises(PortUnavailable, match="in use"):
        connect_grbl(fast.port, 115_200, gate="M8")


def test_a_halt_from_another_thread_ends_a_stroke(tmp_path: Path) -> None:
    with running_grbl(tmp_path, homing_s=0.1) as twin, connect_grbl(twin.port, 115_200, gate="M8") as stage:
        stage.home()
        ends = []

        def stroke() -> None:
            with pytest.raises(ControllerFault, match="halted"):
                stage.fly(StagePose(290.0, 290.0), StagePose(100.0, 290.0), 10.0, with_beam=True)
            ends.append(time.monotonic())

        flying = threading.Thread(target=stroke)
        flying.start()
        while not twin.events("beam_on"):
            time.sleep(0.01)
        called_s = time.monotonic()
        stage.halt()
        flying.join(60.0)
        assert ends
        (off,) = twin.events("beam_off")
        assert off["monotonic_s"] - called_s < 0.5
        assert stage.status().is_homed
        stage.move_to(StagePose(295.0, 295.0))


def test_a_twin_that_dies_is_a_lost_link(tmp_path: Path) -> None:
    with running_grbl(tmp_path, clock_factor=50.0) as twin:
        stage = connect_grbl(twin.port, 115_200, gate="M8")
        stage.home()
        os.kill(twin.pid, signal.SIGKILL)
        with pytest.raises(LinkLost):
            shuttle(stage)
        stage.close()


@pytest.mark.parametrize(
    ("host_that", "how"),
    [
        (fly, signal.SIGKILL),
        (fly, signal.SIGSTOP),
        (fly, signal.SIGINT),
        (stay, signal.SIGKILL),
        pytest.param(stay, signal.SIGTERM, marks=pytest.mark.campaign),
    ],
    ids=["stroke, killed", "stroke, stopped", "stroke, interrupted", "dwell, killed", "dwell, terminated"],
)
def test_the_beam_is_off_within_half_a_second_when_its_host_dies(
    tmp_path: Path, host_that: Callable[[str, Ready], None], how: signal.Signals, request: pytest.FixtureRequest
) -> None:
    # A monostable of 0.4 to 0.5 s is asked for; one of 0.45 s leaves room for a last renewal that is still on its way.
    with running_grbl(tmp_path, homing_s=0.1, monostable_wall_s=0.45) as twin:
        host, _ = begun(host_that, twin.port)
        request.addfinalizer(host.join)
        request.addfinalizer(host.kill)
        assert host.pid is not None
        deadline_s = time.monotonic() + 60.0
        while not twin.events("beam_on"):
            assert time.monotonic() < deadline_s, "the beam never went on"
            time.sleep(0.01)
        time.sleep(0.7)
        os.kill(host.pid, how)
        left_s = time.monotonic()
        while len(twin.events("beam_off")) < len(twin.events("beam_on")):
            assert time.monotonic() < deadline_s, "the beam never went off"
            time.sleep(0.01)
        time.sleep(0.2)
        host.kill()
        host.join()
        on, off = twin.events("beam_on"), twin.events("beam_off")
    assert len(on) == len(off) == 1
    assert off[0]["monotonic_s"] - on[0]["monotonic_s"] > 0.6
    assert off[0]["monotonic_s"] - left_s <= 0.5


def test_a_detectors_twin_can_see_where_the_beam_is(tmp_path: Path) -> None:
    pose = tmp_path / "pose"
    with (
        running_grbl(tmp_path, clock_factor=50.0, pose=str(pose)) as twin,
        connect_grbl(twin.port, 115_200, gate="M8") as stage,
        SharedPoseReader(pose) as reader,
    ):
        stage.home()
        stage.move_to(StagePose(100.0, 100.0))
        stage.hold_beam(0.4)
        time.sleep(0.1)
        last = reader.news()[-1]
        assert (last.pose.x_mm, last.pose.y_mm) == pytest.approx((100.0, 100.0), abs=0.005)
        assert last.is_on
