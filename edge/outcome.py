"""From any exception to the sentence and exit code that end a command."""

from __future__ import annotations

import logging

from edge.faults import EdgeError
from firmware_bridge.faults import BridgeError, ControllerFault
from models.faults import ModelsError

UNEXPECTED = 1
USAGE = 2
LINK = 3
SAFETY = 4


def sentence_and_code(error: BaseException) -> tuple[str, int]:
    """One sentence for the operator, and the code of the README's table.

    A traceback goes to the log only, and only for what nobody foresaw.
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
    logging.getLogger("edge").error("unexpected", exc_info=error)
    what = str(error).splitlines()[0] if str(error) else "no further word"
    return (
        f"unexpected fault in the program ({type(error).__name__}: {what}): please report it with the log",
        UNEXPECTED,
    )
