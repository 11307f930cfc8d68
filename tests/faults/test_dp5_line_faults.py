"""What a line does to a DP5, by script: time or a named fault, and never a spectrum that was not measured."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from firmware_bridge.dp5.codec import Dp5Deframer
from firmware_bridge.dp5.exchange import SPECTRA_WITH_STATUS
from firmware_bridge.dp5.readings import counts_and_status
from firmware_bridge.dp5.spectrometer import Dp5Spectrometer, connect_dp5
from firmware_bridge.faults import BridgeError, LinkLost, PortUnavailable
from firmware_bridge.messages import StagePose
from firmware_bridge.twins.fault_script import FaultScript, fault_of
from firmware_bridge.twins.source import RecordedCounts
from firmware_bridge.twins.wire import Reset
from tests.protocol.dp5_rehearsal import Rehearsal
from tests.protocol.dp5_twin import Dp5Process, running_dp5

RECORDED = np.random.default_rng(5).integers(0, 2_000, 256, dtype=np.uint32)
LIVE_S = 0.05
COUNT = 6
EXACT: dict[str, Any] = {"electronics": {"reset_share": 0.0, "readout_s_per_channel": 0.0}, "dead_time_s": 0.0}
STRIKES = [
    {"kind": "drop"},
    {"kind": "drop", "count": 7},
    {"kind": "flip"},
    {"kind": "flip", "bit": 7},
    {"kind": "flip", "count": 3, "bit": 6},
    {"kind": "duplicate"},
    {"kind": "duplicate", "count": 20},
    {"kind": "delay", "for_s": 0.3},
    {"kind": "delay", "for_s": 3.0},
    {"kind": "stall", "for_s": 0.3},
    {"kind": "stall", "for_s": 3.0},
    {"kind": "half"},
]
SPARSE, DENSE = {"host": 1_013, "controller": 97}, {"host": 307, "controller": 31}
EVERY_BYTES = [pytest.param(SPARSE, id="sparse"), pytest.param(DENSE, id="dense", marks=pytest.mark.campaign)]
"""Offsets at which the faults are tried; primes, so that they meet every part of a frame."""
SENTENCES = re.compile(
    "does not answer as a spectrometer: check its power, the cable|its counts are lost, measure them again"
    "|answers, but not as a DP5: choose the spectrometer's port|stopped counting before its preset was reached"
    "|counts on past its preset: it has restarted"
    "|it has restarted, or another program|did not take its settings as asked: "
)


class Recording:
    """The same counts everywhere, handed over unchanged in 50 ms."""

    def at(self, start: StagePose, end: StagePose) -> RecordedCounts:
        return RecordedCounts(RECORDED, live_s=LIVE_S)


class ScriptedRehearsal(Rehearsal):
    """A rehearsal on a line with a sense of time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, faults: list[dict[str, Any]]) -> None:
        super().__init__(monkeypatch, source=Recording(), **EXACT)
        self.script = FaultScript([fault_of(fault) for fault in faults], None)
        self.happened: list[str] = []
        self.carried = {"controller": 0, "host": 0}
        """Bytes sent so far, by who takes them."""
        self.said = bytearray()
        """All that the device has sent."""
        self._under_way = bytearray()
        self._arrived = bytearray()

    def write(self, octets: bytes) -> None:
        self._under_way += octets
        self.carried["controller"] += len(octets)
        self.carry()

    def read_available(self, timeout_s: float) -> bytes:
        until_s = self.clock.now_s + timeout_s
        while True:
            self.carry()
            if self._arrived:
                octets = bytes(self._arrived)
                self._arrived.clear()
                return octets
            now_s = self.clock.now_s
            if now_s >= until_s:
                return b""
            due_s = self.script.deadline_s(now_s)
            if self.script.room_to_host(now_s):
                due_s = min(due_s, self.line.deadline_s(now_s))
            self.clock.now_s = min(until_s, max(now_s + 1e-5, due_s))

    def carry(self) -> None:
        now_s, script = self.clock.now_s, self.script
        for event in script.take_events(now_s):
            self.happened.append(event.what)
            if isinstance(event, Reset):
                self.core.reboot(now_s)
                self.line.forget()
        takes = script.room_to_controller(now_s)
        self.line.receive(script.to_controller(bytes(self._under_way[:takes]), now_s), now_s)
        del self._under_way[:takes]
        said = self.line.outgoing(now_s, 1 << 20) if script.room_to_host(now_s) else b""
        self.said += said
        self.carried["host"] += len(said)
        self._arrived += script.to_host(said, now_s)

    def spectra_sent(self) -> list[NDArray[np.uint32]]:
        """Every spectrum that the device has sent, in order."""
        packets = Dp5Deframer().feed(bytes(self.said))
        return [counts_and_status(each, 256, "")[0] for each in packets if each.pid in SPECTRA_WITH_STATUS]


def dwell(rehearsal: ScriptedRehearsal) -> list[BridgeError]:
    """Exposures as a scan takes them, each compared with what was under the beam."""
    spectrometer = rehearsal.connect()
    for _ in range(COUNT):
        spectrometer.begin(LIVE_S)
        spectrum = spectrometer.read(30.0)
        assert spectrum is not None
        np.testing.assert_array_equal(spectrum.counts, RECORDED)
        assert spectrum.real_s == LIVE_S
    return []


