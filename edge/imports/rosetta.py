"""Makers' formats, read by RosettaSciIO in a process of its own.

RosettaSciIO is under the GPL, version 3, and this project is not: it is an extra that a user installs, and is imported
in that process alone, `edge.imports.rosetta_process`. Some of its parsers are compiled and trust what a file says of
itself; where one of them runs out of memory, of time or of its arrays, this process goes on.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from edge.faults import UsageError
from edge.imports.found import Found
from edge.imports.signal import Signal, found_of, rows_of

READERS = {".bcf": "bruker", ".spd": "edax"}
"""RosettaSciIO's name of the reader for each ending."""
VALUES, DESCRIPTION = "values.npy", "signal.json"
"""What the process leaves."""


def read_by_rosetta(path: Path) -> Found:
    """Spectra or maps of a maker's file, unpacked beforehand into a file that no name leads to.

    Raises
    ------
    UsageError
        The extra is not installed, or the file is damaged, foreign or out of bounds.
    """
    if find_spec("rsciio") is None:
        raise UsageError(
            f"{path}: {path.suffix} files are read by RosettaSciIO, which is not installed: "
            "pip install 'pointillist[import]'"
        )
    with tempfile.TemporaryDirectory(prefix="pointillist-import-") as folder:
        module = f"{__package__}.rosetta_process"
        command = [sys.executable, "-m", module, READERS[path.suffix.lower()], str(path.resolve()), folder]
        ended = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True)
        said = _said(Path(folder) / DESCRIPTION)
        if ended.returncode or "refused" in said:
            what = said.get("refused") or _ending(ended.returncode)
            raise UsageError(f"{path}: cannot be read ({what}): save it again")
        # the mapping outlives the name
        values = np.load(Path(folder) / VALUES, mmap_mode="r", allow_pickle=False)
    shape = (values.shape[0], values.shape[1], values.shape[2])
    return found_of(Signal(shape, said["axes"], said["metadata"], lambda layout: rows_of(values, layout)), path)


def _said(description: Path) -> dict[str, Any]:
    try:
        said = json.loads(description.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _ending(code: int) -> str:
    match -code:
        case signal.SIGXCPU | signal.SIGKILL:
            return "it takes longer than any file of its size"
        case number if number > 0:
            return f"its reader was ended by {signal.Signals(number).name}"
        case _:
            return f"its reader ended with {code}"
