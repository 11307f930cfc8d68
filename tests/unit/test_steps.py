"""Taking up a scan again, after an interruption or a lost link: only on the same instrument, and within its dose."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from edge.beam.reconnect import Connection
from edge.beam.session import Session, utc_now
from edge.calibrate.place import LastLook, PlaceCheck
from edge.cameras import Frame
from edge.configuration.config import ChecksConfig, PoseConfig, ScanConfig, StandardConfig
from edge.console import Console
from edge.events import Faulted, Opened, Planned, Registered, Resumed, StandardMissed
from edge.faults import DeviceError, SafetyStop
from edge.folds.beam_time import BeamTime
from edge.grid import ScanGrid
from edge.motion.kinematics import StageModel
from edge.planning.figures import visits_sentence
from edge.planning.passage import passage_of
from edge.planning.plan import ScanPlan, check_rest, make_plan, plan_to_json
from edge.record.fold import ScanHistory
from edge.record.folder import RecordingPaths
from edge.record.journal import Journal
from edge.state import Broken, New
from edge.steps import Scan, bounds_of
from firmware_bridge.messages import StagePose
from models.sampling import SamplingMask
from tests.unit.scripted_scan import ScriptedController, events

GRID = ScanGrid(10, 1, 0.5, 8, 12)
STAGE = StageModel(50, 500, settle_s=0.0)
CONFIG = ScanConfig.model_validate(
    {
        "instrument": {
            "controller": {"kind": "native", "port": "/dev/null"},
            "camera": {"kind": "file", "path": "frame.png"},
            "fiducials": {"markers": [{"id": 0, "x_mm": 0.0, "y_mm": 0.0}]},
            "detector": {"channels": 64},
        },
        "area": {"x_mm": 10.0, "y_mm": 1.0, "width_mm": 6.0, "height_mm": 4.0, "pitch_mm": 0.5},
        "dose": {"max_beam_s": 60.0},
    }
)


@pytest.fixture(scope="module")
def plan() -> ScanPlan:
    """24 dwells of one second."""
    cells = np.zeros(GRID.shape, np.bool_)
    cells[:2] = True
    mask = SamplingMask(cells, float(cells.mean()), "grid", "none", 0)
    return make_plan(grid=GRID, mask=mask, dwell_s=1.0, stage=STAGE, registration_digest="ab" * 32)


class Taken(ScriptedController):
    """Remembers which scan it was told of."""

    def __init__(self) -> None:
        super().__init__()
        self.capabilities = replace(self.capabilities, channels=64)
        self.begun: list[tuple[int, frozenset[int]]] = []

    def begin_scan(self, scan_id: int, recorded: frozenset[int]) -> int:
        self.begun.append((scan_id, recorded))
        return 3


class Taking:
    """A scan on a controller that can be exchanged behind its back."""

    def __init__(self, journal: Journal, plan: ScanPlan, received_s: float = 0.0, config: ScanConfig = CONFIG) -> None:
        self.journal = journal
        self.controller = Taken()
        session = Session(journal, New())
        now = utc_now()
        session.record(Opened(now, "1f", "", (), 1), Registered(now, "{}", "0"), Planned(now, "{}", plan.digest))
        session.record(Faulted(now, "LinkLost", "gone"))
        session.beam = BeamTime(received_s)
        console = Console(quiet=True, log_level="error")
        self.connection = Connection(lambda: self.controller, patience_s=60.0, console=console)
        paths = RecordingPaths(journal.path.parent)
        self.scan = Scan(config, self.connection, session, paths, console, scan_id="1f", config_yaml="yaml")


@pytest.fixture
def journal(tmp_path):
    with Journal.create(tmp_path / "journal.sqlite") as journal:
        yield journal


def test_what_was_received_and_what_is_left_count_together(plan):
    rest = frozenset(range(10))
    check_rest(plan, rest, 44.0, CONFIG.dose, STAGE)
    with pytest.raises(SafetyStop, match=r"the beam was on for 46 s and the rest of the plan takes 14\.\d+ s"):
        check_rest(plan, rest, 46.0, CONFIG.dose, STAGE)


def test_a_scan_that_is_done_may_have_used_up_its_dose(plan):
    check_rest(plan, frozenset(range(24)), 60.0, CONFIG.dose, STAGE)


def test_a_resumption_that_would_keep_the_beam_on_for_too_long_is_refused(journal, plan):
    history = ScanHistory(plans=(Planned(utc_now(), plan_to_json(plan), plan.digest),), done=frozenset(range(4)))
    with pytest.raises(SafetyStop, match=r"above dose\.max_beam_s of 60 s: make do with what is measured"):
        Taking(journal, plan, received_s=50.0).scan.prepare_again(history)


def test_a_resumed_scan_wants_a_photograph_from_after_the_interruption_and_then_newer_ones(journal, plan, monkeypatch):
    planned = Planned(utc_now(), plan_to_json(plan), plan.digest)
    taking, wanted = Taking(journal, plan), []
    found = [Frame(np.full((2, 2, 3), day, np.uint8), "bench", f"2026-01-0{day}T00:00:00+00:00") for day in (1, 3, 3)]
    camera = SimpleNamespace(capture=lambda: found[len(wanted)])

    def looked(before: object, frame: Frame, config: ScanConfig, *, last: LastLook) -> PlaceCheck:
        wanted.append(last)
        return PlaceCheck("looked")

    monkeypatch.setattr("edge.steps.open_camera", lambda config: camera)
    monkeypatch.setattr("edge.steps.check_place", looked)
    taking.scan._sighting = object()
    taking.scan.prepare_again(ScanHistory(plans=(planned,), last_at="2026-01-02T00:00:00+00:00"))
    for _ in found:
        taking.scan._confirm_place()
    assert wanted == [LastLook("2026-01-02T00:00:00+00:00")] * 2 + [LastLook.of(found[1])]


def test_the_same_controller_takes_the_scan_up_with_what_is_recorded(journal, plan):
    taking = Taking(journal, plan)
    assert taking.scan._rejoin(plan, frozenset({0, 1})) == 3
    assert taking.controller.begun == [(0x1F, frozenset({0, 1}))]
    assert [event.reason for event in events(journal, Resumed)] == ["connected again"]
    assert [event.config_yaml for event in events(journal, Opened)] == ["", "yaml"]


@pytest.mark.parametrize(
    "change",
    [{"firmware": "another"}, {"x_limits_mm": (0.0, 40.0)}, {"max_speed_mm_s": 5.0}, {"lease_s": 0.4}],
    ids=lambda change: next(iter(change)),
)
def test_another_controller_than_the_one_that_was_lost_is_refused(journal, plan, change):
    taking = Taking(journal, plan)
    taking.controller.capabilities = replace(taking.controller.capabilities, **change)
    with pytest.raises(DeviceError, match="is not the controller that was lost"):
        taking.scan._rejoin(plan, frozenset())
    assert taking.controller.begun == []


def test_a_controller_that_booted_meanwhile_is_still_the_same(journal, plan):
    taking = Taking(journal, plan)
    taking.controller.capabilities = replace(taking.controller.capabilities, boot_id=99)
    assert taking.scan._rejoin(plan, frozenset()) == 3
    assert events(journal, Opened)[-1].boot_id == 99


def test_a_lost_scan_is_not_taken_up_beyond_its_dose(journal, plan):
    taking = Taking(journal, plan, received_s=50.0)
    with pytest.raises(SafetyStop, match="together above"):
        taking.scan._rejoin(plan, frozenset())
    assert taking.controller.begun == []


def test_a_plans_visits_to_the_standard_are_told_with_their_time(plan):
    standard = StandardConfig(x_mm=50.0, y_mm=10.0, live_s=20.0, every_minutes=0.1)
    instrument = CONFIG.instrument.model_copy(update={"standard": standard})
    sentence = visits_sentence(plan, CONFIG.model_copy(update={"instrument": instrument}))
    visits = 2 + int(plan.predicted_s / 6)
    assert f"{visits} of 20 s" in sentence
    assert "no dose of the object" in sentence
    assert visits_sentence(plan, CONFIG) == ""


def test_the_stage_goes_out_of_the_cameras_way_before_every_photograph(journal, plan):
    checks = ChecksConfig(stage=PoseConfig(x_mm=3.0, y_mm=4.0))
    taking = Taking(journal, plan, config=CONFIG.model_copy(update={"checks": checks}))
    with pytest.raises(DeviceError, match="no such picture"):
        taking.scan.prepare()
    assert taking.controller.pose == StagePose(3.0, 4.0)


def test_a_look_that_is_not_asked_for_is_none(journal, plan):
    assert Taking(journal, plan).scan._looks() == []


@pytest.mark.parametrize(
    ("missed", "state", "first_after_s"),
    [
        (True, Broken("WrongPosition", "the stage stands elsewhere", is_planned=True), 360.0),
        (True, New(), 0.0),
        (False, Broken("LinkLost", "gone", is_planned=True), 0.0),
    ],
    ids=["ended by a fault after a missed visit", "stopped after a missed visit", "ended by another fault"],
)
def test_a_scan_that_a_visit_ended_is_taken_up_without_one_for_an_interval(journal, plan, missed, state, first_after_s):
    standard = StandardConfig(x_mm=50.0, y_mm=10.0, live_s=20.0, every_minutes=6.0)
    instrument = CONFIG.instrument.model_copy(update={"standard": standard})
    taking = Taking(journal, plan, config=CONFIG.model_copy(update={"instrument": instrument}))
    history = ScanHistory(
        state=state,
        plans=(Planned(utc_now(), plan_to_json(plan), plan.digest),),
        missed=(StandardMissed(utc_now(), "the stage stands elsewhere"),) if missed else (),
    )
    taking.scan.prepare_again(history)
    assert [visit.first_after_s for visit in taking.scan._visits(plan)] == [first_after_s]


def test_patience_lasts_to_the_end_of_the_longest_run_that_a_pair_flies(plan):
    # forty strokes of 0.4 s end to end, of which a pair of devices tells nothing before the last is over
    edges = 10 + 0.2 * np.arange(41)
    level = np.full(40, 12.0)
    table = np.column_stack([edges[:-1], level, edges[1:], level, np.full(40, 0.4)])
    stage = StageModel(50.0, 500.0)
    flown = replace(plan, table=table, stage=stage)
    passage = passage_of(CONFIG, stage)
    assert bounds_of(flown, passage).patience_s > 16
    assert bounds_of(replace(flown, stage=replace(stage, longest_run_s=20.0)), passage).patience_s > 60
