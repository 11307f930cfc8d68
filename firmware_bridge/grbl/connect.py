"""Getting to know a GRBL board: the banner, its buffers, its settings."""

from __future__ import annotations

from typing import Final

from firmware_bridge.faults import BridgeError, ProtocolViolation, Rebooted
from firmware_bridge.grbl import codec as c
from firmware_bridge.grbl.configuration import GrblConfiguration, check_startup, configuration_of
from firmware_bridge.grbl.faults import misanswered, nobody
from firmware_bridge.grbl.link import GrblCarrier
from firmware_bridge.grbl.phase import Phase
from firmware_bridge.grbl.queue import Order
from firmware_bridge.grbl.session import GrblSession

READY_S: Final = 12.0
"""Long enough for a board to boot, or to be found dead."""
HEARING_S: Final = 3.0
_ANSWER_S: Final = 5.0


def introduce(carrier: GrblCarrier, name: str, gate: str | None, *, has_trigger: bool = False) -> GrblConfiguration:
    """Wait for the banner, then read what the board says of itself, and check it.

    Raises
    ------
    BridgeError
        It is silent, no GRBL board, unsafe, or contradicts itself.
    """
    session = carrier.session
    with carrier.changed:
        carrier.wait_for(lambda: session.phase is Phase.READY, READY_S)
        if session.failure is not None or session.banner is None:
            raise _reason(session, nobody(name))
        if session.fault is not None and not isinstance(session.fault, Rebooted):
            raise session.fault
        build, settings = Order(c.ASK_BUILD, company=0), Order(c.ASK_SETTINGS, company=0)
        startup = Order(c.ASK_STARTUP, company=0)
        session.submit([build, settings, startup])
        carrier.kick()
        carrier.wait_for(lambda: startup.is_settled, _ANSWER_S)
        for order in (build, settings, startup):
            if not order.is_done:
                fault, session.fault = session.fault, None
                if order.is_refused and order.fault is not None:
                    raise _reason(session, misanswered(name, order.fault))
                raise _reason(session, fault or order.fault or nobody(name))
        options = next((answer for answer in build.answers if isinstance(answer, c.BuildOptions)), None)
        told = {answer.number: answer.value for answer in settings.answers if isinstance(answer, c.Setting)}
        board = configuration_of(session.banner, options, told, gate, has_trigger=has_trigger)
        check_startup({each.tag: each.text for each in startup.answers if isinstance(each, c.Remark)})
        before = session.reports
        session.ask(carrier.now_s())
        carrier.kick()
        carrier.wait_for(lambda: session.reports > before, HEARING_S)
        if session.reports == before or session.report is None:
            raise _reason(session, nobody(name))
        _compare(board, session.report)
        session.queue.receive_bytes = board.receive_bytes
    return board


def _reason(session: GrblSession, otherwise: BridgeError) -> BridgeError:
    return session.failure if session.failure is not None else otherwise


def _compare(board: GrblConfiguration, report: c.Report) -> None:
    """Refuse a board whose empty buffers are of other sizes than it claims; some count one place less."""
    if report.blocks_free is None or report.receive_free is None:
        return
    if abs(report.blocks_free - board.planner_blocks) > 1 or report.receive_free < board.receive_bytes - 1:
        raise ProtocolViolation(
            f"the stage claims room for {board.planner_blocks} moves and {board.receive_bytes} bytes, but reports "
            f"{report.blocks_free} and {report.receive_free} when empty: update its firmware"
        )
