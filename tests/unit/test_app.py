"""What a scan's end says when its report cannot be made."""

from __future__ import annotations

import pytest

from edge import app
from edge.beam.scan import RunOutcome
from edge.console import Console
from edge.faults import ScanStopped, UsageError
from edge.record.folder import RecordingPaths


@pytest.fixture
def conclude(monkeypatch, tmp_path):
    """The end of a scan whose report fails."""

    def fail(_folder, *, console):
        raise UsageError("the sum spectrum shows no element: measure for longer")

    monkeypatch.setattr(app, "report_scan", fail)
    return lambda outcome: app._conclude(outcome, RecordingPaths(tmp_path), Console(quiet=True, log_level="error"))


def test_a_scan_stopped_too_early_for_maps_is_still_stopped_and_resumable(conclude, capsys):
    with pytest.raises(ScanStopped, match="--resume"):
        conclude(RunOutcome.STOPPED)
    assert "no maps yet: the sum spectrum shows no element" in capsys.readouterr().err


@pytest.mark.parametrize("outcome", [RunOutcome.FINISHED, RunOutcome.ENDED_EARLY])
def test_a_scan_that_is_over_ends_with_what_is_wrong_with_its_report(conclude, outcome):
    with pytest.raises(UsageError, match="shows no element"):
        conclude(outcome)
