"""The journal: what goes in comes out, once, in order, byte-exact."""

from __future__ import annotations

import dataclasses
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edge.events import (
    Closed,
    Concluded,
    Faulted,
    Judged,
    LeftOut,
    Measured,
    Opened,
    Paused,
    Planned,
    Registered,
    Resumed,
    ScanEvent,
    ShutterClosed,
    ShutterOpened,
)
from edge.faults import IntegrityError, UsageError
from edge.record.check import check_journal
from edge.record.damage import DamagedRecord
from edge.record.exposure_codec import MAX_CHANNELS, decode_counts, encode_counts, is_same_measurement
from edge.record.journal import Journal, JournalReader
from edge.record.schema import FORMAT_VERSION, explained, wal_path
from firmware_bridge.messages import ExposureDone, ExposureFlag, StagePose

AT = "2026-01-02T03:04:05.000006+00:00"
texts = st.text(max_size=200)
numbers = st.floats(allow_nan=True, allow_infinity=True)
poses = st.builds(StagePose, numbers, numbers)
spectra = hnp.arrays(np.uint32, st.integers(1, 300), elements=st.integers(0, 2**32 - 1))
exposures = st.builds(
    ExposureDone,
    index=st.integers(0, 2**62),
    start=poses,
    end=poses,
    real_s=numbers,
    live_s=numbers,
    opened_at_s=numbers,
    closed_at_s=numbers,
    input_rate_hz=numbers,
    output_rate_hz=numbers,
    flags=st.sampled_from([ExposureFlag.NONE, ExposureFlag.SATURATED]),
    counts=spectra,
    pose_uncertainty_mm=numbers,
)
plain_events = st.one_of(
    st.builds(Opened, texts, texts, texts, st.lists(st.tuples(texts, texts)).map(tuple), st.integers(0, 2**64)),
    st.builds(Registered, texts, texts, texts),
    st.builds(Planned, texts, st.text(max_size=9).map(lambda text: text * 1000), texts),
    st.builds(ShutterOpened, texts, texts, st.integers(0, 2**40), st.floats(0, 1e9)),
    st.builds(ShutterClosed, texts, texts, st.booleans()),
    st.builds(LeftOut, texts, st.integers(0, 2**31), texts),
    st.builds(Judged, texts, st.integers(0, 2**31), texts),
    st.builds(Concluded, texts, texts),
    st.builds(Paused, texts, texts),
    st.builds(Resumed, texts, texts),
    st.builds(Faulted, texts, texts, texts),
    st.builds(Closed, texts, st.sampled_from(["finished", "aborted"])),
)
events_of_a_scan = st.lists(
    st.one_of(plain_events, st.builds(Measured, texts, exposures)),
    max_size=25,
    unique_by=lambda event: event.done.index if isinstance(event, Measured) else id(event),
)


def exposure(index: int, *, channels: int = 64, flags: ExposureFlag = ExposureFlag.NONE) -> ExposureDone:
    spectrum = np.random.default_rng(index).poisson(3, channels).astype(np.uint32)
    pose = StagePose(index * 0.5, 1.0)
    return ExposureDone(index, pose, pose, 0.11, 0.1, index * 0.2, index * 0.2 + 0.11, 900.0, 800.0, flags, spectrum)


def measured(*indices: int) -> list[ScanEvent]:
    return [Measured(AT, exposure(index)) for index in indices]


def equal(one: ScanEvent, other: ScanEvent) -> bool:
    if isinstance(one, Measured) and isinstance(other, Measured):
        return one.at == other.at and is_same_measurement(one.done, other.done)
    return one == other


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@given(events=events_of_a_scan, cut=st.integers(0, 25))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_appended_is_read_back_in_order_and_byte_exact(
    tmp_path_factory: pytest.TempPathFactory, events: list[ScanEvent], cut: int
) -> None:
    path = tmp_path_factory.mktemp("scan") / "journal.sqlite"
    with Journal.create(path) as journal:
        journal.append(events[:cut])
        journal.append(events[cut:])
    with JournalReader(path) as reader:
        found = list(reader.events())
    assert [seq for seq, _ in found] == list(range(1, len(events) + 1))
    assert all(equal(one, other) for (_, one), other in zip(found, events, strict=True))
    assert check_journal(path).is_sound


@given(spectrum=spectra)
def test_a_spectrum_survives_its_coding(spectrum: np.ndarray) -> None:
    decoded = decode_counts([encode_counts(spectrum)], len(spectrum))
    assert decoded.dtype == np.uint32
    np.testing.assert_array_equal(decoded[0], spectrum)


