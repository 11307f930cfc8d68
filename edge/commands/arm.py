"""The console's arm command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def arm(
    recording: Annotated[Path, typer.Argument(help="Recording of a scan that waits to be armed, or is paused.")],
) -> None:
    """Let a scan that waits, shutter closed, open it: shows what it is about to do, and asks. The beam comes on."""
    from edge.console import Console
    from edge.control.arm import arm as arm_scan

    arm_scan(recording, console=Console(quiet=False, log_level="info"))
