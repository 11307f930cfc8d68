"""The console's serve command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def serve(
    config: Annotated[Path, typer.Argument(help="The instrument's configuration (YAML).")],
    recordings: Annotated[Path, typer.Option(help="Folder of the recordings.")] = Path("runs"),
) -> None:
    """Serve the instrument's own page: plan on it, start a scan that waits to be armed, watch it. Ends with Ctrl-C."""
    from edge.faults import ScanStopped
    from edge.serving.run import serve as serve_instrument

    try:
        serve_instrument(config, recordings, say=typer.echo)
    except KeyboardInterrupt:
        raise ScanStopped("the instrument's page is no longer served") from None
