"""The steps of one scan in their order, each journalled as soon as it stands."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import replace
from typing import Literal

import numpy as np

from calibration.registration_record import registration_from_dict, registration_to_dict
from edge.beam.arming import await_arming
from edge.beam.interrupts import Interrupts, Request
from edge.beam.low_disk import LowDisk
from edge.beam.reconnect import Connection, home_where_needed
from edge.beam.scan import Run, RunOutcome
from edge.beam.session import Session, utc_now
from edge.beam.shutter import Bounds
from edge.beam.standard_visit import StandardVisit
from edge.calibrate.look import Look
from edge.calibrate.place import LastLook, check_place
from edge.cameras import Camera, open_camera, write_picture
from edge.configuration.config import ScanConfig
from edge.console import Console
from edge.events import Planned, Registered, Resumed
from edge.faults import DeviceError, EdgeError
from edge.motion.kinematics import predict_stretches
from edge.motion.stage_known import examine_motion
from edge.opening import opened_event, scan_number
from edge.photography.correction import Corrections, correction_sentence
from edge.photography.recorded import sighting_of
from edge.planning.figures import tell_plan, tell_registration
from edge.planning.folder import read_reviewed
from edge.planning.growth import PlanGrowth
from edge.planning.passage import Passage
from edge.planning.plan import ScanPlan, check_plan, plan_from_json, plan_to_json, remaining
from edge.planning.review import ask_before_beam
from edge.planning.reviewed_plan import admit
from edge.prepare import Sighting, plan_scan, sight
from edge.preview.process import LiveMaps
from edge.readiness.doctor import examine_controller, require
from edge.record.fold import ScanHistory
from edge.record.folder import RecordingPaths, open_recording
from edge.room import room_for_rest
from edge.state import Ready
from edge.stopping.watch import Watch
from firmware_bridge.faults import BridgeError, LinkLost, PortUnavailable, Rebooted
from firmware_bridge.messages import Capabilities, StagePose

_PATIENCE = 3.0
_GRACE_S = 10.0
"""A run waits so many times the longest exposure and move, and so much more, before it takes silence for a fault."""

Planner = Callable[[Sighting, ScanConfig, Capabilities], ScanPlan]
"""Decides what is measured, and checks that it may be."""


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
        interrupts: Interrupts | None = None,
    ) -> None:
        self._interrupts = interrupts or Interrupts()
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
        self._growth = PlanGrowth(config, self._capabilities, session, paths, console, sighted=self._sighted)

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
        self._growth.check_rest(plan, history.settled)
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
        await_arming(
            self._paths.folder,
            plan.digest,
            interrupts=self._interrupts,
            session=self._session,
            console=self._console,
            measured=len(done),
            look=self._look_at_controller,
        )
        # then only what the controller still holds is taken over: nothing moves, and the shutter stays closed
        is_over = self._interrupts.request is Request.FINISH
        if not is_over:
            self._confirm_place()
        if not is_over and not isinstance(self._session.state, Ready):
            self._session.record(Resumed(utc_now(), "started again with --resume"))
        retained = self._connection.controller.begin_scan(scan_number(self._scan_id), done | visits)
        with open_recording(self._paths.folder) as recording:
            history = recording.history
        corrections, preview = self._corrections(history), LiveMaps(self._paths.folder)
        growing = self._growth.growing(plan)
        left = (len(plan.exposures) if growing is None else growing.expected) - len(done)
        self._console.say(room_for_rest(self._paths.folder, plan, left, self._capabilities.channels))
        run = Run(
            self._connection,
            self._session,
            remaining(plan, done),
            bounds=bounds_of(plan, self._growth.passage(plan)),
            planned=len(plan.exposures),
            source=growing,
            budget=None if growing is None else growing.expected,
            refused=lambda lacking: self._growth.refused(plan if growing is None else growing.plan, lacking),
            live_s=live_s,
            rejoin=lambda recorded: self._rejoin(plan if growing is None else growing.plan, recorded),
            confirm_place=self._confirm_place,
            console=self._console,
            meanwhile=lambda: self._look_after(preview, corrections),
            enough=self._watch(history).enough,
            intermissions=[LowDisk(self._paths.folder, plan.grid), *self._visits(plan), *self._looks()],
            farewell=None if is_over else next(iter(self._visits(plan)), None),
            visits=visits,
            interrupts=self._interrupts,
        )
        self._console.say(f"Recording to {self._paths.folder}; maps as they grow: {self._paths.live / 'maps.png'}")
        with preview, nullcontext() if growing is None else closing(growing):
            try:
                outcome = run.expose(retained=retained)
            except (EdgeError, BridgeError):
                self._warn_unless(run.is_closed)
                raise
            self._warn_unless(run.is_closed)
            return outcome

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

    def _look_after(self, preview: LiveMaps, corrections: Corrections) -> None:
        """Write down what the preview found of the photograph's place; say when it is no more."""
        if trouble := preview.trouble():
            self._console.warn(trouble)
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
        found = self._require_same_controller()
        self._growth.check_rest(plan, recorded)
        self._session.record(opened_event(self._config_yaml, found, scan_id=self._scan_id))
        self._session.record(Resumed(utc_now(), "connected again"))
        return self._connection.controller.begin_scan(scan_number(self._scan_id), recorded)

    def _require_same_controller(self) -> Capabilities:
        """What the controller that was connected again can do: the same as the one that was lost."""
        found, before = self._connection.controller.capabilities, self._capabilities
        require([*examine_controller(self._config, found), *examine_motion(self._config, found)])
        if replace(found, boot_id=before.boot_id) != before:
            raise DeviceError(
                f"what was connected again ({found.firmware}) is not the controller that was lost ({before.firmware}), "
                "or has other limits: see what is plugged in, then go on with --resume"
            )
        return found

    def _look_at_controller(self) -> None:
        """While the scan waits for somebody: a controller that went away is found again, or the wait is over."""
        try:
            self._connection.controller.status()
        except (LinkLost, Rebooted, PortUnavailable) as fault:
            if not self._connection.may_reconnect():
                raise
            if not self._connection.reconnect(fault, lambda: self._interrupts.is_search_unwanted):
                raise
            found = self._require_same_controller()
            self._session.record(opened_event(self._config_yaml, found, scan_id=self._scan_id))
            home_where_needed(self._connection.controller, self._console)

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
