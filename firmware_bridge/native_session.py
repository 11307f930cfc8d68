"""The host's side of a native session, as a state machine without threads, ports or clocks.

Bytes and times go in; bytes, spectra, replies and faults come out. `native_link` drives it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from firmware_bridge import native_messages as m
from firmware_bridge.device_clock import DeviceClock
from firmware_bridge.faults import BridgeError, LinkLost, ProtocolViolation, Rebooted, WrongDevice
from firmware_bridge.framing import (
    DELIMITER,
    MAX_FRAME_BYTES,
    OVERHEAD_BYTES,
    PROTOCOL_VERSION,
    Deframer,
    Frame,
    encode_frame,
)
from firmware_bridge.index_ranges import IndexRanges
from firmware_bridge.messages import Exposure
from firmware_bridge.native_codec import DWELL_BYTES, RANGE_BYTES, STROKE_BYTES, Message, decode, encode
from firmware_bridge.native_faults import fault_of
from firmware_bridge.native_messages import Code, CodecError, CodedSpectrum, MessageType
from firmware_bridge.native_units import is_wire_dwell, micrometres, microseconds
from firmware_bridge.reliable_channel import ReliableChannel

SILENCE_S = 2.0
"""A link on which a question stays unanswered for this long is lost."""
CONNECT_S = 3.0
INBOX_LENGTH = 1024
"""Spectra that wait here for `next_done`."""
BACKLOG_LENGTH = 256
"""Exposures that wait here for credit."""
_HELLO_EVERY_S = 0.2
_PING_EVERY_S = 0.25
_ABORT_EVERY_S = 0.05
_FORGET_DELAY_S = 0.02
_FORGET_AT = 32
_LEASE_SHARE = 0.9
"""Of the longest lease: leaves the controller time to act before its own limit."""
_HIGHEST_SEQUENCED_COUNT = 255

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
        self.clock = DeviceClock()
        self.welcome: m.Welcome | None = None
        self.failure: BridgeError | None = None
        """Set once, and then the session is over."""
        self.inbox: deque[CodedSpectrum] = deque()
        self.answers: dict[int, Answer] = {}
        self.faults: deque[BridgeError] = deque()
        """What the controller reported and nobody has been told yet."""
        self.remarks: deque[str] = deque(maxlen=32)
        """The firmware's own words on its faults."""
        self.deframer = Deframer()
        self._port = port
        self._channel: ReliableChannel | None = None
        self._hello_s = now_s
        self._began_s = now_s
        self._bytes_heard = 0
        self._commands: deque[Command] = deque()
        self._requests = 0
        self._awaited: dict[int, Command] = {}
        self._backlog: deque[Exposure] = deque()
        self._pending: set[int] = set()
        self._delivered = IndexRanges()
        self._to_forget = IndexRanges()
        self._forget_s = math.inf
        self._abort: _Abort | None = None
        self._tokens = 0
        self._asked: dict[int, float] = {}
        self._ping_s = now_s
        self._renew_s = math.inf
        self._unanswered_since_s = math.inf
        self._says_bye = False

    # What the client asks.

    @property
    def lease_ms(self) -> int:
        """Lease that openings and renewals ask for."""
        assert self.welcome is not None
        return max(1, int(self.welcome.max_lease_ms * _LEASE_SHARE))

    @property
    def refill_at(self) -> int:
        """Inbox length, on its way down, at which the controller should hear of new credit."""
        return INBOX_LENGTH // 2

    @property
    def is_renewing(self) -> bool:
        """Whether the shutter is being held open."""
        return self._renew_s < math.inf

    @property
    def channel(self) -> ReliableChannel:
        """The reliable channel; exists once the controller has answered."""
        assert self._channel is not None
        return self._channel

    def next_request(self) -> int:
        """A number for a command's ``request`` field."""
        self._requests = self._requests % 0xFFFF + 1
        return self._requests

    def command(self, command: Command, now_s: float) -> None:
        """Send a command; its answer will appear in `answers`."""
        self._commands.append(command)
        self._awaited[command.request] = command
        match command:
            case m.Open():
                self._renew_s = now_s
            case m.Close() | m.Home() | m.Stop():
                self._renew_s = math.inf

    def submit(self, exposures: Iterable[Exposure]) -> int:
        """Queue exposures; returns how many were taken, those known already included."""
        taken = 0
        for exposure in exposures:
            if exposure.index not in self._pending and exposure.index not in self._delivered:
                if len(self._backlog) >= BACKLOG_LENGTH:
                    break
                self._pending.add(exposure.index)
                self._backlog.append(exposure)
            taken += 1
        return taken

    def acknowledge(self, index: int, now_s: float) -> bool:
        """Let the controller forget a spectrum soon; True when the link should look at it now."""
        was_empty = not self._to_forget
        self._to_forget.add(index)
        self._forget_s = min(self._forget_s, now_s + _FORGET_DELAY_S)
        return was_empty

    def drop_exposures(self) -> None:
        """Forget what was submitted and isn't finished: the controller has dropped it."""
        self._backlog.clear()
        self._pending.clear()

    def begin_scan(self) -> None:
        """Forget which indices were submitted and delivered: they are another scan's from now on."""
        self.drop_exposures()
        self._delivered = IndexRanges()
        self._to_forget = IndexRanges()
        self._forget_s = math.inf
        self.inbox.clear()

    def abort(self, now_s: float) -> None:
        """Drop everything that waits, and tell the controller until it answers."""
        self._renew_s = math.inf
        self.drop_exposures()
        self._commands.clear()
        self._tokens += 1
        self._abort = _Abort(self._tokens, self.channel.last_sequence, now_s)

    @property
    def is_aborting(self) -> bool:
        """An abort has not been answered yet."""
        return self._abort is not None and not self._abort.is_answered

    def say_bye(self) -> None:
        """Tell the controller that the host leaves."""
        self._renew_s = math.inf
        self._says_bye = True

    def fail(self, failure: BridgeError) -> None:
        """End the session for a reason; the first one stays. Renewals stop."""
        if self.failure is None:
            self.failure = failure
        self._renew_s = math.inf

    # What the link drives.

    def receive(self, chunk: bytes, now_s: float) -> None:
        """Take bytes from the line."""
        self._bytes_heard += len(chunk)
        for frame in self.deframer.feed(chunk):
            if self.failure is None:
                self._take_frame(frame, now_s)

    def outgoing(self, now_s: float) -> bytes:
        """Bytes to write now."""
        self._watch(now_s)
        if self.failure is not None:
            return b""
        if self._channel is None:
            return self._hello(now_s)
        channel = self._channel
        before = channel.credits
        channel.credits = max(0, INBOX_LENGTH - len(self.inbox))
        out = bytearray()
        self._urgent(channel, out, now_s)
        while (repeated := channel.repeat_one(now_s)) is not None:
            out += repeated
        while self._commands and channel.has_window():
            command = self._commands.popleft()
            out += channel.send(command.TYPE, encode(command), now_s)
        self._forget(channel, out, now_s)
        self._exposures(channel, out, now_s)
        if before < self.refill_at <= channel.credits and not out:
            out += channel.acknowledgement()
        out += channel.acknowledge_if_due(now_s) or b""
        if self._says_bye:
            out += channel.send_unsequenced(MessageType.BYE, encode(m.Bye()))
        return bytes(out)

    def deadline_s(self) -> float:
        """When `outgoing` is worth calling again though nothing has arrived."""
        if self._channel is None:
            return self._hello_s
        due = min(self._channel.deadline_s(), self._renew_s, self._ping_s, self._unanswered_since_s + SILENCE_S)
        if self._to_forget:
            due = min(due, self._forget_s)
        if self._abort is not None and not self._abort.is_answered:
            due = min(due, self._abort.next_s)
        return due

    # Sending.

    def _hello(self, now_s: float) -> bytes:
        if now_s < self._hello_s:
            return b""
        self._hello_s = now_s + _HELLO_EVERY_S
        hello = m.Hello(PROTOCOL_VERSION, PROTOCOL_VERSION, m.MAX_WINDOW, MAX_FRAME_BYTES)
        return DELIMITER + encode_frame(Frame(hello.TYPE, self.nonce, 0, 0, INBOX_LENGTH, encode(hello)))

    def _urgent(self, channel: ReliableChannel, out: bytearray, now_s: float) -> None:
        abort = self._abort
        if abort is not None and not abort.is_answered and now_s >= abort.next_s:
            abort.next_s = now_s + _ABORT_EVERY_S
            out += channel.send_unsequenced(
                MessageType.ABORT, encode(m.Abort(abort.token, abort.void_through))
            )
            self._expect_answer(now_s)
        if now_s >= self._renew_s:
            self._renew_s = now_s + self.lease_ms / 4000
            self._ping_s = now_s + _PING_EVERY_S
            out += channel.send_unsequenced(
                MessageType.RENEW, encode(m.Renew(self._ask(now_s), self.lease_ms))
            )
        elif now_s >= self._ping_s:
            self._ping_s = now_s + _PING_EVERY_S
            out += channel.send_unsequenced(MessageType.PING, encode(m.Ping(self._ask(now_s))))

    def _ask(self, now_s: float) -> int:
        self._tokens += 1
        self._asked[self._tokens] = now_s
        while len(self._asked) > 64:
            del self._asked[next(iter(self._asked))]
        self._expect_answer(now_s)
        return self._tokens

    def _expect_answer(self, now_s: float) -> None:
        self._unanswered_since_s = min(self._unanswered_since_s, now_s)

    def _forget(self, channel: ReliableChannel, out: bytearray, now_s: float) -> None:
        assert self.welcome is not None
        most = (self.welcome.max_frame - OVERHEAD_BYTES) // RANGE_BYTES
        while self._to_forget and channel.has_window() and self._forget_is_due(now_s):
            forget = m.Forget(self._to_forget.take(most, 0xFFFF))
            out += channel.send(forget.TYPE, encode(forget), now_s)
        if not self._to_forget:
            self._forget_s = math.inf

    def _forget_is_due(self, now_s: float) -> bool:
        return now_s >= self._forget_s or len(self._to_forget) >= _FORGET_AT

    def _exposures(self, channel: ReliableChannel, out: bytearray, now_s: float) -> None:
        """Send what there is credit for, in frames worth their header."""
        assert self.welcome is not None
        while self._backlog:
            room = min(channel.room(), _HIGHEST_SEQUENCED_COUNT)
            if room < min(len(self._backlog), max(1, self.welcome.queue_length // 4)):
                return
            batch = self._take_batch(room)
            out += channel.send(batch[0].TYPE, encode(batch[0]), now_s, units=batch[1])

    def _take_batch(self, room: int) -> tuple[m.Dwells | m.Strokes, int]:
        """The longest run of exposures at the head of the backlog that one message can carry."""
        assert self.welcome is not None
        first = self._backlog[0]
        is_dwell = is_wire_dwell(first)
        live_us = microseconds(first.live_s)
        each = DWELL_BYTES if is_dwell else STROKE_BYTES
        most = min(room, (self.welcome.max_frame - OVERHEAD_BYTES - m.Dwells.LAYOUT.size) // each)
        run: list[Exposure] = []
        while self._backlog and len(run) < most:
            exposure = self._backlog[0]
            if (exposure.index, is_wire_dwell(exposure), microseconds(exposure.live_s)) != (
                first.index + len(run), is_dwell, live_us
            ):  # fmt: skip
                break
            run.append(self._backlog.popleft())
        starts = [(micrometres(each.start.x_mm), micrometres(each.start.y_mm)) for each in run]
        if is_dwell:
            return m.Dwells(first.index, live_us, tuple(starts)), len(run)
        ends = [(micrometres(each.end.x_mm), micrometres(each.end.y_mm)) for each in run]
        lines = tuple((*start, *end) for start, end in zip(starts, ends, strict=True))
        return m.Strokes(first.index, live_us, lines), len(run)

    def _watch(self, now_s: float) -> None:
        """Notice silence."""
        if self._channel is None:
            if now_s - self._began_s > CONNECT_S:
                self.fail(self._nobody_there())
        elif now_s - self._unanswered_since_s > SILENCE_S:
            self.fail(
                LinkLost(
                    f"the controller at {self._port} has not answered for {SILENCE_S:.0f} s: "
                    "check its power and cable, then connect again; its shutter closes by itself"
                )
            )

    def _nobody_there(self) -> BridgeError:
        if self._bytes_heard:
            return WrongDevice(
                f"what answers at {self._port} doesn't speak the native protocol: "
                "check that the port is the controller's and that the baud rate is its own"
            )
        return LinkLost(f"nothing answers at {self._port}: check the controller's power, cable and baud rate")

    # Receiving.

    def _take_frame(self, frame: Frame, now_s: float) -> None:
        if frame.version != PROTOCOL_VERSION:
            self.fail(
                WrongDevice(
                    f"the controller at {self._port} speaks version {frame.version} of the native protocol and this "
                    f"program version {PROTOCOL_VERSION}: update the older of the two"
                )
            )
            return
        if frame.nonce != self.nonce or not frame.type & m.FROM_CONTROLLER:
            return
        self._unanswered_since_s = math.inf
        if self._channel is None and frame.type not in (MessageType.WELCOME, MessageType.NO_SESSION):
            return
        try:
            if self._channel is None or frame.type == MessageType.WELCOME:
                self._take_greeting(decode(frame.type, frame.payload), frame, now_s)
                return
            ready = self._channel.receive(frame, now_s, lambda _: True)
            if frame.type & m.UNSEQUENCED:
                ready = [frame]
            for each in ready:
                self._take_message(decode(each.type, each.payload), now_s)
        except CodecError as error:
            self.fail(ProtocolViolation(f"the controller at {self._port} breaks the protocol: {error}: update it"))

    def _take_greeting(self, message: Message, frame: Frame, now_s: float) -> None:
        if not isinstance(message, m.Welcome):
            return
        if self.welcome is None:
            self.welcome = message
            self._channel = ReliableChannel(
                nonce=self.nonce, window=message.window, ack_type=MessageType.HOST_ACK
            )
            self._ping_s = now_s
        elif message.boot_id != self.welcome.boot_id:
            self.fail(self._rebooted())
            return
        self.channel.receive(frame, now_s, lambda _: True)

    def _take_message(self, message: Message, now_s: float) -> None:
        match message:
            case m.Spectra(entries=entries):
                for entry in entries:
                    self._take_spectrum(entry, now_s)
            case m.Pong(token=token, time_us=time_us):
                asked_s = self._asked.pop(token, None)
                if asked_s is not None:
                    self.clock.add(asked_s, now_s, time_us / 1e6)
            case m.Reply() | m.Status() | m.Retained():
                self._take_answer(message, now_s)
            case m.Fault(code=code, remark=remark):
                self._renew_s = math.inf
                self.faults.append(fault_of(code, "the shutter closed"))
                if remark:
                    self.remarks.append(remark)
            case m.Refused(index=index, code=code):
                self._pending.discard(index)
                self.faults.append(fault_of(code, f"exposure {index} was refused"))
            case m.Aborted(token=token):
                if self._abort is not None and token == self._abort.token:
                    self._abort.is_answered = True
            case m.NoSession(boot_id=boot_id):
                self.fail(self._rebooted() if boot_id != self._boot_id() else self._taken_over())
            case _:
                pass

    def _take_answer(self, answer: Answer, now_s: float) -> None:
        command = self._awaited.pop(answer.request, None)
        if command is None:
            return
        self.answers[answer.request] = answer
        is_granted = isinstance(answer, m.Reply) and answer.code == Code.OK
        match command:
            case m.Open():
                self._renew_s = now_s if is_granted else math.inf
            case m.Pause() if is_granted:
                self._renew_s = math.inf

    def _take_spectrum(self, entry: CodedSpectrum, now_s: float) -> None:
        if entry.index in self._delivered:
            return
        self._delivered.add(entry.index)
        self._pending.discard(entry.index)
        self.inbox.append(entry)

    def _boot_id(self) -> int:
        assert self.welcome is not None
        return self.welcome.boot_id

    def _rebooted(self) -> Rebooted:
        return Rebooted(
            f"the controller at {self._port} has restarted and doesn't know where its stage is: "
            "connect again, home it, and resume the scan"
        )

    def _taken_over(self) -> LinkLost:
        return LinkLost(
            f"the controller at {self._port} has ended this session: "
            "make sure that no other program uses it, then connect again"
        )


def refusal(answer: m.Reply, what: str) -> BridgeError | None:
    """The exception for a reply that says no."""
    return None if answer.code == Code.OK else fault_of(answer.code, what)
