"""Where a scan's socket lies: in a folder of its user's own, named by a note beside the recording.

Not in the recording: its path may be longer than a socket's may be (108 bytes), its disk may know no sockets, and a
recording holds nothing but files.
"""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import tempfile
from contextlib import suppress
from itertools import islice
from pathlib import Path

from edge.record.own_files import read_note

_LONGEST_PATH = 100
"""Bytes; what a socket's address holds on every system."""
_PREFIX, _SOCKET = "pointillist-", "control"
_MOST_LOOKED_AT = 10_000
_ANSWER_S = 0.2


def note_of(folder: Path) -> Path:
    """The note in a recording's folder that names the socket of the scan that writes it."""
    return folder / "live" / "control"


def new_place() -> Path:
    """Path for a socket, in a new folder that nobody else may look into.

    Raises
    ------
    OSError
        No folder for such things can be written to.
    """
    wanted = (os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0], os.environ.get("XDG_RUNTIME_DIR", ""))
    for above in (*wanted, tempfile.gettempdir(), "/tmp"):
        if above and len(os.fsencode(above)) < _LONGEST_PATH - 40 and os.access(above, os.W_OK | os.X_OK):
            clear_abandoned(Path(above))
            return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=above)) / _SOCKET
    raise OSError("no folder for a socket: set XDG_RUNTIME_DIR to one that this user may write")


def hold(place: Path) -> int:
    """A descriptor by which this process, as long as it lives and keeps it open, holds a socket's folder.

    Raises
    ------
    OSError
        The folder cannot be opened.
    """
    descriptor = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def clear_abandoned(above: Path) -> None:
    """Take away the folders that scans of this user have left there which were killed."""
    with suppress(OSError), os.scandir(above) as entries:
        found = [Path(entry.path) for entry in islice(entries, _MOST_LOOKED_AT) if entry.name.startswith(_PREFIX)]
        for folder in found:
            if _is_abandoned(folder):
                clear(folder / _SOCKET)


def _is_abandoned(folder: Path) -> bool:
    """Whether a socket of this user's lies there that nobody holds, nor answers at."""
    try:
        states = folder.lstat(), (folder / _SOCKET).lstat()
        if not (stat.S_ISDIR(states[0].st_mode) and stat.S_ISSOCK(states[1].st_mode)):
            return False
        if {state.st_uid for state in states} != {os.getuid()}:
            return False
        os.close(hold(folder / _SOCKET))
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_ANSWER_S)
            connection.connect(str(folder / _SOCKET))
    except ConnectionRefusedError:
        return True
    except OSError:
        pass
    return False


def leave_note(folder: Path, place: Path) -> None:
    """Name a socket beside the recording, in place of one that an earlier process left."""
    note = note_of(folder)
    note.parent.mkdir(exist_ok=True)
    with suppress(OSError, ValueError):
        clear(Path(read_note(note)))
    part = note.with_name(f".{note.name}.part")
    part.write_text(str(place), encoding="utf-8")
    part.replace(note)


def place_in(folder: Path) -> Path | None:
    """The socket that a recording's note names; None where there is none of this user's, or root's, making."""
    with suppress(OSError, ValueError):
        place = Path(read_note(note_of(folder), at_most=4_096))
        state = place.lstat()
        if stat.S_ISSOCK(state.st_mode) and (state.st_uid in (os.getuid(), 0) or os.getuid() == 0):
            return place
    return None


def clear(place: Path) -> None:
    """Take a socket away, with its folder, if both are what `new_place` made for this user."""
    if not place.parent.name.startswith(_PREFIX):
        return
    with suppress(OSError):
        state = place.lstat()
        if stat.S_ISSOCK(state.st_mode) and state.st_uid == os.getuid():
            place.unlink()
    with suppress(OSError):
        place.parent.rmdir()
