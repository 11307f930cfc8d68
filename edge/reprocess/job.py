"""What every task of a scan is told: little, because inputs and results lie in files that all workers see."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from edge.faults import UsageError
from edge.record.folder import RecordingPaths
from edge.reprocess.archive import MARK, PIECES
from edge.reprocess.changes import Settings
from edge.reprocess.pieces import Pieces
from edge.reprocess.software import software_digest


@dataclass(frozen=True, slots=True)
class Job:
    """One scan of an archive."""

    archive: Path
    """Absolute, as `out` is: workers run elsewhere."""
    name: str
    out: Path
    settings: Settings
    software: str
    """What the digest of the worker's software must be."""
    key: str = ""
    """SHA-256 of inputs, software and settings; empty until the inputs were looked at."""

    @property
    def recording(self) -> RecordingPaths:
        return RecordingPaths(self.archive / self.name)

    @property
    def results(self) -> RecordingPaths:
        """Where ``maps.h5`` and ``report.html`` go."""
        return RecordingPaths(self.out / self.name)

    @property
    def pieces(self) -> Pieces:
        return Pieces(self.out / PIECES / self.name / self.key[:16])

    @property
    def attributes(self) -> dict[str, str]:
        """What ``maps.h5`` says of how it was made, beside what it says after a scan."""
        return {"software_sha256": self.software, "settings": self.settings.changes}

    def keyed(self, inputs: str) -> Job:
        """The same with its inputs looked at."""
        text = f"{inputs} {self.software} {self.settings.changes} {self.settings.piece_cells}"
        return replace(self, key=hashlib.sha256(text.encode()).hexdigest())

    def enter(self) -> None:
        """Refuse to work where the results would not be those of the others.

        Raises
        ------
        UsageError
            This process runs other software, or does not see the files.
        """
        if self.software != software_digest():
            raise UsageError(
                f"the worker on {platform.node()} runs another version of Pointillist or of what it computes with: "
                "install there what is installed where the command was given"
            )
        for path in (self.out / MARK, self.archive):
            if not path.exists():
                raise UsageError(
                    f"the worker on {platform.node()} does not see {path}: archive and results must lie on a file "
                    "system that all workers share, under the same path"
                )


def inputs_digest(paths: RecordingPaths) -> str:
    """SHA-256 over the bytes of everything that maps are made from: journal, its log, photograph, flat field."""
    digest = hashlib.sha256()
    for path in _inputs(paths):
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _inputs(paths: RecordingPaths) -> Iterable[Path]:
    beside = [paths.journal.with_name(paths.journal.name + "-wal"), paths.frame]
    return [path for path in (paths.journal, *beside, *sorted(paths.folder.glob("flat_field.*"))) if path.is_file()]


def worker_name() -> str:
    """Which process did a piece."""
    return f"{platform.node()}:{os.getpid()}"