def test_a_spectrum_that_unpacks_to_more_than_it_declares_is_refused_without_unpacking_it() -> None:
    bomb = encode_counts(np.zeros(MAX_CHANNELS, np.uint32))
    with pytest.raises(DamagedRecord):
        decode_counts([bomb], 16)


@pytest.mark.parametrize(
    "counts",
    [np.zeros((2, 2), np.uint32), np.zeros(0, np.uint32), np.zeros(MAX_CHANNELS + 1, np.uint32), np.zeros(4), [-1]],
)
def test_what_is_not_a_spectrum_is_not_recorded(path: Path, counts: np.ndarray) -> None:
    bad = dataclasses.replace(exposure(1), counts=np.asarray(counts))
    with Journal.create(path) as journal:
        with pytest.raises(ValueError, match="spectrum"):
            journal.append([*measured(0), Measured(AT, bad)])
        journal.append(measured(0, 1))
        assert journal.last_seq == 2


def test_an_exposure_that_arrives_again_is_recorded_once(path: Path) -> None:
    with Journal.create(path) as journal:
        journal.append(measured(4, 5))
        journal.append([Paused(AT, "lunch"), *measured(5, 6, 4, 6)])
    with JournalReader(path) as reader:
        assert [done.index for done in reader.measured()[1]] == [4, 5, 6]
        assert reader.last_seq() == 4


def test_another_measurement_under_a_recorded_index_is_refused_and_the_journal_goes_on(path: Path) -> None:
    other = dataclasses.replace(exposure(5), live_s=0.2)
    with Journal.create(path) as journal:
        journal.append(measured(5))
        with pytest.raises(IntegrityError, match="exposure 5 arrived twice"):
            journal.append([*measured(6), Measured(AT, other)])
        journal.append(measured(7))
    with JournalReader(path) as reader:
        assert reader.done_indices() == {5, 7}


def test_a_truncated_exposure_is_kept_beside_the_full_one_that_repeats_it(path: Path) -> None:
    short = dataclasses.replace(exposure(5), live_s=0.03, flags=ExposureFlag.TRUNCATED)
    with Journal.create(path) as journal:
        journal.append([Measured(AT, short)])
        journal.append([Measured(AT, short)])
        with JournalReader(path) as reader:
            assert reader.done_indices() == frozenset()
        journal.append(measured(5))
        journal.append([*measured(5), Measured(AT, short)])
    with JournalReader(path) as reader:
        assert [done.live_s for done in reader.measured()[1]] == [0.03, 0.1]
        assert reader.done_indices() == {5}


def test_negative_zero_and_not_a_number_do_not_look_like_damage(path: Path) -> None:
    odd = dataclasses.replace(exposure(1), start=StagePose(-0.0, float("nan")), input_rate_hz=float("inf"))
    with Journal.create(path) as journal:
        journal.append([Measured(AT, odd)])
    with JournalReader(path) as reader:
        (read,) = reader.measured()[1]
    assert read.start.x_mm == 0.0
    assert np.isnan(read.start.y_mm)
    assert read.input_rate_hz == float("inf")


def test_columns_hold_what_the_exposures_hold(path: Path) -> None:
    with Journal.create(path) as journal:
        journal.append([Paused(AT, "lunch"), *measured(*range(600)), Resumed(AT, "back"), *measured(600)])
    with JournalReader(path) as reader:
        last_seq, exposures = reader.measured(after_seq=100)
        arrays = reader.measured_arrays(after_seq=100)
    assert arrays.last_seq == last_seq == 603
    assert len(arrays) == len(exposures) == 502
    np.testing.assert_array_equal(arrays.counts, [done.counts for done in exposures])
    np.testing.assert_array_equal(arrays.indices, [done.index for done in exposures])
    np.testing.assert_array_equal(arrays.starts_mm, [(done.start.x_mm, done.start.y_mm) for done in exposures])
    np.testing.assert_array_equal(arrays.closed_at_s, [done.closed_at_s for done in exposures])
    assert not arrays.counts.flags.writeable


def test_columns_can_be_read_in_portions(path: Path) -> None:
    with Journal.create(path) as journal:
        journal.append(measured(*range(1500)))
    seen: list[int] = []
    with JournalReader(path) as reader:
        after = 0
        while len(portion := reader.measured_arrays(after, at_most=100)):
            seen += portion.indices.tolist()
            after = portion.last_seq
    assert seen == list(range(1500))


def test_reading_goes_on_where_it_ended(path: Path) -> None:
    with Journal.create(path) as journal, JournalReader(path) as reader:
        journal.append(measured(0, 1))
        after, first = reader.measured()
        assert reader.measured(after) == (after, [])
        journal.append([Paused(AT, "lunch"), *measured(2)])
        last, second = reader.measured(after)
        assert [done.index for done in first + second] == [0, 1, 2]
        assert [type(event) for _, event in reader.events(after)] == [Paused, Measured]
        assert last == 4


