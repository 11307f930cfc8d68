"""Planning, starting and resuming on the instrument's page; for operators, and never with a beam at their end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from edge.faults import EdgeError, UsageError
from edge.monitor.page import json_of, noted, page_of, refusal
from edge.monitor.shown import Shown
from edge.serving.asked import Asked
from edge.serving.desk import Desk, Job
from edge.serving.resuming import resumable
from edge.serving.scans import Scans

_MEDIA = {".png": "image/png", ".jpg": "image/jpeg"}
_BUSY = "a scan is running: plan the next one when it has ended"
_ARM = "waiting to be armed, at a terminal of the instrument's computer: pointillist arm"


class Planning:
    """The routes of planning.

    Parameters
    ----------
    show
        Has the page show a recording from now on.
    """

    def __init__(self, desk: Desk, scans: Scans, recordings: Path, show: Callable[[Path], None]) -> None:
        self._desk, self._scans, self._recordings, self._show = desk, scans, recordings, show

    @property
    def routes(self) -> list[Route]:
        """To be mounted beside the page's own."""
        return [
            Route("/api/planning", self._planning),
            Route("/api/planning/photo", self._photo),
            Route("/api/planning/look", self._again, methods=["POST"]),
            Route("/api/planning/price", self._price, methods=["POST"]),
            Route("/api/planning/cancel", self._cancel, methods=["POST"]),
            Route("/api/planning/job/{name}", self._job),
            Route("/api/planning/job/{name}/{picture}", self._picture),
            Route("/api/planning/start", self._start, methods=["POST"]),
            Route("/api/planning/resume", self._resume, methods=["POST"]),
        ]

    async def _planning(self, request: Request) -> Response:
        if (refused := noted(request, "")) is not None:
            return refused
        try:
            return JSONResponse(await run_in_threadpool(self._told))
        except EdgeError as error:
            return refusal(409, str(error))

    def _told(self) -> dict[str, Any]:
        config = self._desk.configuration()
        area, sampling = config.area, config.sampling
        answer: dict[str, Any] = {
            "object": {"identifier": config.object.identifier, "title": config.object.title},
            "area": area.polygon,
            "keep_outs": [each.polygon for each in area.keep_out],
            "budget": {"rate": sampling.rate} if sampling.time_s is None else {"time_s": sampling.time_s},
            "pitch_mm": area.pitch_mm,
            "photo": None,
            "sentence": "",
            "trouble": self._scans.trouble(),
        }
        if self._scans.running() is not None:
            return answer | {"sentence": _BUSY}
        look = self._desk.photograph()
        match look.state:
            case "done":
                photo = {"url": f"/api/planning/photo?of={look.name}", "taken_at": look.answer.get("taken_at", "")}
                answer |= {"photo": photo, "frame": look.answer["frame"], "sentence": look.answer["sentence"]}
            case "failed":
                self._desk.photograph_again()
                answer["sentence"] = f"no photograph of the table: {look.answer['fault']}"
            case _:
                answer["sentence"] = "the table is being photographed"
        return answer

    async def _photo(self, request: Request) -> Response:
        if (refused := noted(request, "")) is not None:
            return refused
        # begins none: a scan may want the camera
        look = await run_in_threadpool(self._desk.photographed)
        return await _file(look, None if look is None else look.answer.get("photo"))

    async def _again(self, request: Request) -> Response:
        if (refused := noted(request, "photograph the table")) is not None:
            return refused
        if await run_in_threadpool(self._scans.running) is not None:
            return refusal(409, _BUSY)
        await run_in_threadpool(self._desk.photograph_again)
        return JSONResponse({"ok": True, "sentence": "the table is being photographed"}, status_code=202)

    async def _price(self, request: Request) -> Response:
        if (refused := noted(request, "price a plan")) is not None:
            return refused
        content = await json_of(request)
        try:
            job = await run_in_threadpool(self._priced, content)
        except EdgeError as error:
            return refusal(400, str(error))
        return JSONResponse({"job": job.name}, status_code=202)

    def _priced(self, content: dict[str, Any] | None) -> Job:
        if content is None:
            raise UsageError("ask for a plan with area, keep_outs and budget, as JSON")
        if self._scans.running() is not None:
            raise UsageError(_BUSY)
        return self._desk.price(Asked.of(content), content)

    async def _cancel(self, request: Request) -> Response:
        if (refused := noted(request, "give a plan up")) is not None:
            return refused
        await run_in_threadpool(self._desk.cancel, _name_in(await json_of(request)))
        return JSONResponse({"ok": True, "sentence": "given up"})

    async def _job(self, request: Request) -> Response:
        job = await run_in_threadpool(self._desk.job, request.path_params["name"])
        if job is None:
            return refusal(404, "there is no such plan any more: ask for its price again")
        answer = {key: value for key, value in job.answer.items() if key not in ("pictures", "fault")}
        for name in ("density", "concentration", "mask", "path"):
            is_there = name in job.answer.get("pictures", {})
            answer[f"{name}_url"] = f"/api/planning/job/{job.name}/{name}" if is_there else None
        words = {"running": "working out what each way of scanning would show", "cancelled": "given up"}
        sentence = job.answer.get("fault") or job.answer.get("sentence") or words.get(job.state, "")
        return JSONResponse(answer | {"state": job.state, "sentence": sentence})

    async def _picture(self, request: Request) -> Response:
        job = await run_in_threadpool(self._desk.job, request.path_params["name"])
        return await _file(
            job, None if job is None else job.answer.get("pictures", {}).get(request.path_params["picture"])
        )

    async def _start(self, request: Request) -> Response:
        if (refused := noted(request, "")) is not None:
            return refused
        name = _name_in(await json_of(request))
        return await self._begun(request, "start a scan", lambda: self._started(name))

    def _started(self, name: str) -> Path:
        identifier = self._desk.configuration().object.identifier
        self._require_none_running()
        plan = self._desk.keep(name, self._recordings)
        self._desk.give_way()
        return self._scans.start(plan, identifier)

    async def _resume(self, request: Request) -> Response:
        if (refused := noted(request, "")) is not None:
            return refused
        content, shown = await json_of(request), page_of(request.app).shown
        scan_id = None if content is None else content.get("scan_id")
        return await self._begun(request, "take a scan up", lambda: self._resumed(shown, scan_id))

    def _resumed(self, shown: Shown, scan_id: object) -> Path:
        recording = resumable(shown, scan_id, self._recordings, self._desk.configuration())
        self._require_none_running()
        self._desk.give_way()
        return self._scans.resume(recording, self._desk.config)

    def _require_none_running(self) -> None:
        """Before anything is kept or given up for a scan that would be refused."""
        if (other := self._scans.running()) is not None:
            raise UsageError(f"a scan is running already ({other}): stop it, or let it end")

    async def _begun(self, request: Request, what: str, begin: Callable[[], Path]) -> Response:
        try:
            recording = await run_in_threadpool(begin)
        except (EdgeError, OSError) as error:
            return refusal(409, str(error))
        self._show(recording)
        # in the books of the recording that this is about
        noted(request, what)
        return JSONResponse({"ok": True, "recording": str(recording), "sentence": f"{_ARM} {recording}"})


def _name_in(content: dict[str, Any] | None) -> str:
    name = None if content is None else content.get("job")
    return name if isinstance(name, str) else ""


async def _file(job: Job | None, name: str | None) -> Response:
    if job is None or name is None:
        return refusal(404, "there is no such picture any more")
    path = job.folder / name
    try:
        content = await run_in_threadpool(path.read_bytes)
    except OSError:
        return refusal(404, "there is no such picture any more")
    return Response(content, media_type=_MEDIA[path.suffix])
