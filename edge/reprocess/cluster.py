"""The one module that knows Dask: tasks go to the workers of a scheduler, or to processes of this machine."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from edge.faults import DeviceError, ScanStopped, UsageError
from edge.reprocess.drive import FOR_MEMORY
from edge.reprocess.recipe import Done, Task

_PATIENCE_S = 20
_COUNT_EVERY_S = 5.0
_ANY_PORT = "127.0.0.1:0"
"""Of the page that a scheduler serves whether anybody wants it or not."""
_LOGS = ("distributed", "tornado", "asyncio")
_LOOK_EVERY_S = 0.02
_ALONE_S = 60.0


class WorkerWatch:
    """Says so when tasks wait and nobody has been there to carry them out for a while, once each time."""

    def __init__(self, count: Callable[[], int], warn: Callable[[str], None]) -> None:
        self._count, self._warn = count, warn
        self._alone_since_s: float | None = None
        self._was_said = False

    def look(self, now_s: float) -> None:
        if self._count():
            self._alone_since_s, self._was_said = None, False
        elif self._alone_since_s is None:
            self._alone_since_s = now_s
        elif now_s - self._alone_since_s >= _ALONE_S and not self._was_said:
            self._was_said = True
            self._warn(
                "there has been no worker for a minute: start some with dask worker, and the run goes on; "
                "stopped with Ctrl-C, it keeps what is finished"
            )


class DaskExecutor:
    """Carries tasks out on a cluster, whose workers may come and go."""

    def __init__(self, client: Any, warn: Callable[[str], None]) -> None:
        self._dask = importlib.import_module("distributed")
        self._client = client
        self._over = self._dask.as_completed()
        self._awaited: set[str] = set()
        self._dropped: set[str] = set()
        self._staying: set[str] = set()
        self._workers, self._counted_s = 0, -_COUNT_EVERY_S
        self._watch = WorkerWatch(self.workers, warn)

    def workers(self) -> int:
        """How many there are, as of some seconds ago."""
        if time.monotonic() - self._counted_s > _COUNT_EVERY_S:
            try:
                self._workers, self._counted_s = len(self._client.nthreads()), time.monotonic()
            except OSError:
                raise _ended() from None
        return self._workers

    def submit(self, task: Task) -> Any:
        future = self._client.submit(task.function, *task.arguments, pure=False)
        self._awaited.add(future.key)
        if task.stays:
            self._staying.add(future.key)
        self._over.add(future)
        return future

    def wait(self) -> tuple[Any, Done | Exception]:
        while True:
            while not self._over.has_ready():
                self._watch.look(time.monotonic())
                time.sleep(_LOOK_EVERY_S)
            future = next(self._over)
            self._awaited.discard(future.key)
            if future.key not in self._dropped:
                return future, self._outcome(future)
            self._dropped.discard(future.key)

    def drop(self, tickets: Iterable[Any]) -> None:
        for future in tickets:
            self._staying.discard(future.key)
            if future.key in self._awaited:
                self._dropped.add(future.key)
                future.cancel()

    def _outcome(self, future: Any) -> Done | Exception:
        try:
            if future.key in self._staying and future.status == "finished":
                return Done(None, future)
            return Done(future.result(), future)
        except self._dask.CancelledError:
            raise _ended() from None
        except self._dask.KilledWorker:
            return DeviceError(f"worker after worker died at one task of this scan: {FOR_MEMORY}")
        except Exception as error:
            return error


def _ended() -> ScanStopped:
    return ScanStopped(
        "the scheduler ended, or can no longer be reached: what is finished is kept; start it again, and give the same "
        "command with the same --out"
    )


@contextlib.contextmanager
def connected(
    scheduler: str | None, workers: int | None = None, *, warn: Callable[[str], None] = lambda _: None
) -> Iterator[DaskExecutor]:
    """A cluster: that of a scheduler, or processes of this machine, as many as it has cores unless told.

    Parameters
    ----------
    warn
        Told in a sentence when nobody is left to work.

    Raises
    ------
    UsageError
        Dask is not installed, or the address is none.
    DeviceError
        The scheduler does not answer.
    """
    try:
        dask = importlib.import_module("distributed")
    except ImportError:
        raise UsageError(
            "reprocess needs dask.distributed, which is not installed: pip install 'pointillist[cluster]'"
        ) from None
    for name in _LOGS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if scheduler is None:
        count = workers or len(os.sched_getaffinity(0))
        with (
            dask.LocalCluster(
                n_workers=count, threads_per_worker=1, dashboard_address=_ANY_PORT, silence_logs=logging.CRITICAL
            ) as cluster,
            dask.Client(cluster) as client,
        ):
            yield DaskExecutor(client, warn)
        return
    try:
        client = dask.Client(scheduler, timeout=_PATIENCE_S)
    except (OSError, TimeoutError):
        raise DeviceError(f"{scheduler}: no scheduler answers there: start one with dask scheduler") from None
    except ValueError as error:
        raise UsageError(f"{scheduler}: {error}: give the scheduler as tcp://HOST:8786") from None
    with client:
        yield DaskExecutor(client, warn)
