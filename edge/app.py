"""The composition root: chooses the parts that a configuration names and runs a command over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import yaml

from edge.alerts.process import of_resumed, told
from edge.beam.interrupts import Interrupts, Request
from edge.beam.reconnect import Connection, home_where_needed
from edge.beam.scan import RunOutcome
from edge.beam.session import Session
from edge.calibrate.age import examine_ages
from edge.configuration.config import ScanConfig, load_scan_config, parse_scan_config
from edge.configuration.devices import (
    NativeControllerConfig,
    PairedControllerConfig,
    spectrometer_options,
    stage_options,
    standoff_options,
)
from edge.console import Console
from edge.faults import EdgeError, ScanStopped, UsageError
from edge.finish import finish_recording
from edge.monitor.process import page_of
from edge.motion.stage_known import examine_motion
from edge.opening import opened_event
from edge.photography.photograph import keep_flat_field
from edge.planning.folder import ReviewedPlan, read_reviewed, write_plan_folder
from edge.planning.reviewed_plan import refuse_unfit
from edge.prepare import plan_scan, require_known_names
from edge.readiness.doctor import (
    Finding,
    examine_controller,
    examine_disk,
    examine_installation,
    examine_readiness,
    require,
)
from edge.readiness.examination import Examination
from edge.record.durable import write_durably
from edge.record.folder import RecordingPaths, create_recording, new_folder, open_recording, recording_at, refuse_taken
from edge.record.journal import Journal
from edge.report.pdf import print_page
from edge.state import Ended, New
from edge.steps import Planner, Scan
from edge.stopping.asked import NOTHING_ASKED, AskedStop
from edge.stopping.first_part import warn_of_floor
from firmware_bridge.controller import Controller
from firmware_bridge.faults import BridgeError
from firmware_bridge.registry import CONNECT, SPECTROMETERS, STAGES, STANDOFFS, connect_pair
from models.faults import ModelsError


def run_scan(
    path: Path,
    *,
    out: Path | None,
    console: Console,
    review: bool,
    reviewed_plan: Path | None = None,
    stop: AskedStop = NOTHING_ASKED,
    interrupts: Interrupts | None = None,
) -> Path:
    """Scan as the configuration says, from photograph to report; gives the recording's folder.

    Parameters
    ----------
    stop
        When it is over, in place of what the configuration says of that.
    reviewed_plan
        A plan to carry out as it is, in the folder where `pointillist plan` left it; None: plan by a photograph.
    interrupts
        Say whether the scan waits to be armed; None: whoever starts it arms it by that.

    Raises
    ------
    EdgeError, BridgeError
        With one sentence and its exit code; the shutter is closed and everything measured is in the journal.
    """
    config = stop.applied_to(load_scan_config(path))
    require_known_names(config)
    warn_of_floor(config, console)
    reviewed = None if reviewed_plan is None else read_reviewed(reviewed_plan, config)
    if reviewed is not None:
        refuse_unfit(reviewed, config)
    folder = out or new_folder(config.object.identifier)
    refuse_taken(folder)
    require([*examine_installation(), *examine_disk(config, folder), *examine_ages(config)])
    with page_of(config.monitor, folder, console), told(config.alerts, folder, console.post):
        outcome, paths = record(config, folder, console, review=review, reviewed=reviewed, interrupts=interrupts)
        return _conclude(outcome, paths, console)


def record(
    config: ScanConfig,
    folder: Path,
    console: Console,
    *,
    review: bool = False,
    reviewed: ReviewedPlan | None = None,
    planner: Planner = plan_scan,
    interrupts: Interrupts | None = None,
) -> tuple[RunOutcome, RecordingPaths]:
    """Make one recording in a new folder: photograph, plan, measurement; its maps and report are left to others.

    Parameters
    ----------
    reviewed
        What to carry out; None: what the planner makes of the photograph.
    interrupts
        As of `run_scan`.

    Raises
    ------
    EdgeError, BridgeError
        As `run_scan`.
    """
    interrupts = interrupts or Interrupts()
    with connected(config, console) as connection:
        paths = create_recording(folder)
        console.log_to(paths.log)
        if reviewed is not None:
            paths.reviewed.mkdir()
            write_plan_folder(paths.reviewed, reviewed)
        text = yaml_of(keep_flat_field(config, folder))
        write_durably(paths.config, text.encode())
        # what it names in the recording is read there from now on, as everybody does later
        config = parse_scan_config(text, paths.config)
        with Journal.create(paths.journal) as journal, _commanded(interrupts, paths, console):
            session = Session(journal, New())
            scan_id = uuid4().hex
            session.record(opened_event(text, connection.controller.capabilities, scan_id=scan_id))
            scan = Scan(
                config,
                connection,
                session,
                paths,
                console,
                scan_id=scan_id,
                config_yaml=text,
                planner=planner,
                interrupts=interrupts,
            )
            with _explained(paths, console):
                return scan.measure(scan.prepare(), done=frozenset(), live_s=0.0, review=review), paths


@dataclass(frozen=True, slots=True)
class Beside:
    """What runs beside a scan that is taken up."""

    alerts_of: Path | None = None
    """Configuration that says who is told; None: the recording's, whose program is not started."""
    has_page: bool = True
    """Whether there is a page of its own where the recording says so."""


