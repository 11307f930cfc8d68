"""Visits to the reference standard are kept in the journal whole, and a damaged one is noticed."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edge.events import FIRST_VISIT, Measured, ShutterOpened, StandardMeasured, StandardMissed
from edge.record.check import check_journal
from edge.record.damage import DamagedRecord
from edge.record.event_codec import decode_event, encode_event
from edge.record.journal import Journal, JournalReader
from edge.record.visit_record import visit_from_dict, visit_to_dict
from firmware_bridge.messages import ExposureDone, ExposureFlag, StagePose

AT = "2026-01-02T03:04:05.000006+00:00"
POSE = StagePose(150.0, 20.0)
DONE = ExposureDone(
    FIRST_VISIT, POSE, POSE, 21.0, 20.0, 5.0, 26.0, 9e3, 8e3, ExposureFlag.SATURATED, np.arange(9, dtype=np.uint32)
)


def stored(event: StandardMeasured | StandardMissed | ShutterOpened) -> Any:
    seq, kind, at, body, crc = encode_event(3, event)
    return decode_event((seq, kind.encode(), at.encode(), body, crc))


@given(
    counts=hnp.arrays(np.uint32, st.integers(1, 2_000)),
    uncertainty_mm=st.floats(0.0, 10.0) | st.just(math.nan),
    rate_hz=st.floats(0.0, 1e6) | st.just(math.nan),
)
def test_a_visit_comes_back_from_its_record_to_the_last_count(counts, uncertainty_mm, rate_hz) -> None:
    done = replace(DONE, counts=counts, pose_uncertainty_mm=uncertainty_mm, input_rate_hz=rate_hz)
    found = stored(StandardMeasured(AT, done)).done
    np.testing.assert_array_equal(found.counts, counts)
    assert found.counts.dtype == np.uint32
    for name in ("index", "start", "end", "real_s", "live_s", "opened_at_s", "closed_at_s", "flags"):
        assert getattr(found, name) == getattr(done, name)
    for name in ("pose_uncertainty_mm", "input_rate_hz"):
        np.testing.assert_equal(getattr(found, name), getattr(done, name))


def test_a_missed_visit_comes_back_with_its_reason() -> None:
    assert stored(StandardMissed(AT, "nothing came")) == StandardMissed(AT, "nothing came")


def test_an_opening_says_what_it_is_over_and_one_of_an_older_recording_was_over_the_object() -> None:
    over = ShutterOpened(AT, "visit to the standard", 4, 1.0, "standard")
    assert stored(over) == over
    seq, kind, at, body, _ = encode_event(3, over)
    content = json.loads(body)
    del content["over"]
    older = json.dumps(content).encode()
    from edge.record.event_codec import event_crc

    row = (seq, kind.encode(), at.encode(), older, event_crc(seq, kind.encode(), at.encode(), older))
    assert decode_event(row) == replace(over, over="object")


@pytest.mark.parametrize(
    "change",
    [
        {"counts": []},
        {"counts": [-1]},
        {"counts": [1.5]},
        {"counts": [2**32]},
        {"counts": "none"},
        {"counts": [[1]]},
        {"live_s": "long"},
        {"live_s": True},
        {"index": None},
    ],
)
def test_what_cannot_be_a_visit_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        visit_from_dict({**visit_to_dict(DONE), **change})


@pytest.mark.parametrize("count", [-1, 2**32])
def test_a_count_that_nothing_would_read_again_is_refused_on_writing(count: int) -> None:
    with pytest.raises(ValueError, match="counts from 0 to 2"):
        encode_event(3, StandardMeasured(AT, replace(DONE, counts=np.array([5, count]))))


def test_an_event_whose_body_is_no_visit_is_damaged() -> None:
    from edge.record.event_codec import event_crc

    body = json.dumps({**visit_to_dict(DONE), "counts": "none"}).encode()
    row = (3, b"standard-measured", AT.encode(), body, event_crc(3, b"standard-measured", AT.encode(), body))
    with pytest.raises(DamagedRecord, match="not that of an event 'standard-measured'"):
        decode_event(row)


def test_visits_stand_among_the_exposures_without_being_any(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    counts = np.full(2048, 1_000_000, np.uint32)
    visit = StandardMeasured(AT, replace(DONE, counts=counts))
    with Journal.create(path) as journal:
        journal.append([visit, Measured(AT, replace(DONE, index=0)), StandardMissed(AT, "nothing came")])
    assert check_journal(path).is_sound
    with JournalReader(path) as reader:
        assert [type(event) for _, event in reader.events()] == [StandardMeasured, Measured, StandardMissed]
        assert reader.measured_arrays().indices.tolist() == [0]
