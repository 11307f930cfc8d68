"""A plan that was reviewed at a desk is carried out as it is, on the object as it lay, or not at all."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.events import Planned
from edge.planning.plan import plan_from_json
from edge.record.folder import open_recording
from edge.record.reader import JournalReader

SAFETY = 4


def planned_at_a_desk(bench) -> str:
    """The text of the plan that is reviewed."""
    said = bench.run("plan", str(bench.config), "--out", str(bench.folder / "plan"))
    assert said.returncode == 0, said.stderr
    return (bench.folder / "plan" / "plan.json").read_text("utf-8")


def scanned(bench, *more: str):
    arguments = ("scan", str(bench.config), "--plan", str(bench.folder / "plan"), "--out", str(bench.recording))
    return bench.run(*arguments, *more)


def journalled(bench) -> list[str]:
    """Texts of the plans that the scan followed, one after the other."""
    with JournalReader(bench.recording / "journal.sqlite") as reader:
        return [event.plan_json for _, event in reader.events() if isinstance(event, Planned)]


def shutters(bench) -> int:
    return sum(event["event"] == "shutter_opened" for event in bench.twin_events())


def test_the_reviewed_plan_is_carried_out_whatever_the_configuration_would_choose_by_now(bench):
    with bench.running():
        text = planned_at_a_desk(bench)
        bench.scan["sampling"] |= {"mask": "random", "seed": 9, "rate": 0.02}
        bench.write()
        ended = scanned(bench)
    assert ended.returncode == 0, ended.stderr
    plan = plan_from_json(text)
    assert journalled(bench) == [text]
    assert f"The plan is the reviewed one, {plan.digest}" in ended.stdout
    with open_recording(bench.recording) as recording:
        assert recording.history.done == frozenset(range(len(plan.exposures)))
    assert (bench.recording / "reviewed" / "plan.json").read_text("utf-8") == text
    assert "reviewed plan" in (bench.recording / "report.html").read_text("utf-8")


@pytest.mark.campaign
def test_a_reviewed_plan_of_an_object_that_moved_is_refused_and_taken_up_once_it_is_put_back(bench):
    with bench.running():
        text = planned_at_a_desk(bench)
        picture = bench.folder / "frames" / "frame.png"
        frame = cv2.imread(str(picture))
        inside = (slice(260, 640), slice(330, 880))
        frame[inside] = np.roll(frame[inside], 25, axis=1)
        cv2.imwrite(str(picture.with_name("next.png")), frame)
        refused = scanned(bench)
        opened = shutters(bench)
        picture.with_name("next.png").unlink()
        resumed = bench.run("scan", "--resume", str(bench.recording))
    assert refused.returncode == SAFETY
    assert "the object moved by" in refused.stderr
    assert "put it back, or start a new scan" in refused.stderr
    assert opened == 0
    assert resumed.returncode == 0, resumed.stderr
    assert journalled(bench) == [text]


@pytest.mark.campaign
def test_a_scan_that_listens_begins_with_the_reviewed_plan(bench):
    bench.scan["sampling"] |= {"mask": "adaptive", "batches": 1}
    with bench.running():
        text = planned_at_a_desk(bench)
        ended = scanned(bench)
    assert ended.returncode == 0, ended.stderr
    first, *_, last = journalled(bench)
    assert first == text
    before, whole = plan_from_json(first).table, plan_from_json(last)
    after = whole.table
    # a cell that is held out by lot and chosen all the same is measured once
    assert len(after) == int((whole.mask.cells | whole.held_out).sum())
    assert int(whole.mask.cells.sum() + whole.held_out.sum()) == 384
    assert len(before) < len(after)
    assert (after[: len(before)] == before).all()
