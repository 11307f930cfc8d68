"""Blocks of exposures: what was packed comes back bit by bit, wherever reading begins, and damage is noticed."""

from __future__ import annotations

import dataclasses
import math
import random
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.events import Measured, Paused, ScanEvent
from edge.faults import EdgeError, IntegrityError
from edge.record.block import (
    MOST_EXPOSURES,
    Cut,
    block_crc,
    check_block,
    cut_into_blocks,
    decode_columns,
    decode_spectra,
    encode_block,
    may_be_packed,
)
from edge.record.block_spectra import SPARSE, pack_spectra, unpack_spectra
from edge.record.check import check_journal
from edge.record.damage import DamagedRecord
from edge.record.exposure_codec import encode_exposure, is_same_measurement
from edge.record.journal import Journal, JournalReader
from edge.record.schema import FORMAT_VERSION, extent_crc
from firmware_bridge.messages import ExposureDone, ExposureFlag, StagePose

AT = "2026-01-02T03:04:05.000006+00:00"
CHANNELS = 64


def exposure(index: int, *, mean: float = 0.1, channels: int = CHANNELS) -> ExposureDone:
    """What a controller that counts micrometres, microseconds and events reports."""
    rng = np.random.default_rng(index)
    counts = rng.poisson(mean, channels).astype(np.uint32)
    x_um, y_um, live_us = (int(value) for value in rng.integers(1, 300_000, 3))
    events, real_us, opened_us = int(counts.sum()), live_us + 7, 20_000 * index
    return ExposureDone(
        index=index,
        start=StagePose(x_um / 1e3, y_um / 1e3),
        end=StagePose((x_um + 1) / 1e3, y_um / 1e3),
        real_s=real_us / 1e6,
        live_s=live_us / 1e6,
        opened_at_s=opened_us / 1e6,
        closed_at_s=(opened_us + real_us) / 1e6,
        input_rate_hz=(events + 3) / (live_us / 1e6),
        output_rate_hz=events / (real_us / 1e6),
        flags=ExposureFlag.NONE,
        counts=counts,
    )


def measured(*indices: int, mean: float = 0.1) -> list[ScanEvent]:
    return [Measured(AT, exposure(index, mean=mean)) for index in indices]


def rows_of(*exposures: ExposureDone) -> list[tuple[object, ...]]:
    return [encode_exposure(seq, Measured(AT, done)) for seq, done in enumerate(exposures, start=5)]


def tables(path: Path) -> tuple[int, int]:
    """Exposures in rows, and blocks."""
    with closing(sqlite3.connect(path)) as connection:
        (rows,) = connection.execute("SELECT count(*) FROM exposures").fetchone()
        (blocks,) = connection.execute("SELECT count(*) FROM blocks").fetchone()
    return rows, blocks


def assert_holds(path: Path, indices: range) -> None:
    with JournalReader(path) as reader:
        _, found = reader.measured()
        assert reader.done_indices() == frozenset(indices)
    assert [done.index for done in found] == list(indices)
    assert all(is_same_measurement(done, exposure(done.index)) for done in found)
    assert check_journal(path).is_sound


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


numbers = st.one_of(
    st.integers(-(2**40), 2**40).map(lambda micro: micro / 1e6), st.floats(), st.sampled_from([0.0, -0.0, 1 / 3])
)
rates = st.one_of(numbers, st.integers(0, 2**30).map(lambda events: events / 0.1))
exposures = st.builds(
    ExposureDone,
    index=st.integers(0, 2**62),
    start=st.builds(StagePose, numbers, numbers),
    end=st.builds(StagePose, numbers, numbers),
    real_s=numbers,
    live_s=st.sampled_from([0.1, 0.0, -1.0, math.inf]) | numbers,
    opened_at_s=numbers,
    closed_at_s=numbers,
    input_rate_hz=rates,
    output_rate_hz=rates,
    flags=st.sampled_from([ExposureFlag.NONE, ExposureFlag.SATURATED]),
    counts=st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 2), min_size=5, max_size=5).map(
        lambda counts: np.array(counts, np.uint32)
    ),
    pose_uncertainty_mm=numbers,
)


