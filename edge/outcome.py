"""From any exception to the sentence and exit code that end a command."""

from __future__ import annotations

import logging
import tempfile
import traceback

from edge.faults import EdgeError
from firmware_bridge.faults import BridgeError, ControllerFault
from models.faults import ModelsError

UNEXPECTED = 1
USAGE = 2
LINK = 3
SAFETY = 4


def sentence_and_code(error: BaseException) -> tuple[str, int]:
    """One sentence for the operator, and the code of the README's table.

    A traceback goes to a file only, and only for what nobody foresaw.
    """
    match error:
        case EdgeError():
            return str(error), error.exit_code
        case ControllerFault():
            return str(error), SAFETY
        case BridgeError():
            return str(error), LINK
        case ModelsError():
            return str(error), USAGE
        case OSError() if error.filename is not None:
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
