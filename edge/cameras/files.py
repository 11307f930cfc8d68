"""Pictures that something else took: one file, or the newest of a folder that a camera's program fills."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from edge.cameras.frame import Frame, checked_frame
from edge.cameras.picture import SUFFIXES, decode_file
from edge.faults import DeviceError

_SETTLE_S = 0.2


class FileCamera:
    """A picture taken beforehand.

    Parameters
    ----------
    identity
        Of the camera that took it; None: the file's own.
    """

    def __init__(self, path: Path, *, identity: str | None = None) -> None:
        self._path = path
        self._identity = identity

    def capture(self) -> Frame:
        path = self._path
        if not path.is_file():
            raise DeviceError(f"{path}: no such picture: check instrument.camera.path")
        picture = decode_file(path)
        if picture is None:
            raise DeviceError(f"{path}: not a whole picture: give a PNG, JPEG, TIFF or BMP file")
        return checked_frame(
            picture.image,
            identity=self._identity or picture.identity(f"file:{path}"),
            taken_at_s=path.stat().st_mtime,
            name=str(path),
            profile=picture.profile,
        )


class FolderCamera:
    """A folder that a camera's program fills: the newest whole picture in it."""

    def __init__(
        self,
        path: Path,
        *,
        newest_within_s: float | None = None,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path = path
        self._newest_within_s = newest_within_s
        self._now = now
        self._sleep = sleep

    def capture(self) -> Frame:
        if not self._path.is_dir():
            raise DeviceError(f"{self._path}: no such folder: check instrument.camera.path or start the camera")
        pictures = self._newest_first()
        if not pictures:
            raise DeviceError(f"{self._path}: no picture in this folder: take one, or check instrument.camera.path")
        for path in pictures:
            if not self._is_settled(path):
                continue
            picture = decode_file(path)
            if picture is None:
                continue
            taken_at_s = path.stat().st_mtime
            age_s = self._now() - taken_at_s
            if self._newest_within_s is not None and age_s > self._newest_within_s:
                raise DeviceError(
                    f"{path}: the newest picture is {age_s:.0f} s old, over the {self._newest_within_s:.0f} s allowed: "
                    "take a new one"
                )
            return checked_frame(
                picture.image,
                identity=picture.identity(f"folder:{self._path}"),
                taken_at_s=taken_at_s,
                name=str(path),
                profile=picture.profile,
            )
        raise DeviceError(f"{pictures[0]}: not a whole picture, nor is any other in the folder: take a new one")

    def _newest_first(self) -> list[Path]:
        dated = []
        for path in self._path.iterdir():
            if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
                try:
                    dated.append((path.stat().st_mtime_ns, path.name, path))
                except FileNotFoundError:
                    continue
        return [path for _, _, path in sorted(dated, reverse=True)]

    def _is_settled(self, path: Path) -> bool:
        """Whether the file has stopped growing."""
        try:
            before = path.stat()
            if self._now() - before.st_mtime < _SETTLE_S:
                self._sleep(_SETTLE_S)
            after = path.stat()
        except FileNotFoundError:
            return False
        return before.st_size == after.st_size > 0 and before.st_mtime_ns == after.st_mtime_ns
