"""From any exception to the sentence and exit code that end a command."""

from __future__ import annotations

import logging
import tempfile
import traceback
from typing import Final

from edge.faults import DeviceError, EdgeError, IntegrityError, SafetyStop, ScanStopped, UsageError
from firmware_bridge.faults import BridgeError, ControllerFault
from models.faults import ModelsError

TREES: Final[tuple[tuple[type[Exception], type[EdgeError]], ...]] = (
    (ControllerFault, SafetyStop),
    (BridgeError, DeviceError),
    (ModelsError, UsageError),
    (UsageError, UsageError),
    (DeviceError, DeviceError),
    (SafetyStop, SafetyStop),
    (IntegrityError, IntegrityError),
    (ScanStopped, ScanStopped),
    (EdgeError, EdgeError),
)
"""Every room's exceptions, each with the application's own that has its exit code; the narrower tree comes first."""
USAGE: Final = UsageError.exit_code
UNEXPECTED: Final = EdgeError.exit_code


def sentence_and_code(error: BaseException) -> tuple[str, int]:
    """One sentence for the operator, and the code of the README's table.

    A traceback goes to a file only, and only for what nobody foresaw.
    """
    for tree, kind in TREES:
        if isinstance(error, tree):
            return str(error), kind.exit_code
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror or error}: check the path, its permissions and the disk", USAGE
    what = str(error).splitlines()[0] if str(error) else "no further word"
    kept = _keep_traceback(error)
    return f"unexpected fault in the program ({type(error).__name__}: {what}): report it with {kept}", UNEXPECTED


def _keep_traceback(error: BaseException) -> str:
    """Put the traceback where a report can quote it, never in the terminal; says where."""
    log = logging.getLogger("edge")
    if any(isinstance(handler, logging.FileHandler) for handler in log.handlers):
        log.error("unexpected", exc_info=error)
        return "the recording's log.txt"
    try:
        with tempfile.NamedTemporaryFile("w", prefix="pointillist-", suffix=".txt", delete=False) as file:
            file.writelines(traceback.format_exception(error))
    except OSError:
        return "the command that you gave"
    return file.name
