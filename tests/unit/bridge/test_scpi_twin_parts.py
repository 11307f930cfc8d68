"""Parts of the SCPI spectrometer's twin: how it reads commands, and how it counts."""

from __future__ import annotations

import math

import pytest

from firmware_bridge.messages import StagePose
from firmware_bridge.scpi.vocabulary import Clock, ErrorCode
from firmware_bridge.twins.beam import Stretch
from firmware_bridge.twins.scpi.commands import CommandRefused, CommandTable
from firmware_bridge.twins.scpi.counter import ScpiCounter
from firmware_bridge.twins.scpi.device import ScpiDevice
from firmware_bridge.twins.scpi.electronics import ScpiElectronics
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.shared_pose import resting_beam
from firmware_bridge.twins.twin_log import TwinLog
from tests.protocol.constant_twin import ConstantSource

HERE = StagePose(10.0, 10.0)
SETTINGS = TwinSettings(channels=256, gain_kev=0.08)
TABLE = CommandTable({"*IDN?": "who", "SENSe:CHANnels": "set", "SENSe:CHANnels?": "ask", "INITiate": "go"})


@pytest.fixture
def device() -> ScpiDevice:
    return ScpiDevice(ConstantSource(), SETTINGS, ScpiElectronics(), resting_beam(HERE), TwinLog(None), 0.0)


def said(device: ScpiDevice, *lines: bytes, now_s: float = 0.0) -> bytes:
    device.receive(b"".join(lines), now_s)
    spoken = b""
    while octets := device.outgoing(now_s, 100):
        spoken += octets
    return spoken


@pytest.mark.parametrize(
    ("line", "meaning", "parameter"),
    [
        ("*IDN?", "who", ""),
        ("*idn?", "who", ""),
        ("SENS:CHAN 256", "set", "256"),
        ("sense:channels  256 ", "set", "256"),
        (":Sens:Channels?", "ask", ""),
        ("SENSE:CHAN?", "ask", ""),
        ("INIT", "go", ""),
        ("initiate", "go", ""),
    ],
)
def test_short_and_long_forms_are_known_in_any_case(line: str, meaning: str, parameter: str) -> None:
    assert TABLE.look_up(line) == (meaning, parameter)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("SENSE:CHANN?", ErrorCode.UNDEFINED_HEADER),
        ("SEN:CHAN?", ErrorCode.UNDEFINED_HEADER),
        ("INIT?", ErrorCode.UNDEFINED_HEADER),
        (":*IDN?", ErrorCode.SYNTAX),
        ("SENS::CHAN", ErrorCode.SYNTAX),
        ("GET / HTTP/1.1", ErrorCode.UNDEFINED_HEADER),
        ("?", ErrorCode.SYNTAX),
        ("SENS:CHAN?;INIT", ErrorCode.SYNTAX),
    ],
)
def test_anything_else_is_refused(line: str, code: ErrorCode) -> None:
    with pytest.raises(CommandRefused) as caught:
        TABLE.look_up(line)
    assert caught.value.code is code


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"NONSENSE\n", b'-113,"Undefined header"\n'),
        (b"SENS:CHAN\n", b'-109,"Missing parameter"\n'),
        (b"SENS:CHAN? 1\n", b'-108,"Parameter not allowed"\n'),
        (b"SENS:CHAN 100\n", b'-222,"Data out of range"\n'),
        (b"SENS:CHAN x\n", b'-224,"Illegal parameter value"\n'),
        (b"SENS:PRES:TIME 0\n", b'-222,"Data out of range"\n'),
        (b"SENS:PRES:TIME 1e9\n", b'-222,"Data out of range"\n'),
        (b"SENS:PRES:CLOC SOON\n", b'-224,"Illegal parameter value"\n'),
        (b"x" * 5_000 + b"\n", b'-363,"Input buffer overrun"\n'),
        (b"\xff\xfe\n", b'-102,"Syntax error"\n'),
        (b"INIT\nINIT\n", b'-213,"Init ignored"\n'),
        (b"INIT\nSENS:CHAN 512\n", b'-221,"Settings conflict"\n'),
    ],
)
def test_what_cannot_be_done_goes_into_the_error_queue(device: ScpiDevice, line: bytes, error: bytes) -> None:
    assert said(device, line) == b""
    assert said(device, b"SYST:ERR?\n" * 2) == error + b'0,"No error"\n'


