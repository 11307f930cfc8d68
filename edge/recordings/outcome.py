"""How a scan ended, as its own process would have said it: from the journal and whether anybody still writes it."""

from __future__ import annotations

from collections.abc import Iterator

from edge.faults import EdgeError, ScanStopped
from edge.outcome import TREES
from edge.state import Broken, Ended, Halted, ScanState
from firmware_bridge.pairing import faults as _of_pairs

_KNOWN = (_of_pairs.ReadLate, _of_pairs.Withdrawn)
"""Faults that no other room names, and a journal may: they are known once they are loaded."""


def fault_of(state: ScanState, folder: str) -> EdgeError | None:
    """What a scan whose process is gone ended with; None where it is finished."""
    again = f"go on with pointillist scan --resume {folder}"
    match state:
        case Ended(outcome="finished"):
            return None
        case Ended():
            return ScanStopped(f"the scan was aborted: {again}")
        case Broken(fault=fault, sentence=sentence):
            return _kind_of(fault)(f"the scan was stopped by {fault}: {sentence}")
        case Halted(reason=reason):
            return ScanStopped(f"the scan was stopped, {reason}: {again}")
        case _:
            return ScanStopped(f"the scan's program is gone and did not say why: see its log.txt, then {again}")


def _kind_of(fault: str) -> type[EdgeError]:
    """The application's exception with the exit code of a fault, by its name."""
    for tree, kind in TREES:
        if fault in {each.__name__ for each in _all(tree)}:
            return kind
    # nobody foresaw it
    return EdgeError


def _all(tree: type[Exception]) -> Iterator[type[Exception]]:
    yield tree
    for below in tree.__subclasses__():
        yield from _all(below)
