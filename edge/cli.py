"""The console: arguments in, exit code out; everything heavy is imported by the command that needs it."""

from __future__ import annotations

import enum
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from edge.commands import arm, calibrate, export, init, monitor, plan, reconstruct, recordings, replay, reprocess, serve

app = typer.Typer(
    name="pointillist",
    help="Autonomous macro X-ray fluorescence scanning: photograph in, element maps with error bars out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


class LogLevel(enum.StrEnum):
    """How much goes to the log."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


_INTERRUPTED = 130
"""What typer makes of Ctrl-C."""

LogLevelOption = Annotated[LogLevel, typer.Option("--log-level", help="How much goes to the log file.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but faults.")]


def version_text() -> str:
    """Name and version, as `--version` prints them."""
    from importlib.metadata import version

    return f"pointillist {version('pointillist')}"


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version_text())
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Autonomous macro X-ray fluorescence scanning: photograph in, element maps with error bars out."""


@app.command()
def scan(
    config: Annotated[Path | None, typer.Argument(help="Configuration of the scan (YAML).", show_default=False)] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the recording; a new one under runs/ when not given.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with an interrupted scan from its recording.", show_default=False)
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(help="Carry out this plan as it is: a folder that pointillist plan left.", show_default=False),
    ] = None,
    review: Annotated[
        bool, typer.Option("--review", help="Show density, mask and plan and ask before the shutter opens.")
    ] = False,
    error: Annotated[
        list[str] | None,
        typer.Option(help="Stop once the maps are so near, of all (0.03) or of one (Pb=0.05).", show_default=False),
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="Stop after so long, travel included: 2h, 90min.", show_default=False)
    ] = None,
    is_armed_later: Annotated[
        bool, typer.Option("--await-arm", help="Prepare, then wait, shutter closed, for pointillist arm DIR.")
    ] = False,
    alerts: Annotated[
        Path | None,
        typer.Option(help="With --resume: this instrument's configuration, whose alerts tell.", show_default=False),
    ] = None,
    has_no_page: Annotated[
        bool, typer.Option("--no-page", help="With --resume: no page of its own, whatever the recording says.")
    ] = False,
    quiet: QuietOption = False,
    log_level: LogLevelOption = LogLevel.INFO,
) -> None:
    """Scan an object, unattended: photograph, plan, measure, map, report.

    Started from a terminal on the instrument, this command is the arming, unless --await-arm puts that off.
    """
    from edge.app import Beside, resume_scan, run_scan
    from edge.beam.interrupts import Interrupts
    from edge.console import Console
    from edge.faults import UsageError
    from edge.stopping.asked import asked_stop

    console, interrupts = Console(quiet=quiet, log_level=log_level.value), Interrupts(awaits_arming=is_armed_later)
    if resume is not None:
        if config is not None or out is not None or plan is not None or error or time is not None:
            raise UsageError(
                "--resume DIR takes neither a configuration nor --out, --plan, --error or --time: the recording holds "
                "its own"
            )
        beside = Beside(alerts, has_page=not has_no_page)
        resume_scan(resume, console=console, review=review, interrupts=interrupts, beside=beside)
    elif alerts is not None or has_no_page:
        raise UsageError("--alerts and --no-page belong to --resume: a new scan's configuration says both")
    elif config is None:
        raise UsageError("scan needs a configuration: pointillist scan CONFIG.yaml, or --resume DIR")
    else:
        stop = asked_stop(error or [], time)
        run_scan(config, out=out, console=console, review=review, reviewed_plan=plan, stop=stop, interrupts=interrupts)


app.command()(arm.arm)
app.command()(serve.serve)
app.command()(plan.plan)
app.command()(reconstruct.reconstruct)
app.command()(reprocess.reprocess)
app.command()(recordings.verify)
app.command()(recordings.copy)
app.command()(recordings.watch)
app.command()(monitor.monitor)
app.command()(export.export)
app.command()(init.init)


