"""The process that tells: it follows a recording beside the scan, and takes a last look when the scan is gone."""

from __future__ import annotations

import json
import os
import socket
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from edge.alerts.deliver import Addressees, deliver
from edge.alerts.fold import AlertFold
from edge.events import utc_text
from edge.faults import EdgeError
from edge.monitor.child import has_ended, settings_from
from edge.recordings.progress import Follower

LOG_NAME = "alerts.log"
_PERIOD_S = 2.0
_NICE = 5


class Teller:
    """Follows a recording and tells what happens from now on.

    Parameters
    ----------
    kinds
        Of what; empty: of everything.
    since
        What happened before was told then; UTC, ISO 8601.
    """

    def __init__(self, folder: Path, addressees: Addressees, kinds: frozenset[str], since: str) -> None:
        self._folder, self._addressees, self._kinds, self._since = folder, addressees, kinds, since
        self._follower: Follower | None = None
        self._fold = AlertFold()
        self._told = 0

    def look(self) -> None:
        """Look at the recording, and tell what is new."""
        at = utc_text(datetime.now(UTC))
        with suppress(EdgeError):
            if self._follower is None:
                self._follower = Follower(self._folder, heard=self._fold.add)
            self._fold.look(self._follower.look(), at)
        for alert in self._fold.alerts:
            if alert.number <= self._told:
                continue
            self._told = alert.number
            if alert.at >= self._since and (not self._kinds or alert.kind in self._kinds):
                failures = deliver(alert, self._scan(), self._addressees)
                self._note({**alert.json(), "told_at": at, "failures": failures})

    def _scan(self) -> dict[str, str]:
        name = "" if self._follower is None else self._follower.object_name
        folder = str(self._folder.absolute())
        return {"object": name or self._folder.name, "folder": folder, "computer": socket.gethostname()}

    def _note(self, line: dict[str, object]) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with suppress(OSError):
            descriptor = os.open(self._folder / LOG_NAME, flags, 0o640)
            with os.fdopen(descriptor, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


def main(folder: Path) -> None:
    """Tell until standard input ends, which is when the scan does; its first line has the settings."""
    os.nice(_NICE)
    settings = settings_from(sys.stdin.buffer)
    addressees = Addressees(str(settings["webhook"]), tuple(settings["command"]))
    teller = Teller(folder, addressees, frozenset(settings["on"]), str(settings["since"]))
    while not has_ended(sys.stdin.buffer, _PERIOD_S):
        teller.look()
    # two looks: one alone may fall between a writer's end and the next one's beginning
    teller.look()
    teller.look()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
