"""Taking up an interrupted scan over a line that is slow: what the controller kept is never measured again."""

from __future__ import annotations

from collections import Counter, deque

import pytest

from firmware_bridge.messages import Exposure
from firmware_bridge.twins.settings import TwinSettings
from tests.protocol.rehearsal import Rehearsal, dwell

KEPT = 100
PLANNED = 150
TICK_S = 0.001


class SlowRehearsal(Rehearsal):
    """A line with a delay both ways, and so many bytes a second towards the host."""

    def __init__(self, settings: TwinSettings, *, delay_s: float, bytes_per_s: int) -> None:
        super().__init__(settings)
        self.delay_s = delay_s
        self.bytes_per_tick = round(bytes_per_s * TICK_S)
        self.hang_up()

    def hang_up(self) -> None:
        """Lose what is on its way."""
        self.up: deque[tuple[float, bytes]] = deque()
        self.down: deque[tuple[float, bytes]] = deque()
        self.pipe = bytearray()

    def step(self) -> None:
        if self.host.is_running:
            self.host.heartbeat.attend(self.now_s)
        if said := self.host.outgoing(self.now_s):
            self.up.append((self.now_s + self.delay_s, said))
        while self.up and self.up[0][0] <= self.now_s:
            self.core.receive(self.up.popleft()[1], self.now_s)
        self.core.advance(self.now_s)
        if len(self.pipe) < 4096:
            self.pipe += self.core.outgoing(self.now_s, 4096 - len(self.pipe))
        if self.pipe:
            self.down.append((self.now_s + self.delay_s, bytes(self.pipe[: self.bytes_per_tick])))
            del self.pipe[: self.bytes_per_tick]
        while self.down and self.down[0][0] <= self.now_s:
            self.host.receive(self.down.popleft()[1], self.now_s)
        if self.host.failure is not None:
            raise self.host.failure
        self.now_s += TICK_S

    def expose(self, exposures: list[Exposure], *, record: bool) -> list[int]:
        """Submit everything and collect as many; returns the indices in the order of their arrival."""
        waiting, arrived = deque(exposures), list[int]()
        end_s = self.now_s + 300.0
        while len(arrived) < len(exposures):
            assert self.now_s < end_s, f"only {len(arrived)} of {len(exposures)} spectra came"
            for _ in range(self.host.submit(list(waiting)[:64])):
                waiting.popleft()
            for _ in range(5):
                self.step()
            while self.host.ledger.inbox:
                spectrum = self.host.ledger.inbox.popleft()
                arrived.append(spectrum.index)
                if record:
                    self.host.ledger.acknowledge(spectrum.index, self.now_s)
        return arrived


@pytest.mark.parametrize(("delay_s", "bytes_per_s"), [(0.05, 20_000), (0.1, 10_000), (0.0, 50_000)])
def test_nothing_is_measured_twice_after_a_resume(delay_s: float, bytes_per_s: int) -> None:
    settings = TwinSettings(starts_homed=True, store_length=512)
    rehearsal = SlowRehearsal(settings, delay_s=delay_s, bytes_per_s=bytes_per_s)
    exposures = [dwell(index) for index in range(PLANNED)]
    rehearsal.begin(7)
    assert rehearsal.open() == 0
    rehearsal.expose(exposures[:KEPT], record=False)
    rehearsal.hang_up()
    rehearsal.new_host()
    assert len(rehearsal.begin(7)) == KEPT
    assert rehearsal.open() == 0
    arrived = rehearsal.expose(exposures, record=True)
    rehearsal.pass_time(2.0)
    assert Counter(arrived) == Counter(range(PLANNED))
    assert rehearsal.core.instrument.engine.finished == PLANNED
    assert not rehearsal.core.instrument.engine.kept
