"""A line that flips bits: whatever happens is named, the beam ends, and the stage can be used again."""

from __future__ import annotations

import contextlib
import random

import pytest

from firmware_bridge.faults import BridgeError
from firmware_bridge.grbl.stage import GrblStage
from firmware_bridge.messages import StagePose
from tests.protocol.grbl_rehearsal import rehearsed


class Noise:
    """Flips, drops and repeats bytes by chance, both ways."""

    def __init__(self, seed: int, probability: float) -> None:
        self.chance = random.Random(seed)
        self.probability = probability
        self.happened = 0

    def to_controller(self, octets: bytes, now_s: float) -> bytes:
        return self._damage(octets)

    def to_host(self, octets: bytes, now_s: float) -> bytes:
        return self._damage(octets)

    def _damage(self, octets: bytes) -> bytes:
        damaged = bytearray()
        for octet in octets:
            if self.chance.random() >= self.probability:
                damaged.append(octet)
                continue
            self.happened += 1
            match self.chance.randrange(3):
                case 0:
                    damaged.append(octet ^ 1 << self.chance.randrange(8))
                case 1:
                    damaged += bytes([octet, octet])
                case _:
                    pass
        return bytes(damaged)


def small_scan(stage: GrblStage) -> None:
    for row in range(4):
        stage.fly(StagePose(280.0, 290.0 - row), StagePose(270.0, 290.0 - row), 20.0, with_beam=True)
        assert stage.move_to(StagePose(270.0, 280.0 - row)) == StagePose(270.0, 280.0 - row)
        stage.hold_beam(0.3)
        stage.hold_beam(0.1)
        stage.drop_beam()


MANY = pytest.mark.campaign
SEEDS = [pytest.param(seed, marks=[MANY] if seed >= 20 else []) for seed in range(60)]


@pytest.mark.parametrize("seed", SEEDS)
def test_noise_is_survived(seed: int) -> None:
    noise = Noise(seed, 0.0)
    rehearsal = rehearsed(noise)
    stage = rehearsal.stage()
    noise.probability = 3e-4
    with contextlib.suppress(BridgeError):
        small_scan(stage)
    noise.probability = 0.0
    left_s = rehearsal.core.board.time_s
    rehearsal.leave(30.0)
    assert all(off_s - left_s <= 0.5 for _, off_s in rehearsal.beam_intervals())
    assert all(0.0 <= event["x_mm"] <= 300.0 for event in rehearsal.log.of("beam_on", "beam_off"))
    rehearsal.pass_time(0.5)
    with contextlib.suppress(BridgeError):
        stage.drop_beam()
    stage.halt()
    stage.home()
    small_scan(stage)
