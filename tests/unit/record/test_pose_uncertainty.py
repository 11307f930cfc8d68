"""How well positions are known is kept with every exposure, and recordings from before it was stay of use."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.events import Measured
from edge.faults import IntegrityError
from edge.record.check import check_journal
from edge.record.damage import DamagedRecord
from edge.record.exposure_codec import decode_exposure, encode_exposure
from edge.record.journal import Journal, JournalReader
from edge.record.schema import extent_crc
from firmware_bridge.messages import ExposureDone, ExposureFlag, StagePose

AT = "2026-01-02T03:04:05.000006+00:00"
FIRST_FORMAT = (
    "CREATE TABLE exposures (seq INTEGER PRIMARY KEY, exposure_index INTEGER NOT NULL, at TEXT NOT NULL,"
    " start_x_mm REAL, start_y_mm REAL, end_x_mm REAL, end_y_mm REAL, real_s REAL, live_s REAL, opened_at_s REAL,"
    " closed_at_s REAL, input_rate_hz REAL, output_rate_hz REAL, flags INTEGER NOT NULL, channels INTEGER NOT NULL,"
    " spectrum BLOB NOT NULL, crc INTEGER NOT NULL)"
)


def exposure(index: int, uncertainty_mm: float = math.nan) -> ExposureDone:
    pose = StagePose(index * 0.5, 1.0)
    counts = np.arange(64, dtype=np.uint32)
    flags = ExposureFlag.NONE
    done = ExposureDone(index, pose, pose, 0.11, 0.1, index * 0.2, index * 0.2 + 0.11, 900.0, 800.0, flags, counts)
    return replace(done, pose_uncertainty_mm=uncertainty_mm)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def older(path: Path) -> Path:
    """A recording of the first format, with three exposures."""
    Journal.create(path).close()
    rows = [encode_exposure(index + 1, Measured(AT, exposure(index)))[:-1] for index in range(3)]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE blocks")
        connection.execute("ALTER TABLE exposures DROP COLUMN pose_uncertainty_mm")
        connection.executemany(f"INSERT INTO exposures VALUES ({', '.join('?' * 17)})", rows)
        connection.execute("UPDATE extent SET last_seq = 3, crc = ?", (extent_crc(3),))
        connection.execute("PRAGMA user_version = 1")
        (stored,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'exposures'").fetchone()
    assert stored == FIRST_FORMAT
    return path


def as_read(row: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(value.encode() if isinstance(value, str) else value for value in row)


@given(uncertainty_mm=st.floats(0.0, 1e3) | st.just(math.nan))
def test_the_uncertainty_of_a_pose_survives_its_row(uncertainty_mm: float) -> None:
    row = as_read(encode_exposure(7, Measured(AT, exposure(2, uncertainty_mm))))
    found = decode_exposure(row).done.pose_uncertainty_mm
    assert found == uncertainty_mm or (math.isnan(found) and math.isnan(uncertainty_mm))


@given(before_mm=st.none() | st.floats(0.0, 1e3), after_mm=st.none() | st.floats(0.0, 1e3))
def test_an_altered_uncertainty_is_noticed(before_mm: float | None, after_mm: float | None) -> None:
    event = Measured(AT, exposure(2, math.nan if before_mm is None else before_mm))
    row = (*as_read(encode_exposure(7, event))[:-1], after_mm)
    if before_mm == after_mm:
        assert decode_exposure(row).done.index == 2
    else:
        with pytest.raises(DamagedRecord, match="check sum"):
            decode_exposure(row)


def test_the_readers_columns_carry_it_and_say_where_none_was_stated(path: Path) -> None:
    with Journal.create(path) as journal:
        journal.append([Measured(AT, exposure(0, 0.012)), Measured(AT, exposure(1)), Measured(AT, exposure(2, 0.03))])
    with JournalReader(path) as reader:
        columns = reader.measured_arrays()
    assert columns.pose_uncertainty_mm.tolist() == pytest.approx([0.012, math.nan, 0.03], nan_ok=True)
    assert not columns.pose_uncertainty_mm.flags.writeable


def test_an_older_recording_is_read_with_nothing_stated(older: Path) -> None:
    with JournalReader(older) as reader:
        columns = reader.measured_arrays()
        _, exposures = reader.measured()
    assert columns.indices.tolist() == [0, 1, 2]
    assert np.isnan(columns.pose_uncertainty_mm).all()
    assert all(math.isnan(done.pose_uncertainty_mm) for done in exposures)
    assert check_journal(older).is_sound


def test_an_older_recording_goes_on_with_what_is_stated_from_then_on(older: Path) -> None:
    with JournalReader(older) as reader, Journal.open(older) as journal:
        journal.append([Measured(AT, exposure(0)), Measured(AT, exposure(3, 0.02))])
        found = reader.measured_arrays().pose_uncertainty_mm
    assert found.tolist() == pytest.approx([math.nan] * 3 + [0.02], nan_ok=True)
    assert check_journal(older).is_sound
    Journal.open(older).close()


def test_a_table_of_the_first_format_under_the_second_ones_number_is_refused(older: Path) -> None:
    with closing(sqlite3.connect(older)) as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(IntegrityError, match="damaged or altered"):
        JournalReader(older)