AS_RECORDED = Beside()


def resume_scan(
    folder: Path,
    *,
    console: Console,
    review: bool,
    interrupts: Interrupts | None = None,
    beside: Beside = AS_RECORDED,
) -> Path:
    """Go on with an interrupted scan: the same plan, what it still lacks, each exposure once.

    Parameters
    ----------
    beside
        What else runs.
    interrupts
        As of `run_scan`.

    Raises
    ------
    EdgeError, BridgeError
        As `run_scan`; also when the recording is finished or damaged, or the object has moved.
    """
    with ExitStack() as held:

        def run_beside(config: ScanConfig) -> None:
            held.enter_context(page_of(config.monitor if beside.has_page else None, folder, console))
            alerts = of_resumed(config.alerts, beside.alerts_of, console.warn)
            held.enter_context(told(alerts, folder, console.post))

        interrupts = interrupts or Interrupts()
        outcome = _resumed(folder, console=console, review=review, run_beside=run_beside, interrupts=interrupts)
        return _conclude(outcome, RecordingPaths(folder), console)


def _resumed(
    folder: Path, *, console: Console, review: bool, run_beside: Callable[[ScanConfig], None], interrupts: Interrupts
) -> RunOutcome:
    """What is left of a scan, with whatever runs beside it until its maps are made."""
    paths = RecordingPaths(folder)
    with _reopened(folder) as journal:
        with open_recording(folder) as recording:
            history = recording.history
        if isinstance(history.state, Ended) and history.state.outcome == "finished":
            raise UsageError(f"{folder}: this scan is finished: for its maps and report, pointillist report {folder}")
        if not history.opened:
            raise UsageError(f"{folder}: this scan never began: delete the folder and start it again")
        config = parse_scan_config(history.config_yaml, paths.config)
        require([*examine_ages(config)])
        console.log_to(paths.log)
        run_beside(config)
        text, scan_id = history.config_yaml, history.scan_id
        with _commanded(interrupts, paths, console), connected(config, console) as connection:
            session = Session(journal, history.state, history.beam, history.received, history.running)
            session.record(opened_event(text, connection.controller.capabilities, scan_id=scan_id))
            scan = Scan(
                config,
                connection,
                session,
                paths,
                console,
                scan_id=scan_id,
                config_yaml=text,
                interrupts=interrupts,
            )
            with _explained(paths, console):
                plan = scan.prepare_again(history)
                visits = frozenset(visit.event.done.index for visit in history.visits)
                return scan.measure(plan, done=history.settled, live_s=history.live_s, review=review, visits=visits)


def report_scan(folder: Path, *, console: Console, pdf: bool = False) -> None:
    """Make maps and report of a recording, finished or not, from its journal; where asked, the report on paper too."""
    console.say("Computing the maps and the report")
    for line in finish_recording(folder):
        console.say(line)
    paths = RecordingPaths(folder)
    if pdf and paths.report.is_file():
        print_page(paths.report, paths.printed)
        console.say(f"PDF:    {paths.printed}")
    elif paths.printed.is_file():
        paths.printed.unlink()
        console.say(f"{paths.printed} was of an earlier report and is gone: --pdf prints this one")


