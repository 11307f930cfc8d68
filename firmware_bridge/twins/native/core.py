"""The controller's side of the native protocol, as a state machine without threads, ports or clocks.

Bytes and wall times go in, bytes come out; `native.py` puts it behind a pseudo-terminal.
"""

from __future__ import annotations

import math
import secrets
from collections import deque

from firmware_bridge.messages import Exposure, StagePose
from firmware_bridge.native import messages as m
from firmware_bridge.native.codec import DWELL_BYTES, MESSAGES, STROKE_BYTES, Message, decode
from firmware_bridge.native.framing import PROTOCOL_VERSION, Deframer, Frame
from firmware_bridge.native.index_ranges import IndexRanges
from firmware_bridge.native.reliable_channel import ReliableChannel, sequences_between
from firmware_bridge.native.vocabulary import FROM_CONTROLLER, UNSEQUENCED, Code, CodecError, MessageType
from firmware_bridge.twins.native.instrument import ClosedItself, ErrandEnded, Instrument, Rested
from firmware_bridge.twins.native.outbox import NativeOutbox
from firmware_bridge.twins.native.reports import status_of, welcome_of
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.source import SpectrumSource
from firmware_bridge.twins.twin_log import TwinLog

_SILENCE_S = 2.0
"""After this long without a word from the host nothing is repeated any more."""

_Ordered = (
    m.Configure | m.Home | m.Move | m.Open | m.Close | m.Pause | m.Resume | m.Stop | m.AskStatus | m.Begin | m.Offer
)
_EXPOSURE_BYTES: dict[int, int] = {MessageType.DWELLS: DWELL_BYTES, MessageType.STROKES: STROKE_BYTES}


