"""A Marlin 2 board as a state machine without ports: bytes and wall times in, bytes out."""

from __future__ import annotations

import math

from firmware_bridge.messages import StagePose
from firmware_bridge.twins.marlin.board import QUICK_STOP_S, Board, Task, Wait
from firmware_bridge.twins.marlin.serial_line import SerialLine
from firmware_bridge.twins.marlin.settings import MarlinTwinSettings
from firmware_bridge.twins.simulated_clock import SimulatedClock
from firmware_bridge.twins.twin_log import TwinLog


class MarlinCore:
    """The whole board.

    Parameters
    ----------
    now_s
        Wall time (monotonic) at which the supply is switched on; the board boots then.
    """

    def __init__(self, settings: MarlinTwinSettings, log: TwinLog, *, now_s: float) -> None:
        self.board = Board(settings, log)
        self._settings = settings
        self._clock = SimulatedClock(settings.clock_factor, now_s)
        self._line: SerialLine | None = None
        self._task: Task | None = None
        self._wait: Wait = lambda: math.inf
        self._boots_s = settings.boot_s
        self._busy_s = math.inf
        self._opens_s = _or_never(settings.door_opens_at_s)
        self._closes_s = math.inf
        self._reboots_s = _or_never(settings.reboots_at_s)
        self._halts_s = _or_never(settings.halts_at_s)
        self._is_killed = False
        self._stopped_until_s = -math.inf
        self._stops_again = False
        self.board.record("boot", 0.0)

    @property
    def dropped_bytes(self) -> int:
        """Bytes lost to a full receive buffer since the last boot."""
        return 0 if self._line is None else self._line.dropped_bytes

    def receive(self, octets: bytes, now_s: float) -> None:
        """Take bytes from the host."""
        self.advance(now_s)
        if self._line is not None and not self._is_deaf:
            self._line.receive(octets)
            self._begin_next()

    def reboot(self, now_s: float) -> None:
        """What DTR does to most boards, or their supply."""
        self.advance(now_s)
        self._boot()

    def advance(self, now_s: float) -> None:
        """Let everything happen that is due."""
        board = self.board
        device_s = self._clock.device_s(now_s)
        until_s = min(device_s, self._halts_s)
        while (due_s := self._due_s()) <= until_s:
            board.time_s = max(board.time_s, due_s)
            self._happen()
        board.time_s = max(board.time_s, until_s)
        while board.time_s >= self._halts_s and (due_s := board.shutter.next_s()) <= device_s:
            board.shutter.refresh(due_s)

    def outgoing(self, now_s: float, room: int) -> bytes:
        """What the board has to say, once."""
        said = bytes(self.board.said)
        self.board.said.clear()
        return said

    def deadline_s(self, now_s: float) -> float:
        """Wall time at which something happens next."""
        due_s = self.board.shutter.next_s() if self.board.time_s >= self._halts_s else self._due_s()
        return math.inf if due_s == math.inf else self._clock.wall_s(due_s)

    def device_s(self, now_s: float) -> float:
        """The board's own time."""
        return self.board.time_s

    def true_pose(self) -> StagePose:
        """Where the beam is."""
        return self.board.true_pose(self.board.time_s)

    @property
    def _is_deaf(self) -> bool:
        return self._is_killed or self.board.time_s >= self._halts_s

    def _due_s(self) -> float:
        board = self.board
        due_s = [board.motion.next_s(), board.shutter.next_s(), self._opens_s, self._closes_s, self._reboots_s]
        if self._line is None:
            due_s.append(self._boots_s)
        elif self._task is not None:
            due_s += [max(self._wait(), self._stopped_until_s), self._busy_s]
        if self._stops_again:
            due_s.append(self._stopped_until_s)
        return min(due_s)

    def _happen(self) -> None:
        """The one thing that is due."""
        board = self.board
        time_s = board.time_s
        if time_s >= self._reboots_s:
            self._reboots_s = math.inf
            self._boot()
        elif time_s >= min(self._opens_s, self._closes_s):
            self._turn_door()
        elif time_s >= board.shutter.next_s():
            board.shutter.refresh(time_s)
        elif time_s >= board.motion.next_s():
            board.motion.step(time_s)
        elif self._stops_again and time_s >= self._stopped_until_s:
            self._quick_stop()
        elif self._line is None:
            self._begin()
        elif self._task is not None and time_s >= max(self._wait(), self._stopped_until_s):
            self._go_on(self._task)
        else:
            board.say("echo:busy: processing")
            self._busy_s = time_s + self._settings.busy_s

    def _begin(self) -> None:
        """The banner."""
        self._line = SerialLine(self._settings, self.board.say, self._hurry)
        self.board.said += b"start\n"
        self.board.say(f"echo:{self._settings.firmware}")
        self.board.say("echo: Last Updated: 2025-11-20 | Author: (none, default config)")

    def _begin_next(self) -> None:
        """Take up the next command; it stays in the buffer until it is done."""
        if self._task is None and self._line is not None and self._line.commands and not self._is_killed:
            begins_s = self.board.time_s + self._settings.line_s
            self._task, self._wait = self.board.do(self._line.commands[0]), lambda: begins_s
            self._busy_s = self.board.time_s + self._settings.busy_s

    def _go_on(self, task: Task) -> None:
        board, line = self.board, self._line
        try:
            self._wait = next(task)
        except StopIteration:
            self._task = None
            if line is None:
                return
            room = self._settings.buffer_lines - len(line.commands)
            moves = self._settings.planner_blocks - len(board.motion.blocks) - 1
            done = line.commands.popleft()
            board.record("line", board.time_s, text=done)
            line.renumber(done)
            board.say(f"ok P{moves} B{room}" if self._settings.advanced_ok else "ok")
            line.read()
            self._begin_next()

    def _hurry(self, word: str) -> None:
        """What doesn't wait for its turn."""
        board = self.board
        board.record("urgent", board.time_s, text=word)
        if word == "M112":
            self._kill("M112 Shutdown")
        elif board.is_homing:
            self._kill("Homing Failed")
        elif board.time_s < self._stopped_until_s:
            self._stops_again = True
        else:
            self._quick_stop()

    def _quick_stop(self) -> None:
        """Stop, and do nothing for a while; whoever asks for it again meanwhile gets another one afterwards."""
        self.board.stop_dead()
        self._stops_again = False
        self._stopped_until_s = self.board.time_s + QUICK_STOP_S

    def _kill(self, why: str) -> None:
        """What an end switch that isn't found does too."""
        self.board.stop_dead()
        self.board.say(f"echo:{why}")
        self.board.say("Error:Printer halted. kill() called!")
        self._is_killed, self._task = True, None

    def _boot(self) -> None:
        board = self.board
        board.said.clear()
        board.stop_dead()
        board.lose_position()
        board.shutter.let_go(board.time_s)
        board.record("boot", board.time_s)
        self._line = self._task = None
        self._is_killed = self._stops_again = board.is_homing = False
        self._stopped_until_s = -math.inf
        self._boots_s = board.time_s + self._settings.boot_s

    def _turn_door(self) -> None:
        time_s = self.board.time_s
        is_open = time_s >= self._opens_s
        self._closes_s = time_s + _or_never(self._settings.door_stays_open_s) if is_open else math.inf
        self._opens_s = math.inf
        self.board.shutter.turn_door(time_s, is_open=is_open)


def _or_never(time_s: float | None) -> float:
    return math.inf if time_s is None else time_s
