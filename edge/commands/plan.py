"""The console's plan command: at a desk, of two plans, and of a few points measured long."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_DIFFERENT = 1
"""Of two plans that are not the same, as comparing programs have it."""


def plan(
    config: Annotated[Path | None, typer.Argument(help="Configuration of the scan (YAML).", show_default=False)] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for plan and pictures, new or empty; one under runs/ when not given.")
    ] = None,
    photograph: Annotated[
        Path | None,
        typer.Option(help="A picture as the configured camera would take it, in its place.", show_default=False),
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="Compare modes for a time (2h, 90min) and plan the best.", show_default=False)
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="The same, for the time that points at this rate take.", show_default=False)
    ] = None,
    error: Annotated[
        float | None,
        typer.Option(help="The same, for an error of the maps: what reaches it soonest.", show_default=False),
    ] = None,
    mode: Annotated[str, typer.Option(help="Plan this mode, whatever is predicted.")] = "automatic",
    is_dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Go through the plan in time, too: an animation of the path, and a page.")
    ] = False,
    diff: Annotated[
        tuple[Path, Path] | None,
        typer.Option(help="Say what two plans differ in, and end with 1 if they do.", show_default=False),
    ] = None,
    is_dwell_test: Annotated[
        bool,
        typer.Option("--dwell-test", help="Measure a few points long, with the beam on: what each dwell gives."),
    ] = False,
    at: Annotated[
        list[str] | None,
        typer.Option(help="A point of the dwell test, X,Y in stage mm; may be repeated.", show_default="by colour"),
    ] = None,
    live_s: Annotated[
        float | None,
        typer.Option("--live-s", help="Live time of each point of the dwell test, s.", show_default="5 s"),
    ] = None,
) -> None:
    """Plan a scan without the instrument, and leave the plan and pictures of density, mask and path.

    With --dwell-test the beam is on: started from a terminal on the instrument, this is the arming.
    """
    if diff is not None:
        given = (config, photograph, live_s, time, rate, error)
        is_alone = all(one is None for one in given) and not (is_dry_run or is_dwell_test or at or mode != "automatic")
        _compare_plans(*diff, out=out, is_alone=is_alone)
        return
    if is_dwell_test or at or live_s is not None:
        is_compared = time is not None or rate is not None or error is not None or mode != "automatic"
        if photograph is not None or is_dry_run or is_compared or not is_dwell_test:
            _refuse_mixture()
        _test_dwells(config, out=out, at=at or [], live_s=live_s)
        return
    from edge.console import Console
    from edge.faults import UsageError
    from edge.planning.desk_comparison import aim_of
    from edge.planning.desk_plan import dry_run, write_plan

    if config is None:
        raise UsageError("plan needs a configuration: pointillist plan CONFIG.yaml, or --diff PLAN PLAN")
    write = dry_run if is_dry_run else write_plan
    aim = aim_of(time=time, rate=rate, error=error, mode=mode)
    write(config, out=out, photograph=photograph, console=Console(quiet=False, log_level="info"), aim=aim)


def _refuse_mixture() -> None:
    from edge.faults import UsageError

    raise UsageError(
        "--at and --live-s belong to --dwell-test, which asks the camera and measures: leave --photograph, --dry-run, "
        "--time, --rate, --error and --mode out"
    )


def _test_dwells(config: Path | None, *, out: Path | None, at: list[str], live_s: float | None) -> None:
    from edge.console import Console
    from edge.dwell_test.run import run_dwell_test
    from edge.faults import UsageError

    if config is None:
        raise UsageError("--dwell-test needs a configuration: pointillist plan CONFIG.yaml --dwell-test")
    run_dwell_test(config, out=out, at=at, live_s=live_s, console=Console(quiet=False, log_level="info"))


def _compare_plans(first: Path, second: Path, *, out: Path | None, is_alone: bool) -> None:
    from edge.faults import UsageError
    from edge.planning.diff import tell_difference

    if not is_alone:
        raise UsageError("--diff PLAN PLAN compares plans that are there: leave configuration and other options out")
    said = tell_difference(first, second, out=out)
    for line in said or ["The plans are the same"]:
        typer.echo(line)
    if said:
        raise typer.Exit(_DIFFERENT)