class NativeCore:
    """A simulated controller.

    Parameters
    ----------
    boot_id
        None: a random one, as after every boot.
    now_s
        Wall time of its boot.
    """

    def __init__(
        self,
        source: SpectrumSource,
        settings: TwinSettings,
        log: TwinLog,
        *,
        now_s: float,
        boot_id: int | None = None,
    ) -> None:
        self.instrument = Instrument(source, settings, log, now_s)
        self.boot_id = secrets.randbits(32) if boot_id is None else boot_id
        self._settings = settings
        self._log = log
        self._deframer = Deframer(settings.max_frame)
        self._channel: ReliableChannel | None = None
        self._heard_s = -math.inf
        self._outbox = NativeOutbox(self.instrument.engine, settings.batch_bytes)
        self._scan_id: int | None = None
        self._renewal = 0
        self._abort_token = 0
        self._void_through: int | None = None
        self._errand_request = 0
        self._rest_requests: list[int] = []

    # What drives it.

    def receive(self, octets: bytes, now_s: float) -> None:
        """Take bytes from the line."""
        self.advance(now_s)
        for frame in self._deframer.feed(octets):
            self._take_frame(frame, now_s)
        self._note_events()

    def advance(self, now_s: float) -> None:
        """Let time pass."""
        self.instrument.advance(now_s)
        self._note_events()

    def outgoing(self, now_s: float, room: int = 1 << 30) -> bytes:
        """Bytes to write now, about as many as there is room for."""
        urgent = self._outbox.take_urgent()
        if self._channel is None or now_s - self._heard_s > _SILENCE_S:
            return urgent
        self._channel.credits = self.instrument.queue_free
        return urgent + self._outbox.take(self._channel, now_s, room - len(urgent))

    def deadline_s(self, now_s: float) -> float:
        """Wall time at which it has something to do though nothing has arrived."""
        due_s = self.instrument.deadline_s()
        if self._channel is not None and now_s - self._heard_s <= _SILENCE_S:
            due_s = min(due_s, self._channel.deadline_s())
        return due_s

    # The session.

    def _take_frame(self, frame: Frame, now_s: float) -> None:
        if frame.type == MessageType.HELLO:
            self._greet(frame, now_s)
            return
        channel = self._channel
        if frame.version != PROTOCOL_VERSION or frame.type & FROM_CONTROLLER:
            return
        if channel is None or frame.nonce != channel.nonce:
            self._outbox.say_to_stranger(frame.nonce, m.NoSession(self.boot_id))
            return
        self._heard_s = now_s
        channel.credits = self.instrument.queue_free
        for ready in channel.receive(frame, now_s, self._admits):
            self._obey(ready, now_s)
            channel.credits = self.instrument.queue_free
        if frame.type & UNSEQUENCED:
            self._obey(frame, now_s)

    def _greet(self, frame: Frame, now_s: float) -> None:
        try:
            hello = decode(frame.type, frame.payload)
        except CodecError:
            return
        if not isinstance(hello, m.Hello):
            return
        if self._channel is None or frame.nonce != self._channel.nonce:
            self._leave("new session", now_s)
            self._channel = ReliableChannel(nonce=frame.nonce, window=hello.window, ack_type=MessageType.CONTROLLER_ACK)
            self._channel.receive(frame, now_s, lambda _: True)
            self._outbox.begin(hello.max_frame)
            self._log.write("session", self.instrument.device_s(now_s), nonce=frame.nonce)
        self._heard_s = now_s
        self._say_at_once(welcome_of(self._settings, self.boot_id))

    def _leave(self, reason: str, now_s: float) -> None:
        """End the session: nothing moves, the shutter is closed, the spectra stay."""
        self.instrument.abort(now_s)
        self.instrument.close_shutter(reason, now_s)
        self.instrument.events.clear()
        self._channel = None
        self._outbox.begin(0)
        self._renewal = self._abort_token = self._errand_request = 0
        self._void_through = None
        self._rest_requests.clear()

    def _say_at_once(self, message: Message) -> None:
        if self._channel is not None:
            self._channel.credits = self.instrument.queue_free
            self._outbox.say_at_once(self._channel, message)

    def _admits(self, frame: Frame) -> bool:
        """Exposures beyond the credit are left unacknowledged, as if the line had lost them."""
        each = _EXPOSURE_BYTES.get(frame.type)
        return each is None or (len(frame.payload) - m.Dwells.LAYOUT.size) // each <= self.instrument.queue_free

    # Messages.

    def _obey(self, frame: Frame, now_s: float) -> None:
        if frame.type not in MESSAGES:
            self._decline(frame)
            return
        try:
            message = decode(frame.type, frame.payload)
        except CodecError as error:
            time_us = round(self.instrument.device_s(now_s) * 1e6)
            self.instrument.close_shutter("malformed message", now_s)
            self._outbox.say(m.Fault(Code.MALFORMED, time_us, str(error)))
            return
        if frame.type & UNSEQUENCED:
            self._answer_at_once(message, now_s)
            return
        is_void = self._is_void(frame)
        match message:
            case m.Forget(ranges=ranges):
                self._forget(ranges)
            case m.Dwells() | m.Strokes() if not is_void:
                self._take_exposures(message)
            case _ if isinstance(message, _Ordered) and is_void:
                self._reply(message.request, Code.ABORTED)
            case _ if isinstance(message, _Ordered):
                self._order(message, now_s)

    def _is_void(self, frame: Frame) -> bool:
        """Whether the host sent it before its last abort; the first one sent after ends the mark, as numbers return."""
        if self._void_through is None:
            return False
        if sequences_between(frame.sequence, self._void_through) >= 0:
            return True
        self._void_through = None
        return False

    def _decline(self, frame: Frame) -> None:
        """Answer a command of an unknown type; its first two bytes are the request."""
        if not frame.type & UNSEQUENCED and len(frame.payload) >= 2:
            self._reply(int.from_bytes(frame.payload[:2], "little"), Code.UNSUPPORTED)

    def _answer_at_once(self, message: Message, now_s: float) -> None:
        match message:
            case m.Ping(token=token):
                self._pong(token, now_s)
            case m.Renew(token=token, lease_ms=lease_ms):
                if token > self._renewal:
                    self._renewal = token
                    self.instrument.renew(lease_ms / 1e3, now_s)
                self._pong(token, now_s)
            case m.Abort():
                self._abort(message, now_s)
            case m.Bye():
                self._leave("bye", now_s)
            case _:
                pass

    def _order(self, order: _Ordered, now_s: float) -> None:
        instrument = self.instrument
        match order:
            case m.Home():
                self._begin_errand(order.request, instrument.home(now_s))
            case m.Move(x_um=x_um, y_um=y_um):
                self._begin_errand(order.request, instrument.move(StagePose(x_um / 1e3, y_um / 1e3), now_s))
            case m.Open(lease_ms=lease_ms):
                self._reply(order.request, instrument.open_shutter(lease_ms / 1e3, now_s))
            case m.Close():
                instrument.close_shutter("command", now_s)
                self._reply(order.request, Code.OK)
            case m.Pause() | m.Stop():
                self._rest_requests.append(order.request)
                instrument.pause(now_s, drops_queue=isinstance(order, m.Stop))
            case m.Resume():
                instrument.resume(now_s)
                self._reply(order.request, Code.OK)
            case m.AskStatus():
                self._outbox.say(status_of(instrument, order.request, now_s))
            case m.Begin(scan_id=scan_id):
                self._begin_scan(order.request, scan_id)
            case m.Offer():
                instrument.engine.fresh = deque(instrument.engine.kept)
                self._outbox.is_offering = True
                self._reply(order.request, Code.OK)
            case m.Configure():
                self._reply(order.request, self._configure(order))

    def _begin_errand(self, request: int, code: Code) -> None:
        if code is Code.OK:
            self._errand_request = request
        else:
            self._reply(request, code)

    def _begin_scan(self, request: int, scan_id: int) -> None:
        engine = self.instrument.engine
        if self.instrument.is_shutter_open:
            self._reply(request, Code.SHUTTER_OPEN)
            return
        engine.queue.clear()
        engine.fresh.clear()
        self._outbox.is_offering = False
        if scan_id != self._scan_id:
            engine.kept.clear()
            self._scan_id = scan_id
        kept = IndexRanges(engine.kept).take(2**16, 0xFFFF)
        self._outbox.say(m.Retained(request, kept))

    def _configure(self, order: m.Configure) -> Code:
        settings, engine = self._settings, self.instrument.engine
        speed_mm_s = order.speed_um_s / 1e3 or settings.max_speed_mm_s
        acceleration_mm_s2 = order.acceleration_um_s2 / 1e3 or settings.max_acceleration_mm_s2
        if speed_mm_s > settings.max_speed_mm_s or acceleration_mm_s2 > settings.max_acceleration_mm_s2:
            return Code.TOO_FAST
        engine.set_motion(
            speed_mm_s * settings.speed_factor,
            acceleration_mm_s2 * settings.acceleration_factor,
            order.settle_us / 1e6 or settings.settle_s,
        )
        return Code.OK

    def _take_exposures(self, message: m.Dwells | m.Strokes) -> None:
        if isinstance(message, m.Dwells):
            duration_s = message.live_us / 1e6
            lines = [(*pose, *pose) for pose in message.poses_um]
        else:
            duration_s = message.duration_us / 1e6
            lines = list(message.lines_um)
        for offset, (x0_um, y0_um, x1_um, y1_um) in enumerate(lines):
            exposure = Exposure(
                message.first_index + offset,
                StagePose(x0_um / 1e3, y0_um / 1e3),
                StagePose(x1_um / 1e3, y1_um / 1e3),
                duration_s,
            )
            code = self.instrument.take(exposure) if self._outbox.is_offering else Code.NO_SCAN
            if code is not Code.OK:
                self._outbox.say(m.Refused(exposure.index, code))

    def _forget(self, ranges: tuple[range, ...]) -> None:
        kept = self.instrument.engine.kept
        for span in ranges:
            for index in span if len(span) < len(kept) else [index for index in kept if index in span]:
                kept.pop(index, None)

    def _abort(self, abort: m.Abort, now_s: float) -> None:
        if abort.token != self._abort_token:
            self._abort_token = abort.token
            self._void_through = abort.void_through
            self.instrument.abort(now_s)
        self._say_at_once(m.Aborted(abort.token))

    def _pong(self, token: int, now_s: float) -> None:
        time_us = round(self.instrument.told_s(now_s) * 1e6)
        self._say_at_once(m.Pong(token, time_us, self.instrument.conditions))

    def _reply(self, request: int, code: Code) -> None:
        self._outbox.say(m.Reply(request, code))

    def _note_events(self) -> None:
        """Tell the host what the instrument did by itself."""
        while self.instrument.events:
            match self.instrument.events.popleft():
                case ErrandEnded(code=code):
                    if self._errand_request:
                        self._reply(self._errand_request, code)
                    self._errand_request = 0
                case Rested():
                    for request in self._rest_requests:
                        self._reply(request, Code.OK)
                    self._rest_requests.clear()
                case ClosedItself(code=code, device_s=device_s, remark=remark):
                    if self._channel is not None:
                        self._outbox.say(m.Fault(code, round(device_s * 1e6), remark))