def test_a_reader_of_a_running_scan_sees_whole_batches_in_order(path: Path) -> None:
    batches = 60
    with Journal.create(path) as journal:

        def write() -> None:
            for batch in range(batches):
                journal.append([Paused(AT, str(batch)), *measured(*range(10 * batch, 10 * batch + 10))])

        writer = threading.Thread(target=write)
        writer.start()
        with JournalReader(path) as reader:
            after, seen = 0, 0
            while seen < 10 * batches:
                after, exposures = reader.measured(after)
                assert after % 11 == 0
                assert [done.index for done in exposures] == list(range(seen, seen + len(exposures)))
                seen += len(exposures)
        writer.join()


def test_a_closed_journal_is_one_file_and_can_be_continued(path: Path) -> None:
    with Journal.create(path) as journal:
        journal.append(measured(0))
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    with JournalReader(path) as reader:
        assert reader.last_seq() == 1
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    with Journal.open(path) as journal:
        journal.append(measured(1))
        assert journal.last_seq == 2


def test_the_journal_declares_its_kind_and_format_in_the_header(path: Path) -> None:
    Journal.create(path).close()
    header = path.read_bytes()[:100]
    assert header[68:72] == b"PNTL"
    assert int.from_bytes(header[60:64], "big") == FORMAT_VERSION == 5


def test_every_commit_is_synced(path: Path) -> None:
    with Journal.create(path) as journal:
        assert journal._connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert journal._connection.execute("PRAGMA journal_mode").fetchone() == (b"wal",)


def test_an_existing_journal_is_not_begun_anew(path: Path) -> None:
    with Journal.create(path) as journal:
        journal.append(measured(0))
    with pytest.raises(UsageError, match="resume that scan"):
        Journal.create(path)
    assert check_journal(path).records == 1


def test_a_closed_journal_takes_nothing_more(path: Path) -> None:
    journal = Journal.create(path)
    journal.close()
    journal.close()
    with pytest.raises(ValueError, match="closed"):
        journal.append(measured(0))


def test_an_interrupt_between_records_leaves_all_or_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal.create(path) as journal:
        journal.append(measured(0))

        def interrupted(_last_seq: int) -> int:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("edge.record.journal.extent_crc", interrupted)
            with pytest.raises(KeyboardInterrupt):
                journal.append(measured(1, 2))
        journal.append(measured(1))
    with JournalReader(path) as reader:
        assert [seq for seq, _ in reader.events()] == [1, 2]


def test_a_long_scan_does_not_let_the_log_grow_without_end(path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = [dataclasses.replace(exposure(i), counts=rng.integers(0, 2**32, 4096, np.uint32)) for i in range(1200)]
    with Journal.create(path) as journal:
        for first in range(0, 1200, 50):
            journal.append([Measured(AT, done) for done in noise[first : first + 50]])
        assert wal_path(path).stat().st_size < 8 * 1024 * 1024


def test_the_newest_records_of_a_running_scan_are_plain_columns_for_other_tools(path: Path) -> None:
    query = "SELECT exposure_index, start_x_mm, live_s FROM exposures"
    with Journal.create(path) as journal:
        journal.append([*measured(3), Paused(AT, "lunch")])
        connection = sqlite3.connect(path)
        assert connection.execute(query).fetchall() == [(3, 1.5, 0.1)]
    assert connection.execute("SELECT kind, body FROM events").fetchall() == [("paused", b'{"reason":"lunch"}')]
    connection.close()


def test_a_full_disk_is_not_taken_for_damage(tmp_path):
    path = tmp_path / "journal.sqlite"
    Journal.create(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA max_page_count = 1")
        with pytest.raises(UsageError, match="free some space"), explained(path):
            connection.execute("CREATE TABLE larger AS SELECT zeroblob(1000000)")


def test_a_reader_can_be_kept_to_what_there_was(path: Path) -> None:
    pose = StagePose(0.0, 0.0)
    done = [
        ExposureDone(i, pose, pose, 0.1, 0.1, 0.0, 0.1, 1.0, 1.0, ExposureFlag.NONE, np.full(4, i, np.uint32))
        for i in range(4)
    ]
    with Journal.create(path) as journal:
        journal.append([Measured(AT, one) for one in done[:2]])
        with JournalReader(path, upto_seq=2) as reader:
            journal.append([Measured(AT, one) for one in done[2:]])
            assert reader.last_seq() == 2
            assert reader.measured_arrays().indices.tolist() == [0, 1]
            assert reader.done_indices() == {0, 1}
