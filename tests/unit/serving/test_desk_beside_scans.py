"""The desk's photograph and plans beside scans, full disks and long questions."""

from __future__ import annotations

import errno
import json
import math
import shutil
from pathlib import Path

import pytest

from edge.monitor.guard import LONGEST_BODY
from edge.serving import desk as desk_module
from tests.unit.monitor.page_server import TOKENS
from tests.unit.serving.test_planning_on_the_page import BUDGET, Bench, Work, bench, photographed, serving, work

__all__ = ["bench", "work"]


def kinds(work: list[Work]) -> list[str]:
    return [each.settings["work"] for each in work]


def test_the_table_is_photographed_again_when_asked(bench: Bench, work: list[Work]) -> None:
    first = photographed(bench)["photo"]["url"]
    assert bench.post("/api/planning/look", {}).status == 202
    assert photographed(bench)["photo"]["url"] != first
    assert kinds(work) == ["look", "look"]


def test_nobody_who_asks_for_the_photograph_has_one_taken(bench: Bench, work: list[Work]) -> None:
    assert bench.get("/api/planning/photo").status == 404
    assert work == []


def test_visitors_are_not_shown_the_table(tmp_path: Path, work: list[Work]) -> None:
    with serving(tmp_path, TOKENS) as bench:
        assert bench.get("/api/planning/photo", Cookie=bench.login(TOKENS.visitor)).status == 403
    assert work == []


def test_beside_a_scan_the_table_is_not_photographed_again(bench: Bench, work: list[Work]) -> None:
    photographed(bench)
    bench.scans.other = Path("runs/other")
    answer = bench.post("/api/planning/look", {})
    assert (answer.status, "running" in answer.json["sentence"]) == (409, True)
    assert kinds(work) == ["look"]


def test_a_scan_that_begins_has_the_camera_and_the_computer_for_itself(bench: Bench, work: list[Work]) -> None:
    photographed(bench)
    job = bench.post("/api/planning/price", BUDGET).json["job"]
    work[-1].finish()
    bench.get(f"/api/planning/job/{job}")
    other = bench.post("/api/planning/price", BUDGET).json["job"]
    assert bench.post("/api/planning/start", {"job": job}).status == 200
    assert work[-1].is_ended
    assert bench.get(f"/api/planning/job/{other}").json["state"] == "cancelled"


def test_after_a_scan_the_table_is_photographed_anew(bench: Bench, work: list[Work]) -> None:
    first = photographed(bench)["photo"]["url"]
    job = bench.post("/api/planning/price", BUDGET).json["job"]
    work[-1].finish()
    bench.post("/api/planning/start", {"job": job})
    assert photographed(bench)["photo"]["url"] != first


def test_a_number_of_a_thousand_figures_is_refused_in_a_sentence(bench: Bench) -> None:
    photographed(bench)
    answer = bench.post("/api/planning/price", {"budget": {"rate": 10**1_000}})
    assert (answer.status, "number above 0" in answer.json["sentence"]) == (400, True)


def test_a_question_longer_than_a_pipe_holds_arrives_whole(bench: Bench, work: list[Work]) -> None:
    photographed(bench)
    angles = [2 * math.pi * corner / 85 for corner in range(85)]
    outline = [[round(70 + 2 * math.cos(at), 3), round(59 + 2 * math.sin(at), 3)] for at in angles]
    asked = {"area": None, "keep_outs": [outline] * 40, "budget": {"rate": 0.1}}
    work.clear()
    sent = json.dumps(asked, separators=(",", ":")).encode()
    assert LONGEST_BODY * 0.7 < len(sent) < LONGEST_BODY
    assert bench.post("/api/planning/price", sent).status == 202
    (made,) = work
    assert len(json.dumps(made.settings)) < 4_096
    assert json.loads((made.folder / "asked.json").read_text()) == asked


def test_where_no_process_can_be_had_a_sentence_says_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(desk_module, "Child", none)
    answer = bench.get("/api/planning")
    assert (answer.status, "see the computer's disk and memory" in answer.json["sentence"]) == (409, True)


def test_a_plan_that_the_disk_has_no_room_for_is_not_started(
    bench: Bench, work: list[Work], monkeypatch: pytest.MonkeyPatch
) -> None:
    photographed(bench)
    job = bench.post("/api/planning/price", BUDGET).json["job"]
    work[-1].finish()

    def full(*_: object, **__: object) -> None:
        raise shutil.Error([("a", "b", "[Errno 28] No space left on device")])

    monkeypatch.setattr(desk_module.shutil, "copytree", full)
    answer = bench.post("/api/planning/start", {"job": job})
    assert (answer.status, "see that the disk has room" in answer.json["sentence"]) == (409, True)
    assert bench.scans.begun == []
