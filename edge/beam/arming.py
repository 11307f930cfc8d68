"""A scan that nobody started at a terminal waits, shutter closed, until somebody arms it at one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge.beam.interrupts import AnsweredElsewhere, Interrupts
from edge.beam.rest import wait_for_order
from edge.beam.session import Session, utc_now
from edge.console import Console
from edge.events import Paused, Resumed
from edge.faults import ScanStopped
from edge.state import Broken

WAITING = "waiting to be armed"
_LOOK_EVERY_S = 5.0


def await_arming(
    folder: Path,
    plan_digest: str,
    *,
    interrupts: Interrupts,
    session: Session,
    console: Console,
    measured: int = 0,
    look: Callable[[], object] = lambda: None,
) -> None:
    """Return once the scan is armed; at once where whoever started it armed it by that.

    The object's place is to be looked at afterwards: it may have been long.

    Parameters
    ----------
    measured
        Exposures that there are from before: with some, somebody may be content with them, and the wait is over with
        the request to finish.
    look
        Called now and then meanwhile; what it raises ends the wait.

    Raises
    ------
    ScanStopped
        It was stopped instead.
    """
    # a scan that pauses later may be let go on by the same command
    interrupts.plan_digest, interrupts.measured = plan_digest, measured
    if not interrupts.awaits_arming:
        return
    if not isinstance(session.state, Broken):
        session.record(Paused(utc_now(), WAITING))
    console.say(f"Waiting to be armed, shutter closed; at a terminal of this computer: pointillist arm {folder}")
    with interrupts.listening():
        try:
            with interrupts.resting("waiting to be armed", is_by_instrument=True):
                wait_for_order(look, every_s=_LOOK_EVERY_S)
        except AnsweredElsewhere as elsewhere:
            order = elsewhere.order
        except KeyboardInterrupt:
            raise ScanStopped(f"stopped before it was armed; go on with: pointillist scan --resume {folder}") from None
    if order.do == "finish":
        interrupts.finish(order.by)
        session.record(Paused(utc_now(), f"finished by {order.by} on the page"))
        return
    session.record(Resumed(utc_now(), f"armed by {order.by} at a terminal"))
    console.say(f"Armed by {order.by}")
