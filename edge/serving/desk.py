"""Plans made for the page: one at a time, each in a process of its own, kept until the next one."""

from __future__ import annotations

import json
import secrets
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from edge.configuration.config import ScanConfig, load_scan_config
from edge.faults import UsageError
from edge.monitor.child import Child
from edge.record.folder import new_folder
from edge.record.own_files import read_note
from edge.serving.asked import Asked
from edge.serving.work import ANSWER, ASKED

State = Literal["running", "done", "failed", "cancelled"]
_MOST_KEPT = 4
"""Plans that somebody may still look at."""
_LONGEST_ANSWER = 4 * 1024 * 1024
_DIED = "the work on it ended without a word: look at the computer's memory and disk, then try again"


@dataclass(slots=True)
class Job:
    """Something that is worked out, and what came of it."""

    name: str
    folder: Path
    child: Child | None
    state: State = "running"
    answer: dict[str, Any] = field(default_factory=dict)

    def look(self) -> None:
        """See whether it is over."""
        if self.child is None or self.state != "running":
            return
        is_gone = self.child.is_gone()
        if (self.folder / ANSWER).is_file():
            self.answer = _answer_in(self.folder / ANSWER)
        elif is_gone:
            self.answer = {"fault": _DIED}
        else:
            return
        self.state = "failed" if "fault" in self.answer else "done"
        self.end()

    def end(self) -> None:
        """Leave no process behind."""
        if self.child is not None:
            self.child.end(0.0)
            self.child = None


class Desk:
    """A photograph of the table, and plans made from it; may be called from several threads.

    Parameters
    ----------
    config
        The instrument's configuration, read anew for each plan.
    folder
        For what is worked out; emptied at the beginning.
    """

    def __init__(self, config: Path, folder: Path) -> None:
        self._config, self._folder = config, folder
        self._turn = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._look: Job | None = None
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    @property
    def config(self) -> Path:
        """Where the instrument's configuration lies."""
        return self._config.absolute()

    def configuration(self) -> ScanConfig:
        """The instrument's, as its file says now.

        Raises
        ------
        UsageError
            It cannot be used.
        """
        return load_scan_config(self._config)

    def photograph(self) -> Job:
        """The look at the table, begun where there is none yet.

        Raises
        ------
        UsageError
            The system has no room for it.
        """
        with self._turn:
            if self._look is None:
                self._look = self._begin({"work": "look"})
            self._look.look()
            return self._look

    def photographed(self) -> Job | None:
        """The look at the table as far as it is; None where none was begun. Asks no camera."""
        with self._turn:
            if self._look is not None:
                self._look.look()
            return self._look

    def photograph_again(self) -> None:
        """Forget the photograph, and every plan that was made from it."""
        with self._turn:
            for job in [*self._jobs.values(), *([] if self._look is None else [self._look])]:
                self._forget(job)
            self._jobs, self._look = {}, None

    def price(self, asked: Asked, content: dict[str, Any]) -> Job:
        """Begin a plan; one that is still worked out is given up for it.

        Raises
        ------
        UsageError
            There is no photograph, what is asked for cannot be, or the system has no room for it.
        """
        asked.config(self.configuration(), self._config)
        look = self.photograph()
        if look.state != "done":
            raise UsageError("there is no photograph of the table yet: wait for it, or see why it cannot be had")
        with self._turn:
            for job in self._jobs.values():
                if job.state == "running":
                    self._cancel(job)
            while len(self._jobs) >= _MOST_KEPT:
                self._forget(self._jobs.pop(next(iter(self._jobs))))
            job = self._begin({"work": "price", "look": str(look.folder)}, content)
            self._jobs[job.name] = job
            return job

    def job(self, name: str) -> Job | None:
        """One of the plans; None where there is none of the name."""
        with self._turn:
            job = self._jobs.get(name)
            if job is not None:
                job.look()
            return job

    def cancel(self, name: str) -> None:
        """Give a plan up, if it is still worked out."""
        with self._turn:
            if (job := self._jobs.get(name)) is not None:
                self._cancel(job)

    def keep(self, name: str, recordings: Path) -> Path:
        """Put a finished plan where it stays, as `pointillist plan` would leave it; gives its folder.

        Raises
        ------
        UsageError
            There is none, or no room for it on the disk.
        """
        with self._turn:
            job = self._jobs.get(name)
            if job is not None:
                job.look()
            if job is None or job.state != "done":
                raise UsageError("there is no such plan, or it is not worked out: ask for its price again")
            name = new_folder(self.configuration().object.identifier, suffix="-plan").name
            kept = recordings / name
            if kept.exists():
                kept = recordings / f"{name}-{job.name}"
            try:
                shutil.copytree(job.folder, kept, ignore=shutil.ignore_patterns(ANSWER, ASKED, ".*"))
            except OSError:
                shutil.rmtree(kept, ignore_errors=True)
                raise UsageError(f"{kept}: the plan cannot be kept: see that the disk has room") from None
            return kept

    def give_way(self) -> None:
        """End what is still worked out: a scan begins, which wants camera and computer for itself.

        The photograph goes with it: after the scan another object may lie there. Finished plans stay.
        """
        with self._turn:
            for job in self._jobs.values():
                self._cancel(job)
            if self._look is not None:
                self._forget(self._look)
            self._look = None

    def close(self) -> None:
        """End what is still worked out, and leave nothing on the disk."""
        self.photograph_again()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _begin(self, settings: dict[str, Any], asked: dict[str, Any] | None = None) -> Job:
        name = secrets.token_hex(8)
        folder = self._folder / name
        settings |= {"config": str(self._config.absolute()), "folder": str(folder.absolute())}
        try:
            folder.mkdir(parents=True)
            if asked is not None:
                # by a file: drawn outlines may be longer than what a pipe holds
                (folder / ASKED).write_text(json.dumps(asked), encoding="utf-8")
            return Job(name, folder, Child("edge.serving.work", [], settings))
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            reason = error.strerror or error
            raise UsageError(f"nothing can be worked out ({reason}): see the computer's disk and memory") from None

    def _cancel(self, job: Job) -> None:
        job.look()
        if job.state == "running":
            job.end()
            job.state = "cancelled"

    def _forget(self, job: Job) -> None:
        self._cancel(job)
        shutil.rmtree(job.folder, ignore_errors=True)


def _answer_in(path: Path) -> dict[str, Any]:
    try:
        answer = json.loads(read_note(path, at_most=_LONGEST_ANSWER))
    except (OSError, ValueError):
        return {"fault": _DIED}
    return answer if isinstance(answer, dict) else {"fault": _DIED}
