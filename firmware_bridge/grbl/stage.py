"""A stage on a GRBL 1.1 or grblHAL board.

Beam in motion: the spindle's output in laser mode (M4, ``$32=1``), which drops at the end of motion and on hold.
Beam at rest: a retriggerable monostable of at most 0.5 s on a named output, whose low level also clears it; it is
pulsed anew by every `GrblStage.hold_beam`. One half of a 74HC123 does it: triggers tied active, the board's output on
the clear input, whose rising edge starts the time and whose low level ends it. The renewing pulse is low for 0.3 to
a few milliseconds, which the shutter must not follow. Either output opens the shutter; neither is the X-ray interlock.

A spectrometer's trigger input may be wired to the spindle's output too: the level of the output, smoothed, goes to a
comparator at 0.8 of full power with a pulse at every change, see `firmware_bridge.grbl.stroke`. The shutter's own
threshold has to lie well below 0.6.

What this can't guard: a board that hangs in a stroke leaves its output as it is, and a mangled line may carry the
beam off its stroke until the next report shows it, 0.2 s at most while streaming.
"""

from __future__ import annotations

import atexit
import contextlib
import math
from collections.abc import Callable

from firmware_bridge.faults import BridgeError, SettingRefused
from firmware_bridge.grbl import codec as c
from firmware_bridge.grbl.configuration import GrblConfiguration
from firmware_bridge.grbl.connect import introduce
from firmware_bridge.grbl.diagnosis import observe
from firmware_bridge.grbl.dialogue import GrblDialogue
from firmware_bridge.grbl.faults import door_open, lost_answer, not_homed, outside, unverified, wrong_position
from firmware_bridge.grbl.flight import drive
from firmware_bridge.grbl.link import GrblCarrier, GrblLink
from firmware_bridge.grbl.queue import Order
from firmware_bridge.grbl.session import GrblSession
from firmware_bridge.grbl.stroke import BEAM_ON_LIMIT_S, plan_stroke
from firmware_bridge.messages import Observation, StagePose
from firmware_bridge.ports import BytePort, open_port
from firmware_bridge.stage import PoseAt, StageCapabilities, StageStatus

_HOMING_S = 300.0
_ANSWER_S = 10.0
"""For lines that nothing has to move for."""
_SETTING_ROUNDING = 1e-3
_OFFSET_REPORTS = 40
"""Reports among which one tells the offset of work positions."""


def connect_grbl(port: str, baud: int, *, gate: str | None, has_trigger: bool = False) -> GrblStage:
    """Open a port, wait for the board to boot, and read its buffers, limits and settings.

    Opening resets an Arduino-class board: its motors let go, and its position is unknown until homed.

    Parameters
    ----------
    port
        Path or address, see `open_port`.
    baud
        Bits per second; 115200 as a rule.
    gate
        Output that triggers the monostable: ``"M8"``, ``"M7"`` or ``"M3"``; None without one.
    has_trigger
        Whether a spectrometer's trigger input follows the level of the spindle's output.

    Raises
    ------
    PortUnavailable
        The port is missing, busy or refused.
    LinkLost
        Nothing answers.
    WrongDevice
        Something answers that isn't GRBL 1.1.
    SettingRefused
        Its settings make a safe scan impossible: the text says which and why.
    ProtocolViolation
        It contradicts itself.
    """
    return connect_grbl_over(open_port(port, baud), port, gate=gate, has_trigger=has_trigger)


def connect_grbl_over(byte_port: BytePort, name: str, *, gate: str | None, has_trigger: bool = False) -> GrblStage:
    """As `connect_grbl`, over a port that is open already; it is closed with the stage, or when this fails."""
    link = GrblLink(GrblSession(name, GrblLink.now_s()), byte_port)
    try:
        stage = GrblStage(link, introduce(link, name, gate, has_trigger=has_trigger), name)
    except BaseException:
        link.close()
        raise
    atexit.register(stage.close)
    return stage


