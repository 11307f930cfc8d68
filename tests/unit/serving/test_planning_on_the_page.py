"""Planning and starting by the page's requests: one at a time, by operators, and never further than waiting."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge.faults import UsageError
from edge.monitor.access import Access
from edge.monitor.application import application
from edge.monitor.audit import Audit
from edge.monitor.page import Page
from edge.monitor.serving import server_of
from edge.monitor.settings import listening
from edge.monitor.shown import Shown
from edge.monitor.tokens import Tokens
from edge.serving import desk as desk_module
from edge.serving.desk import Desk
from edge.serving.routes import Planning
from edge.serving.scans import Scans
from edge.serving.work import leave
from tests.unit.desk.panel import configuration
from tests.unit.monitor.page_server import TOKENS, Served

BUDGET = {"area": None, "keep_outs": [], "budget": {"rate": 0.1}}
PLANNED = {"plan": {"exposures": 40}, "sentence": "40 exposures", "pictures": {"mask": "mask.png"}, "alternatives": []}


class Work:
    """In the place of the process that works something out: a look is done at once, a plan when told to."""

    made: list[Work]

    def __init__(self, _module: str, _arguments: list[str], settings: dict[str, Any]) -> None:
        self.settings, self.folder = settings, Path(settings["folder"])
        self.is_ended = self.has_died = False
        self.made.append(self)
        if settings["work"] == "look":
            (self.folder / "photograph.jpg").write_bytes(b"JPEG")
            leave(self.folder, {"photo": "photograph.jpg", "frame": {}, "sentence": "registered"})

    def is_gone(self) -> bool:
        return self.has_died

    def end(self, _patience_s: float) -> None:
        self.is_ended = True

    def finish(self, **answer: Any) -> None:
        (self.folder / "mask.png").write_bytes(b"PNG")
        (self.folder / "scan.yaml").write_text("{}")
        leave(self.folder, PLANNED | answer)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[Work]:
    Work.made = []
    monkeypatch.setattr(desk_module, "Child", Work)
    return Work.made


class Started(Scans):
    """Starts nothing."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.begun: list[list[str]] = []
        self.other: Path | None = None

    def running(self) -> Path | None:
        return self.other

    def _begin(self, recording: Path, words: Path, arguments: list[str]) -> Path:
        if self.other is not None:
            raise UsageError(f"a scan is running already ({self.other}): stop it, or let it end")
        self.begun.append(arguments)
        return recording


class Bench(Served):
    """A page that can plan."""

    scans: Started
    shown: list[Path]


@contextmanager
def serving(folder: Path, tokens: Tokens) -> Iterator[Bench]:
    (folder / "scan.yaml").write_text(yaml.safe_dump(configuration()))
    recordings = folder / "runs"
    recordings.mkdir()
    shown: list[Path] = []
    page = Page(Shown(recordings / "none"), Access(tokens), Audit(None))
    desk, scans = Desk(folder / "scan.yaml", folder / "work"), Started(recordings)
    planning = Planning(desk, scans, recordings, shown.append)
    listener = listening("127.0.0.1", 0)
    # the server takes the socket over
    port = int(listener.getsockname()[1])
    server = server_of(application(page, routes=planning.routes))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        bench = Bench(port, page)
        bench.scans, bench.shown = scans, shown
        yield bench
    finally:
        server.should_exit = True
        thread.join()
        desk.close()


@pytest.fixture
def bench(tmp_path: Path, work: list[Work]) -> Iterator[Bench]:
    with serving(tmp_path, Tokens()) as bench:
        yield bench


def photographed(bench: Bench) -> dict[str, Any]:
    told: dict[str, Any] = bench.get("/api/planning").json
    assert told["photo"] is not None
    return told


def test_the_page_is_told_what_is_configured_and_shown_the_table(bench: Bench) -> None:
    told = photographed(bench)
    assert told["budget"] == {"rate": 0.0625}
    assert told["keep_outs"] == []
    assert bench.get(told["photo"]["url"]).body == b"JPEG"


def test_a_plan_is_worked_out_and_shown(bench: Bench, work: list[Work]) -> None:
    photographed(bench)
    job = bench.post("/api/planning/price", BUDGET)
    assert job.status == 202
    path = f"/api/planning/job/{job.json['job']}"
    assert bench.get(path).json["state"] == "running"
    work[-1].finish()
    told = bench.get(path).json
    assert (told["state"], told["plan"], told["density_url"]) == ("done", {"exposures": 40}, None)
    assert bench.get(told["mask_url"]).body == b"PNG"
    assert work[-1].is_ended