def examine(path: Path, *, show: Callable[[Finding], None]) -> list[Finding]:
    """Everything that `doctor` looks at, shown as it is found; what cannot be reached is a finding, not a fault."""
    examination = _examination(path, show)
    examination.run()
    return examination.findings


def examine_with_shutter(path: Path, *, show: Callable[[Finding], None], console: Console) -> list[Finding]:
    """As `examine`, and then a test of shutter, door and lease that opens the shutter; needs somebody at a terminal."""
    examination = _examination(path, show)
    examination.run_with_shutter(console)
    return examination.findings


def _examination(path: Path, show: Callable[[Finding], None]) -> Examination:
    config = load_scan_config(path)
    return Examination(config, lambda: _connect(config), show)


def yaml_of(config: ScanConfig) -> str:
    """The closed configuration, defaults included, as YAML that `load_scan_config` reads back."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)


def _reopened(folder: Path) -> Journal:
    """The journal of an existing recording, locked for writing, every record looked at."""
    return Journal.open(recording_at(folder).journal)


def _connect(config: ScanConfig) -> Controller:
    match config.instrument.controller:
        case NativeControllerConfig() as wanted:
            return CONNECT[wanted.kind](wanted.port, wanted.baud)
        case PairedControllerConfig(stage=stage, spectrometer=spectrometer, standoff=standoff):
            return connect_pair(
                lambda: STAGES[stage.kind](stage_options(stage)),
                lambda: SPECTROMETERS[spectrometer.kind](spectrometer_options(spectrometer)),
                None
                if standoff is None
                else lambda moving: STANDOFFS[standoff.kind](moving, standoff_options(standoff)),
            )


@contextmanager
def connected(config: ScanConfig, console: Console) -> Iterator[Connection]:
    """A homed controller that has passed every check; on leaving, by whatever way, the shutter is closed."""
    patience_s = config.instrument.reconnect_s
    connection = Connection(lambda: _connect(config), patience_s=patience_s, console=console)
    try:
        controller = connection.controller
        capabilities = controller.capabilities
        console.say(f"Connected to {capabilities.firmware}")
        found = [*examine_controller(config, capabilities), *examine_motion(config, capabilities)]
        require([*found, *examine_readiness(controller.status())])
        home_where_needed(controller, console)
        yield connection
    finally:
        connection.close()


@contextmanager
def _commanded(interrupts: Interrupts, paths: RecordingPaths, console: Console) -> Iterator[None]:
    """Orders from elsewhere are taken."""
    with interrupts.hearing(paths, console.warn):
        try:
            yield
        except KeyboardInterrupt:
            if interrupts.request is not Request.STOP or not interrupts.by:
                raise
            raise ScanStopped(
                f"stopped by {interrupts.by} on the page before the shutter opened; go on with: "
                f"pointillist scan --resume {paths.folder}"
            ) from None


@contextmanager
def _explained(paths: RecordingPaths, console: Console) -> Iterator[None]:
    """Whatever ends a scan early, say beside it that nothing is lost and how to go on."""
    try:
        yield
    except ScanStopped:
        raise
    except (EdgeError, BridgeError, ModelsError):
        console.warn(
            f"every exposure so far is safe; once this is mended, go on with: pointillist scan --resume {paths.folder}"
        )
        raise


def _conclude(outcome: RunOutcome, paths: RecordingPaths, console: Console) -> Path:
    try:
        report_scan(paths.folder, console=console)
    except KeyboardInterrupt:
        raise ScanStopped(
            "stopped while maps and report were being made, the recording is whole; "
            f"make them with: pointillist report {paths.folder}"
        ) from None
    except UsageError as reason:
        if outcome not in (RunOutcome.STOPPED, RunOutcome.CUT_OFF):
            raise
        # Too little was measured for maps, which is no reason to hide that the scan can go on.
        console.warn(f"no maps yet: {reason}")
    if outcome is RunOutcome.STOPPED:
        raise ScanStopped(f"stopped with the shutter closed; go on with: pointillist scan --resume {paths.folder}")
    if outcome is RunOutcome.CUT_OFF:
        raise ScanStopped(
            "stopped while the controller was out of reach: look at the instrument, then go on with: "
            f"pointillist scan --resume {paths.folder}"
        )
    return paths.folder
