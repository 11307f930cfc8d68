"""Whole scans killed at any operation on their folder, or whose computer loses its power there: nothing is lost.

A small panel of 96 exposures on an instrument that runs many times faster. After each interruption the recording is
looked through; every record that was there before is there once; the scan is resumed. The instrument goes on meanwhile
and keeps what was not acknowledged: in the end it has exposed each cell once, so nothing that it was told to forget had
to be exposed again.
"""

from __future__ import annotations

import random
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from media import compiled
from medium import Medium, operations_in, put

from edge.events import Opened
from edge.record.check import check_journal
from edge.record.exposure_codec import is_same_measurement
from edge.record.fold import fold
from edge.record.folder import RecordingPaths
from edge.record.journal import JournalReader
from edge.recordings.presence import looked_at
from edge.state import Ended
from firmware_bridge.messages import ExposureDone
from tests.faults.watched_scans import Beside, Watch, WatchedStarter
from tests.instrument.conftest import Bench, await_that, bench_in

PLANNED = 96
LONGEST = 420
"""Operations on its folder that a scan of this size asks for, about: those of maps and report among them."""
campaign = [pytest.mark.campaign, pytest.mark.timeout(7200)]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedStarter]:
    """One for all scans here."""
    made = WatchedStarter(compiled("power_loss", tmp_path_factory.mktemp("shim")))
    yield made
    made.close()


def bench_of(folder: Path, starter: WatchedStarter) -> Bench:
    """A scan that takes a second or two, most of them for starting, maps and report."""
    folder.mkdir()
    bench = bench_in(folder, starter)
    bench.scan["area"] = {"x_mm": 60.0, "y_mm": 55.0, "width_mm": 12.0, "height_mm": 8.0, "pitch_mm": 0.5}
    bench.scan["sampling"] = {"rate": PLANNED / 384, "mask": "gradient", "dwell_s": 0.1, "seed": 1}
    bench.scan["elements"] = ["Fe", "Pb-L"]
    return bench


def interrupted(bench: Bench, starter: WatchedStarter, log: Path, behind: int, beside: Beside = "nothing") -> bool:
    """Begin or resume the scan, killed behind an operation on its folder; whether it was."""
    bench.starter = Watch(starter, bench.recording, log, behind, beside=beside)  # type: ignore[assignment]
    try:
        begun = bench.recording.exists()
        arguments = ["--resume", str(bench.recording)] if begun else [str(bench.config), "--out", str(bench.recording)]
        ended = bench.run("scan", *arguments)
    finally:
        bench.starter = starter
    assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
    await_closed(bench)
    return ended.returncode != 0


def await_closed(bench: Bench) -> None:
    def is_closed() -> bool:
        shutter = [event["event"] for event in bench.twin_events() if event["event"].startswith("shutter")]
        return not shutter or shutter[-1] != "shutter_opened"

    await_that(is_closed, "the shutter's closing by the end of its lease")


def recorded(bench: Bench) -> dict[int, ExposureDone] | None:
    """What the recording holds, looked at as `verify` does; None where the scan had not begun."""
    paths = RecordingPaths(bench.recording)
    if not paths.journal.exists():
        return None
    with looked_at(paths) as look:
        assert not look.is_running
        assert check_journal(look.path, mode=look.mode).is_sound
        with JournalReader(look.path, mode=look.mode) as reader:
            if not isinstance(next(reader.happened(), None), Opened):
                return None
            exposures = reader.measured()[1]
    found = {done.index: done for done in exposures}
    assert len(found) == len(exposures), "each exposure is there once"
    return found


def assert_kept(before: dict[int, ExposureDone], after: dict[int, ExposureDone]) -> None:
    """What was recorded is recorded, byte for byte."""
    assert all(index in after and is_same_measurement(done, after[index]) for index, done in before.items())


def assert_finished(bench: Bench, before: dict[int, ExposureDone]) -> None:
    """Once it has been resumed, unless it was through already."""
    if not is_finished(bench):
        resumed = bench.run("scan", "--resume", str(bench.recording))
        assert resumed.returncode == 0, resumed.stderr
    assert is_finished(bench)
    found = recorded(bench)
    assert found is not None
    assert_kept(before, found)
    assert sorted(found) == list(range(PLANNED))
    exposed = sorted(event["index"] for event in bench.twin_events() if event["event"] == "exposed")
    assert exposed == list(range(PLANNED)), "no finished cell is exposed again"


def is_finished(bench: Bench) -> bool:
    with looked_at(RecordingPaths(bench.recording)) as look, JournalReader(look.path, mode=look.mode) as reader:
        return fold(event for _, event in reader.events()).state == Ended("finished", is_planned=True)


@pytest.mark.parametrize("kills", [pytest.param(200, marks=campaign)])
def test_scans_killed_at_any_operation_are_finished_with_each_exposure_once(
    watched: WatchedStarter, tmp_path: Path, kills: int
) -> None:
    chance = random.Random(kills)
    done = scans = 0
    while done < kills:
        scans += 1
        bench = bench_of(tmp_path / str(scans), watched)
        before: dict[int, ExposureDone] = {}
        with bench.running():
            for _ in range(min(10, kills - done)):
                beside: Beside = "preview" if done % 10 == 0 else "nothing"
                if not interrupted(bench, watched, tmp_path / "log", chance.randrange(1, LONGEST), beside):
                    break
                done += 1
                found = recorded(bench)
                if found is None:
                    assert not before
                    shutil.rmtree(bench.recording, ignore_errors=True)
                else:
                    assert_kept(before, found)
                    before = found
                    if is_finished(bench):
                        # killed over maps and report, which can be made again
                        assert bench.run("report", str(bench.recording)).returncode == 0
                        break
            if bench.recording.exists():
                assert_finished(bench, before)
        shutil.rmtree(bench.folder)
    assert scans >= kills / 10


@pytest.mark.parametrize("losses", [pytest.param(40, marks=campaign)])
def test_a_scan_whose_power_goes_at_any_operation_is_resumed_with_all_that_was_acknowledged(
    watched: WatchedStarter, tmp_path: Path, losses: int
) -> None:
    """What was not synced is gone by chance, of the whole folder; the instrument has forgotten what it was told to."""
    chance = random.Random(losses)
    resumed = 0
    for loss in range(losses):
        bench, log = bench_of(tmp_path / str(loss), watched), tmp_path / f"{loss}.log"
        with bench.running():
            was_killed = interrupted(bench, watched, log, chance.randrange(40, LONGEST))
            medium, root = Medium(), str(bench.recording)
            for operation in operations_in(log.read_bytes()):
                if Path(operation.path).parent == bench.recording or operation.path == root:
                    medium.apply(operation, root)
            put(medium.after_power_loss(chance), bench.recording)
            found = recorded(bench)
            if found is not None:
                assert_finished(bench, found)
                resumed += was_killed
            else:
                assert not [event for event in bench.twin_events() if event["event"] == "exposed"]
        shutil.rmtree(bench.folder)
    assert resumed > losses / 2
