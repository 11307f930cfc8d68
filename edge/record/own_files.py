"""A recording's own files: none of them leads out of its folder, and none is read beyond what it can rightly hold."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import BinaryIO

from edge.faults import IntegrityError

_MOST_ENTRIES = 100_000
"""Most files and folders that a recording is looked through for."""
LONGEST_NOTE = 1024 * 1024
"""Longest text that processes of one scan leave each other, in bytes; a batch of cells may be longer."""


def refuse_links(folder: Path) -> None:
    """Refuse a recording with a link in it: what is read or written there could lie anywhere.

    Raises
    ------
    IntegrityError
        Names the first link, or other thing that is neither file nor folder.
    """
    seen = 0
    for above, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(above) / name
            try:
                mode = path.lstat().st_mode
            except OSError:
                # a file that was replaced just now
                continue
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                kind = "a link to elsewhere" if stat.S_ISLNK(mode) else "neither file nor folder"
                raise IntegrityError(
                    f"{path}: is {kind}, which no scan leaves in a recording: put the file itself there"
                )
            seen += 1
            if seen > _MOST_ENTRIES:
                raise IntegrityError(f"{folder}: holds more than {_MOST_ENTRIES} files: give a recording's own folder")


def open_plain(path: Path) -> BinaryIO:
    """A file for reading; never a link, or anything else that is no plain file.

    Raises
    ------
    OSError
        It cannot be opened.
    IntegrityError
        It is something else.
    """
    raw = io.FileIO(path, opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK))
    file = io.BufferedReader(raw)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise IntegrityError(f"{path}: is no plain file: take it out of the recording")
    return file


def length_of(path: Path) -> int:
    """Bytes of a file; 0 where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def read_note(path: Path, *, at_most: int = LONGEST_NOTE) -> str:
    """A short text that another process left; nothing but a plain file is opened, and no more of it read than can be.

    Raises
    ------
    OSError
        There is none.
    ValueError
        It is longer, no plain file, or no text.
    """
    try:
        with open_plain(path) as file:
            content = file.read(at_most + 1)
    except IntegrityError as error:
        raise ValueError(str(error)) from None
    if len(content) > at_most:
        raise ValueError(f"{path}: longer than {at_most} bytes: delete it")
    return content.decode("utf-8")
