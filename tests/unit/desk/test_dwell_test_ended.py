"""A dwell test that ends before anything is measured says so."""

from __future__ import annotations

import pytest

from edge import app
from edge.beam.scan import RunOutcome
from edge.record.folder import RecordingPaths, create_recording
from edge.record.journal import Journal
from tests.unit.desk.panel import Desk

STOPPED = 6


@pytest.mark.parametrize("outcome", [RunOutcome.ENDED_EARLY, RunOutcome.STOPPED, RunOutcome.CUT_OFF])
def test_a_dwell_test_that_ended_before_its_first_point_is_no_success(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, outcome: RunOutcome
) -> None:
    def record(_config: object, folder: object, *_: object, **__: object) -> tuple[RunOutcome, RecordingPaths]:
        paths = create_recording(desk.out)
        Journal.create(paths.journal).close()
        return outcome, paths

    monkeypatch.setattr(app, "record", record)
    said = desk.plan("--dwell-test")
    assert said.code == STOPPED
    assert "the recording is in" in said.err
    assert not (desk.out / "dwell-test.json").exists()
