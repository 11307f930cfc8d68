"""Recordings made to do harm: refused in a sentence, in little memory, and nothing outside their folder is touched."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.events import Opened, Paused, Planned, Registered
from edge.faults import IntegrityError
from edge.record import reader as reading
from edge.record.event_codec import encode_event
from edge.record.exposure_codec import encode_exposure
from edge.record.folder import RecordingPaths, open_recording
from edge.record.journal import Journal
from edge.record.reader import JournalReader
from edge.record.schema import FORMAT_VERSION, extent_crc
from edge.results import read_planned
from tests.unit.recordings.made import at, end, make_files, measured, preparation, write_rows

CHECKOUT = Path(__file__).resolve().parents[3]
MB = 1024 * 1024


def _zeros(size: int, before: bytes = b"", after: bytes = b"") -> bytes:
    """Zlib of so many zeros, or so many of a short text, without holding them."""
    coder = zlib.compressobj(1)
    piece = (before or b"\0") * (MB // max(1, len(before)))
    return b"".join([*(coder.compress(piece) for _ in range(size // MB)), coder.compress(after), coder.flush()])


def _put(paths: RecordingPaths, table: str, row: tuple) -> None:
    """Replace a record's row; whoever does so can compute the check sum as well."""
    with contextlib.closing(sqlite3.connect(paths.journal)) as connection, connection:
        connection.execute(f"DELETE FROM {table} WHERE seq = ?", (row[0],))
        connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)


def _event_with(body: bytes) -> tuple:
    from edge.record.event_codec import event_crc

    kind, moment = "paused", at(2)
    return 3, kind, moment, body, event_crc(3, kind.encode(), moment.encode(), body)


def _text_bomb(paths: RecordingPaths) -> None:
    _put(paths, "events", _event_with(_zeros(120 * MB, b"A")))


def _value_bomb(paths: RecordingPaths) -> None:
    coder = zlib.compressobj(1)
    pieces = [coder.compress(b'{"reason":[')]
    pieces += [coder.compress(b"[]," * 300_000) for _ in range(100)]
    _put(paths, "events", _event_with(b"".join([*pieces, coder.compress(b"[]]}"), coder.flush()])))


def _spectrum_bomb(paths: RecordingPaths) -> None:
    from edge.record.exposure_codec import exposure_crc

    row = list(encode_exposure(5, measured([0])[0]))  # type: ignore[arg-type]
    row[14], row[15] = 16_384, _zeros(60 * MB)
    row[16] = exposure_crc((row[0], row[1], row[2].encode(), *row[3:16]), row[17])
    _put(paths, "exposures", tuple(row))


def _column_bomb(paths: RecordingPaths) -> None:
    row = list(encode_exposure(5, measured([0])[0]))  # type: ignore[arg-type]
    row[3] = b"x" * (30 * MB)
    _put(paths, "exposures", tuple(row))


def _block_without_number(paths: RecordingPaths) -> None:
    """In place of where a block begins, something that is no number."""
    _in_blocks(paths)
    with contextlib.closing(sqlite3.connect(paths.journal)) as connection, connection:
        assert connection.execute("UPDATE blocks SET first_seq = x'00'").rowcount == 1


def _in_blocks(paths: RecordingPaths) -> None:
    paths.journal.unlink()
    with Journal.create(paths.journal) as journal:
        journal.append([*preparation(), *measured(range(24)), *end()])


def _endless(paths: RecordingPaths) -> None:
    """As many records as the file could hold at the very most, and none of them there."""
    with contextlib.closing(sqlite3.connect(paths.journal)) as connection, connection:
        connection.execute("UPDATE extent SET last_seq = ?, crc = ?", (10**9, extent_crc(10**9)))
        page = connection.execute("PRAGMA page_size").fetchone()[0]
    _stretch(paths.journal, page)


def _endless_block(paths: RecordingPaths) -> None:
    """The same, and a block that says that it holds them."""
    _in_blocks(paths)
    with contextlib.closing(sqlite3.connect(paths.journal)) as connection, connection:
        connection.execute("UPDATE blocks SET last_seq = ?", (10**9,))
    _endless(paths)


