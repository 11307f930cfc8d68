"""The console's init command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")] = Path("scan.yaml"),
    takes_defaults: Annotated[
        bool, typer.Option("--yes", help="Ask nothing: take what is plugged in, and what is proposed.")
    ] = False,
) -> None:
    """Write a first configuration: asks a few questions and looks at what is plugged in; nothing is connected."""
    from edge.cameras.usb_video import listed_cameras
    from edge.faults import UsageError
    from edge.setting_up.answers import ask_all
    from edge.setting_up.interview import Interview
    from edge.setting_up.written import write_configuration
    from firmware_bridge.ports import listed_ports

    if file.exists():
        raise UsageError(f"{file}: exists already: give another name, or move it away")
    answers = ask_all(Interview(takes_defaults=takes_defaults), ports=listed_ports(), cameras=listed_cameras())
    write_configuration(file, answers)
    typer.echo(f"Wrote {file}. Put in where the markers lie, then: pointillist doctor {file}")
