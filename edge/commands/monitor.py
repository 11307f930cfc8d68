"""`pointillist monitor`: the page of a recording, running or at rest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def monitor(
    recording: Annotated[Path, typer.Argument(help="A recording's folder.")],
    host: Annotated[str, typer.Option(help="Address to serve it at; 0.0.0.0: to the network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port of the page; 0: any that is free.")] = 8765,
    name: Annotated[list[str] | None, typer.Option(help="Host name by which browsers call this computer.")] = None,
    token_file: Annotated[Path | None, typer.Option(help="File with the operators' token.", show_default=False)] = None,
    visitor_token_file: Annotated[
        Path | None, typer.Option(help="File with the token of those who may only look.", show_default=False)
    ] = None,
    certificate: Annotated[Path | None, typer.Option(help="TLS certificate chain (PEM).", show_default=False)] = None,
    key: Annotated[Path | None, typer.Option(help="Its private key (PEM).", show_default=False)] = None,
) -> None:
    """Show a recording on a page in a browser, as it grows or as it is; ends with Ctrl-C."""
    from edge.faults import ScanStopped
    from edge.monitor.run import show_recording
    from edge.monitor.settings import asked

    config = asked(
        host=host,
        port=port,
        names=name or [],
        token_file=token_file,
        visitor_token_file=visitor_token_file,
        certificate=certificate,
        key=key,
    )
    try:
        show_recording(recording, config, say=typer.echo)
    except KeyboardInterrupt:
        raise ScanStopped("the page is no longer served; a scan goes on") from None
