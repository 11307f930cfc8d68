"""The steps of one scan in their order, each journalled as soon as it stands."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Callable, Collection
from collections.abc import Set as AbstractSet
from contextlib import closing, nullcontext
from dataclasses import replace
from importlib.metadata import version
from typing import Literal

import numpy as np

from calibration.registration_record import registration_from_dict, registration_to_dict
from edge.adaptive.growth import ByCells, Growth
from edge.adaptive.scanning import GrowingPlan
from edge.area import allowed_cells
from edge.calibrate.look import Look
from edge.calibrate.place import LastLook, check_place
from edge.cameras import Camera, open_camera, write_picture
from edge.config import ScanConfig
from edge.console import Console
from edge.correction import Corrections, correction_sentence
from edge.doctor import examine_controller, require
from edge.dose.earlier import earlier_s_per_cell
from edge.dose.limits import check_dose, refused_repeats, with_repeats
from edge.events import Opened, Planned, Registered, Resumed
from edge.faults import DeviceError, EdgeError
from edge.kinematics import predict_stretches
from edge.live import LiveMaps
from edge.passage import Passage, passage_of
from edge.plan import ScanPlan, check_plan, check_rest, plan_from_json, plan_to_json, remaining
from edge.plan_figures import tell_plan, tell_registration
from edge.plan_folder import read_reviewed
from edge.prepare import Sighting, batches_of, budget_of, plan_scan, sight
from edge.reconnect import Connection
from edge.record.fold import ScanHistory
from edge.record.folder import RecordingPaths, open_recording
from edge.results import sighting_of
from edge.review import ask_before_beam
from edge.reviewed_plan import admit
from edge.scan import Run, RunOutcome
from edge.session import Session, utc_now
from edge.shutter import Bounds
from edge.stage_known import examine_motion, slowest_to_stop, stage_of
from edge.standard_visit import StandardVisit
from edge.state import Ready
from edge.stopping.watch import Watch
from firmware_bridge.faults import BridgeError
from firmware_bridge.messages import Capabilities, StagePose

_PATIENCE = 3.0
_GRACE_S = 10.0
"""A run waits so many times the longest exposure and move, and so much more, before it takes silence for a fault."""
_DECIDES = ("pointillist", "numpy", "scipy", "opencv-python", "numba", "h5py")

Planner = Callable[[Sighting, ScanConfig, Capabilities], ScanPlan]
"""Decides what is measured, and checks that it may be."""


def versions() -> tuple[tuple[str, str], ...]:
    """Name and version of whatever decides the result."""
    return (*((name, version(name)) for name in _DECIDES), ("python", platform.python_version()))


def opened_event(config_yaml: str, capabilities: Capabilities, *, scan_id: str) -> Opened:
    """The event that begins, or goes on with, a recording."""
    ran = (*versions(), ("firmware", capabilities.firmware))
    return Opened(utc_now(), scan_id, config_yaml, ran, capabilities.boot_id)


def scan_number(scan_id: str) -> int:
    """A scan's identity as controllers carry it, 64 bits."""
    return int(scan_id[:16], 16)


