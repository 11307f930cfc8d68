"""What is worked out for the page: a look that can be planned from later, and a plan that a scan takes as it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import pytest
import yaml

from edge.configuration.config import ScanConfig, load_scan_config
from edge.faults import UsageError
from edge.planning.folder import read_reviewed
from edge.serving import work
from edge.serving.asked import Asked
from edge.serving.work import CONFIG, Look, priced
from tests.unit.desk.panel import configuration


@pytest.fixture
def config(tmp_path: Path, photograph: Path) -> ScanConfig:
    (tmp_path / "frames").mkdir()
    shutil.copy2(photograph, tmp_path / "frames")
    (tmp_path / "scan.yaml").write_text(yaml.safe_dump(configuration()))
    return load_scan_config(tmp_path / "scan.yaml")


@pytest.fixture
def look(tmp_path: Path, config: ScanConfig) -> Look:
    (tmp_path / "look").mkdir()
    found = Look(tmp_path / "look")
    told = found.take(config)
    assert told["frame"] == {"origin_mm": [46.0, 43.0], "size_mm": [48.0, 32.0]}
    shown = cv2.imread(str(tmp_path / "look" / told["photo"]))
    assert shown.shape[1] / shown.shape[0] == pytest.approx(1.5)
    return found


def none_in_time(*_: object) -> None:
    raise UsageError("no mode can do anything in this time")


def test_a_plan_at_a_rate_is_one_that_a_scan_carries_out(
    tmp_path: Path, config: ScanConfig, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "compared", none_in_time)
    folder = tmp_path / "plan"
    folder.mkdir()
    asked = Asked.of({"area": [[50, 45], [90, 45], [90, 70]], "budget": {"rate": 0.05}})
    asked_config = asked.config(config, tmp_path / "scan.yaml")
    told = priced(asked, asked_config, look.read(asked_config), folder)
    assert told["alternatives"] == []
    again = load_scan_config(folder / CONFIG)
    reviewed = read_reviewed(folder, again)
    assert reviewed.plan.digest == told["plan"]["digest"]
    assert len(reviewed.plan.table) == told["plan"]["exposures"]
    assert again.area.polygon == [[50, 45], [90, 45], [90, 70]]
    for name in ("density", "mask", "path"):
        height, width = cv2.imread(str(folder / told["pictures"][name])).shape[:2]
        # the grid's proportions, to within a pixel
        assert abs(height - width * 2 / 3) <= 1, name


def test_a_time_that_no_mode_can_use_is_said(
    tmp_path: Path, config: ScanConfig, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "compared", none_in_time)
    with pytest.raises(UsageError, match="no mode"):
        priced(Asked.of({"budget": {"time_s": 1}}), config, look.read(config), tmp_path)
