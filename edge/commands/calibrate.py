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
    spot: Annotated[
        bool, typer.Option("--spot", help="Let the stage move the alignment laser's spot to places not used before.")
    ] = False,
) -> None:
    """Take a photograph and say whether what was calibrated still holds, finding by finding."""
    from edge.calibrate.verify import verify, verify_with_spot
    from edge.console import Console
    from edge.readiness.doctor import Finding

    def show(finding: Finding) -> None:
        typer.echo(finding.line())

    if spot:
        console = Console(quiet=False, log_level="info")
        findings = verify_with_spot(config, against=against, show=show, console=console)
    else:
        findings = verify(config, against=against, show=show)
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


@app.command(name="print")
def print_board(
    what: Annotated[
        str, typer.Argument(help="A board such as chessboard:9x6:25mm, or fiducials:0-7:10mm:DICT_4X4_50.")
    ],
    out: Annotated[Path, typer.Option(help="PDF file to write.")] = Path("board.pdf"),
    paper: Annotated[str, typer.Option(help="A4, A3, A2, A1, A0, letter or tabloid.")] = "A4",
) -> None:
    """Write a calibration board or fiducials as PDF at true scale."""
    from edge.calibrate.printing import print_sheet

    typer.echo(print_sheet(what, paper=paper, out=out))


@app.command()
def stage(
    config: Annotated[Path, typer.Argument(help="Configuration of the scan (YAML).")],
    method: Annotated[
        str, typer.Option(help="fiducials: markers at known places; spot: the stage moves the alignment laser's spot.")
    ] = "fiducials",
    points: Annotated[
        Path | None, typer.Option(help="CSV or YAML with pairs column_px, row_px, x_mm, y_mm.", show_default=False)
    ] = None,
    laser_off: Annotated[
        Path | None, typer.Option(help="Picture with the laser off, for --method spot.", show_default=False)
    ] = None,
    columns: Annotated[int, typer.Option(help="Places along x that the spot visits.")] = 5,
    rows: Annotated[int, typer.Option(help="Places along y.")] = 5,
    out: OutOption = None,
) -> None:
    """Find where the camera's pixels lie on the stage, and how well that is known; the shutter stays closed."""
    from edge.calibrate.stage import calibrate_stage
    from edge.console import Console

    calibrate_stage(
        config,
        method=method,
        points=points,
        laser_off=laser_off,
        columns=columns,
        rows=rows,
        out=out,
        console=Console(quiet=False, log_level="info"),
    )


@app.command()
def head(
    config: Annotated[Path, typer.Argument(help="Configuration whose camera is the head's (YAML).")],
    origin: Annotated[
        str, typer.Option(help="marker: markers at known places; spot: the alignment laser's spot in the picture.")
    ] = "marker",
    at: Annotated[
        tuple[float, float] | None,
        typer.Option(help="X and y in mm where the stage goes first; where it stands when not given."),
    ] = None,
    step_mm: Annotated[float, typer.Option(help="From place to place, of 3 x 3 places.")] = 3.0,
    frames: Annotated[
        Path | None, typer.Option(help="Folder for the frames; those that it holds are used.", show_default=False)
    ] = None,
    out: OutOption = None,
) -> None:
    """Find where a camera on the head looks, beside the beam, as the stage moves; the shutter stays closed."""
    from edge.calibrate.head import calibrate_head
    from edge.console import Console

    console = Console(quiet=False, log_level="info")
    calibrate_head(config, origin=origin, at_mm=at, step_mm=step_mm, frames=frames, out=out, console=console)


@app.command()
def mosaic(
    head: Annotated[Path, typer.Option(help="The head's stored calibration.")],
    config: Annotated[
        Path | None,
        typer.Argument(help="Configuration whose camera is the head's (YAML); none: the frames are there."),
    ] = None,
    frames: Annotated[
        Path | None, typer.Option(help="Folder for the frames; those that it holds are used.", show_default=False)
    ] = None,
    overlap: Annotated[float, typer.Option(help="Share of a frame that neighbours have in common.")] = 0.25,
    mm_per_px: Annotated[
        float | None, typer.Option(help="Of the mosaic; as fine as the frames when not given.", show_default=False)
    ] = None,
    stage_error_mm: Annotated[float, typer.Option(help="Standard deviation of the stage's positions.")] = 0.1,
    card: Annotated[
        Path | None, typer.Option(help="Picture of an even card by the head's camera.", show_default=False)
    ] = None,
    out: OutOption = None,
) -> None:
    """Lay frames of a camera on the head together as one picture of the scan's area, placed on the stage."""
    from edge.calibrate.mosaic import MosaicWish, calibrate_mosaic
    from edge.console import Console

    wish = MosaicWish(overlap, mm_per_px, stage_error_mm, card)
    console = Console(quiet=False, log_level="info")
    calibrate_mosaic(config, head=head, frames=frames, wish=wish, out=out, console=console)


@app.command()
def motion(
    config: Annotated[
        Path | None, typer.Argument(help="Configuration of the scan (YAML); the beam is on for a short run.")
    ] = None,
    recording: Annotated[
        Path | None,
        typer.Option(help="A recording's folder to calibrate from instead; nothing moves.", show_default=False),
    ] = None,
    is_without_runs: Annotated[
        bool, typer.Option("--no-runs", help="Fly no rows of strokes, for stages that cannot: dwells only.")
    ] = False,
    review: Annotated[bool, typer.Option("--review", help="Show the plan and ask before the shutter opens.")] = False,
    out: OutOption = None,
) -> None:
    """Find how fast the stage moves, accelerates and settles, so that plans are priced right; the shutter opens.

    Started from a terminal on the instrument, this is the arming. With --recording nothing moves and no shutter opens.
    """
    from edge.calibrate.motion import calibrate_motion
    from edge.console import Console

    console = Console(quiet=False, log_level="info")
    calibrate_motion(config, recording=recording, flies=not is_without_runs, review=review, out=out, console=console)


@app.command()
def show(
    file: Annotated[Path, typer.Argument(help="A stored calibration (YAML).")],
) -> None:
    """Draw a stored calibration: its figures, and where its pictures lie."""
    from edge.calibrate.show import described

    for line in described(file):
        typer.echo(line)
