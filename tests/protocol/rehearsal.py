"""Host session and twin joined in one process, on a clock that the test turns: deterministic, and fast."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from firmware_bridge.messages import Exposure, StagePose
from firmware_bridge.native import messages as m
from firmware_bridge.native.messages import CodedSpectrum
from firmware_bridge.native.session import Answer, Command, HostSession
from firmware_bridge.twins.native.core import NativeCore
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.source import SpectrumSource
from firmware_bridge.twins.twin_log import TwinLog
from tests.protocol.constant_twin import ConstantSource

LONGEST_STEP_S = 0.02


def dwell(index: int, x_mm: float = 10.0, live_s: float = 0.01) -> Exposure:
    """An exposure at rest, somewhere on a line."""
    pose = StagePose(x_mm + 0.5 * (index % 100), 20.0)
    return Exposure(index, pose, pose, live_s)


@dataclass
class BadLine:
    """Loses, flips and repeats bytes, and cuts frames in half, by chance."""

    seed: int
    damage: float
    """Probability that something happens to a chunk."""
    happened: int = 0
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def carry(self, octets: bytes) -> bytes:
        if not octets or self.chance.random() >= self.damage:
            return octets
        self.happened += 1
        at = self.chance.randrange(len(octets))
        upto = at + self.chance.randrange(1, 40)
        match self.chance.randrange(4):
            case 0:
                return octets[:at] + octets[upto:]
            case 1:
                return octets[:at] + bytes([octets[at] ^ 1 << self.chance.randrange(8)]) + octets[at + 1 :]
            case 2:
                return octets[:upto] + octets[at:]
            case _:
                return octets[:at]


class Rehearsal:
    """One controller, one host at a time, and the line between them."""

    def __init__(
        self, settings: TwinSettings, line: BadLine | None = None, source: SpectrumSource | None = None
    ) -> None:
        self.now_s = 1_000.0
        self.line = line
        self.log = TwinLog(settings.log)
        self.core = NativeCore(source or ConstantSource(), settings, self.log, now_s=self.now_s, boot_id=77)
        self.nonce = 1
        self.host = HostSession(self.nonce, "the port", self.now_s)
        self.is_attended = True
        """Whether the program above the host's link is alive."""
        self.sent = bytearray()
        self.received = bytearray()

    def new_host(self) -> None:
        """Another program takes the first one's place, which is never heard of again."""
        self.nonce += 1
        self.host = HostSession(self.nonce, "the port", self.now_s)

    def step(self) -> None:
        """Exchange what is to be said now, then let time pass to the next thing that happens."""
        if self.is_attended and self.host.is_running:
            self.host.heartbeat.attend(self.now_s)
        to_core = self.host.outgoing(self.now_s)
        self.sent += to_core
        self.core.receive(to_core if self.line is None else self.line.carry(to_core), self.now_s)
        to_host = self.core.outgoing(self.now_s, 4096)
        self.received += to_host
        self.host.receive(to_host if self.line is None else self.line.carry(to_host), self.now_s)
        if self.host.failure is not None:
            raise self.host.failure
        if not to_core and not to_host:
            due_s = min(self.core.deadline_s(self.now_s), self.host.deadline_s())
            self.now_s = min(max(due_s, self.now_s + 1e-4), self.now_s + LONGEST_STEP_S)

    def until(self, condition: Callable[[], bool], limit_s: float = 60.0) -> None:
        """Go on until something is so."""
        end_s = self.now_s + limit_s
        while not condition():
            assert self.now_s < end_s, "it never came to that"
            self.step()

    def pass_time(self, seconds: float) -> None:
        """Go on for a time."""
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.step()

    def ask(self, make: Callable[[int], Command]) -> Answer:
        """Give a command and wait for its answer."""
        request = self.host.next_request()
        self.host.command(make(request), self.now_s)
        self.until(lambda: request in self.host.answers)
        return self.host.answers.pop(request)

    def order(self, make: Callable[[int], Command]) -> int:
        """Give a command that is answered by a code."""
        answer = self.ask(make)
        assert isinstance(answer, m.Reply)
        return answer.code

    def begin(self, scan_id: int = 1, recorded: frozenset[int] = frozenset()) -> list[int]:
        """Connect, home, and begin a scan; returns the indices that the controller keeps."""
        self.until(lambda: self.host.is_running)
        if not self.core.instrument.is_homed:
            assert self.order(m.Home) == 0
        retained = self.ask(lambda request: m.Begin(request, scan_id))
        assert isinstance(retained, m.Retained)
        kept = [index for span in retained.ranges for index in span]
        self.host.begin_scan(index for index in kept if index in recorded)
        assert self.order(m.Offer) == 0
        return kept

    def open(self) -> int:
        """Open the shutter; returns the code."""
        return self.order(lambda request: m.Open(request, self.host.heartbeat.lease_ms))

    def collect(self, count: int, *, record: bool = True, limit_s: float = 600.0) -> list[CodedSpectrum]:
        """Wait for spectra; record them at once, or not."""
        collected: list[CodedSpectrum] = []
        end_s = self.now_s + limit_s
        while len(collected) < count:
            assert self.now_s < end_s, f"only {len(collected)} of {count} spectra came"
            self.step()
            while self.host.ledger.inbox:
                spectrum = self.host.ledger.inbox.popleft()
                collected.append(spectrum)
                if record:
                    self.host.ledger.acknowledge(spectrum.index, self.now_s)
        return collected