@app.command()
def report(
    recording: Annotated[Path, typer.Argument(help="A recording's folder.")],
    pdf: Annotated[bool, typer.Option("--pdf", help="Print the report too, to report.pdf (needs Chromium).")] = False,
    quiet: QuietOption = False,
) -> None:
    """Make maps and report of a recording again, from its journal alone."""
    from edge.app import report_scan
    from edge.console import Console

    report_scan(recording, console=Console(quiet=quiet, log_level="info"), pdf=pdf)


@app.command()
def join(
    campaign: Annotated[Path, typer.Argument(help="Campaign of several placements (YAML).")],
    out: Annotated[Path, typer.Option(help="Folder for maps.h5 and report.html; must be new or empty.")],
) -> None:
    """Join the recordings of several placements of the scanner to one map of the whole object."""
    from edge.campaign.join import join_campaign

    join_campaign(campaign, out=out, say=typer.echo)


@app.command()
def doctor(
    config: Annotated[Path, typer.Argument(help="Configuration of the scan (YAML).")],
    shutter: Annotated[
        bool, typer.Option("--shutter", help="Open the shutter too, and test it with door and lease; asks first.")
    ] = False,
) -> None:
    """Examine instrument, camera, disk and installation, and say what to do about each finding."""
    from edge.app import examine, examine_with_shutter
    from edge.console import Console

    console = Console(quiet=False, log_level="info")
    if shutter:
        findings = examine_with_shutter(config, show=lambda finding: console.say(finding.line()), console=console)
    else:
        findings = examine(config, show=lambda finding: console.say(finding.line()))
    if failed := next((finding for finding in findings if not finding.passed), None):
        raise typer.Exit(failed.exit_code)


@app.command()
def simulate(
    instrument: Annotated[Path, typer.Argument(help="Simulated instrument (YAML).")],
    log: Annotated[Path | None, typer.Option(help="Where the twin writes its own log (JSON lines).")] = None,
    follow_input: Annotated[
        bool, typer.Option("--follow-input", help="End when standard input ends: with the program that started it.")
    ] = False,
) -> None:
    """Run a simulated instrument until interrupted: stage, shutter and detector behind a pseudo-terminal."""
    from edge.simulate.run import run_instrument

    run_instrument(instrument, log=log, announce=typer.echo, follow_input=follow_input)


app.command()(replay.replay)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder of the recording.")] = Path("runs/demo"),
    replace: Annotated[bool, typer.Option("--replace", help="Delete an earlier demonstration there.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Watch an autonomous scan of a painted panel on the simulated instrument."""
    from edge.demo import run_demo

    run_demo(out, replace=replace, quiet=quiet)


app.add_typer(calibrate.app)


def main() -> None:
    """Entry point of the console script: one sentence and a stated exit code for whatever goes wrong."""
    # The matrices here are small: a pool of threads for each costs more than it gives, and would starve the link.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from edge.ending import end

    end(run(sys.argv[1:]))


def _tell(sentence: str) -> None:
    """The last word of a command, where there is still somebody to read it."""
    with suppress(OSError):
        typer.echo(f"pointillist: {sentence}", err=True)


def run(arguments: list[str]) -> int:
    """Run one command line and give its exit code."""
    try:
        outcome = app(args=arguments, prog_name="pointillist", standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        outcome = _INTERRUPTED
    except typer.Exit as stop:
        return stop.exit_code
    except typer.TyperException as error:
        _tell(f"{error.format_message().rstrip('.')}: see pointillist --help")
        return 2
    except Exception as error:
        from edge.outcome import sentence_and_code

        sentence, code = sentence_and_code(error)
        _tell(sentence)
        return code
    if outcome == _INTERRUPTED:
        _tell("stopped by the operator")
        return 6
    return outcome if isinstance(outcome, int) else 0


if __name__ == "__main__":
    main()
