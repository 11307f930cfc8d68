"""What the operator reads when a SCPI spectrometer, or the way to it, fails; and that one can go on afterwards."""

from __future__ import annotations

import math
import tracemalloc

import pytest

from firmware_bridge.faults import (
    BridgeError,
    ClockJumped,
    ControllerFault,
    LinkLost,
    PortUnavailable,
    ProtocolViolation,
    WrongDevice,
)
from firmware_bridge.scpi.answers import Identity
from firmware_bridge.scpi.spectrometer import ScpiSpectrometer
from firmware_bridge.twins.scpi.electronics import ScpiElectronics
from tests.protocol.scpi_rehearsal import Connection, Rehearsal, Tamper


@pytest.fixture
def rehearsal(monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    return Rehearsal(monkeypatch)


def dwell(spectrometer: ScpiSpectrometer, preset_s: float = 0.1) -> None:
    """Count, and insist on a spectrum."""
    spectrometer.begin(preset_s)
    spectrum = spectrometer.read(60.0)
    assert spectrum is not None
    assert spectrum.live_s == preset_s


def tamper_spectra(rehearsal: Rehearsal, change: Tamper) -> None:
    """Change every reply that has a block in it."""
    rehearsal.to_host = lambda octets: change(octets) if b"#" in octets else octets


# Another device, or none, behind the address.


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\nServer: Example\r\nContent-Length: 0\r\n\r\n",
        b"SSH-2.0-Example\r\n",
        bytes.fromhex("f5faff010000fd11"),
        b"220 mail.example ESMTP\r\n",
        b"\x00" * 3_000,
        b"ok\n",
        b"\n\n\n\n",
        b"#0",
        b"#9999999999",
        b'"' + b"a" * 5_000,
        b"1,2,3,4\n" * 50,
    ],
    ids=["http", "ssh", "dp5", "smtp", "zeros", "ok", "empty", "endless block", "huge block", "quote", "chatter"],
)
def test_another_device_is_named(rehearsal: Rehearsal, answer: bytes) -> None:
    rehearsal.to_host = lambda _: answer
    with pytest.raises(WrongDevice, match="the port answers, but not as a device that takes SCPI commands: correct"):
        rehearsal.connect()
    assert rehearsal.connections[-1].is_closed


def test_silence_is_named(rehearsal: Rehearsal) -> None:
    rehearsal.to_host = lambda _: b""
    with pytest.raises(LinkLost, match=r"the port does not answer \*CLS: check its power and the network"):
        rehearsal.connect()
    assert rehearsal.connections[-1].is_closed


def test_an_instrument_of_another_kind_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    identity = Identity("ACME", "Oscilloscope 9", "1", "2")
    rehearsal = Rehearsal(monkeypatch, electronics={"identity": identity})
    counter = rehearsal.device._table._meanings
    rehearsal.device._table._meanings = [each for each in counter if not each[0].fullmatch("SENS:CHAN?")]
    with pytest.raises(WrongDevice, match="is a ACME Oscilloscope 9, which knows nothing of SENS:CHAN"):
        rehearsal.connect()


@pytest.mark.parametrize("octet", [b"a", b"1,", b"\x00", b'"', b" ", b"#", b"\n"])
def test_endless_data_is_given_up_without_being_kept(rehearsal: Rehearsal, octet: bytes) -> None:
    flood = octet * (60_000 // len(octet))
    rehearsal.connect()
    Connection.read_available, before = (lambda self, timeout_s: flood if timeout_s else b""), Connection.read_available
    tracemalloc.start()
    try:
        with pytest.raises(WrongDevice):
            rehearsal.connect()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        Connection.read_available = before
    assert peak < 2_000_000


def test_a_trickle_without_an_end_is_given_up(rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
    def trickle(self: Connection, timeout_s: float) -> bytes:
        rehearsal.clock.sleep(min(timeout_s, 1.0))
        return b"1" if timeout_s else b""

    monkeypatch.setattr(Connection, "read_available", trickle)
    began_s = rehearsal.clock.now_s
    with pytest.raises(LinkLost, match="does not answer"):
        rehearsal.connect()
    assert rehearsal.clock.now_s - began_s < 15


# Spectra that cannot be right.


def test_a_spectrum_of_another_length_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    spectrometer = Rehearsal(monkeypatch, electronics={"missing_channels": 1}).connect()
    spectrometer.begin(0.1)
    with pytest.raises(ProtocolViolation, match="a spectrum of 1020 bytes, where 256 channels have 1024"):
        spectrometer.read(60.0)


def test_counts_in_the_wrong_byte_order_are_noticed(rehearsal: Rehearsal) -> None:
    def swap(octets: bytes) -> bytes:
        at = octets.index(b"#41024") + 6
        block = b"".join(octets[i : i + 4][::-1] for i in range(at, at + 1024, 4))
        return octets[:at] + block + octets[at + 1024 :]

    tamper_spectra(rehearsal, swap)
    spectrometer = rehearsal.connect()
    spectrometer.begin(0.1)
    with pytest.raises(ProtocolViolation, match=r"whose channels add up to \d+ events, and \d+ as their number"):
        spectrometer.read(60.0)


def test_a_flipped_bit_in_a_spectrum_is_noticed(rehearsal: Rehearsal) -> None:
    def flip(octets: bytes) -> bytes:
        at = octets.index(b"#41024") + 6 + 400
        return octets[:at] + bytes([octets[at] ^ 4]) + octets[at + 1 :]

    tamper_spectra(rehearsal, flip)
    spectrometer = rehearsal.connect()
    spectrometer.begin(0.1)
    with pytest.raises(ProtocolViolation, match="add up to"):
        spectrometer.read(60.0)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda octets: octets.replace(b"#41024", b"#41023"), "after a string or a block"),
        (lambda octets: octets.replace(b"#41024", b"#9000065537"), "a block of 65537 bytes, more than 65536"),
        (lambda octets: octets.replace(b"#41024", b"#01024"), "a block of no definite length"),
        (lambda octets: octets[:600], "does not answer FETC:SPEC"),
        (lambda octets: octets.replace(b"#41024", b"1,#41024"), "8 values where the seven counters belong"),
        (lambda octets: b"1,2\n", "'2' where a spectrum's block belongs"),
    ],
    ids=["short", "huge", "indefinite", "half", "more", "less"],
)
def test_a_malformed_spectrum_is_a_named_fault_and_the_next_exposure_goes_on(
    rehearsal: Rehearsal, change: Tamper, sentence: str
) -> None:
    spectrometer = rehearsal.connect()
    tamper_spectra(rehearsal, change)
    spectrometer.begin(0.1)
    with pytest.raises((ProtocolViolation, LinkLost), match=sentence):
        spectrometer.read(60.0)
    assert rehearsal.connections[-1].is_closed
    rehearsal.to_host = lambda octets: octets
    dwell(spectrometer)
    assert len(rehearsal.connections) == 2


