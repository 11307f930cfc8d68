"""The console's reprocess command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def reprocess(
    archive: Annotated[Path, typer.Argument(help="Folder that holds recordings, at any depth.")],
    scheduler: Annotated[
        str | None,
        typer.Option(help="Address of a Dask scheduler, tcp://HOST:8786.", show_default="processes of this machine"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the results, new or of an earlier run; one under runs/ when not given."),
    ] = None,
    method: Annotated[
        str | None, typer.Option(help="How to fill the maps; as each recording says when not given.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="Settings in place of the recordings' own (YAML).", show_default=False),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes on this machine.", show_default="one a core")
    ] = None,
    piece: Annotated[int, typer.Option(help="Side of a piece of a large map, in cells.")] = 512,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but faults.")] = False,
) -> None:
    """Fit and reconstruct every recording of an archive again, on all cores or on a cluster; originals stay untouched.

    An interrupted run goes on where it was when given its results' folder again.
    """
    from edge.console import Console
    from edge.faults import UsageError
    from edge.reprocess.changes import Settings
    from edge.reprocess.run import reprocess_archive

    if scheduler is not None and workers is not None:
        raise UsageError("--workers is for this machine: with --scheduler, start dask worker where they shall run")
    settings = Settings.of(method=method, config=config, piece_cells=piece)
    console = Console(quiet=quiet, log_level="info")
    reprocess_archive(archive, out=out, settings=settings, scheduler=scheduler, workers=workers, console=console)
