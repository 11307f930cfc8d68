"""A GRBL 1.1h board as a state machine without ports: bytes and wall times in, bytes out.

Real-time bytes bypass the receive buffer; what doesn't fit into the buffer is dropped without a word.
"""

from __future__ import annotations

import math
from dataclasses import replace

from firmware_bridge.messages import StagePose
from firmware_bridge.twins.grbl.board import Board
from firmware_bridge.twins.grbl.firmware import RESET_WANTED, Firmware, Task, Wait
from firmware_bridge.twins.grbl.settings import GrblTwinSettings
from firmware_bridge.twins.shared_pose import BeamSample
from firmware_bridge.twins.simulated_clock import SimulatedClock
from firmware_bridge.twins.twin_log import TwinLog

_RESET = 0x18


class GrblCore:
    """The whole board.

    Parameters
    ----------
    now_s
        Wall time (monotonic) at which the supply is switched on; the board boots then.
    """

    def __init__(self, settings: GrblTwinSettings, log: TwinLog, *, now_s: float) -> None:
        self.board = Board(settings, log)
        self.dropped_bytes = 0
        """Bytes lost to a full receive buffer, or while the board could not receive."""
        self.fullest_bytes = 0
        """Most bytes that the receive buffer ever held."""
        self._settings = settings
        self._clock = SimulatedClock(settings.clock_factor, now_s)
        self._ring = bytearray()
        self._runs_at_s = settings.boot_s
        self._opens_s = _or_never(settings.door_opens_at_s)
        self._opens_after_s = _or_never(settings.door_opens_after_beam_s)
        self._closes_s = math.inf
        self._reboots_s = _or_never(settings.reboots_at_s)
        self._halts_s = _or_never(settings.halts_at_s)
        self._firmware: Firmware | None = None
        self._task: Task | None = None
        self._wait: Wait = lambda: math.inf
        self.board.on_beam = self._see_beam
        self.board.record("boot", 0.0)

    @property
    def is_halted(self) -> bool:
        """Whether the firmware hangs, with its outputs as they are."""
        return self.board.time_s >= self._halts_s

    def receive(self, octets: bytes, now_s: float) -> None:
        """Take bytes from the host."""
        self.advance(now_s)
        for octet in octets:
            if self._task is None or self.is_halted:
                continue
            if octet == _RESET:
                self._soft_reset()
            elif not self._real_time(octet):
                self._store(octet)

    def power_cycle(self, now_s: float) -> None:
        """What DTR does to an Arduino-class board, or its supply."""
        self.advance(now_s)
        self._reboot()

    def advance(self, now_s: float) -> None:
        """Let everything happen that is due."""
        board = self.board
        device_s = self._clock.device_s(now_s)
        until_s = min(device_s, self._halts_s)
        while (due_s := self._due_s()) <= until_s:
            board.time_s = max(board.time_s, due_s)
            self._happen()
        board.time_s = max(board.time_s, until_s)
        while self.is_halted and (due_s := board.outputs.next_s()) <= device_s:
            board.outputs.refresh(due_s, board.motion.power, board.registers[30])

    def outgoing(self) -> bytes:
        """What the board has to say, once."""
        said = bytes(self.board.said)
        self.board.said.clear()
        return said

    def take_moments(self) -> list[BeamSample]:
        """Changes of the beam and edges for the detector since this was last called, at their exact wall times."""
        taken = [replace(each, monotonic_s=self._clock.wall_s(each.monotonic_s)) for each in self.board.moments]
        self.board.moments.clear()
        return taken

    def deadline_s(self) -> float:
        """Wall time at which something happens next."""
        due_s = self._due_s()
        return math.inf if due_s == math.inf or self.is_halted else self._clock.wall_s(due_s)

    def true_pose(self) -> StagePose:
        """Where the beam is, in stage millimetres."""
        return self.board.true_pose(self.board.time_s)

    def _due_s(self) -> float:
        board = self.board
        ready_s = math.inf
        if self._task is None:
            ready_s = self._runs_at_s
        elif not board.is_in_door_state:
            ready_s = self._wait()
        return min(
            ready_s,
            board.motion.next_s(),
            board.next_power_s(),
            board.outputs.next_s(),
            self._opens_s,
            self._closes_s,
            self._reboots_s,
        )

    def _happen(self) -> None:
        """The one thing that is due."""
        board = self.board
        time_s = board.time_s
        if time_s >= self._reboots_s:
            self._reboots_s = math.inf
            self._reboot()
        elif time_s >= min(self._opens_s, self._closes_s):
            self._turn_door()
        elif time_s >= board.motion.next_s():
            board.motion.step(time_s)
            if board.is_in_door_state and not board.motion.is_moving:
                board.outputs.all_off()
                board.refresh(time_s)
        elif time_s >= min(board.next_power_s(), board.outputs.next_s()):
            board.motion.pass_segment(time_s)
            board.refresh(time_s)
        elif self._task is None:
            self._begin()
        else:
            self._wait = next(self._task)
            if board.owes_report and not board.is_silent:
                board.owes_report = False
                board.report()

    def _begin(self) -> None:
        """The banner, and the main loop from its start."""
        board = self.board
        self._firmware = Firmware(board, self._ring)
        board.waiting_bytes = lambda: len(self._ring)
        self._task = self._firmware.run()
        self._wait = next(self._task)
        board.said += b"\r\n"
        board.say(f"Grbl {self._settings.version.rsplit('.', 1)[0]} ['$' for help]")
        if board.is_alarmed:
            board.say("[MSG:'$H'|'$X' to unlock]")
        else:
            board.carry_out_startup()
        if board.is_door_open and not self._settings.door_is_hold:
            self._enter_door_state()

    def _store(self, octet: int) -> None:
        is_deaf = self._firmware is not None and self.board.time_s < self._firmware.deaf_until_s
        if octet > 0x7F:
            return
        if is_deaf or len(self._ring) >= self._settings.receive_bytes:
            self.dropped_bytes += 1
            self.board.record("overflow", self.board.time_s, dropped=self.dropped_bytes)
            return
        self._ring.append(octet)
        self.fullest_bytes = max(self.fullest_bytes, len(self._ring))
        self.advance_task()

    def advance_task(self) -> None:
        """Let the main loop take what it can at once."""
        while self._task is not None and not self.board.is_in_door_state and self._wait() <= self.board.time_s:
            self._wait = next(self._task)

    def _real_time(self, octet: int) -> bool:
        """Whether the byte is a command that bypasses the buffer; it is done then."""
        board = self.board
        match octet:
            case 0x3F if board.is_silent:
                board.owes_report = True
            case 0x3F:
                board.report()
            case 0x21:
                if not board.is_alarmed and not board.is_homing:
                    board.motion.hold(board.time_s)
            case 0x7E:
                if board.is_in_door_state and not board.is_door_open:
                    board.is_in_door_state = False
                if not board.is_in_door_state:
                    board.motion.resume(board.time_s)
            case 0x84:
                self._enter_door_state()
            case _:
                return False
        return True

    def _soft_reset(self) -> None:
        """Drop everything; a line that was being done is answered all the same, before the banner."""
        board = self.board
        was_homing, was_in_line = board.is_homing, self._firmware is not None and self._firmware.is_in_line
        was_locked = board.is_locked
        has_lost = board.stop_dead()
        board.is_homing = False
        seconds = self._settings.reset_s
        board.record("reset", board.time_s, in_motion=has_lost)
        if (has_lost or was_homing) and not was_locked:
            number = 6 if was_homing else 3
            board.is_alarmed = True
            board.record("alarm", board.time_s, number=number)
            board.say(f"ALARM:{number}")
            seconds += self._settings.alarm_s
        if board.time_s < board.alarm_until_s:
            board.say(RESET_WANTED)
            seconds += board.alarm_until_s - board.time_s
        if was_in_line:
            board.say("ok")
        self._stop(seconds)

    def _reboot(self) -> None:
        board = self.board
        board.said.clear()
        board.stop_dead()
        board.forget_position()
        board.record("boot", board.time_s)
        self._stop(self._settings.boot_s)

    def _stop(self, seconds: float) -> None:
        self._ring.clear()
        self._task = self._firmware = None
        self._runs_at_s = self.board.time_s + seconds

    def _see_beam(self, time_s: float) -> None:
        self._opens_s = min(self._opens_s, time_s + self._opens_after_s)
        self._opens_after_s = math.inf

    def _turn_door(self) -> None:
        board = self.board
        board.is_door_open = board.time_s >= self._opens_s
        board.record("door", board.time_s, open=board.is_door_open)
        if board.is_door_open:
            stays_s = _or_never(self._settings.door_stays_open_s)
            self._opens_s, self._closes_s = math.inf, board.time_s + stays_s
            if not self._settings.door_is_hold:
                self._enter_door_state()
            elif not board.is_alarmed and not board.is_homing:
                board.motion.hold(board.time_s)
        else:
            self._closes_s = math.inf

    def _enter_door_state(self) -> None:
        """Brake; the outputs go off once at rest."""
        board = self.board
        if board.is_alarmed or board.is_in_door_state:
            return
        board.is_in_door_state = True
        board.motion.hold(board.time_s)
        if not board.motion.is_moving:
            board.outputs.all_off()
            board.refresh(board.time_s)


def _or_never(time_s: float | None) -> float:
    return math.inf if time_s is None else time_s
