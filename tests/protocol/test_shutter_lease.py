"""The shutter closes when nobody holds it open, by the twin's own log, on a clock that runs at one second a second."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from firmware_bridge.faults import LeaseExpired
from firmware_bridge.native import messages as m
from firmware_bridge.native.client import connect
from firmware_bridge.native.vocabulary import Code
from firmware_bridge.twins.settings import TwinSettings
from tests.protocol.constant_twin import running_twin
from tests.protocol.forked import Ready, begun
from tests.protocol.rehearsal import Rehearsal, dwell

_ROOT = Path(__file__).resolve().parents[2]
_HOST_THAT_ENDS = """
import sys
from firmware_bridge.native.client import connect
controller = connect(sys.argv[1], 2_000_000)
controller.open_shutter()
raise SystemExit(3)
"""
_LEASE_S = 0.5
WAYS_TO_GO = [signal.SIGKILL, signal.SIGSTOP, pytest.param(signal.SIGTERM, marks=pytest.mark.campaign)]
"""One that is told to end, and heeds it, is gone like one that is killed."""


def hold_open(port: str, ready: Ready) -> None:
    """A host that opens the shutter and waits."""
    controller = connect(port, 2_000_000)
    controller.open_shutter()
    ready()
    controller.next_done(60.0)


def open_and_leave(port: str, how: signal.Signals) -> float:
    """A host opens the shutter, holds it open for longer than a lease, and then dies or hangs; returns when."""
    host, _ = begun(hold_open, port)
    host.join(1.0)
    assert host.is_alive()
    assert host.pid is not None
    left_s = time.monotonic()
    os.kill(host.pid, how)
    host.join(0.7)
    host.kill()
    host.join()
    return left_s


@pytest.mark.parametrize("how", WAYS_TO_GO)
def test_the_shutter_closes_within_the_lease_when_its_host_dies(tmp_path: Path, how: signal.Signals) -> None:
    with running_twin(tmp_path, starts_homed=True) as twin:
        killed_s = open_and_leave(twin.port, how)
        deadline_s = time.monotonic() + 60.0
        while not (closed := twin.events("shutter_closed")):
            assert time.monotonic() < deadline_s, "the shutter never closed"
            time.sleep(0.02)
        (opened,) = twin.events("shutter_opened")
    assert closed[0]["reason"] == "lease_expired"
    assert closed[0]["monotonic_s"] - opened["monotonic_s"] > 0.9, "it must have been held open until the host died"
    assert closed[0]["monotonic_s"] - killed_s <= _LEASE_S


def test_a_host_that_ends_without_closing_closes_the_shutter_on_its_way_out(tmp_path: Path) -> None:
    with running_twin(tmp_path, starts_homed=True) as twin:
        subprocess.run(
            [sys.executable, "-c", _HOST_THAT_ENDS, twin.port], cwd=_ROOT, check=False, stdout=subprocess.DEVNULL
        )
        (closed,) = twin.events("shutter_closed")
    assert closed["reason"] == "command"


def test_an_expired_lease_is_reported_and_the_shutter_may_be_opened_again() -> None:
    rehearsal = Rehearsal(TwinSettings(starts_homed=True, channels=64))
    rehearsal.begin()
    assert rehearsal.open() == 0
    rehearsal.host.submit([dwell(index, live_s=0.1) for index in range(10)])
    collected = rehearsal.collect(2)
    rehearsal.now_s += 0.6
    rehearsal.core.advance(rehearsal.now_s)
    assert not rehearsal.core.instrument.is_shutter_open
    rehearsal.until(lambda: bool(rehearsal.host.faults))
    assert isinstance(rehearsal.host.faults.popleft(), LeaseExpired)
    assert rehearsal.open() == 0
    collected += rehearsal.collect(8)
    assert [spectrum.index for spectrum in collected] == list(range(10))
    assert all(spectrum.live_us == 100_000 for spectrum in collected)


def test_a_renewal_never_opens_a_closed_shutter() -> None:
    rehearsal = Rehearsal(TwinSettings(starts_homed=True, channels=64))
    rehearsal.begin()
    rehearsal.host.heartbeat.hold_open(rehearsal.now_s)
    rehearsal.pass_time(1.0)
    assert not rehearsal.core.instrument.is_shutter_open


def test_a_renewal_that_is_repeated_renews_nothing() -> None:
    rehearsal = Rehearsal(TwinSettings(starts_homed=True, channels=64))
    rehearsal.begin()
    assert rehearsal.open() == 0
    channel = rehearsal.host.channel
    renewal = channel.send_unsequenced(m.Renew.TYPE, m.Renew.LAYOUT.pack(m.Renew(10_000, 450)))
    opened_s = rehearsal.now_s
    for step in range(12):
        rehearsal.core.receive(renewal, opened_s + step * 0.1)
    assert not rehearsal.core.instrument.is_shutter_open


def test_a_lease_longer_than_the_controllers_own_is_refused() -> None:
    rehearsal = Rehearsal(TwinSettings(starts_homed=True, channels=64))
    rehearsal.begin()
    assert rehearsal.order(lambda request: m.Open(request, 501)) == Code.LEASE_TOO_LONG
    assert not rehearsal.core.instrument.is_shutter_open


@pytest.mark.parametrize("end", ["another host", "goodbye"])
def test_the_shutter_closes_with_its_session(end: str) -> None:
    rehearsal = Rehearsal(TwinSettings(starts_homed=True, channels=64))
    rehearsal.begin()
    assert rehearsal.open() == 0
    if end == "goodbye":
        rehearsal.host.say_bye()
        rehearsal.core.receive(rehearsal.host.outgoing(rehearsal.now_s), rehearsal.now_s)
    else:
        rehearsal.new_host()
        rehearsal.until(lambda: rehearsal.host.is_running)
    assert not rehearsal.core.instrument.is_shutter_open


@pytest.mark.parametrize("scale", [1.0, 200.0])
def test_the_lease_runs_on_the_wall_clock_however_fast_the_twins_is(scale: float) -> None:
    rehearsal = Rehearsal(TwinSettings(starts_homed=True, channels=64, clock_factor=scale))
    rehearsal.begin()
    assert rehearsal.open() == 0
    rehearsal.core.advance(rehearsal.now_s + 0.35)
    assert rehearsal.core.instrument.is_shutter_open
    rehearsal.core.advance(rehearsal.now_s + 0.5)
    assert not rehearsal.core.instrument.is_shutter_open
