"""How long the host waits, and what it does when that was too long."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware_bridge.controller import ATTENTION_S
from firmware_bridge.faults import ControllerFault, LeaseExpired, LinkLost, ProtocolViolation
from firmware_bridge.messages import StagePose
from firmware_bridge.native import client, heartbeat, link
from firmware_bridge.native import limits as native_limits
from firmware_bridge.native import messages as m
from firmware_bridge.native.client import NativeController, connect
from firmware_bridge.native.codec import Message, encode
from firmware_bridge.native.framing import Frame, encode_frame
from firmware_bridge.native.limits import longest_move_s, longest_rest_s
from firmware_bridge.native.session import HostSession
from firmware_bridge.native.spectrum_coding import encode_spectrum
from firmware_bridge.native.vocabulary import UNSEQUENCED, Code, ConditionBits, MessageType, StateCode
from firmware_bridge.twins.settings import TwinSettings
from tests.protocol.constant_twin import TwinProcess, running_twin
from tests.protocol.rehearsal import Rehearsal, dwell
from tests.protocol.test_wrong_devices import device, liar

READY = TwinSettings(starts_homed=True, channels=64)
NEAR: dict[str, Any] = {"x_limits_mm": [0, 30], "y_limits_mm": [0, 30]}
"""A stage that begins near the first dwell."""


def closed(twin: TwinProcess) -> str:
    """Why the shutter closed, once it has."""
    deadline_s = time.monotonic() + 60.0
    while not (events := twin.events("shutter_closed")):
        assert time.monotonic() < deadline_s, "the shutter never closed"
        time.sleep(0.02)
    return str(events[0]["reason"])


def pong(frame: Frame) -> bytes:
    token = int.from_bytes(frame.payload[:4], "little")
    return encode_frame(Frame(MessageType.PONG, frame.nonce, 0, 0, 16, encode(m.Pong(token, 0, ConditionBits.HOMED))))


def pong_alone(frame: Frame) -> bytes:
    """Answers that it is alive, and nothing else."""
    return pong(frame) if frame.type == MessageType.PING else b""


# Nobody attends.


def test_the_shutter_closes_when_the_program_hangs_and_the_link_goes_on() -> None:
    rehearsal = Rehearsal(READY)
    rehearsal.begin()
    assert rehearsal.open() == 0
    rehearsal.host.submit([dwell(0, live_s=60.0)])
    rehearsal.is_attended = False
    hung_s = rehearsal.now_s
    rehearsal.pass_time(ATTENTION_S - 0.1)
    assert rehearsal.core.instrument.is_shutter_open
    rehearsal.until(lambda: not rehearsal.core.instrument.is_shutter_open)
    assert rehearsal.now_s - hung_s <= ATTENTION_S + 0.5
    rehearsal.pass_time(10.0)
    assert isinstance(rehearsal.host.faults.popleft(), LeaseExpired)
    assert rehearsal.host.failure is None


def test_a_program_that_comes_back_is_told_of_the_lease_and_may_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "ATTENTION_S", 0.3)
    with running_twin(tmp_path, starts_homed=True, **NEAR) as twin, connect(twin.port, 2_000_000) as controller:
        controller.open_shutter()
        assert closed(twin) == "lease_expired"
        with pytest.raises(LeaseExpired):
            controller.next_done(60.0)
        controller.submit([dwell(0)])
        controller.open_shutter()
        done = controller.next_done(60.0)
        assert done is not None
        assert done.index == 0


def test_a_program_that_waits_for_a_spectrum_or_for_a_pause_attends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "LOOK_S", 0.3)
    monkeypatch.setattr(heartbeat, "ATTENTION_S", 0.6)
    with running_twin(tmp_path, starts_homed=True, **NEAR) as twin, connect(twin.port, 2_000_000) as controller:
        controller.move_to(dwell(0).start)
        controller.open_shutter()
        controller.submit([dwell(0, live_s=1.0), dwell(1, live_s=1.0)])
        assert controller.next_done(60.0) is not None
        assert controller.next_done(0.2) is None, "the second is being counted now"
        controller.pause()
        assert closed(twin) == "pause"
        assert controller.next_done(1.0) is not None


@pytest.mark.parametrize("call", ["status", "submit", "next_done", "acknowledge", "open_shutter", "resume"])
def test_each_call_of_a_scan_attends(tmp_path: Path, call: str) -> None:
    arguments = {"submit": ([],), "next_done": (0.0,), "acknowledge": (0,)}
    with running_twin(tmp_path, starts_homed=True) as twin, connect(twin.port, 2_000_000) as controller:
        controller.begin_scan(1, ())
        beat = controller._session.heartbeat
        beat.attend(0.0)
        before_s = time.monotonic()
        getattr(controller, call)(*arguments.get(call, ()))
        assert beat._attended_s >= before_s


# Work that takes too long.


def test_the_time_for_an_exposure_is_thrice_its_own_and_ten_seconds() -> None:
    assert longest_rest_s(0.0) == 10.0
    assert longest_rest_s(4.0) == 22.0


def test_the_time_for_a_move_grows_with_the_way_and_with_slowness() -> None:
    # 300 mm at 50 mm/s is 6 s; 0.1 s to speed up, and again to slow down, of which half is way.
    assert longest_move_s(300.0, 50.0, 500.0) == pytest.approx(3 * 6.1 + 10.0)
    assert longest_move_s(300.0, 1.0, 500.0) == pytest.approx(3 * 300.002 + 10.0)


class Yielder:
    """Does at once what it is told, but never one of the things."""

    def __init__(self, never: MessageType) -> None:
        self.never = never
        self.sequence = 0
        self.has_aborted = False

    def __call__(self, frame: Frame) -> bytes:
        match frame.type:
            case MessageType.PING | MessageType.RENEW:
                return pong(frame)
            case MessageType.ABORT:
                self.has_aborted = True
                token = int.from_bytes(frame.payload[:4], "little")
                return encode_frame(Frame(MessageType.ABORTED, frame.nonce, 0, 0, 16, encode(m.Aborted(token))))
            case kind if kind & UNSEQUENCED or kind in (self.never, MessageType.DWELLS):
                return b""
        request = int.from_bytes(frame.payload[:2], "little")
        self.sequence += 1
        return self.sequenced(frame, self.answer(frame.type, request))

    def answer(self, kind: int, request: int) -> Message:
        if kind == MessageType.BEGIN:
            return m.Retained(request, ())
        if kind == MessageType.ASK_STATUS:
            return m.Status(request, StateCode.IDLE, ConditionBits.HOMED, 0, 0, 0, 16, 0, Code.OK)
        return m.Reply(request, Code.OK)

    def sequenced(self, frame: Frame, message: Message) -> bytes:
        return encode_frame(Frame(message.TYPE, frame.nonce, self.sequence, frame.sequence, 16, encode(message)))


def dwell_and(rest: Callable[[NativeController], None]) -> Callable[[NativeController], None]:
    def order(controller: NativeController) -> None:
        controller.submit([dwell(0, live_s=0.1)])
        rest(controller)

    return order


@pytest.mark.parametrize(
    ("order", "kind", "sentence"),
    [
        (NativeController.home, MessageType.HOME, "homing the stage took longer than 0 s"),
        (
            lambda controller: controller.move_to(StagePose(3.0, 4.0)),
            MessageType.MOVE,
            "moving the stage to 3.000, 4.000 mm took longer than 1 s",
        ),
        (dwell_and(NativeController.pause), MessageType.PAUSE, "pausing took longer than 1 s"),
        (dwell_and(NativeController.stop), MessageType.STOP, "stopping took longer than 1 s"),
    ],
    ids=["home", "move", "pause", "stop"],
)
def test_a_command_that_takes_too_long_is_aborted_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, order: Callable[[NativeController], None], kind: MessageType, sentence: str
) -> None:
    monkeypatch.setattr(native_limits, "GRACE_S", 0.3)
    monkeypatch.setattr(native_limits, "HOMING_S", 0.3)
    yielder = Yielder(never=kind)
    with device(liar(yielder)) as port:
        controller = connect(port, 115_200)
        with pytest.raises(ControllerFault, match=f"^{sentence}, so the controller was told to stop and close its"):
            order(controller)
        assert yielder.has_aborted
        assert controller.status().is_homed, "the session goes on"
        controller.close()


def test_a_controller_that_ignores_the_abort_as_well_is_a_lost_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_limits, "HOMING_S", 0.3)
    monkeypatch.setattr(client, "_ABORT_S", 0.3)
    with device(liar(pong_alone)) as port:
        controller = connect(port, 115_200)
        with pytest.raises(LinkLost, match="did not answer an abort"):
            controller.home()
        controller.close()


# Answers behind much else.


class Talker:
    """Answers a question for the status after so many spectra, of which one goes with each PONG."""

    def __init__(self, spectra: int) -> None:
        self.spectra = spectra
        self.sequence = 0
        self.request: int | None = None

    def __call__(self, frame: Frame) -> bytes:
        if frame.type == MessageType.ASK_STATUS:
            self.request = int.from_bytes(frame.payload, "little")
        if frame.type != MessageType.PING:
            return b""
        if self.request is None or self.sequence > self.spectra:
            return pong(frame)
        if self.sequence < self.spectra:
            empty = encode_spectrum(np.zeros(64, dtype=np.uint32))
            entry = m.CodedSpectrum(self.sequence, 0, 1, 1, 0, 0, 0, 0, 0, 0, empty)
            return pong(frame) + self.sequenced(frame, m.Spectra((entry,)))
        status = m.Status(self.request, StateCode.IDLE, ConditionBits.HOMED, 0, 0, 0, 16, 0, Code.OK)
        return pong(frame) + self.sequenced(frame, status)

    def sequenced(self, frame: Frame, message: m.Spectra | m.Status) -> bytes:
        self.sequence += 1
        return encode_frame(Frame(message.TYPE, frame.nonce, self.sequence, 0, 16, encode(message)))


def test_an_answer_is_awaited_as_long_as_what_travels_before_it_keeps_coming(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_limits, "ANSWER_S", 0.6)
    with device(liar(Talker(spectra=4))) as port:
        controller = connect(port, 115_200)
        asked_s = time.monotonic()
        assert controller.status().is_homed
        # Four questions, one every 250 ms.
        assert time.monotonic() - asked_s > 0.7
        controller.close()


@pytest.mark.parametrize(
    ("silence_s", "longest_s", "lie"),
    [(0.4, 60.0, pong_alone), (5.0, 0.6, Talker(spectra=1_000))],
    ids=["silence", "talk without end"],
)
def test_an_answer_that_never_comes_is_a_breach(
    monkeypatch: pytest.MonkeyPatch, silence_s: float, longest_s: float, lie: Callable[[Frame], bytes]
) -> None:
    monkeypatch.setattr(native_limits, "ANSWER_S", silence_s)
    monkeypatch.setattr(native_limits, "LONGEST_ANSWER_S", longest_s)
    with device(liar(lie)) as port:
        controller = connect(port, 115_200)
        with pytest.raises(ProtocolViolation, match="no answer to asking for the status"):
            controller.status()
        controller.close()


def test_a_command_that_is_given_up_leaves_nothing_behind() -> None:
    rehearsal = Rehearsal(READY)
    rehearsal.begin()
    late, unsent = m.AskStatus(rehearsal.host.next_request()), m.Home(rehearsal.host.next_request())
    rehearsal.host.command(late, rehearsal.now_s)
    rehearsal.host.outgoing(rehearsal.now_s)
    rehearsal.host.give_up(late)
    rehearsal.host.command(unsent, rehearsal.now_s)
    rehearsal.host.give_up(unsent)
    rehearsal.host.abort(rehearsal.now_s)
    rehearsal.pass_time(1.0)
    assert rehearsal.host.answers == {}


# The link's own thread.


def test_a_fault_of_the_links_thread_is_logged_and_ends_the_session_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    def break_down(self: HostSession, now_s: float) -> bytes:
        raise ArithmeticError("surprise")

    raised: list[object] = []
    monkeypatch.setattr(threading, "excepthook", raised.append)
    with running_twin(tmp_path, starts_homed=True) as twin:
        controller = connect(twin.port, 2_000_000)
        with caplog.at_level(logging.ERROR, logger="firmware_bridge"):
            monkeypatch.setattr(HostSession, "outgoing", break_down)
            with pytest.raises(LinkLost, match=r"^the link's thread failed \(ArithmeticError\('surprise'\)\)") as lost:
                controller.next_done(60.0)
        controller.close()
    (record,) = caplog.records
    assert record.exc_info is not None
    assert isinstance(lost.value.__cause__, ArithmeticError)
    assert raised == []
    assert "Traceback" not in capfd.readouterr().err


# Breaches that the controller itself reports.


@pytest.mark.parametrize(
    "breach", [m.Fault(Code.MALFORMED, 0, "what?"), m.Refused(3, Code.NO_SCAN)], ids=["fault", "refused"]
)
def test_a_breach_that_the_controller_reports_ends_the_session(breach: m.Fault | m.Refused) -> None:
    rehearsal = Rehearsal(READY)
    rehearsal.begin()
    assert rehearsal.open() == 0
    rehearsal.core._outbox.say(breach)
    with pytest.raises(ProtocolViolation):
        rehearsal.pass_time(1.0)
    assert isinstance(rehearsal.host.failure, ProtocolViolation)
    assert not rehearsal.host.heartbeat.is_renewing
    assert rehearsal.host.outgoing(rehearsal.now_s + 1.0) == b""


def test_a_breach_in_an_answer_ends_the_session() -> None:
    def lie(frame: Frame) -> bytes:
        if frame.type == MessageType.PING:
            return pong(frame)
        if frame.type != MessageType.RESUME:
            return b""
        reply = m.Reply(int.from_bytes(frame.payload, "little"), Code.MALFORMED)
        return encode_frame(Frame(reply.TYPE, frame.nonce, 1, frame.sequence, 16, encode(reply)))

    with device(liar(lie)) as port:
        controller = connect(port, 115_200)
        for call in (controller.resume, controller.status, lambda: controller.next_done(0.0)):
            with pytest.raises(ProtocolViolation, match=r"^resuming: the controller could not read a message"):
                call()
        controller.close()