def run_on(rehearsal: ScriptedRehearsal) -> list[BridgeError]:
    """Spectra one after the other, cleared as they are read, each compared with what the device sent for it."""
    spectrometer = rehearsal.connect()
    spectrometer.begin(float("inf"))
    faults: list[BridgeError] = []
    taken = 0
    for step in range(COUNT):
        rehearsal.clock.sleep(0.02 * (step + 1))
        try:
            spectrum = spectrometer.snapshot()
        except LinkLost as fault:
            faults.append(fault)
            continue
        sent = rehearsal.spectra_sent()
        assert any(np.array_equal(spectrum.counts, each) for each in sent[taken:]), "not what was sent for it"
        taken = len(sent)
    return faults


Taking = Callable[[ScriptedRehearsal], list[BridgeError]]


def check_everywhere(
    patch: pytest.MonkeyPatch, take: Taking, fault: dict[str, Any], every_bytes: dict[str, int]
) -> None:
    """Let a fault strike all over a row of spectra: it happens, and what is raised is a sentence that names it."""
    clean = ScriptedRehearsal(patch, [])
    assert take(clean) == []
    assert len(clean.spectra_sent()) == COUNT
    towards = fault["towards"]
    for offset in range(3, clean.carried[towards], every_bytes[towards]):
        rehearsal = ScriptedRehearsal(patch, [{**fault, "at_byte": offset}])
        raised: list[BridgeError] = []
        try:
            raised += take(rehearsal)
        except BridgeError as error:
            raised.append(error)
        rehearsal.carry()
        assert [str(each) for each in raised if not SENTENCES.search(str(each))] == [], f"byte {offset}"
        assert rehearsal.happened == [fault["kind"]], f"byte {offset}"


@pytest.mark.parametrize("every_bytes", EVERY_BYTES)
@pytest.mark.parametrize("towards", ["host", "controller"])
@pytest.mark.parametrize("fault", STRIKES, ids=str)
def test_a_fault_costs_time_or_is_named_and_no_dwell_gets_another_spectrum(
    monkeypatch: pytest.MonkeyPatch, fault: dict[str, Any], towards: str, every_bytes: dict[str, int]
) -> None:
    check_everywhere(monkeypatch, dwell, {**fault, "towards": towards}, every_bytes)


@pytest.mark.parametrize("every_bytes", EVERY_BYTES)
@pytest.mark.parametrize("towards", ["host", "controller"])
@pytest.mark.parametrize("fault", STRIKES, ids=str)
def test_a_spectrum_that_is_cleared_as_it_is_read_comes_as_it_was_sent_or_is_said_to_be_lost(
    monkeypatch: pytest.MonkeyPatch, fault: dict[str, Any], towards: str, every_bytes: dict[str, int]
) -> None:
    check_everywhere(monkeypatch, run_on, {**fault, "towards": towards}, every_bytes)


@pytest.mark.parametrize("every_bytes", EVERY_BYTES)
@pytest.mark.parametrize("towards", ["host", "controller"])
@pytest.mark.parametrize("take", [dwell, run_on])
def test_a_reset_is_named_or_leaves_no_trace(
    monkeypatch: pytest.MonkeyPatch, take: Taking, towards: str, every_bytes: dict[str, int]
) -> None:
    check_everywhere(monkeypatch, take, {"kind": "reset", "towards": towards}, every_bytes)


def await_port(twin: Dp5Process) -> Dp5Spectrometer:
    """Connect as soon as the port is there again."""
    ends_s = time.monotonic() + 10.0
    while True:
        try:
            return connect_dp5(twin.port, settings={"MCAC": "256"})
        except (PortUnavailable, LinkLost):
            assert time.monotonic() < ends_s, "the port did not come back"
            time.sleep(0.02)


def snapshots(spectrometer: Dp5Spectrometer) -> None:
    """Run on, until something happens."""
    while True:
        spectrometer.snapshot()


def test_a_port_that_hangs_up_while_spectra_run_on_is_named_and_returns_under_another_name(tmp_path: Path) -> None:
    with running_dp5(tmp_path, faults=[{"kind": "hang_up", "at_s": 0.5, "for_s": 0.3}]) as twin:
        before = Path(twin.port).readlink()
        spectrometer = connect_dp5(twin.port, settings={"MCAC": "256"})
        spectrometer.begin(float("inf"))
        with pytest.raises(LinkLost, match="has gone: check the cable"):
            snapshots(spectrometer)
        spectrometer.close()
        again = await_port(twin)
        again.begin(LIVE_S)
        assert again.read(10.0) is not None
        again.close()
        assert Path(twin.port).readlink() != before


@pytest.mark.parametrize(("towards", "first", "every"), [("host", 600, 700), ("controller", 90, 40)])
def test_dwells_over_udp_are_exact_whatever_happens_to_a_datagram(
    tmp_path: Path, towards: str, first: int, every: int
) -> None:
    kinds = ["drop", "duplicate", "flip", "delay"]
    faults = [{"kind": kind, "towards": towards, "at_byte": first + every * at} for at, kind in enumerate(kinds)]
    faults[-1]["for_s"] = 0.2
    with running_dp5(tmp_path, faults=faults, clock_factor=10.0) as twin:
        spectrometer = connect_dp5(twin.udp, settings={"MCAC": "256"})
        for _ in range(5):
            spectrometer.begin(LIVE_S)
            spectrum = spectrometer.read(20.0)
            assert spectrum is not None
            assert spectrum.real_s == LIVE_S
        spectrometer.close()
        for kind in kinds:
            assert twin.events(f"datagram_{kind}"), kind
