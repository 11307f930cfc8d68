"""Room on the disk: foreseen from the plan, refused where it does not suffice, and a scan that pauses in time."""

from __future__ import annotations

import errno
import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from edge.beam.low_disk import LowDisk
from edge.beam.reconnect import Connection
from edge.beam.scan import Run, RunOutcome
from edge.beam.session import Session, utc_now
from edge.beam.shutter import Bounds
from edge.console import Console
from edge.events import Measured, Opened, Paused, Planned, Registered, ShutterClosed, ShutterOpened
from edge.faults import UsageError
from edge.grid import ScanGrid
from edge.record.journal import Journal
from edge.room import exposures_bytes, room_for, room_for_rest, size_text
from edge.state import New
from firmware_bridge.messages import ExposureDone, ExposureFlag, StagePose
from tests.unit.scripted_scan import COUNT, ScriptedController, events, exposure, recorded

GRID = ScanGrid(0.0, 0.0, 1.0, rows=10, columns=10)
PLENTY = 10**12


def free(monkeypatch: pytest.MonkeyPatch, *said: int) -> None:
    """What the file system says when it is asked; the last figure from then on."""
    figures = itertools.chain(said, itertools.repeat(said[-1]))
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=next(figures)))


def shape(kind: str, channels: int) -> np.ndarray:
    """Of a spectrum, its sum 1: flat, or lines of many heights over a continuum, which packs worst."""
    if kind == "flat":
        return np.full(channels, 1 / channels)
    rng, at = np.random.default_rng(1), np.arange(channels) / channels
    made = 0.3 + 4 * np.exp(-3.4 * at)
    for centre, height in zip(rng.uniform(0.05, 0.95, 50), rng.uniform(2, 60, 50), strict=True):
        made += height * np.exp(-(((at - centre) / 0.0044) ** 2) / 2)
    return made / made.sum()


@pytest.mark.parametrize("channels", [1024, 2048])
@pytest.mark.parametrize("kind", ["flat", "lines"])
@pytest.mark.parametrize("live_s", [0.001, 0.1, 5.0, 60.0])
def test_a_journal_takes_no_more_than_was_foreseen_of_the_fastest_detector(
    tmp_path: Path, live_s: float, kind: str, channels: int
) -> None:
    count, page = 60, 4096
    rng = np.random.default_rng(3)
    pose = StagePose(1 / 3, 2 / 3)
    spectra = rng.poisson(500_000 * live_s * shape(kind, channels), (count, channels)).astype(np.uint32)
    done = [
        ExposureDone(i, pose, pose, live_s, live_s, i / 3, i / 3, 1 / 7, 1 / 7, ExposureFlag.NONE, spectrum)
        for i, spectrum in enumerate(spectra)
    ]
    path = tmp_path / "journal.sqlite"
    with Journal.create(path) as journal:
        empty = path.stat().st_size
        journal.append([Measured(utc_now(), each) for each in done])
    foreseen = exposures_bytes([live_s] * count, channels)
    assert path.stat().st_size - empty < foreseen
    assert foreseen < 3 * (path.stat().st_size - empty + page)


def test_room_is_what_the_nearest_folder_that_exists_has_and_maps_need_their_share(tmp_path: Path) -> None:
    small = room_for(tmp_path / "new" / "scan", 1_000_000, 100)
    large = room_for(tmp_path / "new" / "scan", 1_000_000, 10_000_000)
    assert small.where == tmp_path
    assert small.needed_bytes > 256_000_000
    assert large.needed_bytes - small.needed_bytes > 10_000_000 * 300


def test_a_disk_without_the_room_is_refused_with_both_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 200_000_000)
    room = room_for(tmp_path, 5_000_000_000, 100)
    assert not room.suffices
    assert room.sentence() == (
        f"200 MB free under {tmp_path}, at most 5.3 GB needed: free some space or record elsewhere with --out"
    )


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_what_is_free_and_not_granted_to_this_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    free(monkeypatch, PLENTY)
    libc = SimpleNamespace(fallocate=lambda *_: -1)
    monkeypatch.setattr("edge.room._kind_of", lambda _folder: "ext4")
    monkeypatch.setattr("edge.room.ctypes.CDLL", lambda *_, **__: libc)
    monkeypatch.setattr("edge.room.ctypes.get_errno", lambda: number)
    room = room_for(tmp_path, 1, 1)
    assert not room.suffices
    assert "quota" in room.sentence()


def test_a_file_system_that_cannot_be_asked_for_more_than_it_has_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free(monkeypatch, PLENTY)
    libc = SimpleNamespace(fallocate=lambda *_: -1)
    monkeypatch.setattr("edge.room.ctypes.CDLL", lambda *_, **__: libc)
    monkeypatch.setattr("edge.room.ctypes.get_errno", lambda: errno.EOPNOTSUPP)
    assert room_for(tmp_path, 1, 1).suffices


