"""What the page is told of a scan: plain values, ready for JSON, with nothing in them that is no number."""

from __future__ import annotations

import math
from typing import Any

from edge.beam.arming import WAITING
from edge.monitor.feed import About, Feed
from edge.monitor.maps import ShownMaps
from edge.monitor.picture import Picture
from edge.preview.samples_file import SamplesHead
from edge.recordings.contents import state_words
from edge.recordings.progress import Progress
from edge.spectra.lines import line_group, siegbahn
from edge.state import Broken, Ended, Halted, New, Prepared, Preparing, Ready, Scanning

VERSION = 1
_STATES: dict[type[object], str] = {
    New: "new",
    Preparing: "preparing",
    Prepared: "planning",
    Ready: "ready",
    Scanning: "scanning",
    Halted: "paused",
    Broken: "faulted",
}
_RESUMABLE = (
    "no scan is running, and this one can be resumed, on the instrument's own page or with pointillist scan --resume"
)
_SHOWN_ALERTS = 10
_SHOWN_LINES = 0.02
"""Lines of a group that are weaker, relative to all of it, get no label."""


def scan_json(
    feed: Feed, maps: ShownMaps, fitted: SamplesHead | None, picture: Picture | None, role: str
) -> dict[str, Any]:
    """The answer of /api/scan."""
    answer: dict[str, Any] = {"version": VERSION, "role": role, "state": state_json(feed), "trouble": feed.trouble}
    about = feed.about
    if about is None:
        return answer | {"scan_id": "", "title": "", "elements": [], "grid": None}
    config, grid, detector = about.config, about.grid, about.config.instrument.detector
    return answer | {
        "scan_id": about.scan_id,
        "title": config.object.title or config.object.identifier,
        "object": {"identifier": config.object.identifier, "title": config.object.title},
        "operator": config.object.operator,
        "grid": {
            "rows": grid.rows,
            "columns": grid.columns,
            "pitch_mm": [grid.pitch_mm, grid.pitch_mm],
            "origin_mm": [grid.origin_x_mm, grid.origin_y_mm],
        },
        "elements": [element_json(name) for name in maps.elements],
        "unit": maps.unit,
        "photo": None
        if picture is None
        else {"url": "/api/photo", "rows": picture.rows, "columns": picture.columns, "bytes": len(picture.jpeg)},
        "channels": detector.channels,
        "energy": {
            "zero_kev": detector.offset_kev if fitted is None else fitted.offset_kev,
            "gain_kev": detector.gain_kev if fitted is None else fitted.gain_kev,
        },
        "area": config.area.polygon,
        "keep_outs": [out.polygon for out in config.area.keep_out],
        "plan": _plan_json(about),
        "limits": {
            "beam_s": config.dose.max_beam_s,
            "live_s_per_cell": config.dose.max_live_s_per_cell,
            "photons_per_mm2": config.dose.max_photons_per_mm2,
        },
    }


def element_json(name: str) -> dict[str, Any]:
    """An element as maps name it (``Pb-L``), with the lines that show in a spectrum."""
    symbol, _, line = name.partition("-")
    group = line_group(name)
    lines = [
        {"name": f"{symbol} {siegbahn(of)}", "kev": round(kev, 4), "share": round(share, 4)}
        for of, kev, share in zip(group.line_names, group.energies_kev, group.relative_intensities, strict=True)
        if share >= _SHOWN_LINES
    ]
    return {"name": name, "symbol": symbol, "line": line, "lines_kev": lines}


def state_json(feed: Feed) -> dict[str, str]:
    """Where the scan stands: one word, and a sentence."""
    progress = feed.progress
    if progress is None:
        return {"name": "new", "sentence": "reading the recording"}
    state = progress.state
    sentence = state_words(progress.state, progress.concluded, is_running=progress.is_running)
    name = state.outcome if isinstance(state, Ended) else _STATES[type(state)]
    if state == Halted(WAITING):
        name, sentence = "waiting", f"{WAITING} at a terminal of its computer: pointillist arm {feed.folder}"
    elif isinstance(state, Halted):
        sentence = _halt_words(state.reason)
    if progress.is_running or name == "finished":
        return {"name": name, "sentence": sentence}
    if isinstance(state, Scanning):
        sentence = "broken off while the beam was on, which its lease switches off"
    after = {"aborted": "aborted", "faulted": "failed"}.get(name, "interrupted")
    return {"name": after, "sentence": f"{sentence}; {_RESUMABLE}"}


def _halt_words(reason: str) -> str:
    """Of a pause, or of the end that whoever stopped the scan brought about."""
    if reason == "operator":
        return "paused by the operator"
    if reason.startswith("by "):
        return f"paused {reason}"
    return reason if reason.startswith(("stopped", "asked to stop", "aborted")) else f"paused: {reason}"


def status_json(feed: Feed) -> dict[str, Any]:
    """What changes all the time; sent at most twice a second."""
    progress, about, taken = feed.progress, feed.about, feed.taken
    if progress is None:
        return {"state": state_json(feed), "trouble": feed.trouble}
    is_on = isinstance(progress.state, Scanning) and progress.is_running
    last_mm = None if taken is None else taken.last_mm
    return {
        "state": state_json(feed),
        "trouble": feed.trouble,
        "running": progress.is_running,
        "exposures": {
            "done": progress.done,
            "planned": progress.expected,
            "recorded": 0 if taken is None else len(taken),
        },
        "rate": _number(progress.rate_hz),
        "left_s": _number(progress.left_s),
        "dose_s": _number(progress.live_s),
        "beam_s": _number(progress.beam_s),
        "beam": None if last_mm is None else {"x_mm": _number(last_mm[0]), "y_mm": _number(last_mm[1]), "on": is_on},
        "error": _error_json(progress),
        "registration": _registration_json(about),
        "link": {
            "silent_s": _number(progress.silent_s),
            "dead_share": _number(progress.dead_share),
            "interruptions": progress.interruptions,
        },
        "disk": {
            "free_bytes": progress.free,
            "needed_bytes": _number(progress.wanted),
            "journal_bytes": progress.length,
            "low": bool(progress.wanted > progress.free),
        },
        "alerts": [alert.json() for alert in feed.alerts[-_SHOWN_ALERTS:]],
    }


def _plan_json(about: About) -> dict[str, Any] | None:
    plan = about.plan
    if plan is None:
        return None
    return {"exposures": len(plan.table), "seconds": _number(plan.predicted_s), "digest": plan.digest}


def _error_json(progress: Progress) -> dict[str, Any] | None:
    error = progress.error
    if error is None:
        return None
    return {"value": _number(error.rmse), "se": _number((error.high - error.low) / 2), "words": error.words}


def _registration_json(about: About | None) -> dict[str, Any] | None:
    registration = None if about is None else about.registration
    if registration is None or not len(registration.residuals_mm):
        return None
    shift = registration.shift
    return {
        "residual_mm": _number(registration.rms_mm),
        "shift_mm": None if shift is None else [_number(shift.x_mm), _number(shift.y_mm)],
    }


def _number(value: float) -> float | None:
    """JSON has no word for what is none."""
    return round(float(value), 6) if math.isfinite(value) else None
