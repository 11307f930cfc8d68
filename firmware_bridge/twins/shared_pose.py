"""Where the beam is, told by one twin's process to another's through a memory-mapped file.

A detector that is a device of its own knows nothing of the stage; its twin has to be told where the beam falls. One
process writes samples into a ring, any number read them. Times are this computer's monotonic clock, which processes
share.

Layout, little-endian on every machine that this runs on: a header of eight 8-byte words (magic, samples that the ring
holds, samples written so far), then for each sample eight words: its number plus one, or 0 while it is being written;
time, x and y as doubles; flags. A reader takes a sample only when its number stands before and after it was copied.
"""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path
from types import TracebackType
from typing import Self

from firmware_bridge.messages import StagePose

_MAGIC = 0x504F_5345_0001
_RING = 4096
_WORDS = 8
_WORD = 8
_FILE_BYTES = (_RING + 1) * _WORDS * _WORD
_WRITTEN = 2
"""Index of the header's word that counts samples."""
_HOLD_S = 0.02
"""A longer silence before a change of pose means that the stage stood still."""
_STEP_S = 0.001


class SampleFlag(IntFlag):
    """What is true at a sample, beside the pose."""

    NONE = 0
    BEAM_ON = 1
    """Radiation falls on the object from here to the next sample."""
    TRIGGER = 2
    """An edge on the detector's auxiliary input at exactly this time."""


@dataclass(frozen=True, slots=True)
class BeamSample:
    """Where the beam was at a moment; between two samples it moves evenly, after the last one it stays."""

    monotonic_s: float
    pose: StagePose
    is_on: bool
    """From this sample to the next."""
    is_trigger: bool = False


BeamPath = Callable[[], Sequence[BeamSample]]
"""What has happened since it was last called, oldest first; the first call tells at least the present."""


def resting_beam(pose: StagePose, *, is_on: bool = True) -> BeamPath:
    """A beam that stays where it is: for a detector without a stage."""
    samples = [BeamSample(0.0, pose, is_on)]

    def news() -> Sequence[BeamSample]:
        taken = tuple(samples)
        samples.clear()
        return taken

    return news


class SharedPoseWriter:
    """The stage's side: creates the file, and is its only writer.

    Parameters
    ----------
    path
        Replaced in one step if it exists; removed by `close`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        with fresh.open("wb") as file:
            file.truncate(_FILE_BYTES)
        with fresh.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _FILE_BYTES)
            self._identity = os.fstat(file.fileno()).st_ino
        self._whole = memoryview(self._map).cast("Q")
        self._reals = memoryview(self._map).cast("d")
        self._whole[1] = _RING
        self._whole[0] = _MAGIC
        self._last: BeamSample | None = None
        fresh.replace(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def write(
        self, pose: StagePose, *, is_on: bool, monotonic_s: float | None = None, is_trigger: bool = False
    ) -> None:
        """Say where the beam is now, and whether it is on.

        Call it every few milliseconds while moving, and at every change of the shutter. What changes nothing is not
        written, so calling it often costs little.

        Parameters
        ----------
        monotonic_s
            When this was so; now if not given. Never earlier than before.
        is_trigger
            Pulse the detector's auxiliary input at this moment.
        """
        at_s = time.monotonic() if monotonic_s is None else monotonic_s
        last = self._last
        if last is not None:
            at_s = max(at_s, last.monotonic_s)
            if (last.pose, last.is_on) == (pose, is_on) and not is_trigger:
                return
            if pose != last.pose and at_s - last.monotonic_s > _HOLD_S:
                self._append(BeamSample(at_s - _STEP_S, last.pose, last.is_on))
        sample = BeamSample(at_s, pose, is_on, is_trigger)
        self._append(sample)
        self._last = sample

    def close(self) -> None:
        """Remove the file, unless another writer has replaced it. Safe to call twice."""
        if self._map.closed:
            return
        self._whole.release()
        self._reals.release()
        self._map.close()
        if self._path.exists() and self._path.stat().st_ino == self._identity:
            self._path.unlink()

    def _append(self, sample: BeamSample) -> None:
        number = self._whole[_WRITTEN]
        at = (1 + number % _RING) * _WORDS
        self._whole[at] = 0
        self._reals[at + 1] = sample.monotonic_s
        self._reals[at + 2] = sample.pose.x_mm
        self._reals[at + 3] = sample.pose.y_mm
        self._whole[at + 4] = sample.is_on * SampleFlag.BEAM_ON | sample.is_trigger * SampleFlag.TRIGGER
        self._whole[at] = number + 1
        self._whole[_WRITTEN] = number + 1


class SharedPoseReader:
    """The detector's side. `news` is a `BeamPath`.

    Parameters
    ----------
    path
        A file that a `SharedPoseWriter` made.

    Raises
    ------
    ValueError
        It is none.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size != _FILE_BYTES:
                raise ValueError(f"{path}: not a shared pose: start the stage's twin first, or correct the path")
            self._map = mmap.mmap(file.fileno(), _FILE_BYTES, access=mmap.ACCESS_READ)
        self._whole = memoryview(self._map).cast("Q")
        self._reals = memoryview(self._map).cast("d")
        if self._whole[0] != _MAGIC or self._whole[1] != _RING:
            self.close()
            raise ValueError(f"{path}: a shared pose of another version: use twins of one version")
        self._taken = max(0, self._whole[_WRITTEN] - 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def news(self) -> Sequence[BeamSample]:
        """Samples that came since the last call, oldest first; of those that the ring has lost, none."""
        written = self._whole[_WRITTEN]
        samples = [self._sample(number) for number in range(max(self._taken, written - _RING), written)]
        self._taken = written
        return [sample for sample in samples if sample is not None]

    def close(self) -> None:
        """Let go of the file. Safe to call twice."""
        if not self._map.closed:
            self._whole.release()
            self._reals.release()
            self._map.close()

    def _sample(self, number: int) -> BeamSample | None:
        """One sample, None when it has been overwritten since."""
        at = (1 + number % _RING) * _WORDS
        if self._whole[at] != number + 1:
            return None
        monotonic_s, x_mm, y_mm = self._reals[at + 1 : at + 4].tolist()
        flags = SampleFlag(self._whole[at + 4])
        if self._whole[at] != number + 1:
            return None
        is_on, is_trigger = SampleFlag.BEAM_ON in flags, SampleFlag.TRIGGER in flags
        return BeamSample(monotonic_s, StagePose(x_mm, y_mm), is_on, is_trigger)
