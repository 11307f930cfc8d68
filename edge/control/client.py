"""One order to a running scan, and its answer."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from edge.control.messages import Command, Order, Reply, line_of, order_from, reply_from
from edge.control.place import place_in
from edge.faults import UsageError

_TRY_EVERY_S = 0.02
_LONGEST_ANSWER = 4_096
"""Bytes."""


def ask(folder: Path, command: Command, by: str, timeout_s: float = 2.0, *, plan: str = "") -> Reply:
    """Ask something of the scan that writes a recording.

    Parameters
    ----------
    folder
        Of the recording.
    by
        Who asks; stands in the journal.
    timeout_s
        Longest time that this takes.
    plan
        Of arming: digest of the plan that was looked at.

    Raises
    ------
    UsageError
        No scan listens there, it did not answer in time, or the order is none.
    """
    order = Order(command, by, plan)
    try:
        order_from(line_of(order))
    except ValueError as error:
        raise UsageError(f"{error}: give another name") from None
    place = place_in(folder)
    if place is None:
        raise UsageError(_nobody(folder))
    try:
        return _asked(place, order, time.monotonic() + timeout_s)
    except TimeoutError:
        raise UsageError(f"{folder}: the scan did not answer within {timeout_s:g} s: try again") from None
    except PermissionError:
        raise UsageError(f"{folder}: this user may not command the scan: ask as the user who runs it") from None
    except OSError:
        raise UsageError(_nobody(folder)) from None
    except ValueError:
        raise UsageError(f"{folder}: what listens there gave no answer of a scan: look what runs there") from None


def is_heard(folder: Path) -> bool:
    """Whether a scan that writes a recording listens there."""
    try:
        ask(folder, "status", "somebody who looks")
    except UsageError:
        return False
    return True


def _asked(place: Path, order: Order, deadline_s: float) -> Reply:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        while True:
            connection.settimeout(_left(deadline_s))
            try:
                connection.connect(str(place))
                break
            except BlockingIOError:
                # others wait there already
                time.sleep(_TRY_EVERY_S)
        connection.sendall(line_of(order))
        received = b""
        while b"\n" not in received and len(received) <= _LONGEST_ANSWER:
            connection.settimeout(_left(deadline_s))
            part = connection.recv(_LONGEST_ANSWER)
            if not part:
                break
            received += part
    return reply_from(received)


def _left(deadline_s: float) -> float:
    left_s = deadline_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s


def _nobody(folder: Path) -> str:
    return f"{folder}: no scan listens there: it has ended, or another computer runs it"
