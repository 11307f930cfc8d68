"""A line that damages bytes both ways: the beam is never on but where it was asked for, and never for too long."""

from __future__ import annotations

import pytest

from firmware_bridge.faults import BridgeError
from firmware_bridge.messages import StagePose
from tests.protocol.marlin_rehearsal import TwinRehearsal, rehearsed
from tests.protocol.test_grbl_noise import Noise

POSES = [StagePose(20.0 + 10.0 * column, 30.0 + 10.0 * row) for row in range(4) for column in range(4)]


def scan(rehearsal: TwinRehearsal, noise: Noise) -> int:
    """Dwell at all poses, beginning again with homing after every fault; returns how many faults there were."""
    stage = rehearsal.stage()
    noise.probability = 1e-3
    waiting, faults = list(POSES), 0
    while waiting and stage._session.failure is None:
        try:
            if not stage.status().is_homed:
                stage.home()
            assert stage.move_to(waiting[0]) == waiting[0]
            stage.hold_beam(0.3)
            stage.hold_beam(0.1)
            stage.drop_beam()
            del waiting[0]
        except BridgeError:
            faults += 1
            assert faults < 100
    return faults


MANY = pytest.mark.campaign
SEEDS = [pytest.param(seed, marks=[MANY] if seed >= 18 else []) for seed in range(40)]


@pytest.mark.parametrize("seed", SEEDS)
def test_noise_never_gives_a_wrong_position_with_the_beam_on(seed: int) -> None:
    noise = Noise(seed, 0.0)
    rehearsal = rehearsed(noise, advanced_ok=bool(seed % 2), ok_after_resend=bool(seed % 3))
    scan(rehearsal, noise)
    rehearsal.leave(30.0)
    asked = {(pose.x_mm, pose.y_mm) for pose in POSES}
    assert noise.happened
    assert {(event["x_mm"], event["y_mm"]) for event in rehearsal.log.of("beam_on", "beam_off")} <= asked
    assert all(off_s - on_s <= 1.1 for on_s, off_s in rehearsal.beam_intervals())


def test_most_noise_is_mended_without_a_fault() -> None:
    faults, damages = 0, 0
    for seed in range(10):
        noise = Noise(100 + seed, 0.0)
        rehearsal = rehearsed(noise)
        faults += scan(rehearsal, noise)
        damages += rehearsal.session.resent
    assert damages > 20
    assert faults < damages / 4