def _stretch(journal: Path, page: int) -> None:
    """Make the file sparse and long, as its header says then."""
    size = 40 * 1024 * MB
    os.truncate(journal, size)
    with journal.open("r+b") as file:
        file.seek(28)
        file.write((size // page).to_bytes(4, "big"))


def _nested(paths: RecordingPaths) -> None:
    _put(paths, "events", encode_event(2, Registered(at(1), "[" * 900_000, "aa")))


def _huge_files(paths: RecordingPaths) -> None:
    for path in (paths.config, paths.frame, paths.maps, paths.figure, paths.folder / "copy.json"):
        path.touch()
        os.truncate(path, 64 * 1024 * MB)


def _huge_log(paths: RecordingPaths) -> None:
    log = paths.journal.with_name("journal.sqlite-wal")
    log.touch()
    os.truncate(log, 64 * 1024 * MB)


def _pickle(paths: RecordingPaths) -> None:
    paths.maps.write_bytes(b"cos\nsystem\n(S'touch harmed'\ntR.")


def _pipe(paths: RecordingPaths) -> None:
    paths.log.unlink()
    os.mkfifo(paths.log)


def _link(paths: RecordingPaths) -> None:
    paths.frame.unlink()
    paths.frame.symlink_to("/dev/zero")


def _newer(paths: RecordingPaths) -> None:
    with contextlib.closing(sqlite3.connect(paths.journal)) as connection, connection:
        connection.execute(f"PRAGMA user_version = {FORMAT_VERSION + 1}")


def _trigger(paths: RecordingPaths) -> None:
    with contextlib.closing(sqlite3.connect(paths.journal)) as connection, connection:
        connection.execute("CREATE TRIGGER harm AFTER UPDATE ON extent BEGIN DELETE FROM exposures; END")


HARM: dict[str, tuple[Callable[[RecordingPaths], None], str]] = {
    "text-bomb": (_text_bomb, "not that of an event"),
    "value-bomb": (_value_bomb, "not that of an event"),
    "spectrum-bomb": (_spectrum_bomb, "record 5 is damaged"),
    "column-bomb": (_column_bomb, "records"),
    "block-without-number": (_block_without_number, "24 records are missing or altered"),
    "endless": (_endless, "missing or altered"),
    "endless-block": (_endless_block, "missing or altered"),
    "nested": (_nested, "registration"),
    "huge-files": (_huge_files, "wrong"),
    "huge-log": (_huge_log, "longer than any"),
    "pickle": (_pickle, "not a maps file"),
    "pipe": (_pipe, "neither file nor folder"),
    "link": (_link, "a link to elsewhere"),
    "newer": (_newer, "upgrade Pointillist"),
    "trigger": (_trigger, "tables are damaged or altered"),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, dict]]:
    """What verify and watch said of each, in one process of little memory."""
    home = tmp_path_factory.mktemp("hostile")
    whole = make_files(home / "whole")
    write_rows(whole.journal, [*preparation(), *measured(range(24)), *end()])
    for name, (harm, _) in HARM.items():
        harm(RecordingPaths(Path(shutil.copytree(whole.folder, home / name))))
    command = [sys.executable, "-m", "tests.unit.recordings.hostile", *(str(home / name) for name in ("whole", *HARM))]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=250, cwd=CHECKOUT)
    assert ended.returncode == 0, ended.stderr
    assert not (home / "harmed").exists()
    found: dict[str, dict[str, dict]] = {}
    for line in ended.stdout.splitlines():
        one = json.loads(line)
        found.setdefault(one["folder"], {})[one["command"]] = one
    return found


def test_a_whole_recording_is_read_in_as_little_memory(said: dict) -> None:
    assert said["whole"]["verify"]["code"] == 0, said["whole"]["verify"]
    assert said["whole"]["watch"]["code"] == 0


@pytest.mark.parametrize("name", HARM)
def test_a_hostile_recording_is_refused_in_a_sentence(said: dict, name: str) -> None:
    verified = said[name]["verify"]
    assert verified["code"] == 5, verified
    assert HARM[name][1] in verified["said"]
    for one in said[name].values():
        assert one["code"] in (0, 2, 5), one
        assert "Traceback" not in one["said"]
        assert "unexpected" not in one["said"]


def test_events_that_unpack_to_more_than_a_history_can_hold_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_MOST_LETTERS", 10_000)
    with Journal.create(tmp_path / "journal.sqlite") as journal:
        journal.append([Opened(at(0), "scan-1", "", (), 7), *(Paused(at(i), "x" * 3_000) for i in range(4))])
        with JournalReader(journal.path) as reader, pytest.raises(IntegrityError, match="to more than 10000 letters"):
            list(reader.events())


def test_an_event_longer_than_can_be_read_back_is_never_written() -> None:
    with pytest.raises(ValueError, match="shorten it"):
        encode_event(1, Paused(at(0), "x" * (2 * MB)))


def test_a_recording_with_a_link_is_not_opened_by_anything(tmp_path: Path) -> None:
    paths = make_files(tmp_path / "panel")
    write_rows(paths.journal, [*preparation(), *measured(range(24)), *end()])
    (tmp_path / "elsewhere").mkdir()
    shutil.rmtree(paths.live)
    paths.live.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(IntegrityError, match="live: is a link to elsewhere"):
        open_recording(paths.folder)


def test_a_registration_that_was_edited_is_refused_where_maps_are_made(tmp_path: Path) -> None:
    events = preparation()
    events[1] = Registered(at(1), "[" * 100_000, "aa")
    paths = make_files(tmp_path / "panel")
    write_rows(paths.journal, [*events, *measured(range(24)), *end()])
    with open_recording(paths.folder) as recording, pytest.raises(IntegrityError, match="place cannot be read"):
        read_planned(recording)


def test_a_plan_that_was_edited_is_refused_where_maps_are_made(tmp_path: Path) -> None:
    events = preparation()
    planned = events[2]
    assert isinstance(planned, Planned)
    events[2] = Planned(planned.at, planned.plan_json.replace("0.1]", "9.9]", 1), planned.plan_digest)
    paths = make_files(tmp_path / "panel")
    write_rows(paths.journal, [*events, *measured(range(24)), *end()])
    with open_recording(paths.folder) as recording, pytest.raises(IntegrityError, match="changed since it was written"):
        read_planned(recording)
