"""The host's side of a Marlin link, as a state machine without threads, ports or clocks.

Acknowledgements (``ok``) are flow control and nothing else: they carry no number as a rule, come once more after a
``Resend``, and may be lost. What is believed is the end of an `Exchange`: the board takes lines in the order of their
numbers only, so when it says the exchange's own word, everything before that word has been done.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from firmware_bridge.faults import BridgeError
from firmware_bridge.marlin import codec as c
from firmware_bridge.marlin import faults as f
from firmware_bridge.marlin.lines import NumberedLines

QUIET_S: Final = 2.5
"""Without a word for this long, a board that says every 2 s that it is busy is asked again."""
SILENCE_S: Final = 6.0
"""Without a word for this long, the link is lost."""
BOOT_S: Final = 4.0
"""For a board that has just been reset by DTR, its bootloader included; one that wasn't reset says nothing."""
_RESEND_S: Final = 0.05
"""Between a request to send again and doing so: lines that were on their way bring requests of their own."""
_BUFFER_LINES: Final = 4
"""Command buffer of a firmware that doesn't tell; more are of no use here."""
_MOST_QUESTIONS: Final = 8


@dataclass(eq=False)
class Exchange:
    """Some commands, what was said until the last one was done, and how it ended."""

    commands: Sequence[bytes]
    word: str
    """What the board is asked to say at the end."""
    end: int = 0
    """Number of the line that asks it."""
    told: list[c.Answer] = field(default_factory=list)
    is_done: bool = False
    fault: BridgeError | None = None

    @property
    def is_over(self) -> bool:
        return self.is_done or self.fault is not None

    @property
    def place(self) -> c.Place | None:
        """Where the board said last that it stands."""
        return next((answer for answer in reversed(self.told) if isinstance(answer, c.Place)), None)


