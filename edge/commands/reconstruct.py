"""The console's reconstruct command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def reconstruct(
    recording: Annotated[Path, typer.Argument(help="A recording's folder, finished or not.")],
    method: Annotated[str, typer.Option(help="How to fill the maps.", show_default=False)],
    model: Annotated[
        Path | None,
        typer.Option(help="For --method unfold: the network that learned from this scan.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for maps and report, new or empty; one under runs/ when not given.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but faults.")] = False,
) -> None:
    """Make the maps of a recording again by another method, and compare their error with that of the scan's own."""
    from edge.console import Console
    from edge.reconstruct_recording import reconstruct_recording

    console = Console(quiet=quiet, log_level="info")
    reconstruct_recording(recording, method=method, network=model, out=out, console=console)