@given(done=st.lists(exposures, min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_a_block_gives_back_every_bit_of_its_rows(done: list[ExposureDone]) -> None:
    rows = rows_of(*done)
    block = encode_block(rows)
    for before, after in zip(rows, decode_columns(block), strict=True):
        # what SQLite holds of a number is its bits, and NULL for what is none
        assert [np.float64(math.nan if v is None else v).tobytes() for v in (*before[3:13], before[17])] == [
            np.float64(math.nan if v is None else v).tobytes() for v in (*after[3:13], after[17])
        ]
        assert (before[0], before[1], before[2].encode(), *before[13:15]) == (*after[:3], *after[13:15])
    np.testing.assert_array_equal(decode_spectra(block), [each.counts for each in done])


@pytest.mark.parametrize(("mean", "planes"), [(0.0, SPARSE), (0.1, SPARSE), (1.0, 1), (300.0, 2), (7e4, 3), (4e9, 4)])
def test_spectra_take_as_many_bytes_a_count_as_they_need(mean: float, planes: int) -> None:
    counts = np.random.default_rng(1).poisson(mean, (7, 32)).astype(np.uint32)
    found, packed = pack_spectra(counts)
    assert found == planes
    np.testing.assert_array_equal(unpack_spectra(planes, packed, 7, 32), counts)


def test_a_block_ends_with_so_many_bytes_or_exposures_and_holds_one_length_of_spectrum() -> None:
    short = [encode_exposure(seq, Measured(AT, exposure(seq, channels=4))) for seq in range(MOST_EXPOSURES + 3)]
    long = [encode_exposure(seq, Measured(AT, exposure(seq, mean=9e8, channels=9000))) for seq in range(600, 603)]
    cut = cut_into_blocks(Cut([], [], 0), [*short, *long])
    assert [len(rows) for rows in cut.blocks] == [MOST_EXPOSURES, 3, 2]
    assert [row[0] for row in cut.waiting] == [602]


def test_a_long_scan_stands_in_blocks_and_the_newest_in_rows(path: Path) -> None:
    with Journal.create(path) as journal:
        for first in range(0, 1300, 10):
            journal.append([*measured(*range(first, first + 10)), Paused(AT, "lunch")])
        assert tables(path) == (1300 - 2 * MOST_EXPOSURES, 2)
        assert_holds(path, range(1300))
    assert tables(path) == (0, 3)
    assert_holds(path, range(1300))


def test_reading_may_begin_and_end_anywhere_in_a_block(path: Path) -> None:
    with Journal.create(path) as journal:
        journal.append([Paused(AT, "lunch"), *measured(*range(700)), Paused(AT, "tea"), *measured(*range(700, 1100))])
    whole = [*range(700), None, *range(700, 1100)]
    for after, upto in [(0, 3), (1, 513), (100, 400), (400, 600), (513, 514), (600, 1102), (701, 703), (1101, 1102)]:
        with JournalReader(path, upto_seq=upto) as reader:
            found = [event.done.index if isinstance(event, Measured) else None for _, event in reader.events(after)]
            arrays = reader.measured_arrays(after)
            outline = [seq for seq, _ in reader.outline(after)]
        expected = [None, *whole][after:upto]
        assert found == expected
        assert outline == list(range(after + 1, upto + 1))
        assert arrays.indices.tolist() == [index for index in expected if index is not None]


def test_an_exposure_that_stands_in_a_block_is_recorded_once(path: Path) -> None:
    with Journal.create(path) as journal:
        journal.append(measured(*range(600)))
        journal.append(measured(3, 599, 600))
    with Journal.open(path) as journal:
        journal.append(measured(600, 0, 601, 512))
        with pytest.raises(IntegrityError, match="exposure 5 arrived twice"):
            journal.append([Measured(AT, dataclasses.replace(exposure(5), live_s=9.0))])
        journal.append(measured(602))
    assert_holds(path, range(603))


def test_a_truncated_exposure_stays_in_its_row(path: Path) -> None:
    short = dataclasses.replace(exposure(7), live_s=0.03, flags=ExposureFlag.TRUNCATED)
    with Journal.create(path) as journal:
        journal.append([Measured(AT, short), *measured(*range(5))])
        journal.append([Measured(AT, short), *measured(5, 6, 7)])
        journal.append([Measured(AT, short)])
    assert tables(path) == (1, 1)
    with JournalReader(path) as reader:
        assert [done.index for done in reader.measured()[1]] == [7, *range(8)]


def test_an_exposure_whose_time_is_written_otherwise_stays_in_its_row(path: Path) -> None:
    odd = "2026-01-02T05:04:05+02:00"
    assert not may_be_packed(encode_exposure(1, Measured(odd, exposure(0))))
    with Journal.create(path) as journal:
        journal.append([Measured(odd, exposure(0)), *measured(1)])
    with JournalReader(path) as reader:
        assert [event.at for _, event in reader.events()] == [odd, AT]


def test_rows_that_a_block_does_not_give_back_stay(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal.create(path) as journal:
        monkeypatch.setattr("edge.record.block.decode_spectra", lambda _block: np.zeros((1, 1), np.uint32))
        journal.append(measured(*range(600)))
    assert tables(path) == (600, 0)
    monkeypatch.undo()
    assert_holds(path, range(600))


def test_a_closed_journal_keeps_no_space_that_rows_had(path: Path) -> None:
    with Journal.create(path) as journal:
        for index in range(300):
            journal.append(measured(index))
    with closing(sqlite3.connect(path)) as connection:
        (unused,) = connection.execute("PRAGMA freelist_count").fetchone()
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    assert 8 * unused <= pages
    assert path.stat().st_size < 60 * 1024


@pytest.mark.parametrize("version", [2, 3, 4])
def test_a_journal_of_a_format_without_blocks_is_read_and_goes_on_as_one_with_them(path: Path, version: int) -> None:
    rows = [encode_exposure(index + 1, Measured(AT, exposure(index))) for index in range(600)]
    Journal.create(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE blocks")
        connection.execute(f"PRAGMA user_version = {version}")
        connection.executemany(f"INSERT INTO exposures VALUES ({', '.join('?' * 18)})", rows)
        connection.execute("UPDATE extent SET last_seq = 600, crc = ?", (extent_crc(600),))
    assert_holds(path, range(600))
    with Journal.open(path) as journal:
        journal.append(measured(599, 600))
    assert path.read_bytes()[60:64] == FORMAT_VERSION.to_bytes(4, "big")
    assert tables(path) == (89, 1)
    assert_holds(path, range(601))


def test_every_flipped_bit_of_a_block_is_noticed(path: Path) -> None:
    with Journal.create(path) as journal:
        journal.append(measured(*range(40)))
    with closing(sqlite3.connect(path)) as connection:
        stored = connection.execute("SELECT * FROM blocks").fetchone()
    check_block(stored)
    chance = random.Random(4)
    for place in range(len(stored)):
        for _ in range(20):
            altered = list(stored)
            if isinstance(altered[place], int):
                altered[place] ^= 1 << chance.randrange(31)
            else:
                octets = bytearray(altered[place])
                octets[chance.randrange(len(octets))] ^= 1 << chance.randrange(8)
                altered[place] = bytes(octets)
            with pytest.raises(DamagedRecord):
                check_block(tuple(altered))


def altered(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement, values)


def test_a_damaged_block_is_named_and_the_rest_counted(path: Path) -> None:
    with Journal.create(path) as journal:
        journal.append([*measured(*range(MOST_EXPOSURES)), Paused(AT, "lunch"), *measured(*range(600, 620))])
    altered(path, "UPDATE blocks SET spectra = zeroblob(9) WHERE first_seq = 1")
    check = check_journal(path)
    assert (check.records, check.intact, check.damaged[0]) == (MOST_EXPOSURES + 21, 21, 1)
    with pytest.raises(IntegrityError, match=r"record 1 is damaged .*block.* 21 of 533 records are intact"):
        JournalReader(path).measured()
    with pytest.raises(IntegrityError, match="21 of 533"):
        Journal.open(path)
    with JournalReader(path) as reader:
        assert len(reader.measured_arrays(after_seq=MOST_EXPOSURES)) == 20


def test_a_block_that_is_gone_is_missed(path: Path) -> None:
    with Journal.create(path) as journal:
        journal.append(measured(*range(600)))
    altered(path, "DELETE FROM blocks WHERE first_seq = 1")
    assert (check := check_journal(path)).intact == 600 - MOST_EXPOSURES
    assert not check.is_sound
    with pytest.raises(IntegrityError, match=r"record 1 is damaged \(it is missing"):
        JournalReader(path).measured()


def packed_block(exposures: int, channels: int, columns: bytes, spectra: bytes, planes: int = 1) -> tuple[object, ...]:
    parts = (exposures, 1, exposures, channels, planes, columns, spectra)
    return (*parts, block_crc(*parts))


@pytest.mark.parametrize(
    ("exposures", "channels", "planes", "spectra"),
    [
        (1, 0, 1, b""),
        (MOST_EXPOSURES + 1, 1, 1, b""),
        (512, 16_384, 1, b""),
        (3, 64, 1, zlib.compress(bytes(100_000_000), 9)),
        (3, 64, 0, zlib.compress(b"\x7f" * 50_000_000, 9)),
        (3, 64, 9, zlib.compress(bytes(192))),
        (3, 64, -1, zlib.compress(bytes(192))),
        (3, 64, 0, zlib.compress(b"\x80" * 9)),
        (3, 64, 1, zlib.compress(bytes(191))),
        (3, 64, 1, b"no zlib"),
    ],
)
def test_a_hostile_block_with_a_valid_check_sum_is_refused(
    path: Path, exposures: int, channels: int, planes: int, spectra: bytes
) -> None:
    columns = encode_block(rows_of(exposure(0), exposure(1), exposure(2)))[5]
    block = packed_block(exposures, channels, columns, spectra, planes)
    with pytest.raises(DamagedRecord):
        decode_spectra(block)
    Journal.create(path).close()
    altered(path, "INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?, ?)", *block)
    altered(path, "UPDATE extent SET last_seq = ?, crc = ?", exposures, extent_crc(exposures))
    with pytest.raises(IntegrityError), JournalReader(path) as reader:
        reader.measured()


@pytest.mark.parametrize("place", range(15))
def test_hostile_columns_with_a_valid_check_sum_are_refused_or_read(place: int) -> None:
    chance = random.Random(place)
    block = encode_block(rows_of(*(exposure(index) for index in range(9))))
    raw = zlib.decompress(block[5])
    for _ in range(20):
        mutated = bytearray(raw)
        mutated[chance.randrange(len(raw))] = chance.randrange(256)
        mutated[11 + 72 * place + chance.randrange(72)] = chance.randrange(256)
        try:
            rows = decode_columns(packed_block(9, CHANNELS, zlib.compress(bytes(mutated)), block[6]))
        except DamagedRecord:
            continue
        assert [row[0] for row in rows] == sorted({row[0] for row in rows})
        assert len(rows) == 9


def test_blocks_that_overlap_are_refused(path: Path) -> None:
    with Journal.create(path) as journal:
        journal.append(measured(*range(20)))
    with closing(sqlite3.connect(path)) as connection, connection:
        rows = [encode_exposure(seq, Measured(AT, exposure(30 + seq))) for seq in range(15, 31)]
        connection.execute("INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?, ?)", encode_block(rows))
        connection.execute("UPDATE extent SET last_seq = 30, crc = ?", (extent_crc(30),))
    with pytest.raises(EdgeError, match="stands twice"), JournalReader(path) as reader:
        reader.measured()
