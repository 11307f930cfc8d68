"""The Marlin stage as the application opens it: a port, a thread, and a twin in another process."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from firmware_bridge.faults import ControllerFault, LinkLost
from firmware_bridge.messages import StagePose
from firmware_bridge.registry import STAGES
from firmware_bridge.stage import StageOptions
from firmware_bridge.twins.shared_pose import SharedPoseReader
from tests.instrument.conftest import await_that
from tests.protocol.forked import Ready, begun
from tests.protocol.marlin_twin_process import running_marlin

TERMINATED = pytest.param(signal.SIGTERM, marks=pytest.mark.campaign)
"""One that is told to end, and heeds it, is gone like one that is killed."""
WAYS_TO_GO = [signal.SIGKILL, signal.SIGSTOP, signal.SIGINT, TERMINATED]
HERE = StagePose(100.0, 100.0)


def connect(port: str):
    return STAGES["marlin"](StageOptions(port, 250_000, "P57"))


def stay(port: str, ready: Ready) -> None:
    """A host that dwells."""
    stage = connect(port)
    stage.home()
    stage.move_to(StagePose(5.0, 5.0))
    ready()
    while True:
        stage.hold_beam(0.45)
        time.sleep(0.1)


def test_a_session_goes_all_the_way_through_and_a_detectors_twin_sees_the_beam(tmp_path: Path) -> None:
    pose = tmp_path / "pose"
    with running_marlin(tmp_path, clock_factor=50.0, pose=str(pose)) as twin, SharedPoseReader(pose) as reader:
        stage = connect(twin.port)
        stage.home()
        for row in range(5):
            stage.move_to(StagePose(100.0 + row, 60.0))
            stage.hold_beam(0.2)
        samples = reader.news()
        stage.drop_beam()
        stage.close()
        places = [round(event["x_mm"]) for event in twin.events("beam_on")]
        assert places == [100, 101, 102, 103, 104]
        assert {round(sample.pose.x_mm) for sample in samples if sample.is_on} <= set(places)
        assert any(sample.is_on for sample in samples)


def test_opening_the_port_again_resets_the_board(tmp_path: Path) -> None:
    with running_marlin(tmp_path, clock_factor=50.0) as twin:
        stage = connect(twin.port)
        stage.home()
        stage.close()
        boots = len(twin.events("boot"))
        await_that(lambda: twin.events("host_came", "host_left")[-1]["event"] == "host_left", "the host's leaving")
        stage = connect(twin.port)
        assert len(twin.events("boot")) == boots + 1
        with pytest.raises(ControllerFault, match="home it first"):
            stage.move_to(HERE)
        stage.close()


def test_a_halt_from_another_thread_ends_a_move(tmp_path: Path) -> None:
    with running_marlin(tmp_path, homing_s=0.1) as twin:
        stage = connect(twin.port)
        stage.home()
        ends: list[float] = []

        def move() -> None:
            with pytest.raises(ControllerFault, match="halted"):
                stage.move_to(StagePose(300.0, 0.0))
            ends.append(time.monotonic())

        moving = threading.Thread(target=move)
        moving.start()
        while not stage._is_moving:
            time.sleep(0.01)
        time.sleep(0.3)
        stage.halt()
        moving.join(60.0)
        assert ends
        assert len(twin.events("urgent")) == 1
        stage.home()
        stage.close()


def test_a_twin_that_dies_is_a_lost_link(tmp_path: Path) -> None:
    with running_marlin(tmp_path, clock_factor=50.0) as twin:
        stage = connect(twin.port)
        stage.home()
        os.kill(twin.pid, signal.SIGKILL)
        with pytest.raises(LinkLost):
            stage.move_to(HERE)
        stage.close()


@pytest.mark.parametrize("how", WAYS_TO_GO)
def test_the_beam_is_off_within_half_a_second_when_its_host_dies(
    tmp_path: Path, how: signal.Signals, request: pytest.FixtureRequest
) -> None:
    # A monostable of 0.4 to 0.5 s is asked for; one of 0.45 s leaves room for a last renewal that is still on its way.
    with running_marlin(tmp_path, homing_s=0.1, monostable_wall_s=0.45) as twin:
        host, _ = begun(stay, twin.port)
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
    assert len(on) == len(off)
    assert off[-1]["monotonic_s"] - left_s <= 0.5
