"""One stroke driven and watched: where the stage is reported, whether it advances, and whether the beam is right."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from firmware_bridge.grbl import codec as c
from firmware_bridge.grbl.configuration import GrblConfiguration
from firmware_bridge.grbl.dialogue import GrblDialogue
from firmware_bridge.grbl.faults import beam_astray, beam_missing, overrun, turned_back, wrong_position
from firmware_bridge.grbl.phase import Sighting
from firmware_bridge.grbl.stroke import Stroke
from firmware_bridge.messages import StagePose
from firmware_bridge.stage import PoseAt

_CORRIDOR_MM: Final = 0.05
"""Beyond the tolerance of a pose at rest, how far from its line a stroke may be reported."""
_POWER_LEAD_S: Final = 0.15
"""A report tells the power of motion that is prepared up to so long ahead."""
_OVERRUN: Final = 2.0
_OVERRUN_S: Final = 2.0
"""A stroke may take so many times its time, and so much more, before it is stopped."""


def drive(
    stroke: Stroke, board: GrblConfiguration, dialogue: GrblDialogue, tell: Callable[[PoseAt], None]
) -> list[PoseAt]:
    """Send a stroke and wait for its end; returns the poses reported on the way, each told as it comes.

    Raises
    ------
    WrongPosition
        The stage left the stroke's line or turned back, or the beam was on outside the stroke; it was stopped.
    ControllerFault
        The beam was off within the stroke, or the stroke doesn't end; the stage was stopped.
    """
    session, carrier = dialogue.session, dialogue.carrier
    poses: list[PoseAt] = []
    reached = stroke.begin
    latest_s = carrier.now_s() + _OVERRUN * stroke.expected_s + _OVERRUN_S
    with dialogue.halting_on_error():
        with carrier.changed:
            session.path.clear()
            session.submit(stroke.orders)
            carrier.kick()
        is_over = False
        while not is_over:
            with carrier.changed:
                carrier.wait_for(lambda: bool(session.path) or stroke.orders[-1].is_settled, math.inf)
                if carrier.now_s() > latest_s:
                    raise overrun(stroke.expected_s)
                is_over = all(order.is_settled for order in stroke.orders) or session.failure is not None
                sightings, offset_mm = list(session.path), session.offset_mm
                session.path.clear()
            for sighting in sightings if stroke.orders[-1].fault is None else ():
                pose = board.to_stage(sighting.report, offset_mm)
                if pose is not None:
                    _check(stroke, board.tolerance_mm, reached, pose, sighting.report)
                    reached = pose
                    poses.append(_pose_at(sighting, pose))
                    tell(poses[-1])
        with carrier.changed:
            dialogue.raise_unless_done(stroke.orders)
    return poses


def _check(stroke: Stroke, tolerance_mm: float, reached: StagePose, pose: StagePose, report: c.Report) -> None:
    """A reported pose lies on the stroke's line and not behind the one before, and the beam is as it should be."""
    nearest = _nearest(stroke.begin, stroke.finish, pose)
    if _distance(nearest, pose) > tolerance_mm + _CORRIDOR_MM:
        raise wrong_position(nearest, pose)
    if _advance_mm(stroke.begin, stroke.finish, reached, pose) < -tolerance_mm:
        raise turned_back(reached, pose)
    if stroke.with_beam and report.power is not None and report.state is c.RunState.RUN:
        along_mm = _advance_mm(stroke.start, stroke.end, stroke.start, pose)
        outside_mm = max(-along_mm, along_mm - _distance(stroke.start, stroke.end))
        slack_mm = _POWER_LEAD_S * stroke.speed_mm_s + _CORRIDOR_MM
        if report.power > 0 and outside_mm > slack_mm:
            raise beam_astray(pose)
        if report.power == 0 and outside_mm < -slack_mm:
            raise beam_missing(pose)


def _pose_at(sighting: Sighting, pose: StagePose) -> PoseAt:
    """The board looks where it is at some moment between question and answer: midway, give or take."""
    half_s = (sighting.heard_s - sighting.asked_s) / 2
    return PoseAt(sighting.asked_s + half_s, pose, half_s / math.sqrt(3))


def _nearest(start: StagePose, end: StagePose, pose: StagePose) -> StagePose:
    """The point of a line that is nearest to a pose."""
    share = min(1.0, max(0.0, _advance_mm(start, end, start, pose) / _distance(start, end)))
    return StagePose(start.x_mm + share * (end.x_mm - start.x_mm), start.y_mm + share * (end.y_mm - start.y_mm))


def _advance_mm(start: StagePose, end: StagePose, before: StagePose, pose: StagePose) -> float:
    """How much farther along a line, in its direction, one pose is than another."""
    dx_mm, dy_mm = end.x_mm - start.x_mm, end.y_mm - start.y_mm
    along = (pose.x_mm - before.x_mm) * dx_mm + (pose.y_mm - before.y_mm) * dy_mm
    return along / math.hypot(dx_mm, dy_mm)


def _distance(a: StagePose, b: StagePose) -> float:
    return math.hypot(a.x_mm - b.x_mm, a.y_mm - b.y_mm)