class MarlinSession:
    """One link with one board, one exchange at a time.

    Parameters
    ----------
    port
        What the operator calls the port, for sentences.
    """

    def __init__(self, port: str, now_s: float) -> None:
        self.failure: BridgeError | None = None
        """Why the link is over, None while it isn't."""
        self.fault: BridgeError | None = None
        """What went wrong and has not been raised yet."""
        self.is_known = False
        """Whether the board has been introduced, so that a boot is a fault."""
        self.is_homed = False
        self.room: c.Ok | None = None
        """The most room that the board's buffers have told of, None while they haven't (ADVANCED_OK)."""
        self.halts = 0
        """How often it was halted: what was asked for before must not begin after."""
        self.resent = 0
        """Lines that were sent again."""
        self.current: Exchange | None = None
        self._port = port
        self._reader = c.LineReader()
        self._urgent = bytearray()
        self._stops_unanswered = 0
        """Quick stops, whose ``ok`` is none of a numbered line's."""
        self._exchanges = 0
        self._lines = NumberedLines()
        self._remark = ""
        self._boots_by_s = now_s + BOOT_S
        self._resends_s = math.inf
        self._heard_s = self._asked_s = now_s
        self._has_heard = False
        self._questions = 0
        self._gate_off: bytes | None = None
        self._gate_until_s = math.inf

    @property
    def buffer_lines(self) -> int:
        """Lines that the command buffer holds, as far as they are of use."""
        if self.room is None or self.room.lines_free is None:
            return _BUFFER_LINES
        return min(_BUFFER_LINES, max(2, self.room.lines_free + 1))

    @property
    def is_gate_held(self) -> bool:
        """Whether the gate's output was raised, and has not been lowered since."""
        return self._gate_off is not None

    def begin(self, commands: Sequence[bytes], now_s: float) -> Exchange:
        """Send commands, in order; the exchange is over when the board has done the last."""
        self._end(f.halted())
        self._exchanges += 1
        exchange = self.current = Exchange(commands, f"pointillist {self._exchanges}")
        exchange.fault = self.failure
        exchange.end = self._lines.append([*commands, c.say(exchange.word)])
        self._heard_s = self._asked_s = now_s
        self._questions = 0
        return exchange

    def hold_gate(self, on: bytes, off: bytes, now_s: float, seconds: float) -> Exchange:
        """Pulse the gate's output now, and lower it after a time unless this is called again before."""
        self._gate_off, self._gate_until_s = off, now_s + seconds
        return self.begin([off, on], now_s)

    def release_gate(self) -> None:
        """Hold the gate no more: its output has been lowered, or will be."""
        self._gate_off, self._gate_until_s = None, math.inf

    def halt(self, off: bytes, now_s: float, *, moving: bool) -> Exchange:
        """Lower the gate's output before anything else, stop motion if there is any, and drop what was asked for."""
        self.halts += 1
        self._lines.drop(off)
        if moving:
            self.stop_motion()
        self.release_gate()
        return self.begin([off], now_s)

    def stop_motion(self) -> None:
        """Stop at once; the board loses its position by it."""
        self._urgent += c.QUICK_STOP
        self._stops_unanswered += 1
        self.is_homed = False

    def fail(self, failure: BridgeError) -> None:
        """End the session for good."""
        self.failure = self.failure or failure
        self._end(self.failure)
        self.release_gate()

    def take_fault(self) -> BridgeError | None:
        """What went wrong since this was last asked, once; the failure for ever."""
        fault, self.fault = self.fault, None
        return self.failure or fault

    def outgoing(self, now_s: float) -> bytes:
        """Bytes to send now."""
        self._follow_timers(now_s)
        if self.failure is not None or self._boots_by_s < math.inf:
            return b""
        out = bytes(self._urgent)
        self._urgent.clear()
        # one place stays free, so that a quick stop is read at once
        return out + (self._lines.take(self.buffer_lines - 1) if self._resends_s == math.inf else b"")

    def receive(self, octets: bytes, now_s: float) -> None:
        """Take bytes from the board."""
        self._has_heard = self._has_heard or bool(octets)
        for answer in self._reader.feed(octets):
            if self.failure is None:
                self._take(answer, now_s)

    def deadline_s(self) -> float:
        """When there is something to do even if nothing comes."""
        due_s = min(self._boots_by_s, self._gate_until_s, self._resends_s)
        if self.current is not None and not self.current.is_over:
            due_s = min(due_s, self._asked_s + QUIET_S, self._heard_s + SILENCE_S)
        return due_s

    def _follow_timers(self, now_s: float) -> None:
        if self._boots_by_s < math.inf:
            self._heard_s = self._asked_s = now_s
        if now_s >= self._boots_by_s:
            self._boots_by_s = math.inf
        if now_s >= self._resends_s:
            self._resends_s = math.inf
        if now_s >= self._gate_until_s and self._gate_off is not None:
            self._lines.append([self._gate_off])
            self.release_gate()
        if self.current is None or self.current.is_over:
            return
        if now_s - self._heard_s >= SILENCE_S or self._questions >= _MOST_QUESTIONS:
            self.fail(self._silence())
        elif now_s - self._asked_s >= QUIET_S:
            # a line, its answer or the word was lost: a line with the next number brings either to light
            self._asked_s = now_s
            self._questions += 1
            self._stops_unanswered = 0
            self._lines.presume_answered()
            self._lines.append([c.say(self.current.word)])

    def _silence(self) -> BridgeError:
        if self.is_known:
            return f.silent(self._port, SILENCE_S)
        return f.stranger(self._port) if self._has_heard else f.nobody(self._port)

    def _take(self, answer: c.Answer, now_s: float) -> None:
        if not isinstance(answer, c.Remark):
            self._heard_s = self._asked_s = now_s
        match answer:
            case c.Ok():
                if self._stops_unanswered:
                    self._stops_unanswered -= 1
                else:
                    self._lines.answer()
                if self.room is None or (answer.lines_free or 0) > (self.room.lines_free or 0):
                    self.room = answer
            case c.Resend(number):
                self._resend(number, now_s)
            case c.Start():
                self._boot()
            case c.Complaint(text) if "halted" in text or "kill" in text:
                self.fail(f.killed(self._port, text, self._remark))
            case c.Complaint(text):
                self.fault = f.complaint(text)
                self._end(self.fault)
            case c.Remark(text):
                self._note(text)
            case _:
                self._tell(answer)

    def _boot(self) -> None:
        """Count lines afresh; what was asked for is lost, or sent again where nothing depends on it."""
        self._boots_by_s = self._resends_s = math.inf
        self._urgent.clear()
        self._stops_unanswered = 0
        self._lines = NumberedLines()
        self.release_gate()
        self.is_homed = False
        if self.is_known:
            self.fault = f.rebooted(self._port)
            self._end(self.fault)
        elif self.current is not None and not self.current.is_over:
            self.current.end = self._lines.append([*self.current.commands, c.say(self.current.word)])

    def _resend(self, number: int, now_s: float) -> None:
        before = self._lines.end
        if self._lines.rewind(number):
            self.resent += before - number
            self._resends_s = now_s + _RESEND_S
        elif number < before or not self.is_known:
            # what was done long ago is asked for by a board alone that has lost count: its boot was overheard
            self._boot()

    def _note(self, text: str) -> None:
        self._remark = text
        current = self.current
        if current is not None and text == current.word:
            current.is_done = current.is_done or self._lines.confirm(current.end)
        elif not self.is_known and text.startswith("Grbl"):
            self.fail(f.grbl_instead(self._port))

    def _tell(self, answer: c.Answer) -> None:
        current = self.current
        if current is None or current.is_over:
            return
        current.told.append(answer)
        # under noise a mangled command is unknown too; that one comes again under its number
        if isinstance(answer, c.Unknown) and answer.command.encode() in current.commands:
            self._end(f.unknown(answer.command))

    def _end(self, fault: BridgeError) -> None:
        if self.current is not None and not self.current.is_over:
            self.current.fault = fault