class Scan:
    """One scan with its parts: what to do is the configuration's, what was done is the session's."""

    def __init__(
        self,
        config: ScanConfig,
        connection: Connection,
        session: Session,
        paths: RecordingPaths,
        console: Console,
        *,
        scan_id: str,
        config_yaml: str,
        planner: Planner = plan_scan,
    ) -> None:
        self._planner = planner
        self._scan_id = scan_id
        self._config_yaml = config_yaml
        self._config = config
        self._connection = connection
        self._capabilities = connection.controller.capabilities
        self._session = session
        self._sighting: Sighting | None = None
        self._last_look: LastLook | None = None
        self._visits_begin: Literal["visiting", "waiting"] = "visiting"
        self._paths = paths
        self._console = console

    def prepare(self) -> ScanPlan:
        """Photograph, registration, density, mask, plan; or the plan that was reviewed, if the recording holds one."""
        self._sighting = sighting = sight(self._camera(), self._config)
        write_picture(self._paths.frame, sighting.frame.image, sighting.frame.profile)
        for remark in sighting.remarks:
            self._console.warn(remark)
        registration = sighting.registration
        text = json.dumps(registration_to_dict(registration))
        self._session.record(Registered(utc_now(), text, sighting.frame_sha256))
        tell_registration(registration, self._console)
        plan = self._reviewed(sighting) or self._planner(sighting, self._config, self._capabilities)
        self._session.record(Planned(utc_now(), plan_to_json(plan), plan.digest))
        tell_plan(plan, self._config, self._console)
        return plan

    def _reviewed(self, sighting: Sighting) -> ScanPlan | None:
        """The plan that this scan was started with, unchanged, once it is known to fit; None where there is none."""
        if not self._paths.reviewed.is_dir():
            return None
        reviewed = read_reviewed(self._paths.reviewed, self._config)
        admitted = admit(reviewed, sighting, self._config, self._capabilities)
        for remark in admitted.remarks:
            self._console.warn(remark)
        self._console.say(f"{admitted.sentence[0].upper()}{admitted.sentence[1:]}")
        self._console.say(f"The plan is the reviewed one, {reviewed.plan.digest}")
        return reviewed.plan

    def prepare_again(self, history: ScanHistory) -> ScanPlan:
        """The plan of an interrupted scan, checked against limits and dose again; a new one if there was none."""
        if not history.plan_json:
            return self.prepare()
        self._last_look = LastLook(history.last_at)
        if history.is_visit_doubtful:
            self._visits_begin = "waiting"
        plan = plan_from_json(history.plan_json)
        check_plan(plan, self._config, self._capabilities)
        self._check_rest(plan, history.settled)
        self._console.say(f"{len(history.done)} of {len(plan.exposures)} exposures are measured")
        return plan

    def measure(
        self,
        plan: ScanPlan,
        *,
        done: frozenset[int],
        live_s: float,
        review: bool,
        visits: frozenset[int] = frozenset(),
    ) -> RunOutcome:
        """Make sure that the object lies where it lay, then expose what the plan still lacks, maps growing beside.

        Parameters
        ----------
        done
            Indices that are recorded already.
        live_s
            Live time that the object has received already.
        visits
            Indices of the visits to the standard that are recorded already.
        """
        if review:
            ask_before_beam(plan, self._paths, self._config, self._console)
        self._confirm_place()
        if not isinstance(self._session.state, Ready):
            self._session.record(Resumed(utc_now(), "started again with --resume"))
        retained = self._connection.controller.begin_scan(scan_number(self._scan_id), done | visits)
        with open_recording(self._paths.folder) as recording:
            history = recording.history
        corrections = self._corrections(history)
        growing = self._growing(plan)
        run = Run(
            self._connection,
            self._session,
            remaining(plan, done),
            bounds=bounds_of(plan, self._passage(plan)),
            planned=len(plan.exposures),
            source=growing,
            budget=None if growing is None else growing.expected,
            refused=lambda lacking: self._refused(plan if growing is None else growing.plan, lacking),
            live_s=live_s,
            rejoin=lambda recorded: self._rejoin(plan if growing is None else growing.plan, recorded),
            confirm_place=self._confirm_place,
            console=self._console,
            meanwhile=lambda: self._take_over(corrections),
            enough=self._watch(history).enough,
            intermissions=[*self._visits(plan), *self._looks()],
            farewell=next(iter(self._visits(plan)), None),
            visits=visits,
        )
        self._console.say(f"Recording to {self._paths.folder}; maps as they grow: {self._paths.live / 'maps.png'}")
        with LiveMaps(self._paths.folder), nullcontext() if growing is None else closing(growing):
            try:
                outcome = run.expose(retained=retained)
            except (EdgeError, BridgeError):
                self._warn_unless(run.is_closed)
                raise
            self._warn_unless(run.is_closed)
            return outcome

    def _growing(self, plan: ScanPlan) -> GrowingPlan | None:
        """The plan as it grows; None of a scan that knows all beforehand."""
        growth = self._growth(plan)
        if growth is None:
            return None
        return GrowingPlan(
            plan,
            growth,
            self._paths,
            queue_length=self._capabilities.queue_length,
            adopt=self._adopt,
            warn=self._console.warn,
        )

    def _growth(self, plan: ScanPlan) -> Growth | None:
        """What comes to a plan."""
        passage = self._passage(plan)
        if plan.way is not None:
            from edge.modes.growth import ByTime
            from edge.modes.of_scan import setting_of
            from edge.modes.registry import MODES

            setting = setting_of(self._sighted(), self._config, plan.stage or stage_of(self._config))
            return ByTime(MODES[plan.way.mode], setting, plan.way.budget_s, passage)
        if not self._config.listens:
            return None
        allowed = allowed_cells(self._config, plan.grid)
        return ByCells(budget_of(self._config, plan.grid), batches_of(self._config), allowed=allowed, passage=passage)

    def _adopt(self, plan: ScanPlan, before: int) -> None:
        """Write down a plan that has grown, once it is known to break no limit, with all that was received so far."""
        check_plan(plan, self._config, self._capabilities)
        check_dose(
            with_repeats(plan.table, self._session.received.settled()),
            plan.grid,
            self._config.dose,
            received_s_per_cell=earlier_s_per_cell(self._config.dose.earlier, plan.grid),
        )
        self._check_rest(plan, frozenset(range(before)))
        self._session.record(Planned(utc_now(), plan_to_json(plan), plan.digest))

    def _refused(self, plan: ScanPlan, lacking: Collection[int]) -> dict[int, str]:
        """What is not to be made any more, for what its cell has received."""
        return refused_repeats(
            plan.table,
            lacking,
            self._session.received,
            grid=plan.grid,
            config=self._config,
            stage=plan.stage or stage_of(self._config),
            earlier_s=earlier_s_per_cell(self._config.dose.earlier, plan.grid),
        )

    def _looks(self) -> list[Look]:
        every_minutes = self._config.checks.every_minutes
        return [] if every_minutes is None else [Look(self._confirm_place, every_s=60 * every_minutes)]

    def _visits(self, plan: ScanPlan) -> list[StandardVisit]:
        standard = self._config.instrument.standard
        if standard is None:
            return []
        return [
            StandardVisit(
                standard, tolerance_mm=plan.grid.pitch_mm / 2, console=self._console, begins=self._visits_begin
            )
        ]

    def _watch(self, history: ScanHistory) -> Watch:
        """Whether there is enough, once the preview has judged the maps."""
        return Watch(
            self._config.sampling.stop,
            self._paths.figure,
            self._session,
            noted=history.judged[-1].exposures if history.judged else 0,
            warn=self._console.warn,
            note=lambda text: setattr(self._console, "note", text),
        )

    def _corrections(self, history: ScanHistory) -> Corrections:
        """Of the photograph's place, as the preview finds them."""
        registered, before = history.registration, history.corrections
        assert registered is not None
        registration = registration_from_dict(json.loads(registered.registration_json))
        return Corrections(self._paths.correction, registration, before[-1].exposures if before else 0)

    def _take_over(self, corrections: Corrections) -> None:
        """Write down what the preview found of the photograph's place."""
        correction = corrections.look(utc_now())
        if correction is not None:
            self._session.record(correction)
            sentence = correction_sentence(corrections.registration)
            self._console.say(f"After {correction.exposures} exposures: {sentence}")

    def _warn_unless(self, is_closed: bool) -> None:
        if not is_closed:
            self._console.warn(
                "the shutter could not be confirmed closed: switch the tube off by its own control, "
                "then look at the shutter"
            )

    def _rejoin(self, plan: ScanPlan, recorded: frozenset[int]) -> int:
        """Take the scan up on a controller that was connected again; gives how many spectra will come again.

        Raises
        ------
        DeviceError
            It is another one than before.
        SafetyStop
            The object would receive too much beam.
        """
        controller = self._connection.controller
        found, before = controller.capabilities, self._capabilities
        require([*examine_controller(self._config, found), *examine_motion(self._config, found)])
        if replace(found, boot_id=before.boot_id) != before:
            raise DeviceError(
                f"what was connected again ({found.firmware}) is not the controller that was lost ({before.firmware}), "
                "or has other limits: see what is plugged in, then go on with --resume"
            )
        self._check_rest(plan, recorded)
        self._session.record(opened_event(self._config_yaml, found, scan_id=self._scan_id))
        self._session.record(Resumed(utc_now(), "connected again"))
        return controller.begin_scan(scan_number(self._scan_id), recorded)

    def _check_rest(self, plan: ScanPlan, done: AbstractSet[int]) -> None:
        stage = plan.stage or stage_of(self._config)
        check_rest(plan, done, self._session.beam.received_s, self._config.dose, stage, self._passage(plan))

    def _passage(self, plan: ScanPlan) -> Passage:
        planned = plan.stage or stage_of(self._config)
        return passage_of(self._config, slowest_to_stop(planned, self._config, self._capabilities))

    def _camera(self) -> Camera:
        """The camera, with the stage out of its way."""
        stands = self._config.checks.stage
        if stands is not None:
            self._connection.controller.move_to(StagePose(stands.x_mm, stands.y_mm))
        return open_camera(self._config.instrument.camera)

    def _sighted(self) -> Sighting:
        """The object as the plan's photograph showed it."""
        if self._sighting is None:
            with open_recording(self._paths.folder) as recording:
                self._sighting = sighting_of(self._paths, recording.history, self._config)
        return self._sighting

    def _confirm_place(self) -> None:
        """A new photograph must show the object where the plan's photograph showed it."""
        frame = self._camera().capture()
        checked = check_place(self._sighted(), frame, self._config, last=self._last_look)
        if self._last_look is None or self._last_look.is_followed_by(frame):
            self._last_look = LastLook.of(frame)
        for remark in checked.remarks:
            self._console.warn(remark)
        self._console.say(f"{checked.sentence[0].upper()}{checked.sentence[1:]}")


def bounds_of(plan: ScanPlan, passage: Passage) -> Bounds:
    """What a plan asks of the instrument while it is carried out, whatever cells come to it."""
    grid, stage = plan.grid, plan.stage
    longest_s, longest_move_s = float(plan.table[:, 4].max()), plan.longest_move_s
    if stage is not None:
        longest_move_s = max(longest_move_s, float(stage.move_s(np.array(np.hypot(grid.width_mm, grid.height_mm)))))
        # a pair of devices says nothing of a run before its end
        longest_s = max(longest_s, float(predict_stretches(plan.table, stage).counted_s.max()))
        longest_s = max(longest_s, stage.longest_run_s if math.isfinite(stage.longest_run_s) else 0.0)
    return Bounds(
        x_mm=(grid.origin_x_mm, grid.origin_x_mm + grid.width_mm),
        y_mm=(grid.origin_y_mm, grid.origin_y_mm + grid.height_mm),
        tolerance_mm=grid.pitch_mm / 2,
        patience_s=_PATIENCE * (longest_s + longest_move_s) + _GRACE_S,
        passage=passage,
    )
