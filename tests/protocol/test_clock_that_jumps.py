"""A controller whose clock jumps: a named fault, the shutter closed, nothing lost, and the scan goes on afterwards."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from firmware_bridge.faults import ClockJumped
from firmware_bridge.messages import ExposureDone
from firmware_bridge.native.client import NativeController, connect
from firmware_bridge.twins.settings import TwinSettings
from tests.protocol.constant_twin import running_twin
from tests.protocol.rehearsal import Rehearsal, dwell


def rehearsed(step_s: float, at_s: float) -> Rehearsal:
    return Rehearsal(TwinSettings(starts_homed=True, channels=64, clock_step_s=step_s, clock_steps_at_s=at_s))


@pytest.mark.parametrize(("step_s", "sentence"), [(-5.0, "jumped back by "), (3_600.0, "jumped forwards by 3.6e+03 s")])
def test_a_jump_ends_the_session_by_name_and_the_shutter_closes_by_itself(step_s: float, sentence: str) -> None:
    rehearsal = rehearsed(step_s, 8.0)
    rehearsal.begin()
    assert rehearsal.open() == 0
    rehearsal.host.submit([dwell(index, live_s=0.05) for index in range(1_000)])
    with pytest.raises(ClockJumped, match=sentence.replace("+", r"\+")) as caught:
        rehearsal.collect(1_000)
    assert "resume the scan" in str(caught.value)
    jumped_s = rehearsal.now_s
    rehearsal.core.advance(jumped_s + 0.5)
    assert not rehearsal.core.instrument.is_shutter_open


def test_a_steady_clock_lasts_through_a_scan() -> None:
    rehearsal = Rehearsal(TwinSettings(starts_homed=True, channels=64))
    rehearsal.begin()
    assert rehearsal.open() == 0
    rehearsal.host.submit([dwell(index, live_s=0.05) for index in range(200)])
    assert len(rehearsal.collect(200)) == 200
    assert rehearsal.host.failure is None


def expose(controller: NativeController, wanted: set[int], recorded: dict[int, ExposureDone]) -> None:
    """Measure what is lacking, and record it."""
    waiting = [dwell(index, live_s=0.2) for index in sorted(wanted - recorded.keys())]
    while wanted - recorded.keys():
        del waiting[: controller.submit(waiting)]
        done = controller.next_done(60.0)
        if done is not None:
            recorded[done.index] = done
            controller.acknowledge(done.index)


def test_a_scan_whose_controllers_clock_jumped_back_is_taken_up_again(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"starts_homed": True, "clock_factor": 20.0}
    settings |= {"clock_step_s": -30.0, "clock_steps_after": 60}
    recorded: dict[int, ExposureDone] = {}
    with running_twin(tmp_path, **settings) as twin:
        with connect(twin.port, 2_000_000) as controller:
            controller.begin_scan(9, recorded)
            controller.open_shutter()
            with pytest.raises(ClockJumped):
                expose(controller, set(range(2_000)), recorded)
            with pytest.raises(ClockJumped):
                controller.status()
        before = len(recorded)
        with connect(twin.port, 2_000_000) as controller:
            deadline_s = time.monotonic() + 60.0
            while controller.status().is_shutter_open:
                assert time.monotonic() < deadline_s, "the shutter never closed"
            controller.begin_scan(9, recorded)
            controller.open_shutter()
            expose(controller, set(range(before + 30)), recorded)
        exposed = [event["index"] for event in twin.events("exposed")]
    assert before > 0
    assert len(exposed) == len(set(exposed)), "nothing is measured twice"
    assert set(range(before + 30)) <= recorded.keys()
