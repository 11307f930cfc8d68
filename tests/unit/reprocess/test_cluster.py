"""The same on a cluster of processes, to which one is added on the way and from which one is taken."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.console import Console
from edge.faults import DeviceError, ScanStopped, UsageError
from edge.record.maps_file import read_maps
from edge.reprocess import estimate, spectra
from edge.reprocess.changes import Settings
from edge.reprocess.cluster import DaskExecutor, WorkerWatch, connected
from edge.reprocess.recipe import Done, Task
from edge.reprocess.result import Result
from edge.reprocess.run import reprocess

distributed = pytest.importorskip("distributed", reason="needs the extra cluster")
pytestmark = pytest.mark.filterwarnings("default")


class Watched:
    """A cluster's executor that tells who did what, and does something in the middle."""

    def __init__(self, inner: DaskExecutor, after: str, then: Callable[[], None]) -> None:
        self._inner, self._after, self._then = inner, after, then
        self._functions: dict[Any, str] = {}
        self.done_by: dict[str, set[str]] = {}

    def workers(self) -> int:
        return self._inner.workers()

    def submit(self, task: Task) -> Any:
        ticket = self._inner.submit(task)
        self._functions[ticket] = task.function.__name__
        return ticket

    def wait(self) -> tuple[Any, Done | Exception]:
        ticket, given = self._inner.wait()
        name = self._functions.pop(ticket)
        if isinstance(given, Done) and isinstance(given.value, str):
            self.done_by.setdefault(name, set()).add(given.value)
        if name == self._after and self._then is not None:
            then, self._then = self._then, None
            then()
        return ticket, given

    def drop(self, tickets: Iterable[Any]) -> None:
        self._inner.drop(tickets)


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> Iterator[Any]:
    """One worker, in a process of its own unless a test asks for it in this one."""
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=getattr(request, "param", True),
        dashboard_address="127.0.0.1:0",
    ) as cluster:
        yield cluster


def carried_out(archive: Path, out: Path, cluster: Any, after: str, then: Callable[[], None]) -> Watched:
    out.mkdir()
    with connected(cluster.scheduler_address) as executor:
        watched = Watched(executor, after, then)
        console = Console(quiet=True, log_level="error")
        outcome = reprocess(archive, ("panel",), out, Settings.of(piece_cells=16), watched, console)["panel"]
    assert isinstance(outcome, Result), outcome
    made, known = (read_maps(folder / "panel" / "maps.h5").element_maps for folder in (out, archive))
    assert made.maps.tobytes() == known.maps.tobytes()
    assert made.standard_error.tobytes() == known.standard_error.tobytes()
    return watched


@pytest.mark.parametrize(
    "cluster",
    [pytest.param(False, id="in this process"), pytest.param(True, id="in processes", marks=pytest.mark.campaign)],
    indirect=True,
)
def test_a_worker_that_joins_in_mid_run_takes_part_and_the_maps_stay_the_same(archive, cluster, tmp_path, monkeypatch):
    for module in (estimate, spectra):
        # workers within one process are told apart by their addresses
        monkeypatch.setattr(module, "worker_name", lambda: distributed.get_worker().address)

    def join() -> None:
        cluster.scale(2)
        cluster.wait_for_workers(2, timeout=200)

    watched = carried_out(archive, tmp_path / "out", cluster, "fit_range", join)
    assert len(watched.done_by["fit_range"]) == 1
    assert len(watched.done_by["estimate"]) == 2


@pytest.mark.campaign
def test_a_worker_that_is_killed_loses_nothing(archive, cluster, tmp_path):
    def kill() -> None:
        worker = next(iter(cluster.workers.values()))
        os.kill(worker.process.pid, signal.SIGKILL)

    carried_out(archive, tmp_path / "out", cluster, "fit_range", kill)


@pytest.mark.campaign
def test_a_scheduler_that_ends_in_mid_run_stops_it_with_what_is_finished_kept(archive, tmp_path):
    (tmp_path / "out").mkdir()
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        connected(cluster.scheduler_address) as executor,
    ):
        watched = Watched(executor, "add_up", cluster.close)
        console = Console(quiet=True, log_level="error")
        with pytest.raises(ScanStopped, match="the scheduler ended"):
            reprocess(archive, ("panel",), tmp_path / "out", Settings(), watched, console)
    assert list((tmp_path / "out").rglob("sums-0.npz"))


@pytest.mark.campaign
@pytest.mark.timeout(1_200)
def test_a_command_that_is_killed_outright_goes_on_when_given_again(archive, tmp_path):
    """With the kill of everything it had started: no worker is left behind."""
    command = [sys.executable, "-m", "edge.cli", "reprocess", str(archive), "--out", str(tmp_path / "out"), "--quiet"]
    with subprocess.Popen([*command, "--workers", "1"], start_new_session=True) as first:
        while not list(tmp_path.rglob("sums-0.npz")):
            assert first.poll() is None
            time.sleep(0.05)
        first.kill()
    kept = next(tmp_path.rglob("sums-0.npz")).stat().st_mtime_ns
    with subprocess.Popen([*command, "--workers", "1"]) as second:
        while second.poll() is None:
            times = [path.stat().st_mtime_ns for path in tmp_path.rglob("sums-0.npz")]
            assert times in ([], [kept])
            time.sleep(0.05)
    assert second.returncode == 0
    made, known = (read_maps(folder / "panel" / "maps.h5").element_maps for folder in (tmp_path / "out", archive))
    assert made.maps.tobytes() == known.maps.tobytes()


def test_an_absence_of_all_workers_is_said_after_a_minute_and_again_when_they_have_been_there_between():
    said, there = list[str](), [0]
    watch = WorkerWatch(lambda: there[0], said.append)
    for now_s, workers, times in (
        (0, 0, 0),
        (59, 0, 0),
        (61, 0, 1),
        (500, 0, 1),
        (501, 1, 1),
        (502, 0, 1),
        (563, 0, 2),
    ):
        there[0] = workers
        watch.look(now_s)
        assert len(said) == times
    assert said[0].startswith("there has been no worker for a minute: start some with dask worker")


def test_a_scheduler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("edge.reprocess.cluster._PATIENCE_S", 0.5)
    with (
        pytest.raises(DeviceError, match=r"tcp://127\.0\.0\.1:9: no scheduler answers there"),
        connected("tcp://127.0.0.1:9"),
    ):
        pass


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("edge.reprocess.cluster.importlib.import_module", missing)
    with pytest.raises(UsageError, match=r"pip install 'pointillist\[cluster\]'"), connected(None):
        pass
