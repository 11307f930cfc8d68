"""Over a line that damages bytes, every exposure is measured once, and its spectrum arrives once and unchanged."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware_bridge.faults import DoorOpen, LeaseExpired
from firmware_bridge.native import messages as m
from firmware_bridge.native.codec import encode
from firmware_bridge.native.framing import Frame, encode_frame
from firmware_bridge.native.messages import CodedSpectrum
from firmware_bridge.native.spectrum_coding import encode_spectrum
from firmware_bridge.native.vocabulary import Code, MessageType
from firmware_bridge.twins.detector import Detector
from firmware_bridge.twins.settings import TwinSettings
from tests.protocol.constant_twin import ConstantSource
from tests.protocol.rehearsal import BadLine, Rehearsal, dwell

CHANNELS = 256
COUNT = 150
STEADY = TwinSettings(
    channels=CHANNELS, gain_kev=0.08, gain_drift_per_hour=0.0, starts_homed=True, queue_length=32, store_length=64
)


def expected(index: int, live_s: float) -> bytes:
    """The spectrum that the twin must have measured, computed beside it."""
    detector = Detector(STEADY)
    illumination = detector.illuminate(ConstantSource().at(dwell(0).start, dwell(0).end), 0.0)
    return encode_spectrum(detector.count(illumination, live_s, index))


def scan(rehearsal: Rehearsal, count: int) -> list[CodedSpectrum]:
    """Expose `count` dwells, reopening the shutter when its lease was lost with the frames that renew it."""
    rehearsal.begin()
    assert rehearsal.open() == 0
    collected: list[CodedSpectrum] = []
    waiting = [dwell(index) for index in range(count)]
    while len(collected) < count:
        del waiting[: rehearsal.host.submit(waiting)]
        rehearsal.step()
        while rehearsal.host.faults:
            fault = rehearsal.host.faults.popleft()
            assert isinstance(fault, LeaseExpired), fault
            assert rehearsal.open() == 0
        while rehearsal.host.ledger.inbox:
            spectrum = rehearsal.host.ledger.inbox.popleft()
            collected.append(spectrum)
            rehearsal.host.ledger.acknowledge(spectrum.index, rehearsal.now_s)
    return collected


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.floats(0.02, 0.3))
def test_every_exposure_arrives_exactly_once_and_byte_exact(seed: int, damage: float) -> None:
    line = BadLine(seed, damage)
    rehearsal = Rehearsal(STEADY, line)
    collected = scan(rehearsal, COUNT)
    assert line.happened > 5
    assert sorted(spectrum.index for spectrum in collected) == list(range(COUNT))
    assert rehearsal.core.instrument.engine.finished == COUNT
    for spectrum in collected[::37]:
        assert spectrum.coded == expected(spectrum.index, 0.01)


def test_after_a_bad_line_the_controller_is_told_to_forget_everything() -> None:
    rehearsal = Rehearsal(STEADY, BadLine(3, 0.2))
    scan(rehearsal, COUNT)
    kept = rehearsal.core.instrument.engine.kept
    rehearsal.until(lambda: not kept)
    assert not kept


def test_a_host_that_records_nothing_stops_the_controller_before_its_store_overflows() -> None:
    rehearsal = Rehearsal(STEADY)
    rehearsal.begin()
    assert rehearsal.open() == 0
    rehearsal.host.submit([dwell(index) for index in range(200)])
    first = rehearsal.collect(STEADY.store_length, record=False)
    rehearsal.pass_time(2.0)
    assert not rehearsal.host.ledger.inbox
    for spectrum in first:
        rehearsal.host.ledger.acknowledge(spectrum.index, rehearsal.now_s)
    rest = rehearsal.collect(200 - len(first))
    assert sorted(spectrum.index for spectrum in first + rest) == list(range(200))


def test_an_abort_is_obeyed_over_a_bad_line_and_exposures_under_way_are_not_made_after_it() -> None:
    rehearsal = Rehearsal(STEADY, BadLine(11, 0.3))
    rehearsal.begin()
    assert rehearsal.open() == 0
    rehearsal.host.submit([dwell(index, live_s=0.5) for index in range(32)])
    rehearsal.step()
    rehearsal.host.abort(rehearsal.now_s)
    rehearsal.until(lambda: not rehearsal.host.is_aborting)
    made = rehearsal.core.instrument.engine.finished
    assert not rehearsal.core.instrument.is_shutter_open
    rehearsal.pass_time(5.0)
    assert rehearsal.core.instrument.engine.finished == made
    assert not rehearsal.core.instrument.engine.queue


def test_spectra_are_forgotten_although_an_abort_has_overtaken_the_word_for_it() -> None:
    rehearsal = Rehearsal(STEADY)
    rehearsal.begin()
    assert rehearsal.open() == 0
    rehearsal.host.submit([dwell(index) for index in range(4)])
    rehearsal.collect(4, record=False)
    core, nonce, sent = rehearsal.core, rehearsal.nonce, rehearsal.host.channel.last_sequence
    assert sorted(core.instrument.engine.kept) == [0, 1, 2, 3]
    # The word is sent and lost, the abort arrives, and then the word once more.
    abort, forget = encode(m.Abort(7, sent + 1)), encode(m.Forget((range(3),)))
    core.receive(encode_frame(Frame(MessageType.ABORT, nonce, 0, 0, 1024, abort)), rehearsal.now_s)
    core.receive(encode_frame(Frame(MessageType.FORGET, nonce, sent + 1, 0, 1024, forget)), rehearsal.now_s)
    assert list(core.instrument.engine.kept) == [3]


def test_what_is_sent_long_after_an_abort_is_obeyed_when_sequences_come_round() -> None:
    rehearsal = Rehearsal(STEADY)
    rehearsal.begin()
    rehearsal.host.abort(rehearsal.now_s)
    rehearsal.until(lambda: not rehearsal.host.is_aborting)
    assert rehearsal.order(m.Resume) == Code.OK
    # Half of all sequences further on, the abort's own last one lies ahead again.
    core, nonce, sent = rehearsal.core, rehearsal.nonce, rehearsal.host.channel.last_sequence
    resume = encode(m.Resume(1))
    for sequence in range(sent + 1, sent + 0x8000):
        core.receive(encode_frame(Frame(MessageType.RESUME, nonce, sequence, 0, 1024, resume)), rehearsal.now_s)
        core._outbox._messages.clear()
    last = Frame(MessageType.RESUME, nonce, sent + 0x8000, 0, 1024, resume)
    core.receive(encode_frame(last), rehearsal.now_s)
    assert list(core._outbox._messages) == [m.Reply(1, Code.OK)]


@pytest.mark.parametrize("damage", [0.0, 0.2])
def test_a_door_that_opens_is_reported_and_the_scan_goes_on_after_it(damage: float) -> None:
    rehearsal = Rehearsal(STEADY, BadLine(5, damage))
    rehearsal.begin()
    assert rehearsal.open() == 0
    rehearsal.host.submit([dwell(index) for index in range(40)])
    collected = rehearsal.collect(10)
    rehearsal.core.instrument.set_door(is_closed=False, now_s=rehearsal.now_s)
    rehearsal.until(lambda: bool(rehearsal.host.faults))
    assert isinstance(rehearsal.host.faults.popleft(), DoorOpen)
    assert not rehearsal.core.instrument.is_shutter_open
    assert not rehearsal.host.heartbeat.is_renewing
    rehearsal.core.instrument.set_door(is_closed=True, now_s=rehearsal.now_s)
    assert rehearsal.open() == 0
    collected += rehearsal.collect(40 - len(collected))
    assert sorted(spectrum.index for spectrum in collected) == list(range(40))