@pytest.mark.parametrize(("free_bytes", "kind"), [(300_000_000, "ext4"), (500_000_000, "ext4"), (PLENTY, "tmpfs")])
def test_nothing_is_taken_that_a_running_scan_would_miss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_bytes: int, kind: str
) -> None:
    """Asked for is taken for a moment: not where it is more than half of what is free, nor in memory."""
    free(monkeypatch, free_bytes)
    asked: list[int] = []
    monkeypatch.setattr("edge.room._kind_of", lambda _folder: kind)
    monkeypatch.setattr("edge.room._is_granted", lambda _folder, count: bool(asked.append(count)))
    assert room_for(tmp_path, 1, 1).suffices == (free_bytes > 269_000_000)
    assert not asked


def test_asking_for_room_leaves_nothing_behind(tmp_path: Path) -> None:
    before = shutil.disk_usage(tmp_path).free
    assert room_for(tmp_path, 0, 0).suffices
    assert list(tmp_path.iterdir()) == []
    assert abs(shutil.disk_usage(tmp_path).free - before) < 200_000_000


def test_what_is_still_to_come_to_a_plan_is_foreseen_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = SimpleNamespace(table=np.full((10, 5), 0.1), grid=GRID)
    free(monkeypatch, 2_000_000_000)
    assert room_for_rest(tmp_path, plan, 10, 2048).startswith("Disk: 2.0 GB free")
    with pytest.raises(UsageError, match="free some space"):
        room_for_rest(tmp_path, plan, 10_000_000, 2048)


def test_sizes_are_told_as_people_read_them() -> None:
    assert [size_text(5e6), size_text(3.04e9)] == ["5 MB", "3.0 GB"]


@pytest.fixture
def low(tmp_path: Path) -> LowDisk:
    """Looks at the disk whenever it is asked."""
    return LowDisk(tmp_path, GRID, clock=itertools.count(0, 10).__next__)


def test_a_quota_that_leaves_too_little_is_seen_where_the_disk_itself_has_plenty(
    low: LowDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    free(monkeypatch, PLENTY)
    granted = iter([True, False])
    monkeypatch.setattr("edge.room._kind_of", lambda _folder: "ext4")
    monkeypatch.setattr("edge.room._is_granted", lambda _folder, _count: next(granted, False))
    assert not low.is_called
    assert low.is_called
    assert "this user's quota leaves less than the 67 MB" in low.carry_out(None)


def test_the_disk_is_looked_at_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Path] = []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: looks.append(path) or SimpleNamespace(free=PLENTY))
    watched = LowDisk(tmp_path, GRID, clock=itertools.count(0, 0.1).__next__)
    assert not any(watched.is_called for _ in range(100))
    assert 5 <= len(looks) <= 20


@pytest.fixture
def run(tmp_path: Path) -> Callable[[LowDisk], tuple[RunOutcome, Journal]]:
    journal = Journal.create(tmp_path / "journal.sqlite")
    session = Session(journal, New())
    now = utc_now()
    session.record(Opened(now, "scan", "", (), 1), Registered(now, "{}", "0"), Planned(now, "{}", "0"))
    controller = ScriptedController()
    console = Console(quiet=True, log_level="error")

    def expose(low: LowDisk) -> tuple[RunOutcome, Journal]:
        outcome = Run(
            Connection(lambda: controller, patience_s=0.0, console=console),
            session,
            [exposure(index) for index in range(COUNT)],
            bounds=Bounds((0.0, 40.0), (0.0, 10.0), tolerance_mm=0.25, patience_s=0.5),
            planned=COUNT,
            live_s=0.0,
            rejoin=lambda recorded: 0,
            confirm_place=lambda: None,
            console=console,
            intermissions=[low],
        ).expose()
        assert not controller.is_open
        return outcome, journal

    return expose


def test_a_scan_pauses_with_the_shutter_closed_before_the_disk_is_full(run, low, monkeypatch) -> None:
    free(monkeypatch, PLENTY, PLENTY, PLENTY, 50_000_000)
    outcome, journal = run(low)
    assert outcome is RunOutcome.STOPPED
    assert 0 < len(recorded(journal)) < COUNT
    assert events(journal, ShutterClosed)[-1].reason == "little room on the disk"
    (paused,) = events(journal, Paused)
    assert "only 50 MB are left" in paused.reason
    assert "free some space, then resume the scan" in paused.reason


def test_a_scan_on_a_disk_that_is_full_already_opens_no_shutter(run, low, monkeypatch) -> None:
    free(monkeypatch, 50_000_000)
    outcome, journal = run(low)
    assert outcome is RunOutcome.STOPPED
    assert not events(journal, ShutterOpened)


def test_a_scan_with_room_again_goes_on_by_itself(run, low, monkeypatch) -> None:
    free(monkeypatch, PLENTY, PLENTY, 50_000_000, 50_000_000, PLENTY)
    outcome, journal = run(low)
    assert outcome is RunOutcome.FINISHED
    assert sorted(recorded(journal)) == list(range(COUNT))
