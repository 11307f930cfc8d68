"""A stage on a board with Marlin 2, for point dwells.

The beam: a pin of the board (``M42``) triggers a retriggerable monostable of at most 0.5 s, which lets the beam
through; its low level also clears it. It is pulsed anew by every `MarlinStage.hold_beam`. It opens the shutter; it is
not the X-ray interlock. No output of an ordinary build drops at the end of motion, so there is no beam in motion; and
none of its inputs is a door's, so the door has to cut the shutter in hardware: `StageStatus.is_door_closed` is always
true.

A board acts on ``M42`` in the order of its commands but does not wait for moves that are planned, so motion is waited
for (``M400``) and the position verified before the gate opens; it closes before the stage moves.
"""

from __future__ import annotations

import atexit
import contextlib
import math
import re
from collections.abc import Callable, Sequence
from typing import Final

from firmware_bridge.faults import BridgeError, SettingRefused
from firmware_bridge.link_thread import Carrier, LinkThread
from firmware_bridge.marlin import codec as c
from firmware_bridge.marlin import faults as f
from firmware_bridge.marlin.board import ASK, board_of
from firmware_bridge.marlin.diagnosis import observe
from firmware_bridge.marlin.session import Exchange, MarlinSession
from firmware_bridge.messages import Observation, StagePose
from firmware_bridge.ports import BytePort, open_port
from firmware_bridge.stage import PoseAt, StageCapabilities, StageOptions, StageStatus

BEAM_ON_LIMIT_S: Final = 0.5
_HOMING_S: Final = 300.0
_ANSWER_S: Final = 15.0
"""For commands that nothing has to move for, the time in which a lost one is sent again included."""
_SETUP: Final = (b"G21", b"G90", b"M84 S0", b"M113 S2")
"""Millimetres, absolute; motors hold for ever; say every two seconds that it is busy."""
_SETTLED: Final = (b"M400", b"M114")
"""Answered once motion has ended."""
_STOPPING_S: Final = 1.5
"""After which a quick stop is sent again: it may be lost, or have come before a move that was still unread. Each takes
the board a second, in which it does nothing else: sent faster than that, they would never be over."""
_READINGS: Final = 3
"""Reports that may be mangled on their way before it is a fault."""


def connect_marlin(options: StageOptions) -> MarlinStage:
    """Open a port, wait for the board to boot, and read its limits and settings.

    Opening resets most boards: their motors let go, and the position is unknown until homed.

    Raises
    ------
    PortUnavailable
        The port is missing, busy or refused.
    LinkLost
        Nothing answers.
    WrongDevice
        Something answers that isn't Marlin 2.
    SettingRefused
        It can't be used safely as it is wired, set or built: the text says why.
    ProtocolViolation
        It doesn't say enough of itself.
    """
    return connect_marlin_over(open_port(options.port, options.baud), options)


def connect_marlin_over(byte_port: BytePort, options: StageOptions) -> MarlinStage:
    """As `connect_marlin`, over a port that is open already; it is closed with the stage, or when this fails."""
    link = LinkThread(MarlinSession(options.port, LinkThread.now_s()), byte_port, "marlin-link")
    try:
        stage = MarlinStage(link, options)
    except BaseException:
        link.close()
        raise
    atexit.register(stage.close)
    return stage


