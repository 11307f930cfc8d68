"""The host's side of a GRBL link, as a state machine without threads, ports or clocks.

Lines and times go in; bytes, answers and faults come out. `link` drives it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Final, assert_never

from firmware_bridge.faults import BridgeError
from firmware_bridge.grbl import codec as c
from firmware_bridge.grbl.faults import (
    door_open,
    garbled,
    halted,
    hold_input,
    lost_answer,
    nobody,
    of_alarm,
    of_refusal,
    on_hold,
    rebooted,
    silent,
    stranger,
    stray_answer,
)
from firmware_bridge.grbl.gate_hold import GateHold
from firmware_bridge.grbl.phase import Phase, Sighting
from firmware_bridge.grbl.queue import Order, SendQueue
from firmware_bridge.grbl.vocabulary import DEAF_AFTER, HOMING_REQUIRED

BUSY_POLL_S: Final = 0.2
"""Between questions for the status while lines are outstanding: five a second, as the firmware's makers advise."""
SILENCE_S: Final = 2.0
"""A question unanswered for this long means that the link is lost."""
_STREAMED: Final = 3
"""Unanswered lines above which short ones stream: one question then slows the firmware by a tenth for as long as they
do, so none is asked while acknowledgements come. A stroke with the beam never has as many."""
_REPEAT_S: Final = 0.5
"""Before that, a question that waits for its answer isn't asked again: so that each report belongs to one question."""
_IDLE_POLL_S: Final = 1.0
_BRAKING_POLL_S: Final = 0.05
_LONGEST_BRAKING_S: Final = 1.0
_BANNER_S: Final = 3.0
"""For a board that has just been reset by DTR, its bootloader included."""
_BANNER_AFTER_RESET_S: Final = 2.0
_RESETS: Final = 2
_LOST_ANSWER_S: Final = 1.0
_LONGEST_PATH: Final = 256


