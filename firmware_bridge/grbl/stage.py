"""A stage on a GRBL 1.1 or grblHAL board.

Beam in motion: the spindle's output in laser mode (M4, ``$32=1``), which drops at the end of motion and on hold.
Beam at rest: a retriggerable monostable of at most 0.5 s on a named output, whose low level also clears it; it is
pulsed anew by every `GrblStage.hold_beam`. One half of a 74HC123 does it: triggers tied active, the board's output on
the clear input, whose rising edge starts the time and whose low level ends it. The renewing pulse is low for a few
milliseconds, which the shutter must not follow. Either output opens the shutter; neither is the X-ray interlock.

What this can't guard: a board that hangs in a stroke leaves its output as it is, and a mangled line may carry the
beam off its stroke until the next report shows it, 0.2 s at most while streaming.
"""

from __future__ import annotations

import atexit
import contextlib
import math

from firmware_bridge.faults import BridgeError, SettingRefused
from firmware_bridge.grbl import codec as c
from firmware_bridge.grbl.configuration import GrblConfiguration
from firmware_bridge.grbl.connect import introduce
from firmware_bridge.grbl.dialogue import GrblDialogue
from firmware_bridge.grbl.faults import door_open, lost_answer, not_homed, outside, unverified, wrong_position
from firmware_bridge.grbl.link import GrblCarrier, GrblLink
from firmware_bridge.grbl.queue import Order
from firmware_bridge.grbl.session import GrblSession
from firmware_bridge.grbl.stroke import BEAM_ON_LIMIT_S, Stroke, plan_stroke
from firmware_bridge.messages import StagePose
from firmware_bridge.ports import BytePort, open_port
from firmware_bridge.stage import PoseAt, StageCapabilities, StageStatus

_HOMING_S = 300.0
_ANSWER_S = 10.0
"""For lines that nothing has to move for."""
_CORRIDOR_MM = 0.05
"""Beyond the tolerance of a pose at rest, how far from its line a stroke may be reported."""
_SETTING_ROUNDING = 1e-3
_OFFSET_REPORTS = 40
"""Reports among which one tells the offset of work positions."""


def connect_grbl(port: str, baud: int, *, gate: str | None) -> GrblStage:
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
    return connect_grbl_over(open_port(port, baud), port, gate=gate)


def connect_grbl_over(byte_port: BytePort, name: str, *, gate: str | None) -> GrblStage:
    """As `connect_grbl`, over a port that is open already; it is closed with the stage, or when this fails."""
    link = GrblLink(GrblSession(name, GrblLink.now_s()), byte_port)
    try:
        stage = GrblStage(link, introduce(link, name, gate), name)
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
            )

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

    def fly(self, start: StagePose, end: StagePose, speed_mm_s: float, *, with_beam: bool) -> tuple[PoseAt, ...]:
        """Drive a straight stroke at constant speed, with run-up and run-out outside it; returns reported poses.

        Raises
        ------
        LimitExceeded
            The stroke, its run-up or its run-out lies outside the limits, or is too fast; nothing has moved.
        SettingRefused
            The beam is asked for without laser mode; nothing has moved.
        WrongPosition
            The stage left the stroke's line, or did not end where it should.
        """
        stroke = plan_stroke(self.board, start, end, speed_mm_s, with_beam=with_beam)
        self._check_pose(stroke.begin, "the run-up of a stroke")
        self._check_pose(stroke.finish, "the run-out of a stroke")
        if self._session.is_gate_held:
            self.drop_beam()
        begin = self.move_to(stroke.begin)
        self._meant = None
        first = PoseAt(self._carrier.now_s(), begin)
        path = self._drive(stroke)
        last = self._verify(stroke.finish)
        return (first, *path, PoseAt(self._carrier.now_s(), last))

    def hold_beam(self, seconds: float) -> None:
        """Let the beam on for so long from now, at most 0.5 s, unless this is called again before.

        The first call verifies the position.

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
        with self._carrier.changed:
            orders = self._session.hold_gate(on, off, self._carrier.now_s(), seconds)
        self._dialogue.finish(orders, _ANSWER_S)

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
        self.board = introduce(self._carrier, self._name, self.board.gate)
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

    def _drive(self, stroke: Stroke) -> list[PoseAt]:
        session, carrier = self._session, self._carrier
        poses: list[PoseAt] = []
        with self._dialogue.halting_on_error(), carrier.changed:
            session.path.clear()
            session.submit(stroke.orders)
            carrier.kick()
            while not all(order.is_settled for order in stroke.orders) and session.failure is None:
                carrier.wait_for(lambda: bool(session.path) or stroke.orders[-1].is_settled, math.inf)
                if stroke.orders[-1].fault is None:
                    poses += self._take_path(stroke)
            self._dialogue.raise_unless_done(stroke.orders)
        return poses

    def _take_path(self, stroke: Stroke) -> list[PoseAt]:
        """Poses reported since this was last called, each on the stroke's line."""
        taken = []
        for time_s, report in self._session.path:
            pose = self.board.to_stage(report, self._session.offset_mm)
            if pose is not None:
                nearest = _nearest(stroke.begin, stroke.finish, pose)
                if _distance(nearest, pose) > self.board.tolerance_mm + _CORRIDOR_MM:
                    raise wrong_position(nearest, pose)
                taken.append(PoseAt(time_s, pose))
        self._session.path.clear()
        return taken

    def _verify(self, meant: StagePose) -> StagePose:
        """Ask where the stage is, and stop it if that isn't where it was sent."""
        found = self._locate()
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


def _nearest(start: StagePose, end: StagePose, pose: StagePose) -> StagePose:
    """The point of a line that is nearest to a pose."""
    dx_mm, dy_mm = end.x_mm - start.x_mm, end.y_mm - start.y_mm
    along = (pose.x_mm - start.x_mm) * dx_mm + (pose.y_mm - start.y_mm) * dy_mm
    share = min(1.0, max(0.0, along / (dx_mm**2 + dy_mm**2)))
    return StagePose(start.x_mm + share * dx_mm, start.y_mm + share * dy_mm)


def _distance(a: StagePose, b: StagePose) -> float:
    return math.hypot(a.x_mm - b.x_mm, a.y_mm - b.y_mm)
