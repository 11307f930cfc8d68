"""The console's ``calibrate`` commands: cameras, stages, and what was found earlier."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="calibrate",
    help="Calibrate cameras and stage, and look at what was found.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

OutOption = Annotated[
    Path | None,
    typer.Option(help="Folder of stored calibrations; calibrations/ beside the configuration when not given."),
]


@app.command()
def verify(
    config: Annotated[Path, typer.Argument(help="Configuration of the scan (YAML).")],
    against: Annotated[
        Path | None,
        typer.Option(help="A recording's folder: has anything moved since its photograph?", show_default=False),
    ] = None,
) -> None:
    """Take a photograph and say whether what was calibrated still holds, finding by finding."""
    from edge.calibrate.verify import verify

    findings = verify(config, against=against, show=lambda finding: typer.echo(finding.line()))
    if failed := next((finding for finding in findings if not finding.passed), None):
        raise typer.Exit(failed.exit_code)


@app.command()
def camera(
    board: Annotated[str, typer.Option(help="The printed board, such as chessboard:9x6:25mm.")],
    folder: Annotated[
        Path | None, typer.Argument(help="Folder with pictures of the board; the camera is asked when not given.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Configuration that names the camera.", show_default=False)
    ] = None,
    out: OutOption = None,
) -> None:
    """Find a camera's lens from views of a printed board, and how well it is known."""
    from edge.calibrate.camera import calibrate_camera

    calibrate_camera(folder, board=board, config=config, out=out, say=typer.echo)


@app.command()
def show(
    file: Annotated[Path, typer.Argument(help="A stored calibration (YAML).")],
) -> None:
    """Draw a stored calibration: its figures, and where its pictures lie."""
    from edge.calibrate.show import described

    for line in described(file):
        typer.echo(line)
