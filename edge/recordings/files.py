"""The files beside a journal: each held against what the journal, or the file itself, says of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge.cameras.picture import recorded_picture
from edge.configuration.config import parse_scan_config
from edge.faults import EdgeError, IntegrityError
from edge.planning.folder import PICTURE_NAME, PLACE_NAME, PLAN_NAME, reviewed_in
from edge.prepare import frame_digest
from edge.readiness.doctor import Finding
from edge.record.folder import RecordingPaths
from edge.record.maps_file import read_maps
from edge.recordings.books import Books
from edge.recordings.contents import examine_config
from edge.recordings.presence import Look
from edge.recordings.receipt import digest_of, examine_receipt
from edge.state import Ended

_KNOWN = {
    "scan.yaml", "frame.png", "journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm", "journal.sqlite-journal",
    "log.txt", "maps.h5", "report.html", "report.pdf", "copy.json", "dwell-test.json",
    "monitor-audit.log", "alerts.log",
}  # fmt: skip
_KNOWN_FOLDERS = {"live", "review", "reviewed", "exports"}


def examine_files(paths: RecordingPaths, books: Books, look: Look) -> Iterator[Finding]:
    """Configuration, photograph, flat field, reviewed plan, maps, report, and what else lies there."""
    yield from examine_config(paths, books)
    yield from _photograph(paths, books)
    yield from _flat_field(paths, books)
    yield from _reviewed(paths)
    yield from _maps(paths, books, look)
    yield from _others(paths, look)
    yield from examine_receipt(paths)


def _photograph(paths: RecordingPaths, books: Books) -> Iterator[Finding]:
    registered = books.registered
    if registered is None:
        return
    try:
        same = frame_digest(recorded_picture(paths.frame).image) == registered.frame_sha256
    except EdgeError as error:
        yield _failed("photograph", str(error))
        return
    if same:
        yield Finding("photograph", True, "is the one that the plan was made from")
    else:
        yield _failed("photograph", f"{paths.frame}: is not the one that the plan was made from: restore it")


def _flat_field(paths: RecordingPaths, books: Books) -> Iterator[Finding]:
    if books.opened is None:
        return
    try:
        colour = parse_scan_config(books.opened.config_yaml, paths.config).instrument.colour
    except EdgeError:
        return
    if colour.flat_field is None or colour.flat_field_sha256 is None:
        return
    path = paths.folder / Path(colour.flat_field).name
    try:
        digest = digest_of(path)
    except OSError as error:
        yield _failed("flat field", f"{path}: cannot be read ({error.strerror}): restore it from a copy")
        return
    if digest == colour.flat_field_sha256:
        yield Finding("flat field", True, f"{path.name} is the one that was used")
    else:
        yield _failed("flat field", f"{path}: is not the one that was used: restore it from a copy")


def _reviewed(paths: RecordingPaths) -> Iterator[Finding]:
    if not paths.reviewed.is_dir():
        return
    try:
        plan = reviewed_in(paths.reviewed)
    except EdgeError as error:
        yield _failed("reviewed plan", str(error))
        return
    names = f"{PLAN_NAME}, {PICTURE_NAME} and {PLACE_NAME}"
    yield Finding("reviewed plan", True, f"{names} belong together: {len(plan.table)} exposures")


def _maps(paths: RecordingPaths, books: Books, look: Look) -> Iterator[Finding]:
    again = f"make it again with pointillist report {paths.folder}"
    if not paths.maps.is_file():
        if isinstance(books.state, Ended) and not look.is_running:
            yield Finding("maps", True, f"{paths.maps.name} is missing: {again}", is_good=False)
        return
    try:
        maps = read_maps(paths.maps)
    except EdgeError as error:
        yield _failed("maps", f"{error}; {again}")
        return
    scan_id, plan = maps.attributes.get("scan_id"), maps.attributes.get("plan")
    exposures = maps.attributes.get("exposures", float(books.exposures))
    if books.opened is not None and scan_id is not None and scan_id != books.opened.scan_id:
        yield _failed("maps", f"{paths.maps.name} is of another scan: {again}")
    elif books.plan is not None and plan is not None and plan != books.plan.digest:
        yield Finding("maps", True, f"{paths.maps.name} is of an earlier state of this scan: {again}", is_good=False)
    elif isinstance(exposures, float) and exposures != books.exposures and not look.is_running:
        text = f"{paths.maps.name} is of {exposures:g} of the {books.exposures} exposures: {again}"
        yield Finding("maps", True, text, is_good=False)
    else:
        names = ", ".join(maps.element_maps.elements)
        yield Finding("maps", True, f"{paths.maps.name}: every check sum holds ({names})")


def _others(paths: RecordingPaths, look: Look) -> Iterator[Finding]:
    strange, parts = [], []
    for path in sorted(paths.folder.iterdir()):
        is_known = path.name in (_KNOWN_FOLDERS if path.is_dir() else _KNOWN) or path.stem == "flat_field"
        if path.name.startswith(".") and path.name.endswith(".part"):
            parts.append(path.name)
        elif not is_known:
            strange.append(path.name)
    if parts and not look.is_running:
        text = f"{_listed(parts)}: left by a program that was killed; can be deleted"
        yield Finding("unfinished files", True, text, is_good=False)
    if strange:
        yield Finding("other files", True, f"{_listed(strange)}: no part of a recording, not looked at", is_good=False)
    if not paths.report.is_file() and paths.maps.is_file():
        text = f"{paths.report.name} is missing: make it again with pointillist report {paths.folder}"
        yield Finding("report", True, text, is_good=False)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _failed(what: str, text: str) -> Finding:
    return Finding(what, False, text, IntegrityError)