class GrblStage:
    """`Stage` over GRBL's serial protocol.

    A fault that happened since the last call is raised by the next one, once; a lost link by every call from then on.
    After an alarm, a restart or a reset in motion the stage has to be homed.
    """

    def __init__(self, carrier: GrblCarrier, board: GrblConfiguration, name: str) -> None:
        self.board = board
        self._carrier = carrier
        self._session = carrier.session
        self._dialogue = GrblDialogue(carrier, name)
        self._name = name
        self._meant: StagePose | None = None
        self._is_open = True

    @property
    def capabilities(self) -> StageCapabilities:
        """What the board said of itself on connecting."""
        x_mm, y_mm = self.board.travel_mm
        return StageCapabilities(
            firmware=f"{self.board.name} {self.board.version}",
            x_limits_mm=(0.0, x_mm),
            y_limits_mm=(0.0, y_mm),
            max_speed_mm_s=self.board.max_speed_mm_s,
            max_acceleration_mm_s2=self.board.max_acceleration_mm_s2,
            has_gate=self.board.gate is not None,
            flies_with_beam=self.board.has_laser_mode,
            has_trigger=self.board.has_trigger,
            pose_uncertainty_mm=self.board.tolerance_mm / math.sqrt(3),
        )

    def status(self) -> StageStatus:
        """Ask for a fresh snapshot. A fault that hasn't been raised yet is told, and stays to be raised."""
        self._dialogue.await_ready()
        pose = self._locate()
        with self._carrier.changed:
            session, report = self._session, self._session.report
            state = c.RunState.IDLE if report is None else report.state
            return StageStatus(
                pose=pose,
                is_homed=session.is_homed,
                is_moving=state in (c.RunState.RUN, c.RunState.JOG, c.RunState.HOME),
                is_beam_on=session.is_gate_held or bool(session.accessories),
                is_door_closed=not session.is_door_open,
                fault="" if session.fault is None else str(session.fault),
                is_probe_active=report is not None and "P" in report.pins,
            )

    def diagnose(self) -> tuple[Observation, ...]:
        """Buffers, round trips and settings, found with the beam off and nothing moving; takes about two seconds."""
        self._dialogue.await_ready()
        return observe(self.board, self._dialogue)

    def home(self) -> None:
        """Find the origin; returns when it is found. Forgets an earlier fault."""
        self._dialogue.await_ready()
        with self._carrier.changed:
            self._session.fault = None
        report = self._dialogue.hear()
        if self._session.is_door_open:
            raise door_open()
        if report.state is not c.RunState.ALARM:
            self._dialogue.carry_out([Order(c.OUTPUT_OFF), Order(c.COOLANT_OFF)], _ANSWER_S)
        self._dialogue.carry_out([Order(c.HOME, company=0)], _HOMING_S)
        with self._carrier.changed:
            self._session.release_gate()
        if self._dialogue.hear().state is not c.RunState.IDLE:
            raise not_homed()
        with self._carrier.changed:
            self._session.is_homed = True
        self._meant = self._locate()

    def move_to(self, pose: StagePose) -> StagePose:
        """Travel with the beam as it is; returns the verified pose once it stands still there.

        A gate that is open closes by itself on a way of more than 0.5 s: nothing can renew it in motion.
        """
        self._check_pose(pose, "moving the stage")
        self._dialogue.require_position()
        self._meant = None
        self._dialogue.carry_out([Order(c.travel_line(*self.board.to_machine(pose))), Order(c.SYNCHRONISE)], math.inf)
        return self._verify(pose)

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
        """Drive a straight stroke at constant speed, with run-up and run-out outside it; returns reported poses.

        Reports are asked for five times a second. The first and the last pose are those at rest. The level of the
        output changes with the cells where the board has a trigger.

        Raises
        ------
        LimitExceeded
            The stroke, its run-up or its run-out lies outside the limits, or it or its cells are too fast; nothing
            has moved.
        SettingRefused
            The beam is asked for without laser mode; nothing has moved.
        WrongPosition
            The stage left the stroke's line, or did not end where it should.
        """
        stroke = plan_stroke(self.board, start, end, speed_mm_s, with_beam=with_beam, cells=cells, lead_s=lead_s)
        self._check_pose(stroke.begin, "the run-up of a stroke")
        self._check_pose(stroke.finish, "the run-out of a stroke")
        if self._session.is_gate_held:
            self.drop_beam()
        begin = self.move_to(stroke.begin)
        self._meant = None
        first = PoseAt(self._carrier.now_s(), begin, 0.0)
        tell = heard if heard is not None else _ignore
        tell(first)
        path = drive(stroke, self.board, self._dialogue, tell)
        last = PoseAt(self._carrier.now_s(), self._verify(stroke.finish), 0.0)
        tell(last)
        return (first, *path, last)

    def hold_beam(self, seconds: float) -> float:
        """Let the beam on for so long from now, at most 0.5 s, unless this is called again before.

        The first call verifies the position. Returns when the board was told.

        Raises
        ------
        SettingRefused
            No monostable is configured.
        """
        lines = self.board.gate_lines
        if lines is None:
            raise SettingRefused("the beam at rest needs a monostable: wire one and name its output as the gate")
        if not 0.0 < seconds <= BEAM_ON_LIMIT_S:
            raise ValueError(f"the beam for {seconds} s: hold it for {BEAM_ON_LIMIT_S} s at most, and again")
        self._dialogue.require_position()
        if not self._session.is_gate_held:
            if self._meant is None:
                raise unverified()
            self._verify(self._meant)
        on, off = lines
        told_s = self._carrier.now_s()
        with self._carrier.changed:
            orders = self._session.hold_gate(on, off, told_s, seconds)
        self._dialogue.finish(orders, _ANSWER_S)
        return told_s

    def drop_beam(self) -> None:
        """Beam off; returns when the stage has confirmed it."""
        self._dialogue.await_ready()
        with self._carrier.changed:
            self._session.release_gate()
        if self._dialogue.hear().state is not c.RunState.ALARM:
            self._dialogue.carry_out([Order(c.COOLANT_OFF), Order(c.OUTPUT_OFF)], math.inf)
            self._dialogue.hear()

    def write_setting(self, number: int, value: float) -> None:
        """Write one of the board's ``$`` settings, alone, and read all back; the beam must be off.

        The board keeps it over power cycles, in memory that wears: for setting up, not for scanning.

        Raises
        ------
        SettingRefused
            The board did not keep it, or would be unsafe with it.
        """
        self.drop_beam()
        self._dialogue.carry_out([Order(c.setting_line(number, value), company=0)], _ANSWER_S)
        self.board = introduce(self._carrier, self._name, self.board.gate, has_trigger=self.board.has_trigger)
        kept = self.board.settings.get(number)
        if kept is None or abs(kept - value) > _SETTING_ROUNDING:
            raise SettingRefused(f"the stage has kept ${number}={kept} instead of {value:g}: check the firmware")

    def halt(self) -> None:
        """Beam off and motion stopped at once, whatever is queued; from any thread.

        A hold and a reset at rest keep the position; with the gate open the reset comes first, and a stage in motion
        has to be homed.
        """
        self._dialogue.halt()

    def close(self) -> None:
        """Beam off, then the port. Safe to call twice."""
        if not self._is_open:
            return
        self._is_open = False
        atexit.unregister(self.close)
        with contextlib.suppress(BridgeError):
            if self._session.is_working:
                self.halt()
            elif self._session.is_gate_held or self._session.accessories:
                self.drop_beam()
        self._carrier.close()

    def __enter__(self) -> GrblStage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_pose(self, pose: StagePose, what: str) -> None:
        x_mm, y_mm = self.board.travel_mm
        if not (0.0 <= pose.x_mm <= x_mm and 0.0 <= pose.y_mm <= y_mm):
            raise outside(pose, what, (0.0, x_mm), (0.0, y_mm))

    def _verify(self, meant: StagePose) -> StagePose:
        """Ask where the stage is, and stop it if that isn't where it was sent."""
        found = self._locate()
        with self._carrier.changed:
            fault = self._session.take_fault()
        if fault is not None:
            # A board that has just restarted stands elsewhere, too; the restart is what went wrong.
            raise fault
        off_mm = max(abs(found.x_mm - meant.x_mm), abs(found.y_mm - meant.y_mm))
        if off_mm > self.board.tolerance_mm:
            self.halt()
            raise wrong_position(meant, found)
        self._meant = meant
        return found

    def _locate(self) -> StagePose:
        for _ in range(_OFFSET_REPORTS):
            report = self._dialogue.hear()
            pose = self.board.to_stage(report, self._session.offset_mm)
            if pose is not None:
                return pose
        raise lost_answer(self._name)


def _ignore(_: PoseAt) -> None:
    """Nobody listens."""
