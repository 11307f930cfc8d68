"""What a journal's records say, held against each other: plan, indices, spectra, the scan's state."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import numpy as np

from calibration.registration_record import registration_from_dict
from edge.configuration.config import parse_scan_config
from edge.console import duration_text
from edge.events import LINK_FAULTS
from edge.faults import EdgeError, IntegrityError
from edge.readiness.doctor import Finding
from edge.record.folder import RecordingPaths
from edge.record.reader import MeasuredArrays
from edge.recordings.books import Books
from edge.recordings.presence import Look
from edge.state import Broken, Ended, Halted, New, Prepared, Preparing, Ready, Scanning, ScanState

_WORDS: dict[type[ScanState], str] = {
    New: "not begun",
    Preparing: "looking at the object",
    Prepared: "planning",
    Ready: "shutter closed",
    Scanning: "measuring, beam on",
}


def state_words(state: ScanState, concluded: str = "", *, is_running: bool = False) -> str:
    """Where a scan stands, in words; a running one that has lost its controller looks for it."""
    match state:
        case Halted(reason=reason):
            words = f"paused: {reason}"
        case Broken(fault=fault, sentence=sentence) if is_running and fault in LINK_FAULTS:
            words = f"the controller was lost, and is looked for: {sentence}"
        case Broken(fault=fault, sentence=sentence):
            words = f"stopped by {fault}: {sentence}"
        case Ended(outcome=outcome):
            words = f"{outcome}: {concluded}" if concluded else outcome
        case _:
            words = _WORDS[type(state)]
    return words


def examine_state(books: Books, look: Look) -> Iterator[Finding]:
    """How far the scan came, and whether its events could follow each other."""
    if books.opened is None:
        yield Finding("state", True, "the scan never began: there is nothing to lose", is_good=False)
        return
    is_over = isinstance(books.state, Ended) and books.state.outcome == "finished"
    text = state_words(books.state, books.concluded)
    if isinstance(books.state, Scanning) and not look.is_running:
        text = "broken off while the beam was on, which its lease switched off"
    if books.times_opened > 1:
        text += f"; taken up {books.times_opened - 1} times" if books.times_opened > 2 else "; taken up once"
    if not is_over and not look.is_running:
        text += "; can go on with pointillist scan --resume"
    yield Finding("state", True, text, is_good=is_over)
    if books.irregular:
        text = f"{books.irregular} could not happen when they are said to have; the report names them"
        yield Finding("events", True, text, is_good=False)


def examine_plan(books: Books) -> Iterator[Finding]:
    """The plan's digest, and whether registration and configuration can be read."""
    if books.registered is not None:
        try:
            registration_from_dict(json.loads(books.registered.registration_json))
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
            text = "is damaged although its record is not: restore a copy"
            yield Finding("registration", False, text, IntegrityError)
    if books.plan is not None:
        grown = f", grown in {books.plans} parts" if books.plans > 1 else ""
        yield Finding("plan", True, f"its digest holds: {len(books.plan.table)} exposures{grown}")
    elif books.opened is not None and not books.wrong:
        yield Finding("plan", True, "none: the scan was not planned yet", is_good=False)


def examine_continuity(books: Books, look: Look) -> Iterator[Finding]:
    """Which exposures of the plan are recorded, and whether any others are."""
    if books.plan is None:
        if books.exposures:
            yield Finding("exposures", False, f"{books.exposures} are recorded without a plan", IntegrityError)
        return
    planned, whole = len(books.plan.table), books.whole
    foreign = whole[(whole < 0) | (whole >= planned)]
    if foreign.size:
        text = f"{foreign.size} are in no plan, the first has index {foreign[0]}: this recording was put together"
        yield Finding("exposures", False, text, IntegrityError)
    known = np.unique(whole[(whole >= 0) & (whole < planned)])
    if known.size + foreign.size < whole.size:
        text = f"{whole.size - known.size - foreign.size} are recorded twice"
        yield Finding("exposures", False, text, IntegrityError)
    met = np.zeros(planned, np.bool_)
    met[known] = True
    out = [index for index in books.left_out if 0 <= index < planned]
    met[out] = True
    said = f"{known.size} of {planned} in full, {duration_text(books.live_s)} of live time"
    said += f", {len(books.left_out)} left out for their dose" if books.left_out else ""
    said += f", {books.truncated} cut short and kept besides" if books.truncated else ""
    missing = planned - int(met.sum())
    if not missing:
        yield Finding("exposures", True, said)
        return
    first = int(np.argmin(met))
    why = "to come" if look.is_running else "not measured"
    if isinstance(books.state, Ended) and books.state.outcome == "finished":
        why = "not measured, for the scan was ended before"
    yield Finding("exposures", True, f"{said}; {missing} {why}, from index {first} on", is_good=False)


def examine_spectra(books: Books, blocks: Iterable[MeasuredArrays]) -> Iterator[Finding]:
    """Every spectrum unpacked and counted."""
    exposures, counts, channels = 0, 0, set()
    try:
        for block in blocks:
            exposures += len(block)
            counts += int(block.counts.sum(dtype=np.uint64))
            channels.add(block.counts.shape[1])
            if not (np.isfinite(block.live_s).all() and (block.live_s >= 0).all()):
                yield Finding("spectra", False, "one states no live time that could be", IntegrityError)
    except EdgeError as error:
        yield Finding("spectra", False, f"after {exposures}: {error}", IntegrityError)
        return
    if exposures != books.exposures:
        text = f"{exposures} can be unpacked of {books.exposures} that are recorded"
        yield Finding("spectra", False, text, IntegrityError)
    elif exposures:
        yield Finding("spectra", True, f"{exposures} of {channels.pop()} channels hold {counts:.4g} counts")


def examine_config(paths: RecordingPaths, books: Books) -> Iterator[Finding]:
    """The configuration in the journal, and the copy of it in the folder."""
    if books.opened is None:
        return
    try:
        parse_scan_config(books.opened.config_yaml, paths.config)
    except EdgeError as error:
        text = f"the journal's cannot be read by this version ({error})"
        yield Finding("configuration", False, text, IntegrityError)
        return
    try:
        length = paths.config.stat().st_size
        stored = paths.config.read_bytes() if length <= 2 * len(books.opened.config_yaml.encode()) else b""
    except OSError:
        text = f"{paths.config.name} is missing; the journal holds the same, so nothing is lost"
        yield Finding("configuration", True, text, is_good=False)
        return
    if stored == books.opened.config_yaml.encode():
        yield Finding("configuration", True, f"{paths.config.name} is the one that was run")
    else:
        text = f"{paths.config.name} was altered since the scan began: the journal's is the one that was run"
        yield Finding("configuration", False, text, IntegrityError)