# Clocks.


@pytest.mark.parametrize(
    ("jump_s", "sentence"),
    [(-1e4, "the clock of the port ran back from"), (3_600.0, "went on by 360.* s while it counted for 0")],
)
def test_a_clock_that_is_set_while_it_counts_is_a_named_fault(
    monkeypatch: pytest.MonkeyPatch, jump_s: float, sentence: str
) -> None:
    rehearsal = Rehearsal(monkeypatch, electronics={"clock_jump": (20_000.0, jump_s)}, clock_factor=1.0)
    spectrometer = rehearsal.connect()
    rehearsal.clock.sleep(19_999.9)
    spectrometer.begin(math.inf)
    spectrometer.snapshot()
    rehearsal.clock.sleep(0.2)
    with pytest.raises(ClockJumped, match=sentence):
        spectrometer.snapshot()
    dwell(spectrometer)


def test_a_live_time_longer_than_the_real_time_is_a_breach(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(2.0)
    rehearsal.to_host = lambda octets: b"1,10.0,1.0,1.1,5,5,16\n" if octets.startswith(b"1,") else octets
    with pytest.raises(ProtocolViolation, match=r"a live time of 1.1 s in a real time of 1 s"):
        spectrometer.read(1.0)


# Restarts, and others at the device.


def test_a_device_that_restarts_while_it_counts_is_named_and_set_up_again(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect({"SENS:CHAN": "1024"})
    rehearsal.clock.sleep(10.0)
    spectrometer.begin(5.0)
    assert spectrometer.read(0.1) is None
    rehearsal.device.reboot(rehearsal.clock.now_s)
    with pytest.raises(ClockJumped, match="it has restarted"):
        spectrometer.read(60.0)
    dwell(spectrometer)
    assert rehearsal.device.counter.channels == 1024


def test_a_device_that_restarts_between_exposures_is_noticed(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    rehearsal.clock.sleep(10.0)
    dwell(spectrometer)
    rehearsal.device.reboot(rehearsal.clock.now_s)
    spectrometer.begin(0.1)
    with pytest.raises(ClockJumped, match=r"ran back .* it has restarted"):
        spectrometer.read(60.0)
    dwell(spectrometer)


def test_a_spectrum_that_somebody_else_began_is_noticed(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(math.inf)
    spectrometer.snapshot()
    rehearsal.device.counter.clear()
    with pytest.raises(ControllerFault, match=r"counts spectrum 3 after spectrum 2: .* another program uses it"):
        spectrometer.snapshot()


def test_counting_that_somebody_else_stopped_is_noticed(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(1.0)
    rehearsal.device.counter.is_counting = False
    with pytest.raises(ControllerFault, match="stopped counting before it was told to"):
        spectrometer.read(60.0)
    spectrometer.begin(math.inf)
    rehearsal.device.counter.is_counting = False
    with pytest.raises(ControllerFault, match="stopped counting before it was told to"):
        spectrometer.snapshot()


def test_an_order_that_the_device_refuses_is_a_named_fault(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    dwell(spectrometer)
    rehearsal.device.counter.initiate()
    with pytest.raises(ControllerFault, match="the port refuses INIT: -213, Init ignored: see what the device"):
        spectrometer.begin(0.1)
    dwell(spectrometer)


# Connections that are lost.


def test_a_connection_lost_while_counting_is_named_and_the_exposure_measured_again(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(5.0)
    assert spectrometer.read(0.1) is None
    rehearsal.hang_up()
    with pytest.raises(LinkLost, match="the port has gone"):
        spectrometer.read(60.0)
    dwell(spectrometer)
    assert len(rehearsal.connections) == 2


def test_a_connection_lost_between_exposures_is_named_and_made_again_by_the_next(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect({"SENS:CHAN": "512"})
    dwell(spectrometer)
    rehearsal.hang_up()
    with pytest.raises(LinkLost, match="the port has gone"):
        spectrometer.begin(0.1)
    dwell(spectrometer)
    assert len(rehearsal.connections) == 2


def test_a_chain_of_snapshots_begins_again_on_another_connection(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(math.inf)
    spectrometer.snapshot()
    rehearsal.hang_up()
    with pytest.raises(LinkLost, match="the port has gone"):
        spectrometer.snapshot()
    spectrometer.snapshot()
    rehearsal.clock.sleep(1.0)
    assert spectrometer.snapshot().real_s == pytest.approx(1.0)
    assert len(rehearsal.connections) == 2


def test_a_beam_that_is_held_already_does_not_wait_for_a_connection(
    rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its gate would close before the counting begins, and the spectrum have too few counts for its live time."""
    spectrometer = rehearsal.connect()
    rehearsal.hang_up()
    with pytest.raises(LinkLost):
        spectrometer.begin(0.1)
    monkeypatch.setattr(rehearsal.device, "_electronics", ScpiElectronics(answer_wall_s=0.05))
    with pytest.raises(LinkLost, match=r"again took 0\.\d s, and worked: begin the exposure again"):
        spectrometer.begin(0.1)
    assert not rehearsal.device.counter.is_counting
    dwell(spectrometer)


def test_a_connection_that_cannot_be_made_again_is_named(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    rehearsal.hang_up()
    rehearsal.is_listening = False
    with pytest.raises(LinkLost):
        spectrometer.begin(0.1)
    for _ in range(2):
        with pytest.raises(PortUnavailable, match="connection refused"):
            spectrometer.begin(0.1)
    rehearsal.is_listening = True
    dwell(spectrometer)


def test_no_connection_is_made_again_to_another_device(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    rehearsal.hang_up()
    with pytest.raises(LinkLost):
        spectrometer.begin(0.1)
    rehearsal.to_host = lambda octets: octets.replace(b"12345", b"54321")
    with pytest.raises(WrongDevice, match="is not the spectrometer that it was"):
        spectrometer.begin(0.1)


def test_a_lost_snapshot_is_not_asked_for_again(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(math.inf)
    rehearsal.clock.sleep(1.0)
    rehearsal.to_host = lambda _: b""
    with pytest.raises(LinkLost, match="does not answer FETC:SPEC:CLE"):
        spectrometer.snapshot()
    assert rehearsal.lines.count("FETC:SPEC:CLE?") == 1
    with pytest.raises(LinkLost, match="is closed: begin the exposure again"):
        spectrometer.stop()


def test_an_answer_that_comes_too_late_is_never_taken_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsal = Rehearsal(monkeypatch)
    spectrometer = rehearsal.connect()
    dwell(spectrometer, 0.3)
    slow = ScpiElectronics(answer_wall_s=3.0)
    rehearsal.device._electronics, sound = slow, rehearsal.device._electronics
    with pytest.raises(LinkLost, match="does not answer FETC:COUN"):
        spectrometer.read(1.0)
    rehearsal.device._electronics = sound
    dwell(spectrometer, 0.1)
    assert len(rehearsal.connections) == 2


def test_what_nobody_asked_for_ends_the_connection(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    rehearsal.device._unsent += b'0,"No error"\n'
    with pytest.raises(ProtocolViolation, match="sent something without being asked"):
        spectrometer.stop()
    dwell(spectrometer)


def test_closing_a_lost_connection_raises_nothing(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(math.inf)
    rehearsal.hang_up()
    spectrometer.close()
    assert rehearsal.connections[-1].is_closed


def test_slow_answers_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    dwell(Rehearsal(monkeypatch, electronics={"answer_wall_s": 1.5}).connect())


def test_damage_to_any_byte_is_a_named_fault_or_none(rehearsal: Rehearsal) -> None:
    """A bit of one byte of each reply of a session is inverted, byte after byte."""

    def damaged(octets: bytes, at: int) -> bytes:
        return octets[:at] + bytes([octets[at] ^ 0x10]) + octets[at + 1 :] if at < len(octets) else octets

    def spoken(at: int) -> str:
        rehearsal.to_host = lambda octets: damaged(octets, at)
        try:
            dwell(rehearsal.connect())
        except BridgeError as fault:
            return str(fault)
        return "no fault"

    sentences = [spoken(at) for at in range(0, 1_200, 7)]
    assert all(sentence.startswith("the port") or sentence == "no fault" for sentence in sentences)
    assert len(set(sentences)) > 20
