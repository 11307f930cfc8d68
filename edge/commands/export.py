"""The console's export command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    recording: Annotated[Path, typer.Argument(help="A recording's folder, finished or not.")],
    name: Annotated[
        str,
        typer.Option(
            "--format", help="nexus, nexus-points, hyperspy, rpl, tiff, ometiff, edf or csv.", show_default=False
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="File or folder to make; beside the recording when not given.", show_default=False),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but faults.")] = False,
) -> None:
    """Write a recording as other programs open it: spectra, element maps and where they come from."""
    from edge.console import Console
    from edge.export.run import export_recording

    export_recording(recording, name=name, out=out, console=Console(quiet=quiet, log_level="info"))