class GrblSession:
    """One link with one board.

    Parameters
    ----------
    port
        What the operator calls the port, for sentences.
    """

    def __init__(self, port: str, now_s: float) -> None:
        self.phase = Phase.BOOTING
        self.failure: BridgeError | None = None
        """Why the link is over, None while it isn't."""
        self.fault: BridgeError | None = None
        """What went wrong and has not been raised yet."""
        self.banner: c.Banner | None = None
        self.is_homed = False
        self.is_door_open = False
        self.report: c.Report | None = None
        self.reports = 0
        """Reports that have come; the next one after an acknowledgement is younger than what it acknowledges."""
        self.path: deque[Sighting] = deque(maxlen=_LONGEST_PATH)
        """Latest reports that answered a question, since the path was last cleared."""
        self.offset_mm: tuple[float, ...] | None = None
        """Machine less work position, once heard."""
        self.accessories = ""
        """Outputs that are on, as last heard."""
        self.queue = SendQueue()
        self._port = port
        self._reader = c.LineReader()
        self._urgent = bytearray()
        self._gate = GateHold()
        self._resets_left = _RESETS
        self._has_heard = False
        self._has_sent = False
        """Whether anything was sent since the banner."""
        self._banner_by_s = now_s + _BANNER_S
        self._brake_by_s = math.inf
        self._poll_s = math.inf
        self._asked_s = math.inf
        """When the oldest question without an answer was asked."""
        self._asked_last_s = -math.inf
        self._idle_since_s = math.inf

    @property
    def is_working(self) -> bool:
        """Whether lines wait or are unanswered."""
        return not self.queue.is_empty

    @property
    def is_streaming(self) -> bool:
        """Whether more lines are under way than any that is watched has."""
        return len(self.queue.unanswered) > _STREAMED

    def submit(self, orders: Sequence[Order]) -> None:
        """Queue lines, in order."""
        self.queue.append(orders)
        if self.failure is not None:
            self.queue.drop(self.failure)

    def ask(self, now_s: float) -> None:
        """Ask for a report at once."""
        if self.phase is Phase.READY:
            self._question(now_s)

    @property
    def is_gate_held(self) -> bool:
        """Whether the gate's output was pulsed, and neither switched off nor dropped by a reset since."""
        return self._gate.is_held

    def hold_gate(self, on: bytes, off: bytes, now_s: float, seconds: float) -> tuple[Order, ...]:
        """Pulse the gate's output now, and switch it off after a time unless this is called again before."""
        orders = self._gate.hold(on, off, now_s, seconds)
        self.submit(orders)
        return orders

    def release_gate(self) -> None:
        """Hold the gate no more: its output has been switched off, or will be."""
        self._gate.release()

    def halt(self, now_s: float) -> None:
        """Stop everything; what was asked for is dropped."""
        if self.phase is Phase.READY and self.failure is None:
            self._brake(halted(), now_s)

    def fail(self, failure: BridgeError) -> None:
        """End the session for good."""
        self.failure = self.failure or failure
        self._drop(self.failure)

    def take_fault(self) -> BridgeError | None:
        """What went wrong since this was last asked, once; the failure for ever."""
        fault, self.fault = self.fault, None
        return self.failure or fault

    def outgoing(self, now_s: float) -> bytes:
        """Bytes to send now."""
        if self._has_failed():
            return b""
        self._follow_timers(now_s)
        if self._has_failed():
            # A board that still hears, and is heard no more, must not go on with what it holds.
            return c.RESET
        out = bytes(self._urgent)
        self._urgent.clear()
        if self.phase is Phase.READY and not self.queue.is_empty:
            if not self.queue.unanswered:
                self._idle_since_s = math.inf
                self._poll_s = min(self._poll_s, now_s + BUSY_POLL_S)
            out += self.queue.take()
        self._has_sent = self._has_sent or bool(out)
        return out

    def receive(self, octets: bytes, now_s: float) -> None:
        """Take bytes from the board."""
        self._has_heard = self._has_heard or bool(octets)
        for answer in self._reader.feed(octets):
            if self.failure is not None:
                return
            if isinstance(answer, c.Banner):
                self._start(answer, now_s)
            elif self.phase is Phase.READY:
                self._take(answer, now_s)
            else:
                self._take_while_stopping(answer, now_s)

    def deadline_s(self) -> float:
        """When there is something to do even if nothing comes."""
        if self.phase is Phase.BOOTING:
            return self._banner_by_s
        return min(self._poll_s, self._gate.until_s, self._brake_by_s, self._asked_s + SILENCE_S)

    def _has_failed(self) -> bool:
        return self.failure is not None

    def _follow_timers(self, now_s: float) -> None:
        if self.phase is Phase.BOOTING:
            if now_s >= self._banner_by_s:
                self._miss_banner(now_s)
            return
        if now_s - self._asked_s >= SILENCE_S:
            self.fail(silent(self._port, SILENCE_S))
            return
        if now_s >= self._brake_by_s:
            self._reset(now_s)
            return
        if now_s >= self._gate.until_s:
            self._close_gate(now_s)
        if now_s >= self._poll_s:
            if any(order.line == c.HOME for order in self.queue.unanswered):
                self._poll_s = now_s + _IDLE_POLL_S
            else:
                self._question(now_s)

    def _close_gate(self, now_s: float) -> None:
        """The gate's time is over; a board that does not even answer its opening is reset."""
        if self._gate.is_answered:
            self.release_gate()
            self.submit([Order(self._gate.off)])
        elif self._gate.is_overdue(now_s):
            self._brake(self._fault(lost_answer(self._port)), now_s)
        else:
            self._gate.look_again(now_s)

    def _question(self, now_s: float) -> None:
        is_waiting = self._asked_s < math.inf and now_s - self._asked_last_s < _REPEAT_S
        if not is_waiting or self.phase is not Phase.READY:
            self._urgent += c.STATUS
            self._asked_s, self._asked_last_s = min(self._asked_s, now_s), now_s
        if self.phase is Phase.BRAKING:
            self._poll_s = now_s + _BRAKING_POLL_S
        else:
            self._poll_s = now_s + self._poll_every_s

    @property
    def _poll_every_s(self) -> float:
        if self.is_gate_held or (self.is_working and not self.is_streaming):
            return BUSY_POLL_S
        return _IDLE_POLL_S

    def _take(self, answer: c.Answer, now_s: float) -> None:
        match answer:
            case c.Ok() | c.Refused():
                self._acknowledge(answer, now_s)
            case c.Alarm(number):
                self._take_alarm(number, now_s)
            case c.Report():
                self._note(answer, now_s)
            case c.Setting() | c.BuildOptions() | c.Remark():
                self._remark(answer)
            case c.Garbled(text):
                self._brake(self._fault(garbled(self._port, text)), now_s)
            case c.Banner():
                pass
            case _:
                assert_never(answer)

    def _take_alarm(self, number: int, now_s: float) -> None:
        """An alarm ends what is under way by a reset, unless it follows a reset at once: it would come again."""
        self.is_homed = False
        if self._is_lock(number):
            return
        self._fault(of_alarm(number, self.banner))
        if self._has_sent or number in DEAF_AFTER:
            self._reset(now_s)

    def _is_lock(self, number: int) -> bool:
        """Whether an alarm says only that the board wants to be homed; with anything under way, it was mangled."""
        is_known = (self.banner is not None and self.banner.is_hal) or not self._has_sent
        is_at_rest = not self.is_gate_held and self.queue.holds_only(c.QUESTIONS)
        return number == HOMING_REQUIRED and is_known and is_at_rest

    def _take_while_stopping(self, answer: c.Answer, now_s: float) -> None:
        """Acknowledgements are stale now; what matters is whether the position is still known, and rest."""
        match answer:
            case c.Alarm():
                self.is_homed = False
                if self.phase is Phase.BRAKING:
                    self._reset(now_s)
            case c.Report() if self.phase is Phase.BRAKING:
                self._asked_s = math.inf
                self.report = answer
                if answer.is_at_rest:
                    self._reset(now_s)
            case _:
                pass

    def _acknowledge(self, answer: c.Ok | c.Refused, now_s: float) -> None:
        self._idle_since_s = math.inf
        order = self.queue.answer()
        if order is None:
            self._brake(self._fault(stray_answer(self._port)), now_s)
            return
        if isinstance(answer, c.Ok):
            order.is_done = True
            if self.is_streaming and not self.is_gate_held:
                self._poll_s = now_s + _IDLE_POLL_S
            return
        order.is_refused = True
        order.fault = of_refusal(answer.number, order.line)
        self._brake(self._fault(order.fault), now_s)

    def _remark(self, answer: c.Setting | c.BuildOptions | c.Remark) -> None:
        if isinstance(answer, c.Remark) and answer.tag == "MSG":
            if "to unlock" in answer.text:
                self.is_homed = False
            return
        if self.queue.unanswered:
            self.queue.unanswered[0].answers.append(answer)

    def _note(self, report: c.Report, now_s: float) -> None:
        if self._asked_s < math.inf:
            self.path.append(Sighting(self._asked_s, now_s, report))
        self._asked_s = math.inf
        self.report = report
        self.reports += 1
        if report.offset_mm is not None:
            self.offset_mm = report.offset_mm
        if report.accessories is not None:
            self.accessories = report.accessories
        if report.state is c.RunState.ALARM:
            self.is_homed = False
        self._watch_door(report, now_s)
        if report.state is c.RunState.HOLD and self.phase is Phase.READY:
            self._brake(self._fault(on_hold()), now_s)
        self._watch_for_lost_answers(report, now_s)

    def _watch_door(self, report: c.Report, now_s: float) -> None:
        is_held = "H" in report.pins
        is_open = is_held or "D" in report.pins or (report.state is c.RunState.DOOR and report.substate != 0)
        if is_open and not self.is_door_open:
            self.is_door_open = True
            self._brake(self._fault(hold_input() if is_held else door_open()), now_s)
        elif not is_open:
            self.is_door_open = False
            if report.state is c.RunState.DOOR:
                self._reset(now_s)

    def _watch_for_lost_answers(self, report: c.Report, now_s: float) -> None:
        """A board that does nothing has answered everything; where it hasn't, a line was lost on the way to or fro."""
        is_done = report.state in (c.RunState.IDLE, c.RunState.ALARM)
        if self.phase is not Phase.READY or not is_done or not self.queue.unanswered:
            self._idle_since_s = math.inf
        elif self._idle_since_s == math.inf:
            self._idle_since_s = now_s
        elif now_s - self._idle_since_s >= _LOST_ANSWER_S:
            self._brake(self._fault(lost_answer(self._port)), now_s)

    def _fault(self, fault: BridgeError) -> BridgeError:
        self.fault = self.fault or fault
        self._drop(fault)
        return fault

    def _brake(self, fault: BridgeError, now_s: float) -> None:
        """Hold, and reset at rest; at once if the gate is held, as a hold doesn't close it."""
        self._drop(fault)
        self._urgent += c.HOLD
        if self.is_gate_held:
            self._reset(now_s)
            return
        self.phase = Phase.BRAKING
        self._brake_by_s = now_s + _LONGEST_BRAKING_S
        self._asked_s = math.inf
        self._question(now_s)

    def _reset(self, now_s: float) -> None:
        self._urgent += c.RESET
        self.phase = Phase.BOOTING
        self._banner_by_s = now_s + _BANNER_AFTER_RESET_S
        self._resets_left = _RESETS
        self._brake_by_s = self._asked_s = self._poll_s = math.inf
        self._drop(halted())

    def _start(self, banner: c.Banner, now_s: float) -> None:
        """The board has started; whatever was outstanding is forgotten, and an answer to it stale."""
        is_expected = self.phase is Phase.BOOTING and not self._has_unsent_reset
        self.phase = Phase.READY
        self._urgent.clear()
        self.banner = banner
        self._has_sent = False
        self.offset_mm = None
        self.accessories = ""
        self.release_gate()
        self._brake_by_s = self._asked_s = self._idle_since_s = math.inf
        self._poll_s = now_s + _IDLE_POLL_S
        if is_expected:
            self._drop(halted())
        else:
            # Half a line before it, or what else seemed wrong, comes of the restart.
            self.is_homed = False
            self.fault = None
            self._fault(rebooted(self._port))

    @property
    def _has_unsent_reset(self) -> bool:
        """Whether the board cannot have been reset from here yet, though it is going to be."""
        return self.banner is not None and self._resets_left == _RESETS and c.RESET in self._urgent

    def _miss_banner(self, now_s: float) -> None:
        if self._resets_left == 0:
            if self.banner is not None:
                self.fail(silent(self._port, _BANNER_AFTER_RESET_S))
            else:
                self.fail(stranger(self._port) if self._has_heard else nobody(self._port))
            return
        self._resets_left -= 1
        self._reader.forget()
        self._urgent += c.RESET
        self._banner_by_s = now_s + _BANNER_AFTER_RESET_S

    def _drop(self, fault: BridgeError) -> None:
        self.queue.drop(fault)
        if self.phase is not Phase.READY or self.failure is not None:
            self.release_gate()
