"""Room on the disk: what a recording takes at most, and what this user may have."""

from __future__ import annotations

import ctypes
import errno
import math
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from edge.faults import UsageError
from edge.planning.scan_plan import ScanPlan

_RATE_HZ = 500_000.0
"""Counts a second that a detector delivers at the most."""
_CODING = 1.3
"""What packing takes over the entropy of counts: bytes by significance are coded each for itself."""
_BESIDE = 200
"""Bytes of an exposure beside its spectrum, in a row of its own."""
_BYTES_PER_CELL = 30 * (12 + 8)
"""Of maps: for each line group value, standard error, and the part that the photograph explains; the first two once
more, in parts, for the page."""
_MARGIN_BYTES = 256 * 1024 * 1024
"""For photographs, the report, the journal's log, each exposure's values for the page, and whatever else writes on this
disk."""
_IN_MEMORY = ("tmpfs", "ramfs")
_KEEP_SIZE = 1
_REFUSED = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Room:
    """What there is for a recording, and what it takes at most."""

    where: Path
    """The folder that was looked at, which exists."""
    free_bytes: int
    """What the file system has for this user, its reserve left out."""
    needed_bytes: int
    is_granted: bool
    """Whether the file system gives that much to this user: a quota may forbid what is free."""

    @property
    def suffices(self) -> bool:
        """Whether a scan may begin."""
        return self.free_bytes >= self.needed_bytes and self.is_granted

    def sentence(self) -> str:
        """What was found; with the remedy where it does not suffice."""
        text = f"{size_text(self.free_bytes)} free under {self.where}, at most {size_text(self.needed_bytes)} needed"
        if self.suffices:
            return text
        if self.free_bytes >= self.needed_bytes:
            text += ", more than this user's quota leaves"
        return f"{text}: free some space or record elsewhere with --out"


def exposures_bytes(live_s: ArrayLike, channels: int) -> int:
    """What exposures of so much live time take at most, packed or not, in bytes.

    Packing knows how often a count occurs and not in which channel. Of all spectra of a mean of m counts a channel,
    peaks and all, those whose counts are distributed geometrically have the largest entropy,
    (m + 1) log2(m + 1) - m log2(m) bits a channel (Jaynes, Phys. Rev. 106, 620, 1957).
    """
    mean = _RATE_HZ * np.asarray(live_s, dtype=np.float64) / channels
    bits = (mean + 1) * np.log2(mean + 1) - mean * np.log2(np.maximum(mean, 1e-300))
    return int(np.sum(_BESIDE + _CODING * channels * bits / 8))


def maps_bytes(cells: int) -> int:
    """What maps of so many cells take at most, in bytes."""
    return cells * _BYTES_PER_CELL


def room_for(folder: Path, exposures: int, cells: int) -> Room:
    """Room under a folder, which need not exist yet, for exposures of so many bytes and maps of so many cells."""
    where = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    needed = exposures + maps_bytes(cells) + _MARGIN_BYTES
    free = shutil.disk_usage(where).free
    return Room(where, free, needed, may_have(where, needed, free))


def may_have(folder: Path, count: int, free: int) -> bool:
    """Whether the file system gives this user so many bytes in a folder; true where that cannot be asked.

    What is asked for is taken for a moment. A scan that runs on this disk must not miss it, so nothing is asked where
    it is nearly all of what is free, or in memory.
    """
    can_be_asked = count + _MARGIN_BYTES <= free and _kind_of(folder) not in _IN_MEMORY
    return _is_granted(folder, count) if can_be_asked else True


def room_for_rest(folder: Path, plan: ScanPlan, left: int, channels: int) -> str:
    """What the exposures that are left of a plan, those still to come included, take at most, and what there is.

    Raises
    ------
    UsageError
        It does not suffice.
    """
    live_s = plan.table[:, 4]
    exposures = math.ceil(left * exposures_bytes(live_s, channels) / len(live_s))
    room = room_for(folder, exposures, plan.grid.rows * plan.grid.columns)
    if not room.suffices:
        raise UsageError(f"disk: {room.sentence()}")
    return f"Disk: {room.sentence()}"


def size_text(count: float) -> str:
    """Bytes as people read them: ``340 MB``."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _kind_of(folder: Path) -> str:
    """Of the file system that a folder lies on; empty where nobody says."""
    try:
        lines = Path("/proc/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    mounts = [(Path(fields[1]), fields[2]) for fields in map(str.split, lines) if len(fields) > 2]
    over = [(len(mount.parts), kind) for mount, kind in mounts if folder.resolve().is_relative_to(mount)]
    return max(over, default=(0, ""))[1]


def _is_granted(folder: Path, count: int) -> bool:
    """Whether a file without a name may have so many bytes; true where that cannot be asked."""
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o600)
    except OSError:
        return True
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        failed = libc.fallocate(descriptor, _KEEP_SIZE, ctypes.c_int64(0), ctypes.c_int64(count))
        return not failed or ctypes.get_errno() not in _REFUSED
    finally:
        os.close(descriptor)