@pytest.mark.parametrize("name", ["..", "scan.yaml", "answer.json", "%2e%2e%2fscan.yaml", "density"])
def test_no_file_but_the_pictures_of_a_plan_is_sent(bench: Bench, work: list[Work], name: str) -> None:
    photographed(bench)
    job = bench.post("/api/planning/price", BUDGET).json["job"]
    work[-1].finish()
    bench.get(f"/api/planning/job/{job}")
    assert bench.get(f"/api/planning/job/{job}/{name}").status in (404, 405)


def test_one_plan_is_worked_out_at_a_time(bench: Bench, work: list[Work]) -> None:
    photographed(bench)
    first = bench.post("/api/planning/price", BUDGET).json["job"]
    bench.post("/api/planning/price", BUDGET)
    assert bench.get(f"/api/planning/job/{first}").json["state"] == "cancelled"
    assert [each.is_ended for each in work if each.settings["work"] == "price"] == [True, False]


def test_a_plan_is_given_up_when_asked(bench: Bench, work: list[Work]) -> None:
    photographed(bench)
    job = bench.post("/api/planning/price", BUDGET).json["job"]
    assert bench.post("/api/planning/cancel", {"job": job}).status == 200
    assert bench.get(f"/api/planning/job/{job}").json["state"] == "cancelled"
    assert work[-1].is_ended


def test_a_plan_whose_process_died_is_said_to_have_failed(bench: Bench, work: list[Work]) -> None:
    photographed(bench)
    job = bench.post("/api/planning/price", BUDGET).json["job"]
    work[-1].has_died = True
    told = bench.get(f"/api/planning/job/{job}").json
    assert told["state"] == "failed"
    assert "memory" in told["sentence"]


def test_a_plan_that_cannot_be_made_says_why(bench: Bench, work: list[Work]) -> None:
    photographed(bench)
    job = bench.post("/api/planning/price", BUDGET).json["job"]
    leave(work[-1].folder, {"fault": "the area is smaller than one cell"})
    told = bench.get(f"/api/planning/job/{job}").json
    assert (told["state"], told["sentence"]) == ("failed", "the area is smaller than one cell")


@pytest.mark.parametrize("content", [{}, [], {"budget": {"rate": 7}}, {"budget": {"rate": 0.1}, "area": [[0, 0]] * 3}])
def test_a_malformed_question_gets_a_sentence_and_no_process(bench: Bench, work: list[Work], content: object) -> None:
    photographed(bench)
    answer = bench.post("/api/planning/price", content)
    assert answer.status == 400
    assert answer.json["sentence"]
    assert [each.settings["work"] for each in work] == ["look"]


def test_a_start_leaves_a_scan_that_waits_and_is_shown(bench: Bench, work: list[Work]) -> None:
    photographed(bench)
    job = bench.post("/api/planning/price", BUDGET).json["job"]
    assert bench.post("/api/planning/start", {"job": job}).status == 409, "it is not worked out"
    work[-1].finish()
    answer = bench.post("/api/planning/start", {"job": job}).json
    assert "pointillist arm" in answer["sentence"]
    ((config, _, plan, *_),) = bench.scans.begun
    assert Path(config).parent == Path(plan)
    assert Path(config).is_file()
    assert bench.shown == [Path(answer["recording"])]


def test_nothing_is_started_or_planned_beside_a_running_scan(bench: Bench, work: list[Work]) -> None:
    photographed(bench)
    job = bench.post("/api/planning/price", BUDGET).json["job"]
    work[-1].finish()
    bench.scans.other = Path("runs/other")
    assert "already" in bench.post("/api/planning/start", {"job": job}).json["sentence"]
    assert bench.post("/api/planning/price", BUDGET).status == 400
    assert bench.get("/api/planning").json["photo"] is None
    assert bench.scans.begun == []


def test_visitors_neither_plan_nor_start(tmp_path: Path, work: list[Work]) -> None:
    with serving(tmp_path, TOKENS) as bench:
        cookie = bench.login(TOKENS.visitor)
        assert bench.get("/api/planning", Cookie=cookie).status == 403
        for path in ("look", "price", "cancel", "start", "resume"):
            assert bench.post(f"/api/planning/{path}", BUDGET, Cookie=cookie).status == 403
        assert bench.post("/api/planning/start", BUDGET).status == 401
    assert work == []


def test_no_route_arms_a_scan(bench: Bench) -> None:
    assert bench.post("/api/control", {"do": "arm"}).status == 400
    for path in ("/api/arm", "/api/planning/arm"):
        assert bench.post(path, {}).status in (404, 405)


def test_another_site_starts_nothing(bench: Bench) -> None:
    assert bench.post("/api/planning/start", {"job": "x"}, Origin="http://elsewhere.example").status == 403


def test_nothing_is_taken_up_that_is_not_named(bench: Bench) -> None:
    for content in ({}, {"scan_id": "x"}, [], b"{"):
        assert bench.post("/api/planning/resume", content).status == 409
    assert bench.scans.begun == []
