"""What the operator reads when the port, or what is behind it, is not what it should be."""

from __future__ import annotations

import os
import select
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from firmware_bridge.faults import (
    ControllerFault,
    LimitExceeded,
    LinkLost,
    PortUnavailable,
    ProtocolViolation,
    Rebooted,
    WrongDevice,
)
from firmware_bridge.messages import Exposure, StagePose
from firmware_bridge.native import heartbeat
from firmware_bridge.native import messages as m
from firmware_bridge.native import session as native_session
from firmware_bridge.native.client import connect, connect_over
from firmware_bridge.native.codec import encode
from firmware_bridge.native.framing import Deframer, Frame, encode_frame
from firmware_bridge.native.vocabulary import Code, MessageType
from firmware_bridge.ports import DescriptorPort
from firmware_bridge.twins.native.core import NativeCore
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.twin_log import TwinLog
from tests.protocol.constant_twin import ConstantSource
from tests.protocol.rehearsal import Rehearsal, dwell

READY = TwinSettings(starts_homed=True, channels=64)
WELCOME = m.Welcome(1, 9, 0, 300_000, 0, 300_000, 50_000, 500_000, 64, 16, 16, 500, 8, 512, "a liar")


@contextmanager
def device(answer: Callable[[bytes], bytes], greeting: bytes = b"") -> Iterator[str]:
    """A pseudo-terminal with something behind it that answers chunks with chunks; yields its path."""
    master, slave = os.openpty()
    tty.setraw(slave)
    done = threading.Event()

    def run() -> None:
        os.write(master, greeting)
        while not done.is_set():
            octets = os.read(master, 4096)
            if not done.is_set():
                os.write(master, answer(octets))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        done.set()
        os.write(slave, b"\x00")
        thread.join()
        os.close(slave)
        os.close(master)


def liar(lie: Callable[[Frame], bytes]) -> Callable[[bytes], bytes]:
    """A device that greets properly, and then answers each frame as it likes."""
    deframer = Deframer()

    def answer(octets: bytes) -> bytes:
        return b"".join(
            say(frame, WELCOME) if frame.type == MessageType.HELLO else lie(frame) for frame in deframer.feed(octets)
        )

    return answer


