"""The console's commands that look after recordings: verify, copy, watch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def verify(
    recording: Annotated[Path, typer.Argument(help="A recording's folder.")],
) -> None:
    """Look a recording through, at rest or being written, and say what is missing or altered; changes nothing."""
    from edge.recordings.verify import refuse_failed, verify_recording

    findings = verify_recording(recording, show=lambda finding: typer.echo(finding.line()))
    refuse_failed(recording, findings)


def copy(
    recording: Annotated[Path, typer.Argument(help="A recording's folder.")],
    target: Annotated[Path, typer.Argument(help="Folder of the copy: new, empty, or an earlier copy of the same.")],
) -> None:
    """Copy a recording off the box, finished or running; broken off, it goes on where it was, nothing unchecked."""
    from edge.recordings.bar import bar_for
    from edge.recordings.copy import copy_recording

    with bar_for(typer.echo) as bar:
        copied = copy_recording(recording, target, bar=bar)
    what = f"{copied.records} records and {copied.files} files, {copied.length / 1e6:.1f} MB"
    typer.echo(f"Copied {what}, to {target}; every digest was compared after reading back")
    if copied.is_running:
        typer.echo("The scan goes on: call this again to bring the copy up to date")


def watch(
    recording: Annotated[Path, typer.Argument(help="A recording's folder.")],
    once: Annotated[bool, typer.Option("--once", help="Show it as it is now, and end.")] = False,
    interval_s: Annotated[
        float, typer.Option("--interval", min=0.1, max=3600.0, help="Seconds between two looks.")
    ] = 1.0,
) -> None:
    """Watch a running scan from another terminal, without disturbing it; ends with the scan's own exit code."""
    from edge.faults import ScanStopped
    from edge.recordings.screen import screen_for
    from edge.recordings.watch import show_once, watch_recording

    try:
        with screen_for(str(recording), typer.echo) as screen:
            if once:
                show_once(recording, screen=screen)
            else:
                watch_recording(recording, screen=screen, interval_s=interval_s)
    except KeyboardInterrupt:
        raise ScanStopped("no longer watched; the scan goes on") from None
