"""`pointillist monitor`: the page of a recording, running or at rest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def monitor(
    recording: Annotated[Path, typer.Argument(help="A recording's folder.")],
    host: Annotated[
        str, typer.Option(help="Address to serve the page at; this computer alone when not given.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port of the page; 0: any that is free.")] = 8765,
) -> None:
    """Show a recording on a page in a browser, as it grows or as it is; ends with Ctrl-C."""
    from edge.monitor.run import show_recording

    show_recording(recording, host=host, port=port, say=typer.echo)