def say(frame: Frame, message: m.Welcome | m.Spectra | m.Pong | m.NoSession, sequence: int = 0) -> bytes:
    return encode_frame(Frame(message.TYPE, frame.nonce, sequence, 0, 16, encode(message)))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up on a stranger after half a second instead of three."""
    monkeypatch.setattr(native_session, "CONNECT_S", 0.5)


def test_a_missing_port_is_named_with_its_remedy() -> None:
    with pytest.raises(PortUnavailable, match=r"^/dev/nowhere: no such port: plug the controller in"):
        connect("/dev/nowhere", 115_200)


def test_a_file_is_no_port(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a port")
    with pytest.raises(PortUnavailable, match="not a serial port"):
        connect(str(tmp_path / "notes.txt"), 115_200)


def test_an_address_where_nobody_listens_is_unavailable() -> None:
    with pytest.raises(PortUnavailable, match="connection refused"):
        connect("socket://127.0.0.1:9", 115_200)


@pytest.mark.usefixtures("impatient")
def test_a_silent_port_is_a_lost_link() -> None:
    with device(lambda _: b"") as port, pytest.raises(LinkLost, match="nothing answers"):
        connect(port, 115_200)


@pytest.mark.parametrize("reply", [b"Grbl 1.1h ['$' for help]\r\n", b"\x00\xff\x00garbage\x00"])
@pytest.mark.usefixtures("impatient")
def test_another_device_is_told_apart(reply: bytes) -> None:
    with device(lambda _: reply) as port, pytest.raises(WrongDevice, match="doesn't speak the native protocol"):
        connect(port, 115_200)


@pytest.mark.usefixtures("impatient")
def test_an_echo_is_no_controller() -> None:
    with device(lambda octets: octets) as port, pytest.raises(WrongDevice):
        connect(port, 115_200)


def test_another_version_is_named() -> None:
    def answer(_: bytes) -> bytes:
        return encode_frame(Frame(MessageType.WELCOME, 1, 0, 0, 0, b"\x02new fields", version=2))

    with device(answer) as port, pytest.raises(WrongDevice, match=r"speaks version 2 .* version 1: update the older"):
        connect(port, 115_200)


def test_a_controller_that_greets_and_falls_silent_is_a_lost_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "SILENCE_S", 1.0)
    monkeypatch.setattr(native_session, "SILENCE_S", 1.0)
    with device(liar(lambda _: b"")) as port:
        controller = connect(port, 115_200)
        with pytest.raises(LinkLost, match="has not answered for 1 s"):
            controller.next_done(60.0)
        controller.close()


def test_a_spectrum_of_the_wrong_length_is_a_breach_and_ends_the_session() -> None:
    entry = m.CodedSpectrum(0, 0, 1, 1, 0, 0, 0, 0, 0, 0, b"\x02")

    def lie(frame: Frame) -> bytes:
        return say(frame, m.Spectra((entry,)), sequence=1)

    with device(liar(lie)) as port:
        controller = connect(port, 115_200)
        with pytest.raises(ProtocolViolation, match=r"exposure 0 .* covers 1 channels instead of 64"):
            controller.next_done(60.0)
        with pytest.raises(ProtocolViolation):
            controller.next_done(0.0)
        controller.close()


def test_a_message_that_cannot_be_read_is_a_breach_and_ends_the_session() -> None:
    def lie(frame: Frame) -> bytes:
        return encode_frame(Frame(MessageType.PONG, frame.nonce, 0, 0, 0, b"short"))

    # on a busy computer the lie may come before the session is known to run
    with (
        device(liar(lie)) as port,
        pytest.raises(ProtocolViolation, match=r" breaks the protocol: .*: update it"),
        closing(connect(port, 115_200)) as controller,
    ):
        controller.next_done(60.0)


def test_a_welcome_that_makes_no_sense_is_a_breach() -> None:
    def answer(octets: bytes) -> bytes:
        frames = Deframer().feed(octets)
        return b"".join(encode_frame(Frame(MessageType.WELCOME, frame.nonce, 0, 0, 0, b"\x01")) for frame in frames)

    with device(answer) as port, pytest.raises(ProtocolViolation, match="Welcome"):
        connect(port, 115_200)


def test_a_port_that_goes_away_is_a_lost_link() -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    answer = liar(lambda _: b"")
    connected = threading.Event()

    def greet_and_go() -> None:
        while not connected.is_set():
            if select.select([master], [], [], 0.01)[0]:
                os.write(master, answer(os.read(master, 4096)))
        os.close(master)

    thread = threading.Thread(target=greet_and_go)
    thread.start()
    try:
        controller = connect_over(DescriptorPort(slave, "the port"), "the port")
    finally:
        connected.set()
    with pytest.raises(LinkLost, match="the port has gone"):
        controller.next_done(60.0)
    controller.close()
    thread.join()


def restarted(rehearsal: Rehearsal, boot_id: int) -> None:
    """The controller behind the line boots anew, without the host's knowledge."""
    rehearsal.core = NativeCore(ConstantSource(), READY, TwinLog(None), now_s=rehearsal.now_s, boot_id=boot_id)


def test_a_controller_that_restarted_is_noticed_with_the_next_question() -> None:
    rehearsal = Rehearsal(READY)
    rehearsal.begin()
    restarted(rehearsal, boot_id=78)
    with pytest.raises(Rebooted, match=r"has restarted .* home it, and resume"):
        rehearsal.pass_time(1.0)


def test_a_session_that_another_program_took_over_ends() -> None:
    rehearsal = Rehearsal(READY)
    rehearsal.begin()
    restarted(rehearsal, boot_id=77)
    with pytest.raises(LinkLost, match="no other program uses it"):
        rehearsal.pass_time(1.0)


def test_a_stall_closes_the_shutter_and_holds_until_homed() -> None:
    rehearsal = Rehearsal(READY)
    rehearsal.begin()
    assert rehearsal.open() == Code.OK
    rehearsal.host.submit([dwell(index) for index in range(5)])
    rehearsal.step()
    rehearsal.core.instrument.trip(Code.STALLED, rehearsal.now_s)
    rehearsal.until(lambda: bool(rehearsal.host.faults))
    fault = rehearsal.host.faults.popleft()
    assert type(fault) is ControllerFault
    assert "an axis stalled: look for an obstacle, then home the stage" in str(fault)
    assert not rehearsal.core.instrument.is_shutter_open
    assert not rehearsal.host.heartbeat.is_renewing
    assert rehearsal.open() == Code.FAULTED
    assert rehearsal.order(m.Home) == Code.OK
    assert rehearsal.open() == Code.OK
    assert len(rehearsal.collect(5)) == 5


