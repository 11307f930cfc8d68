"""The host's side of a native session, as a state machine without threads, ports or clocks.

Bytes and times go in; bytes, spectra, answers and faults come out. `link` drives it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from firmware_bridge.faults import BridgeError, DoorOpen, LeaseExpired, ProtocolViolation, StandoffExceeded
from firmware_bridge.messages import Exposure
from firmware_bridge.native import messages as m
from firmware_bridge.native.codec import Message, decode, encode
from firmware_bridge.native.exposure_ledger import ExposureLedger
from firmware_bridge.native.faults import (
    clock_jumped,
    fault_of,
    nobody,
    other_version,
    rebooted,
    silent,
    stranger,
    taken_over,
)
from firmware_bridge.native.framing import DELIMITER, MAX_FRAME_BYTES, PROTOCOL_VERSION, Deframer, Frame, encode_frame
from firmware_bridge.native.heartbeat import SILENCE_S, Heartbeat
from firmware_bridge.native.reliable_channel import ReliableChannel
from firmware_bridge.native.vocabulary import FROM_CONTROLLER, MAX_WINDOW, UNSEQUENCED, Code, CodecError, MessageType

CONNECT_S = 3.0
INBOX_LENGTH = 1024
"""Spectra that wait for `next_done`; the credit that the controller has."""
REFILL_AT = INBOX_LENGTH // 2
"""Inbox length, on its way down, at which a controller without credit hears of new."""
_HELLO_EVERY_S = 0.2
_ABORT_EVERY_S = 0.05

Answer = m.Reply | m.Status | m.Retained
Command = (
    m.Configure | m.Home | m.Move | m.Open | m.Close | m.Pause | m.Resume | m.Stop | m.AskStatus | m.Begin | m.Offer
)


@dataclass(slots=True)
class _Abort:
    token: int
    void_through: int
    next_s: float
    is_answered: bool = False


@dataclass(slots=True)
class _Running:
    """What exists once the controller has answered."""

    welcome: m.Welcome
    channel: ReliableChannel
    heartbeat: Heartbeat
    ledger: ExposureLedger


class HostSession:
    """One session with one controller.

    Parameters
    ----------
    nonce
        Random and non-zero; names the session on the wire.
    port
        What the operator calls the port, for sentences.
    """

    def __init__(self, nonce: int, port: str, now_s: float) -> None:
        self.nonce = nonce
        self.failure: BridgeError | None = None
        """Set once, and then the session is over."""
        self.answers: dict[int, Answer] = {}
        """By request; whoever asked takes them out."""
        self.faults: deque[BridgeError] = deque()
        """What the controller reported and nobody has been told yet."""
        self.remarks: deque[str] = deque(maxlen=32)
        """Faults that an opened shutter has answered before anybody was told, for the log."""
        self.deframer = Deframer()
        self.bytes_heard = 0
        self.progressed_s = now_s
        """When a sequenced frame last came in its turn."""
        self._port = port
        self._began_s = now_s
        self._hello_s = now_s
        self._running: _Running | None = None
        self._commands: deque[Command] = deque()
        self._awaited: dict[int, Command] = {}
        self._kept_before: tuple[range, ...] = ()
        """Indices that were measured before this session, perhaps before the controller's last boot."""
        self._requests = 0
        self._abort: _Abort | None = None
        self._says_bye = False
        self._advertised = INBOX_LENGTH

    # What it is.

    @property
    def is_running(self) -> bool:
        """The controller has answered."""
        return self._running is not None

    @property
    def welcome(self) -> m.Welcome:
        """What the controller said of itself; only while running."""
        return self._run.welcome

    @property
    def channel(self) -> ReliableChannel:
        """The reliable channel; only while running."""
        return self._run.channel

    @property
    def heartbeat(self) -> Heartbeat:
        """Renewals, liveness and clocks; only while running."""
        return self._run.heartbeat

    @property
    def ledger(self) -> ExposureLedger:
        """Exposures and spectra of the scan; only while running."""
        return self._run.ledger

    @property
    def is_aborting(self) -> bool:
        """An abort has not been answered yet."""
        return self._abort is not None and not self._abort.is_answered

    @property
    def has_news(self) -> bool:
        """Something that the controller hasn't acknowledged yet."""
        return self.ledger.has_recorded or bool(self._commands) or not self.channel.is_flushed

    # What the client asks.

    def next_request(self) -> int:
        """A number for a command's ``request`` field."""
        self._requests = self._requests % 0xFFFF + 1
        return self._requests

    def command(self, command: Command, now_s: float) -> None:
        """Send a command; its answer will appear in `answers`, unless it is given up."""
        self._commands.append(command)
        self._awaited[command.request] = command
        match command:
            case m.Open():
                self.heartbeat.hold_open(now_s)
            case m.Close() | m.Home():
                self.heartbeat.let_close()
            case _:
                pass

    def give_up(self, command: Command) -> None:
        """Wait for a command's answer no more; should it come, it is dropped."""
        self._awaited.pop(command.request, None)
        self.answers.pop(command.request, None)

    def submit(self, exposures: Iterable[Exposure]) -> int:
        """Queue exposures; returns how many were taken."""
        return self.ledger.submit(exposures)

    def begin_scan(self, recorded: Iterable[int]) -> None:
        """Indices are another scan's from now on; of the spectra that the controller keeps, these are recorded."""
        self._run.ledger = ExposureLedger(self.welcome.max_frame)
        for index in recorded:
            self.ledger.note_recorded(index)

    def abort(self, now_s: float) -> None:
        """Drop everything that waits, and tell the controller until it answers."""
        self.heartbeat.let_close()
        self.ledger.drop_exposures()
        for unsent in self._commands:
            if self._awaited.pop(unsent.request, None) is not None:
                self.answers[unsent.request] = m.Reply(unsent.request, Code.ABORTED)
        self._commands.clear()
        self._abort = _Abort(self.heartbeat.next_token(), self.channel.last_sequence, now_s)

    def say_bye(self) -> None:
        """Tell the controller, with whatever is sent next, that the host leaves."""
        self.heartbeat.let_close()
        self._says_bye = True

    def fail(self, failure: BridgeError) -> None:
        """End the session for a reason; the first one stays. Renewals stop."""
        if self.failure is None:
            self.failure = failure
        if self._running is not None:
            self._running.heartbeat.let_close()

    # What the link drives.

    def receive(self, chunk: bytes, now_s: float) -> None:
        """Take bytes from the line."""
        self.bytes_heard += len(chunk)
        for frame in self.deframer.feed(chunk):
            if self.failure is None:
                self._take_frame(frame, now_s)

    def outgoing(self, now_s: float) -> bytes:
        """Bytes to write now."""
        self._watch(now_s)
        if self.failure is not None:
            return b""
        if self._running is None:
            return self._hello(now_s)
        channel = self.channel
        channel.credits = max(0, INBOX_LENGTH - len(self.ledger.inbox))
        out = bytearray(self._urgent(now_s))
        while (repeated := channel.repeat_one(now_s)) is not None:
            out += repeated
        while channel.has_window() and (forget := self.ledger.take_forgettable(now_s)) is not None:
            out += self._send(forget, now_s)
        while self._commands and channel.has_window():
            out += self._send(self._commands.popleft(), now_s)
        out += self._exposures(now_s)
        if not out and self._advertised < REFILL_AT <= channel.credits:
            out += channel.acknowledgement()
        out += channel.acknowledge_if_due(now_s) or b""
        if self._says_bye:
            out += channel.send_unsequenced(MessageType.BYE, encode(m.Bye()))
        if out:
            self._advertised = channel.credits
        return bytes(out)

    def deadline_s(self) -> float:
        """When `outgoing` is worth calling again though nothing has arrived."""
        if self._running is None:
            return self._hello_s
        due_s = min(self.channel.deadline_s(), self.heartbeat.deadline_s(), self.ledger.deadline_s())
        if self._abort is not None and not self._abort.is_answered:
            due_s = min(due_s, self._abort.next_s)
        return due_s

    # Sending.

    def _hello(self, now_s: float) -> bytes:
        if now_s < self._hello_s:
            return b""
        self._hello_s = now_s + _HELLO_EVERY_S
        hello = m.Hello(PROTOCOL_VERSION, PROTOCOL_VERSION, MAX_WINDOW, MAX_FRAME_BYTES)
        return DELIMITER + encode_frame(Frame(hello.TYPE, self.nonce, 0, 0, INBOX_LENGTH, encode(hello)))

    def _send(self, message: Message, now_s: float, units: int = 0) -> bytes:
        return self.channel.send(message.TYPE, encode(message), now_s, units=units)

    def _urgent(self, now_s: float) -> bytes:
        out = bytearray()
        abort = self._abort
        if abort is not None and not abort.is_answered and now_s >= abort.next_s:
            abort.next_s = now_s + _ABORT_EVERY_S
            message = m.Abort(abort.token, abort.void_through)
            out += self.channel.send_unsequenced(message.TYPE, encode(message))
        question = self.heartbeat.take_question(now_s)
        if question is not None:
            out += self.channel.send_unsequenced(question.TYPE, encode(question))
        return bytes(out)

    def _exposures(self, now_s: float) -> bytes:
        """Send what there is credit for, in frames worth their header."""
        out = bytearray()
        worthwhile = max(1, self.welcome.queue_length // 4)
        while self.ledger.backlog:
            room = self.channel.room()
            if room < min(self.ledger.backlog, worthwhile):
                break
            message, units = self.ledger.take_batch(room)
            out += self._send(message, now_s, units)
        return bytes(out)

    def _watch(self, now_s: float) -> None:
        """Notice silence."""
        if self._running is None:
            if now_s - self._began_s > CONNECT_S:
                self.fail(stranger(self._port) if self.bytes_heard else nobody(self._port))
        elif self.heartbeat.has_lost_link(now_s):
            self.fail(silent(self._port, SILENCE_S))

    # Receiving.

    def _take_frame(self, frame: Frame, now_s: float) -> None:
        if frame.version != PROTOCOL_VERSION:
            self.fail(other_version(self._port, frame.version, PROTOCOL_VERSION))
            return
        if frame.nonce != self.nonce or not frame.type & FROM_CONTROLLER:
            return
        try:
            if frame.type == MessageType.WELCOME:
                self._take_welcome(frame, now_s)
            elif self._running is not None:
                self.heartbeat.note_life()
                ready = self.channel.receive(frame, now_s, lambda _: True)
                if ready:
                    self.progressed_s = now_s
                for each in [frame] if frame.type & UNSEQUENCED else ready:
                    self._take_message(decode(each.type, each.payload), now_s)
        except CodecError as error:
            self.fail(ProtocolViolation(f"the controller at {self._port} breaks the protocol: {error}: update it"))

    def _take_welcome(self, frame: Frame, now_s: float) -> None:
        welcome = decode(frame.type, frame.payload)
        assert isinstance(welcome, m.Welcome)
        if self._running is None:
            self._running = _Running(
                welcome,
                ReliableChannel(nonce=self.nonce, window=welcome.window, ack_type=MessageType.HOST_ACK),
                Heartbeat(welcome.max_lease_ms, now_s),
                ExposureLedger(welcome.max_frame),
            )
        elif welcome.boot_id != self.welcome.boot_id:
            self.fail(rebooted(self._port))
            return
        self.heartbeat.note_life()
        self.channel.receive(frame, now_s, lambda _: True)

    def _take_message(self, message: Message, now_s: float) -> None:
        match message:
            case m.Spectra(entries=entries):
                for entry in entries:
                    self.ledger.deliver(entry)
                    if not any(entry.index in span for span in self._kept_before):
                        self.heartbeat.clock.note(entry.opened_us / 1e6)
            case m.Pong():
                jump_s = self.heartbeat.note_answer(message, now_s)
                if jump_s:
                    self.fail(clock_jumped(self._port, jump_s))
            case m.Reply() | m.Status() | m.Retained():
                self._take_answer(message, now_s)
            case m.Fault(code=code, remark=remark):
                self.heartbeat.let_close()
                self._report(fault_of(code, "the shutter closed", remark))
            case m.Refused(index=index, code=code):
                self.ledger.refuse(index)
                self._report(fault_of(code, f"exposure {index} was refused"))
            case m.Aborted(token=token):
                if self._abort is not None and token == self._abort.token:
                    self._abort.is_answered = True
            case m.NoSession(boot_id=boot_id):
                is_new = boot_id != self.welcome.boot_id
                self.fail(rebooted(self._port) if is_new else taken_over(self._port))
            case _:
                pass

    def _report(self, fault: BridgeError) -> None:
        """Keep a fault until somebody is told; a breach of the protocol ends the session."""
        if isinstance(fault, ProtocolViolation):
            self.fail(fault)
        else:
            self.faults.append(fault)

    def _take_answer(self, answer: Answer, now_s: float) -> None:
        command = self._awaited.pop(answer.request, None)
        if command is None:
            return
        self.answers[answer.request] = answer
        if isinstance(answer, m.Retained):
            self._kept_before = answer.ranges
        is_granted = isinstance(answer, m.Reply) and answer.code == Code.OK
        match command:
            case m.Open() if is_granted:
                self.heartbeat.hold_open(now_s)
                self._forgive()
            case m.Open():
                self.heartbeat.let_close()
            case m.Pause() | m.Stop() if is_granted:
                self.heartbeat.let_close()
            case _:
                pass

    def _forgive(self) -> None:
        """An open shutter answers what closed it before; keep the words for the log."""
        overcome = [fault for fault in self.faults if isinstance(fault, DoorOpen | LeaseExpired | StandoffExceeded)]
        for fault in overcome:
            self.faults.remove(fault)
            self.remarks.append(str(fault))

    @property
    def _run(self) -> _Running:
        assert self._running is not None, "the controller has not answered yet"
        return self._running


def refusal(answer: m.Reply, what: str) -> BridgeError | None:
    """The exception for a reply that says no."""
    return None if answer.code == Code.OK else fault_of(answer.code, what)
