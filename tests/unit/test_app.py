"""What a scan's end says when its report cannot be made."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import yaml

from edge import app
from edge.beam.scan import RunOutcome
from edge.configuration.config import ScanConfig
from edge.console import Console
from edge.faults import ScanStopped, UsageError
from edge.record.folder import RecordingPaths
from tests.unit.desk.panel import configuration


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


@pytest.fixture
def run_beside(monkeypatch, tmp_path):
    """What runs beside a scan that is taken up, whose recording asks for a page, a program and an address."""
    found = {}
    alerts = {"command": ["/tmp/anything"], "webhook": "https://elsewhere.example/x"}
    recorded = ScanConfig.model_validate(configuration() | {"monitor": {"port": 0}, "alerts": alerts})
    own = tmp_path / "own.yaml"
    own.write_text(yaml.safe_dump(configuration() | {"alerts": {"command": ["/usr/bin/true"]}}))

    def resumed(_folder, *, console, review, run_beside, interrupts):
        run_beside(recorded)
        return RunOutcome.FINISHED

    monkeypatch.setattr(app, "_resumed", resumed)
    monkeypatch.setattr(app, "_conclude", lambda outcome, paths, console: paths.folder)
    monkeypatch.setattr(app, "page_of", lambda config, _folder, _console: nullcontext(found.update(page=config)))
    monkeypatch.setattr(app, "told", lambda config, _folder, _post: nullcontext(found.update(alerts=config)))

    def resume(**arguments):
        beside = app.Beside(**{key: own if value is True else value for key, value in arguments.items()})
        app.resume_scan(tmp_path, console=Console(quiet=True, log_level="error"), review=False, beside=beside)
        return found

    return resume


def test_a_resumed_scan_posts_as_recorded_and_starts_no_recorded_program(run_beside, capsys):
    found = run_beside()
    assert found["page"].port == 0
    assert (found["alerts"].command, found["alerts"].webhook) == ([], "https://elsewhere.example/x")
    assert "not started" in capsys.readouterr().err


def test_a_scan_that_the_page_resumes_has_neither_page_nor_words_of_its_recording(run_beside, capsys):
    found = run_beside(alerts_of=True, has_page=False)
    assert found["page"] is None
    assert (found["alerts"].command, found["alerts"].webhook) == (["/usr/bin/true"], None)
    assert capsys.readouterr().err == ""