def test_while_a_fault_holds_only_what_needs_the_instrument_is_refused() -> None:
    rehearsal = Rehearsal(READY)
    rehearsal.begin()
    rehearsal.core.instrument.trip(Code.STALLED, rehearsal.now_s)
    rehearsal.until(lambda: bool(rehearsal.host.faults))
    rehearsal.host.faults.clear()
    assert isinstance(rehearsal.ask(lambda request: m.Begin(request, 1)), m.Retained)
    for answered in (m.Offer, m.Pause, m.Resume, m.Stop, m.Close, lambda request: m.Configure(request, 0, 0, 0)):
        assert rehearsal.order(answered) == Code.OK
    assert rehearsal.open() == Code.FAULTED
    assert rehearsal.order(lambda request: m.Move(request, 1_000, 1_000)) == Code.FAULTED
    rehearsal.host.submit([dwell(0)])
    rehearsal.until(lambda: bool(rehearsal.host.faults))
    assert "exposure 0 was refused: an earlier fault still holds" in str(rehearsal.host.faults.popleft())


def test_the_controller_itself_refuses_what_lies_outside_its_limits() -> None:
    rehearsal = Rehearsal(READY)
    rehearsal.begin()
    far = StagePose(400.0, 0.0)
    rehearsal.host.submit([dwell(0), Exposure(1, far, far, 0.01)])
    rehearsal.until(lambda: bool(rehearsal.host.faults))
    fault = rehearsal.host.faults.popleft()
    assert isinstance(fault, LimitExceeded)
    assert str(fault).startswith("exposure 1 was refused: the pose lies outside")
    assert len(rehearsal.core.instrument.engine.queue) == 1


def test_a_stroke_faster_than_the_stage_is_refused() -> None:
    rehearsal = Rehearsal(READY)
    rehearsal.begin()
    rehearsal.host.submit([Exposure(0, StagePose(0.0, 0.0), StagePose(100.0, 0.0), 0.01)])
    rehearsal.until(lambda: bool(rehearsal.host.faults))
    assert "faster than the stage" in str(rehearsal.host.faults.popleft())


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda request: m.Open(request, 450), Code.NOT_HOMED),
        (lambda request: m.Move(request, 1, 1), Code.NOT_HOMED),
    ],
)
def test_an_unhomed_stage_neither_moves_nor_opens(make: Callable[[int], m.Open | m.Move], code: Code) -> None:
    rehearsal = Rehearsal(TwinSettings(channels=64))
    rehearsal.until(lambda: rehearsal.host.is_running)
    assert rehearsal.order(make) == code


def test_the_stage_does_not_travel_with_an_open_shutter() -> None:
    rehearsal = Rehearsal(READY)
    rehearsal.begin()
    assert rehearsal.open() == Code.OK
    assert rehearsal.order(lambda request: m.Move(request, 1_000, 1_000)) == Code.SHUTTER_OPEN


def test_a_command_of_an_unknown_type_is_declined_and_the_session_goes_on() -> None:
    rehearsal = Rehearsal(READY)
    rehearsal.begin()
    sent = rehearsal.host.channel.send(0x3F, b"\x39\x30", rehearsal.now_s)
    rehearsal.core.receive(sent, rehearsal.now_s)
    frames = Deframer().feed(rehearsal.core.outgoing(rehearsal.now_s))
    assert encode(m.Reply(12_345, Code.UNSUPPORTED)) in [frame.payload for frame in frames]


def test_a_malformed_message_closes_the_shutter() -> None:
    rehearsal = Rehearsal(READY)
    rehearsal.begin()
    assert rehearsal.open() == Code.OK
    rehearsal.core.receive(rehearsal.host.channel.send(MessageType.MOVE, b"\x01", rehearsal.now_s), rehearsal.now_s)
    with pytest.raises(ProtocolViolation, match="the controller could not read a message"):
        rehearsal.pass_time(1.0)
    assert not rehearsal.core.instrument.is_shutter_open
    assert not rehearsal.host.heartbeat.is_renewing
