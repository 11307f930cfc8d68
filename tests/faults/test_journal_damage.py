"""Damaged, foreign and hostile journals: noticed, never misread."""

from __future__ import annotations

import random
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from journal_writer import AT, exposure_of, measured

from edge.events import Measured, Opened, Paused, Planned, ScanEvent
from edge.faults import EdgeError, IntegrityError, UsageError
from edge.record.check import check_journal
from edge.record.event_codec import encode_event
from edge.record.exposure_codec import encode_counts, is_same_measurement
from edge.record.journal import Journal, JournalReader
from edge.record.schema import FORMAT_VERSION, extent_crc, wal_path

EXPOSURES = 60
EVENTS: list[ScanEvent] = [
    Opened(AT, "scan", "area:\n" * 50, (("pointillist", "0.1.0"),), 7),
    Planned(AT, str(np.random.default_rng(0).integers(0, 99, 20_000).tolist()), "00"),
    *(measured(index) for index in range(EXPOSURES)),
    Paused(AT, "lunch"),
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A closed journal's bytes."""
    path = tmp_path_factory.mktemp("whole") / "journal.sqlite"
    with Journal.create(path) as journal:
        journal.append(EVENTS)
    return path.read_bytes()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """A journal's file and write-ahead log, as a process that is killed leaves them: one commit for each record."""
    path = tmp_path_factory.mktemp("running") / "journal.sqlite"
    with Journal.create(path) as journal:
        for event in EVENTS:
            journal.append([event])
        return path.read_bytes(), wal_path(path).read_bytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def read(path: Path) -> list[ScanEvent]:
    with JournalReader(path) as reader:
        return [event for _, event in reader.events()]


def read_or_complaint(path: Path) -> tuple[list[ScanEvent], str]:
    try:
        return read(path), ""
    except EdgeError as error:
        return [], str(error)


def are_equal(found: list[ScanEvent], expected: list[ScanEvent]) -> bool:
    return len(found) == len(expected) and all(
        is_same_measurement(one.done, other.done)
        if isinstance(one, Measured) and isinstance(other, Measured)
        else one == other
        for one, other in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize("seed", range(10))
def test_every_flipped_bit_is_noticed_or_harmless(whole: bytes, path: Path, seed: int) -> None:
    rng = random.Random(seed)
    noticed = 0
    for _ in range(30):
        mutated = bytearray(whole)
        mutated[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        path.write_bytes(mutated)
        found, complaint = read_or_complaint(path)
        if complaint:
            assert str(path) in complaint
            assert "\n" not in complaint
            noticed += 1
        else:
            assert are_equal(found, EVENTS)
    assert noticed >= 10


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_journal_is_not_continued(whole: bytes, path: Path, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(10):
        mutated = bytearray(whole)
        mutated[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        path.write_bytes(mutated)
        try:
            journal = Journal.open(path)
        except EdgeError:
            continue
        with journal:
            journal.append([measured(EXPOSURES), measured(3)])
        assert are_equal(read(path), [*EVENTS, measured(EXPOSURES)])


def put(running: tuple[bytes, bytes], path: Path) -> None:
    path.write_bytes(running[0])
    wal_path(path).write_bytes(running[1])


def test_damage_is_counted_and_the_rest_stays_readable(running: tuple[bytes, bytes], path: Path) -> None:
    put(running, path)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE exposures SET live_s = 9.0 WHERE exposure_index = 20")
        connection.execute("DELETE FROM exposures WHERE exposure_index = 40")
    connection.close()
    check = check_journal(path)
    assert (check.records, check.intact, check.damaged) == (len(EVENTS), len(EVENTS) - 2, (23, 43))
    assert not check.is_sound
    with pytest.raises(IntegrityError, match=r"61 of 63 records are intact, record 23 is the first"):
        Journal.open(path)
    with (
        JournalReader(path) as reader,
        pytest.raises(IntegrityError, match=r"record 43 .* 61 of 63 records are intact"),
    ):
        reader.done_indices()


def test_records_on_undamaged_pages_are_counted_behind_a_damaged_page(running: tuple[bytes, bytes], path: Path) -> None:
    put(running, path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("SELECT 1 FROM extent").fetchone()
    mutated = bytearray(path.read_bytes())
    page = mutated.index(encode_counts(exposure_of(30).counts)) // 4096 * 4096
    mutated[page : page + 4096] = bytes(4096)
    path.write_bytes(mutated)
    check = check_journal(path)
    assert 0 < check.intact < check.records
    assert not check.is_sound


@pytest.mark.parametrize("part", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_journal_is_refused(whole: bytes, path: Path, part: float) -> None:
    path.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(IntegrityError):
        read(path)
    with pytest.raises(IntegrityError):
        Journal.open(path)


def _prefixes(size: int) -> Iterator[int]:
    rng = random.Random(5)
    return (rng.randrange(size) for _ in range(40))


def test_a_torn_log_gives_the_records_before_the_tear(running: tuple[bytes, bytes], path: Path) -> None:
    journal, log = running
    seen = set()
    for size in _prefixes(len(log)):
        path.write_bytes(journal)
        wal_path(path).write_bytes(log[:size])
        path.with_name(path.name + "-shm").unlink(missing_ok=True)
        found = read(path)
        assert are_equal(found, EVENTS[: len(found)])
        seen.add(len(found))
        with Journal.open(path) as opened:
            assert opened.last_seq == len(found)
    assert len(seen) > 10


def test_a_flipped_bit_in_the_log_costs_the_last_commit_at_most_unnoticed(
    running: tuple[bytes, bytes], path: Path
) -> None:
    journal, log = running
    rng = random.Random(6)
    noticed = 0
    for _ in range(60):
        mutated = bytearray(log)
        mutated[rng.randrange(len(log))] ^= 1 << rng.randrange(8)
        path.write_bytes(journal)
        wal_path(path).write_bytes(mutated)
        path.with_name(path.name + "-shm").unlink(missing_ok=True)
        try:
            Journal.open(path).close()
        except IntegrityError as error:
            noticed += "write-ahead log is damaged" in str(error)
        else:
            assert len(read(path)) >= len(EVENTS) - 1
    assert noticed > 50


def test_a_foreign_database_is_refused(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE events (seq)")
    connection.close()
    with pytest.raises(IntegrityError, match="another database"):
        JournalReader(path)
    with pytest.raises(IntegrityError, match="another database"):
        Journal.open(path)


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"element;counts\n" * 1000)
    with pytest.raises(IntegrityError, match="not a journal"):
        JournalReader(path)


def test_a_newer_format_is_refused_with_the_advice_to_upgrade(whole: bytes, path: Path) -> None:
    path.write_bytes(whole)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {FORMAT_VERSION + 1}")
    connection.close()
    for use in (JournalReader, Journal.open, check_journal):
        with pytest.raises(IntegrityError, match=rf"format {FORMAT_VERSION + 1}, newer .* upgrade"):
            use(path)


def test_a_missing_journal_is_a_mistake_in_the_command(path: Path) -> None:
    for use in (JournalReader, Journal.open, check_journal):
        with pytest.raises(UsageError, match="no such journal"):
            use(path)
    assert list(path.parent.iterdir()) == []
    with pytest.raises(UsageError, match="no such folder"):
        Journal.create(path.parent / "absent" / path.name)


def test_a_second_writer_is_refused(path: Path) -> None:
    with Journal.create(path) as journal:
        with pytest.raises(UsageError, match="another process is writing"):
            Journal.open(path)
        journal.append([measured(0)])
    with Journal.open(path) as journal:
        assert journal.last_seq == 1


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW sneaky AS SELECT 1",
        "CREATE TRIGGER sneaky AFTER INSERT ON events BEGIN DELETE FROM exposures; END",
        "ALTER TABLE events RENAME COLUMN at TO moment",
        "DROP INDEX complete_once",
    ],
)
def test_an_altered_schema_is_refused_before_anything_of_it_runs(whole: bytes, path: Path, statement: str) -> None:
    path.write_bytes(whole)
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.close()
    with pytest.raises(IntegrityError, match="damaged or altered"):
        JournalReader(path)


def _with_event(path: Path, whole: bytes, body: bytes, kind: str = "planned") -> None:
    seq = len(EVENTS) + 1
    row = encode_event(seq, Paused(AT, ""))
    head = zlib.crc32(seq.to_bytes(8, "little") + len(kind).to_bytes(8, "little") + len(AT).to_bytes(8, "little"))
    crc = zlib.crc32(body, zlib.crc32((kind + AT).encode(), zlib.crc32(len(body).to_bytes(8, "little"), head)))
    path.write_bytes(whole)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?)", (seq, kind, row[2], body, crc))
        connection.execute("UPDATE extent SET last_seq = ?, crc = ?", (seq, extent_crc(seq)))
    connection.close()


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[" * 100_000,
        b"{" + b'"a":{' * 100_000,
        b'{"plan_json":7,"plan_digest":"00"}',
        b'{"plan_json":"","plan_digest":"00","at":"1"}',
        b"cos\nsystem\n(S'true'\ntR.",
        zlib.compress(bytes(300 * 1024 * 1024), 1),
    ],
    ids=["empty", "deep list", "deep mapping", "wrong type", "double field", "pickle", "bomb"],
)
def test_a_hostile_body_with_a_valid_check_sum_is_refused(whole: bytes, path: Path, body: bytes) -> None:
    _with_event(path, whole, body)
    with pytest.raises(IntegrityError, match=rf"record {len(EVENTS) + 1} is damaged \(its content"):
        read(path)


def test_an_unknown_kind_of_event_is_refused(whole: bytes, path: Path) -> None:
    _with_event(path, whole, b"{}", kind="mystery")
    with pytest.raises(IntegrityError, match="kind 'mystery' is unknown"):
        read(path)


def test_a_journal_that_claims_more_records_than_it_can_hold_is_refused_at_once(whole: bytes, path: Path) -> None:
    path.write_bytes(whole)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE extent SET last_seq = ?, crc = ?", (2**60, extent_crc(2**60)))
    connection.close()
    with pytest.raises(IntegrityError, match="more than the file can hold"):
        read(path)


def test_lost_records_at_the_end_are_noticed(whole: bytes, path: Path) -> None:
    path.write_bytes(whole)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("DELETE FROM events WHERE kind = 'paused'")
    connection.close()
    with pytest.raises(IntegrityError, match=rf"record {len(EVENTS)} is damaged \(it is missing\)"):
        read(path)


def test_damage_in_a_tables_name_is_noticed_whatever_its_bytes(whole: bytes, path: Path) -> None:
    place = whole.index(b"tableeventsevents") + len("table")
    path.write_bytes(whole[:place] + b"\x8d" + whole[place + 1 :])
    with pytest.raises(IntegrityError, match="tables are damaged"):
        read(path)
    with pytest.raises(IntegrityError, match="tables are damaged"):
        check_journal(path)
