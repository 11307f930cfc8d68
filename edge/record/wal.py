"""What SQLite passes over in silence: transactions behind a damaged frame of a write-ahead log.

SQLite takes the first frame whose check sum fails for the torn end of the log and drops everything behind it. That is
right after a power loss, when at most the transaction in flight lies there, and wrong when an earlier frame rotted:
then whole transactions that were reported durable would vanish without a word. Layout and check sum follow SQLite's
file format, section 4 (sqlite.org/fileformat2.html, 2024).
"""

from __future__ import annotations

import errno
import functools
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PAGE_SIZE = 4096
"""Page size of every journal, in bytes."""
_HEADER = 32
_FRAME = 24 + PAGE_SIZE
LONGEST_LOG = 4 * 1024**3
"""Longest log that is looked through, in bytes: a thousand times what a scan folds away."""
_AT_ONCE = 2048
"""Frames that are unpacked at a time: a log, or what is put in its place, may be larger than the memory."""
_MAGIC = {0x377F0682: "<u4", 0x377F0683: ">u4"}
_Words = NDArray[np.uint32]


def commits_behind_damage(wal: Path) -> int:
    """Number of commits that lie at or behind the first damaged frame of a log at rest.

    0: the log is sound or absent. 1: what a power loss during a commit leaves, or damage to the last one. 2 or more:
    durable transactions are lost. Read only while nobody writes.

    Raises
    ------
    OSError
        The log exists and cannot be read, or is longer than any.
    """
    try:
        if wal.stat().st_size > LONGEST_LOG:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        frames = (wal.stat().st_size - _HEADER) // _FRAME
    except FileNotFoundError:
        return 0
    if frames < 1:
        return 0
    raw = np.memmap(wal, np.uint8, "r", _HEADER, (frames, _FRAME))
    heads = np.ascontiguousarray(raw[:, :24]).view(">u4")
    stored = bytes(np.memmap(wal, np.uint8, "r", 0, (_HEADER,)))
    header = np.frombuffer(stored, ">u4", 8)
    sound = _sound_frames(stored, header, heads, raw)
    if sound is not None:
        return _commits(heads[sound:], header[4:6])
    # one block of a disk holds the header and the first frame's own: both may be gone
    return max(_commits_unless_folded(wal, heads[first:], raw[first:]) for first in range(min(2, frames)))


def _commits(heads: _Words, salt: _Words) -> int:
    """Of one round of a log."""
    return int(np.count_nonzero((heads[:, 1] != 0) & (heads[:, 2:4] == salt).all(axis=1)))


def _commits_unless_folded(wal: Path, heads: _Words, raw: NDArray[np.uint8]) -> int:
    return 0 if _is_folded(wal, heads, raw) else _commits(heads, heads[0, 2:4])


def _is_folded(wal: Path, heads: _Words, raw: NDArray[np.uint8]) -> bool:
    """Whether all that a log committed stands in the journal: then its own damaged header costs nothing.

    A log is begun anew once it has been folded away, by its header; a write of that may be torn.
    """
    first_other = np.flatnonzero((heads[:, 2:4] != heads[0, 2:4]).any(axis=1))
    commits = np.flatnonzero(heads[: first_other[0] if first_other.size else len(heads), 1])
    if not commits.size:
        return True
    end = int(commits[-1])
    latest = {int(heads[i, 0]): i for i in range(end + 1) if heads[i, 0] <= heads[end, 1]}
    try:
        # never closed: with any descriptor of it that closes, SQLite's locks on the journal go, for all of this process
        journal = os.open(wal.with_name(wal.name.removesuffix("-wal")), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    return all(
        os.pread(journal, PAGE_SIZE, (page - 1) * PAGE_SIZE) == raw[i, 24:].tobytes() for page, i in latest.items()
    )


def _sound_frames(stored: bytes, header: _Words, heads: _Words, raw: NDArray[np.uint8]) -> int | None:
    """Number of leading frames whose check sums hold; None when the log's own header is damaged."""
    order = _MAGIC.get(int(header[0]))
    if order is None:
        return None
    sums = _Sums(*_contribution(np.frombuffer(stored, order, 6)[np.newaxis])[0])
    if (sums.first, sums.second) != (int(header[6]), int(header[7])):
        return None
    for begin in range(0, len(heads), _AT_ONCE):
        block = raw[begin : begin + _AT_ONCE]
        covered = np.concatenate([block[:, :8], block[:, 24:]], axis=1).view(order)
        pairs = covered.shape[1] // 2
        for i, (first, second) in enumerate(_contribution(covered), start=begin):
            sums = sums.after(pairs, int(first), int(second))
            stated = int(heads[i, 4]), int(heads[i, 5])
            if (sums.first, sums.second) != stated or (heads[i, 2:4] != header[4:6]).any():
                return i
    return len(heads)


class _Sums:
    """The two running sums s0 and s1, modulo 2^32."""

    def __init__(self, first: int, second: int) -> None:
        self.first = int(first) & 0xFFFFFFFF
        self.second = int(second) & 0xFFFFFFFF

    def after(self, pairs: int, first: int, second: int) -> _Sums:
        """The sums after so many pairs of words that contribute this much on their own."""
        a, b, c, d = _step_powers(pairs)[pairs]
        return _Sums(a * self.first + b * self.second + first, c * self.first + d * self.second + second)


@functools.cache
def _step_powers(pairs: int) -> list[tuple[int, int, int, int]]:
    """Powers 0 to ``pairs`` of one step's matrix: s0 += x0 + s1, then s1 += x1 + s0, is [[1, 1], [1, 2]]."""
    powers = [(1, 0, 0, 1)]
    for _ in range(pairs):
        a, b, c, d = powers[-1]
        powers.append(((a + c) & 0xFFFFFFFF, (b + d) & 0xFFFFFFFF, (a + 2 * c) & 0xFFFFFFFF, (b + 2 * d) & 0xFFFFFFFF))
    return powers


def _contribution(words: _Words) -> NDArray[np.uint64]:
    """What rows of words add to sums that start at zero, shape (rows, 2), modulo 2^64."""
    pairs = words.shape[1] // 2
    a, b, c, d = np.array(_step_powers(pairs)[:pairs][::-1], dtype=np.uint64).T
    even = words[:, 0::2].astype(np.uint64)
    both = even + words[:, 1::2].astype(np.uint64)
    return np.stack([even @ a + both @ b, even @ c + both @ d], axis=1)