def test_the_error_queue_is_bounded_and_can_be_emptied(device: ScpiDevice) -> None:
    said(device, b"NONSENSE\n" * 30)
    errors = said(device, b"SYST:ERR?\n" * 17).splitlines()
    assert errors[14:] == [b'-113,"Undefined header"', b'-350,"Queue overflow"', b'0,"No error"']
    said(device, b"NONSENSE\n", b"*CLS\n")
    assert said(device, b"SYST:ERR?\n") == b'0,"No error"\n'


def test_a_reset_forgets_the_settings_and_not_the_number(device: ScpiDevice) -> None:
    said(device, b"SENS:CHAN 512\nSENS:PRES:TIME 3\nINIT\n")
    number = device.counter.number
    assert said(device, b"*RST\nSENS:CHAN?\nSENS:PRES:TIME?\nSTAT:OPER:COND?\n") == b"256\n9.9E+37\n0\n"
    assert device.counter.number > number


def test_a_preset_is_kept_on_its_step(device: ScpiDevice) -> None:
    assert said(device, b"SENS:PRES:TIME 0.12345\n", b"SENS:PRES:TIME?\n") == b"0.123\n"
    assert said(device, b"SENSE:PRESET:TIME INFINITY\n", b"SENS:PRES:TIME?\n") == b"9.9E+37\n"


def test_lines_may_come_in_pieces_and_end_like_windows(device: ScpiDevice) -> None:
    assert said(device, b"SENS:CH") == b""
    assert said(device, b"AN?\r\n\r\n") == b"256\n"


def test_slow_answers_come_when_they_are_due() -> None:
    slow = ScpiElectronics(answer_wall_s=2.0)
    device = ScpiDevice(ConstantSource(), SETTINGS, slow, resting_beam(HERE), TwinLog(None), 0.0)
    assert said(device, b"SENS:CHAN?\n") == b""
    assert device.deadline_s(0.0) == 2.0
    assert said(device, now_s=2.0) == b"256\n"
    assert math.isinf(device.deadline_s(2.0))


@pytest.mark.parametrize("clock", list(Clock))
def test_a_preset_ends_at_its_moment_whatever_the_stretches(clock: Clock) -> None:
    ends = []
    for pieces in (1, 7, 100):
        counter = ScpiCounter(ConstantSource(20_000.0), SETTINGS, clock, TwinLog(None))
        counter.preset_s = 1.0
        counter.initiate()
        for i in range(pieces):
            counter.expose(Stretch(2.0 * i / pieces, 2.0 * (i + 1) / pieces, HERE, HERE, True))
        counters, _ = counter.take(2.0)
        assert counters.is_preset_reached
        assert not counters.is_counting
        ends.append((counters.real_s, counters.live_s))
    assert ends[1] == pytest.approx(ends[0])
    assert ends[2] == pytest.approx(ends[0])
    assert ends[0][0 if clock is Clock.REAL else 1] == 1.0


def test_the_dead_time_stretches_a_live_preset() -> None:
    counter = ScpiCounter(ConstantSource(100_000.0), SETTINGS, Clock.LIVE, TwinLog(None))
    counter.preset_s = 1.0
    counter.initiate()
    counter.expose(Stretch(0.0, 10.0, HERE, HERE, True))
    counters, counts = counter.take(10.0)
    true_hz = counters.input_count / counters.real_s
    assert counters.real_s == pytest.approx(1 + true_hz * 2.5e-6, rel=5 / math.sqrt(true_hz))
    assert counters.output_count == counts.sum()


def test_the_spectrum_after_a_clearing_begins_at_nothing_and_goes_on() -> None:
    counter = ScpiCounter(ConstantSource(), SETTINGS, Clock.LIVE, TwinLog(None))
    counter.initiate()
    counter.expose(Stretch(0.0, 1.0, HERE, HERE, True))
    first, _ = counter.take(1.0)
    counter.clear()
    counter.expose(Stretch(1.0, 3.0, HERE, HERE, True))
    second, _ = counter.take(3.0)
    assert (first.number + 1, first.real_s, second.real_s) == (second.number, 1.0, 2.0)
    assert second.is_counting