class MarlinStage:
    """`Stage` over Marlin's serial protocol.

    A fault that happened since the last call is raised by the next one, once; a lost link by every call from then on.
    """

    def __init__(self, carrier: Carrier[MarlinSession], options: StageOptions) -> None:
        self._carrier = carrier
        self._session = carrier.session
        self._port = options.port
        self._on, self._off = _gate_commands(options)
        self._is_moving = False
        self._meant: StagePose | None = None
        self._origin_mm: tuple[float, float] | None = None
        self._is_open = True
        self.board = board_of(self._do([*ASK, self._off], _ANSWER_S).told, options.port)
        self._session.is_known = True

    @property
    def capabilities(self) -> StageCapabilities:
        """What the board said of itself on connecting."""
        return StageCapabilities(
            firmware=self.board.firmware,
            x_limits_mm=self.board.x_limits_mm,
            y_limits_mm=self.board.y_limits_mm,
            max_speed_mm_s=self.board.max_speed_mm_s,
            max_acceleration_mm_s2=self.board.max_acceleration_mm_s2,
            has_gate=True,
            flies_with_beam=False,
            has_trigger=False,
            pose_uncertainty_mm=self.board.tolerance_mm / math.sqrt(3.0),
        )

    def status(self) -> StageStatus:
        """Ask for a fresh snapshot. A fault that hasn't been raised yet is told, and stays to be raised."""
        pose = _pose_of(self._read_place(self._do([b"M114"], _ANSWER_S)))
        fault = self._session.fault
        return StageStatus(
            pose=pose,
            is_homed=self._session.is_homed,
            is_moving=self._is_moving,
            is_beam_on=self._session.is_gate_held,
            is_door_closed=True,
            fault="" if fault is None else str(fault),
        )

    def diagnose(self) -> tuple[Observation, ...]:
        """Firmware, buffers, limits, end switches, halting, round trips; a second at most."""
        return observe(self.board, self._session, self._carrier.now_s, lambda each: self._do([each], _ANSWER_S))

    def home(self) -> None:
        """Find the origin; returns when it is found. Forgets an earlier fault."""
        with self._carrier.changed:
            self._session.take_fault()
        self._meant = self._origin_mm = None
        place = self._read_place(self._move([self._off, *_SETUP, b"G28 X Y", *_SETTLED], _HOMING_S))
        self._origin_mm = self.board.origin_of(place)
        with self._carrier.changed:
            # a board that has restarted since is not homed
            self._session.is_homed = self._session.fault is None
        self._meant = _pose_of(place)

    def move_to(self, pose: StagePose) -> StagePose:
        """Travel, the gate closed; returns the verified pose once it stands still there."""
        if not self.board.holds(pose):
            raise f.outside("moving the stage", pose, self.board.x_limits_mm, self.board.y_limits_mm)
        halts = self._require_position()
        self._meant = None
        speed_mm_s = self.board.max_speed_mm_s
        line = c.move(pose.x_mm, pose.y_mm, speed_mm_s)
        longest_s = self.board.longest_s(speed_mm_s) + _ANSWER_S
        return self._verify(pose, self._move([self._off, line, *_SETTLED], longest_s, halts))

    def fly(
        self,
        start: StagePose,
        end: StagePose,
        speed_mm_s: float,
        *,
        with_beam: bool,
        cells: int = 1,
        lead_s: float = 0.0,
        heard: Callable[[PoseAt], None] | None = None,
    ) -> tuple[PoseAt, ...]:
        """Always refused: nothing would switch the beam off at the end of motion. Nothing has moved."""
        raise SettingRefused(
            "Marlin has no output that drops at the end of motion, so it can't fly: scan by dwells, or use a GRBL "
            "board for the stage"
        )

    def hold_beam(self, seconds: float) -> float:
        """Let the beam on for so long from now, at most 0.5 s, unless this is called again before.

        The first call verifies the position. Returns when the board was told.
        """
        if not 0.0 < seconds <= BEAM_ON_LIMIT_S:
            raise ValueError(f"the beam for {seconds} s: hold it for {BEAM_ON_LIMIT_S} s at most, and again")
        halts = self._require_position()
        if not self._session.is_gate_held:
            if self._meant is None:
                raise f.unverified()
            self._verify(self._meant, self._do(_SETTLED, _ANSWER_S))
        told_s = self._carrier.now_s()
        with self._carrier.changed:
            self._require_no_halt_since(halts)
            exchange = self._session.hold_gate(self._on, self._off, told_s, seconds)
        self._finish(exchange, _ANSWER_S)
        return told_s

    def drop_beam(self) -> None:
        """Beam off; returns when the stage has confirmed it."""
        self._do([self._off], _ANSWER_S)

    def halt(self) -> None:
        """Beam off and motion stopped at once, whatever is queued; from any thread. After motion it has to be homed."""
        moving, until_s = self._is_moving, self._carrier.now_s() + _ANSWER_S
        self._meant = None if moving else self._meant
        with self._carrier.changed:
            exchange = self._session.halt(self._off, self._carrier.now_s(), moving=moving)
            while not exchange.is_over and self._carrier.now_s() < until_s:
                self._carrier.kick()
                if not self._carrier.wait_for(lambda: exchange.is_over, _STOPPING_S) and moving:
                    self._session.stop_motion()
        if self._session.failure is not None:
            raise self._session.failure
        if not exchange.is_over:
            raise f.lost_answer(self._port)

    def close(self) -> None:
        """Beam off, then the port. Safe to call twice."""
        if not self._is_open:
            return
        self._is_open = False
        atexit.unregister(self.close)
        with contextlib.suppress(BridgeError):
            if self._is_moving or self._session.is_gate_held:
                self.halt()
        self._carrier.close()

    def __enter__(self) -> MarlinStage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _require_position(self) -> int:
        """Raise what has gone wrong since the last call, or that the position isn't known; returns the halts so far."""
        with self._carrier.changed:
            fault = self._session.take_fault()
            if fault is not None:
                raise fault
            if not self._session.is_homed:
                raise f.not_homed()
            return self._session.halts

    def _require_no_halt_since(self, halts: int) -> None:
        """With the lock held: what was asked for before a halt does not begin after it."""
        if self._session.halts != halts:
            raise f.halted()

    def _verify(self, meant: StagePose, answered: Exchange) -> StagePose:
        """Look where the stage is, and refuse to go on if that isn't where it was sent."""
        self._meant = None
        found = _pose_of(self._read_place(answered))
        if max(abs(found.x_mm - meant.x_mm), abs(found.y_mm - meant.y_mm)) > self.board.tolerance_mm:
            raise f.wrong_position(meant, found)
        self._meant = meant
        return found

    def _read_place(self, answered: Exchange) -> c.Place:
        """A report of which millimetres and steps agree: one that was not mangled on its way."""
        for _ in range(_READINGS):
            if answered.place is not None and self._is_plausible(answered.place):
                return answered.place
            answered = self._do(_SETTLED, _ANSWER_S)
        raise f.lost_answer(self._port)

    def _is_plausible(self, place: c.Place) -> bool:
        if not self.board.tells_steps:
            return True
        if place.steps is None:
            return False
        origin_mm = self.board.origin_of(place)
        offsets_mm = zip(origin_mm, self._origin_mm or origin_mm, strict=True)
        return max(abs(now_mm - homed_mm) for now_mm, homed_mm in offsets_mm) <= self.board.tolerance_mm

    def _move(self, commands: Sequence[bytes], timeout_s: float, halts: int | None = None) -> Exchange:
        self._is_moving = True
        try:
            return self._do(commands, timeout_s, halts)
        finally:
            self._is_moving = False

    def _do(self, commands: Sequence[bytes], timeout_s: float, halts: int | None = None) -> Exchange:
        """Send commands, and wait until all are done; with a number of halts, unless there was another since."""
        with self._carrier.changed:
            if halts is not None:
                self._require_no_halt_since(halts)
            if self._off in commands:
                self._session.release_gate()
            exchange = self._session.begin(commands, self._carrier.now_s())
        self._finish(exchange, timeout_s)
        return exchange

    def _finish(self, exchange: Exchange, timeout_s: float) -> None:
        """Wait until an exchange is over; whatever interrupts the waiting halts the stage."""
        try:
            with self._carrier.changed:
                self._carrier.kick()
                self._carrier.wait_for(lambda: exchange.is_over, timeout_s)
                if exchange.fault is not None:
                    self._session.fault = None
                    raise exchange.fault
                if not exchange.is_done:
                    raise self._session.failure or f.lost_answer(self._port)
        except BaseException:
            if exchange is self._session.current:
                with contextlib.suppress(BridgeError):
                    self.halt()
            raise


def _gate_commands(options: StageOptions) -> tuple[bytes, bytes]:
    """Commands that raise and lower the gate's output."""
    found = re.fullmatch(r"P(\d{1,3})", options.gate or "")
    if found is None:
        raise SettingRefused(
            "nothing would close the shutter if this computer failed: wire a retriggerable monostable to a free pin of "
            "the board and name that as the gate (P57, say)"
        )
    if options.has_trigger:
        raise SettingRefused("Marlin gives no edge at the boundaries of cells: leave the trigger out, or use GRBL")
    number = int(found[1])
    return c.pin(number, 255), c.pin(number, 0)


def _pose_of(place: c.Place) -> StagePose:
    return StagePose(place.x_mm, place.y_mm)
