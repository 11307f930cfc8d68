"""Which recording the page takes up, and with whose words."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edge.configuration.config import ScanConfig
from edge.faults import UsageError
from edge.monitor.shown import Shown
from edge.serving.resuming import resumable
from tests.unit.recordings.made import make_recording


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_recording(tmp_path_factory.mktemp("made") / "scan", exposures=3).folder


def shown(folder: Path) -> tuple[Shown, ScanConfig, str]:
    """A page that shows a recording, the recording's configuration, and its scan."""
    found = Shown(folder)
    found.refresh()
    assert found.feed.about is not None
    return found, found.feed.about.config, found.feed.about.scan_id


def test_the_recording_that_its_operator_sees_is_taken_up(made: Path) -> None:
    page, own, scan_id = shown(made)
    assert resumable(page, scan_id, made.parent, own) == made


@pytest.mark.parametrize("scan_id", ["another", "", None, 3])
def test_another_one_than_is_shown_is_not(made: Path, scan_id: object) -> None:
    page, own, _ = shown(made)
    with pytest.raises(UsageError, match="another recording by now"):
        resumable(page, scan_id, made.parent, own)


def test_without_a_recording_there_is_nothing_to_take_up(tmp_path: Path, made: Path) -> None:
    _, own, scan_id = shown(made)
    with pytest.raises(UsageError, match="plan one"):
        resumable(Shown(tmp_path / "none"), scan_id, tmp_path, own)


def test_one_outside_the_instruments_folder_is_not_nor_a_link_to_one(tmp_path: Path, made: Path) -> None:
    page, own, scan_id = shown(made)
    with pytest.raises(UsageError, match="folder of recordings"):
        resumable(page, scan_id, tmp_path, own)
    (tmp_path / "link").symlink_to(made)
    page, own, scan_id = shown(tmp_path / "link")
    with pytest.raises(UsageError, match="folder of recordings"):
        resumable(page, scan_id, tmp_path, own)


def test_one_of_another_instrument_that_was_copied_in_is_not(tmp_path: Path, made: Path) -> None:
    copied = tmp_path / "scan"
    shutil.copytree(made, copied)
    page, own, scan_id = shown(copied)
    elsewhere = own.model_copy(
        update={"instrument": own.instrument.model_copy(update={"reconnect_s": own.instrument.reconnect_s + 1})}
    )
    with pytest.raises(UsageError, match="another instrument"):
        resumable(page, scan_id, tmp_path, elsewhere)
