"""One scan, one folder: where each file lies, how a recording begins, and how an existing one is opened."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from edge.faults import UsageError
from edge.record.durable import sync_folder
from edge.record.fold import ScanHistory, fold
from edge.record.own_files import refuse_links
from edge.record.reader import JournalReader


@dataclass(frozen=True, slots=True)
class RecordingPaths:
    """The files of a recording; nothing here says that they exist."""

    folder: Path

    @property
    def config(self) -> Path:
        """The closed configuration as run."""
        return self.folder / "scan.yaml"

    @property
    def frame(self) -> Path:
        """The photograph."""
        return self.folder / "frame.png"

    @property
    def reviewed(self) -> Path:
        """Folder of the plan that was reviewed beforehand, with its photograph; there only where one was given."""
        return self.folder / "reviewed"

    @property
    def journal(self) -> Path:
        return self.folder / "journal.sqlite"

    @property
    def maps(self) -> Path:
        return self.folder / "maps.h5"

    @property
    def report(self) -> Path:
        return self.folder / "report.html"

    @property
    def printed(self) -> Path:
        """The report on paper, where it was asked for."""
        return self.folder / "report.pdf"

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    @property
    def live(self) -> Path:
        """Folder of pictures that are replaced while scanning; may be deleted."""
        return self.folder / "live"

    @property
    def next_batch(self) -> Path:
        """Where a scan that listens is told which cells to measure next."""
        return self.live / "next.json"

    @property
    def correction(self) -> Path:
        """Where the preview leaves a corrected registration for the scan to write down."""
        return self.live / "correction.json"

    @property
    def figure(self) -> Path:
        """Where the preview leaves what the exposures held out tell of the maps."""
        return self.live / "error.json"


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """An existing recording: its files, a reader of its journal, and its history when it was opened."""

    paths: RecordingPaths
    reader: JournalReader
    history: ScanHistory
    last_seq: int
    """Number of the last record that the history holds."""

    def close(self) -> None:
        """Let go of the journal."""
        self.reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def new_folder(identifier: str, *, suffix: str = "") -> Path:
    """Where something of an object goes that nobody named a folder for: under ``runs/``, by the time."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", identifier).strip("-") or "scan"
    return Path("runs") / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{name}{suffix}"


def refuse_taken(folder: Path) -> None:
    """Refuse a folder that a new recording cannot have, before anything is connected or moved for it.

    Raises
    ------
    UsageError
        Something is there already.
    """
    if folder.is_dir() and next(folder.iterdir(), None) is not None:
        raise UsageError(f"{folder}: the folder holds something already: give a new one, or resume the scan in it")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: a file is in the way: give a new folder for the recording")


def create_recording(folder: Path) -> RecordingPaths:
    """Make the folder of a new recording, durably; its parents too.

    Raises
    ------
    UsageError
        Something is there already, or the folder cannot be made.
    """
    try:
        made = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        refuse_taken(folder)
        for path in made:
            sync_folder(path.parent)
        sync_folder(folder)
    except (FileExistsError, NotADirectoryError):
        raise UsageError(f"{folder}: a file is in the way: give a new folder for the recording") from None
    except OSError as error:
        raise UsageError(
            f"{folder}: cannot be made ({error.strerror}): give a folder that this user may write"
        ) from None
    return RecordingPaths(folder)


def recording_at(folder: Path) -> RecordingPaths:
    """The files of a recording that is there.

    Raises
    ------
    UsageError
        The folder is missing or holds no journal.
    IntegrityError
        Something in it leads elsewhere.
    """
    paths = RecordingPaths(folder)
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder: give the folder of a recording")
    if not paths.journal.is_file():
        raise UsageError(f"{folder}: not a recording, it holds no {paths.journal.name}: give a folder that a scan made")
    refuse_links(folder)
    return paths


def open_recording(folder: Path) -> Recording:
    """Open a recording for reading, at rest or being written, and fold its journal.

    Raises
    ------
    UsageError
        The folder is missing or holds no journal.
    IntegrityError
        The journal is foreign, newer or damaged, or something in the folder leads elsewhere.
    """
    paths = recording_at(folder)
    reader = JournalReader(paths.journal)
    try:
        last_seq = reader.last_seq()
        history = fold(event for seq, event in reader.events() if seq <= last_seq)
        return Recording(paths, reader, history, last_seq)
    except BaseException:
        reader.close()
        raise
