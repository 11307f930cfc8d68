"""Whole scans whose disk fails, or whose clock jumps: shutter closed, resumed, nothing lost."""

from __future__ import annotations

import errno
import math
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from edge.record.folder import open_recording
from edge.state import Ended
from tests.instrument.conftest import Bench, await_that

SHIM = Path(__file__).parents[1] / "faults" / "bad_medium.c"
STOPPED = 6
PLANNED = 96
at_night = [pytest.mark.campaign, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``tests/faults/bad_medium.c``, compiled."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler: install gcc to model media that fail")
    made = tmp_path_factory.mktemp("shim") / "bad_medium.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", made, SHIM, "-ldl"], check=True)
    return made


@pytest.fixture
def small(bench: Bench) -> Bench:
    """A scan of some seconds, of which no maps are asked."""
    bench.beforehand = ("leave_out_maps",)
    bench.scan["sampling"] |= {"rate": PLANNED / 6144}
    return bench


@contextmanager
def failing(bench: Bench, shim: Path, plan: str) -> Iterator[None]:
    """Every command that begins within, in full, meets the fault at an operation on its journal."""
    starter, bench.starter = bench.starter, None
    os.environ |= {"LD_PRELOAD": str(shim), "BAD_MEDIUM_PLAN": f"{bench.recording / 'journal.sqlite'}|{plan}"}
    try:
        yield
    finally:
        del os.environ["LD_PRELOAD"], os.environ["BAD_MEDIUM_PLAN"]
        bench.starter = starter


def assert_shutter_closes(bench: Bench) -> None:
    def is_closed() -> bool:
        shutter = [event["event"] for event in bench.twin_events() if event["event"].startswith("shutter")]
        return not shutter or shutter[-1] != "shutter_opened"

    await_that(is_closed, "the shutter's closing")


def assert_whole(bench: Bench) -> None:
    with open_recording(bench.recording) as recording:
        history = recording.history
        _, exposures = recording.reader.measured()
    assert history.state == Ended("finished", is_planned=True)
    indices = sorted(done.index for done in exposures)
    assert indices == list(range(len(indices)))
    exposed = sorted(event["index"] for event in bench.twin_events() if event["event"] == "exposed")
    assert exposed == indices, "no finished cell is exposed again"


def carry_out(bench: Bench, shim: Path, plan: str) -> subprocess.CompletedProcess[str]:
    """A scan that meets a fault, and what follows until it is finished; gives how the scan itself ended."""
    with bench.running():
        with failing(bench, shim, plan):
            ended = bench.run("scan", str(bench.config), "--out", str(bench.recording))
        assert_shutter_closes(bench)
        if ended.returncode:
            resumed = bench.run("scan", "--resume", str(bench.recording))
            assert resumed.returncode == 0, resumed.stderr
    assert_whole(bench)
    return ended


@pytest.mark.parametrize(
    "plan",
    [
        f"fail|write|40|1|{errno.ENOSPC}",
        pytest.param(f"fail|write|55|0|{errno.EIO}", marks=at_night),
        pytest.param(f"short|write|70|1|{errno.EDQUOT}", marks=at_night),
        pytest.param(f"fail|sync|10|0|{errno.EIO}", marks=at_night),
        pytest.param(f"fail|any|60|1|{errno.EROFS}", marks=at_night),
    ],
)
def test_a_scan_whose_disk_fails_closes_the_shutter_and_is_resumed(small: Bench, shim: Path, plan: str) -> None:
    ended = carry_out(small, shim, plan)
    assert ended.returncode == STOPPED, ended.stderr
    assert "what was recorded is safe; free space or change the disk, then resume the scan" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("jump_s", [pytest.param(-3600, marks=at_night), pytest.param(3600, marks=at_night)])
def test_a_wall_clock_that_jumps_during_a_scan_changes_no_time_of_it(small: Bench, shim: Path, jump_s: int) -> None:
    began_s = time.monotonic()
    ended = carry_out(small, shim, f"clock|any|50|0|{jump_s}")
    took_s = time.monotonic() - began_s
    assert ended.returncode == 0, ended.stderr
    logged = [datetime.fromisoformat(line[:23]) for line in (small.recording / "log.txt").read_text().splitlines()]
    jumped_s = max((after - before).total_seconds() * math.copysign(1, jump_s) for before, after in pairwise(logged))
    assert jumped_s > abs(jump_s) - took_s, "the log tells the wall clock, which did jump"
    with open_recording(small.recording) as recording:
        times = [datetime.fromisoformat(event.at) for _, event in recording.reader.events()]
        history = recording.history
    assert times == sorted(times)
    assert 0 < history.beam.received_s <= history.running.ended_s <= took_s
