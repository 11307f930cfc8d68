"""`pointillist verify`: a recording looked through, and what is missing or altered said in plain sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from edge.faults import EdgeError, IntegrityError, UsageError
from edge.readiness.doctor import Finding
from edge.record.check import check_journal
from edge.record.folder import RecordingPaths, recording_at
from edge.record.reader import JournalReader
from edge.record.schema import FORMAT_VERSION
from edge.recordings.books import Books
from edge.recordings.contents import examine_continuity, examine_plan, examine_spectra, examine_state
from edge.recordings.files import examine_files
from edge.recordings.presence import Look, is_finished, looked_at
from edge.results import portions

Show = Callable[[Finding], None]


def verify_recording(folder: Path, *, show: Show = lambda finding: None) -> list[Finding]:
    """Look through a recording, at rest or being written; nothing in its folder is changed.

    Raises
    ------
    UsageError
        There is no recording, it cannot be opened by this user, or a scan went on with it meanwhile.
    """
    findings: list[Finding] = []

    def take(more: Iterator[Finding]) -> None:
        for finding in more:
            findings.append(finding)
            show(finding)

    try:
        paths = recording_at(folder)
        with looked_at(paths) as look:
            take(_examine(paths, look))
            has_moved = look.has_moved(paths)
    except IntegrityError as error:
        take(iter([_failed("folder", str(error))]))
        return findings
    if has_moved:
        raise UsageError(
            f"{folder}: a scan began to write here meanwhile, so what was said means nothing: verify again"
        )
    return findings


def refuse_failed(folder: Path, findings: list[Finding]) -> None:
    """Raise `IntegrityError` where something is missing or altered, with what is said first of it."""
    failed = [finding for finding in findings if not finding.passed]
    if failed:
        one = "one thing is wrong" if len(failed) == 1 else f"{len(failed)} things are wrong, the first"
        raise IntegrityError(f"{folder}: {one}: {failed[0].what}: {failed[0].text}")


def _examine(paths: RecordingPaths, look: Look) -> Iterator[Finding]:
    yield _presence(look)
    books = Books()
    try:
        with JournalReader(look.path, mode=look.mode) as whole:
            upto, version = whole.last_seq(), whole.format_version()
        yield _format(version)
        yield from _records(look, books, upto)
        with JournalReader(look.path, mode=look.mode, upto_seq=books.last_seq) as reader:
            yield from examine_state(books, look)
            yield from examine_plan(books)
            yield from examine_continuity(books, look)
            yield from examine_spectra(books, portions(reader))
    except UsageError:
        raise
    except EdgeError as error:
        yield _failed("journal", str(error))
    yield from examine_files(paths, books, look)


def _presence(look: Look) -> Finding:
    if look.is_running:
        return Finding("scan", True, "is being written: looked at as far as it is recorded now", is_good=False)
    if look.has_log and is_finished(look):
        text = "is finished; a log stands beside its journal, for somebody was reading when it ended; nothing is lost"
        return Finding("scan", True, text, is_good=False)
    if look.has_log:
        text = "its program was killed, or the computer stopped; what it recorded stands in the log beside the journal"
        return Finding("scan", True, text, is_good=False)
    return Finding("scan", True, "is at rest, its journal closed")


def _format(version: int) -> Finding:
    if version == FORMAT_VERSION:
        return Finding("format", True, f"{version}, this version's")
    return Finding("format", True, f"{version}, older than this version's {FORMAT_VERSION}, and read as it is")


def _records(look: Look, books: Books, upto: int) -> Iterator[Finding]:
    """Check sums and numbers of every record, and the books of all that can be read in order."""
    check = check_journal(look.path, mode=look.mode, is_running=look.is_running)
    damage = ""
    try:
        with JournalReader(look.path, mode=look.mode, upto_seq=upto) as reader:
            for seq, record in reader.outline():
                books.add(seq, record)
    except IntegrityError as error:
        damage = str(error)
    if not check.is_sound:
        yield _failed("records", f"{_what_is_left(check.intact, check.records, check.damaged)}{check.trouble}")
        if damage:
            yield Finding("records", True, f"what follows is said of the first {books.last_seq}", is_good=False)
    elif damage:
        yield _failed("records", damage)
    else:
        yield Finding("records", True, f"{check.records}, without a gap, and every check sum holds")
    for sentence in books.wrong:
        yield _failed("events", sentence)


def _what_is_left(intact: int, records: int, damaged: tuple[int, ...]) -> str:
    if not damaged:
        return ""
    named = ", ".join(str(seq) for seq in damaged[:10]) + (" ..." if records - intact > 10 else "")
    lost = "record is" if records - intact == 1 else "records are"
    return (
        f"{records - intact} {lost} missing or altered ({named}), {intact} of {records} are intact: keep the folder, "
        "and restore it from a copy; "
    )


def _failed(what: str, text: str) -> Finding:
    return Finding(what, False, text.removesuffix("; "), IntegrityError)
