"""Cameras: a folder of pictures, one picture, or a USB camera, each giving one frame when asked."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, assert_never

import numpy as np
from numpy.typing import NDArray

from edge.config import CameraConfig, FileCameraConfig, FolderCameraConfig, UvcCameraConfig
from edge.faults import DeviceError, IntegrityError

_SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"}
_ENDINGS = {".png": b"IEND\xaeB`\x82", ".jpg": b"\xff\xd9", ".jpeg": b"\xff\xd9"}
_ENDING_WITHIN = 1024
_SETTLE_S = 0.2
_SMALLEST_SIDE_PX = 64
BLANK_BELOW = 0.01
"""Standard deviation of a picture's liveliest colour channel, of full scale, below which it shows nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture as the camera gave it."""

    image: NDArray[Any]
    """RGB, uint8 or uint16, shape (h, w, 3), read-only; orientation tags are ignored: the sensor's own rows."""
    identity: str
    """Names the camera, so that a registration of another one is told apart."""
    taken_at: str
    """UTC, ISO 8601; a file's time of change where there is nothing better."""


class Camera(Protocol):
    """Something that can be asked for a picture."""

    def capture(self) -> Frame:
        """Take a picture.

        Raises
        ------
        DeviceError
            None can be had, or it shows nothing; the text names the remedy.
        """
        ...


def open_camera(config: CameraConfig) -> Camera:
    """The camera that the configuration describes; nothing is touched before `Camera.capture`."""
    match config:
        case FolderCameraConfig():
            return FolderCamera(Path(config.path), newest_within_s=config.newest_within_s)
        case FileCameraConfig():
            return FileCamera(Path(config.path))
        case UvcCameraConfig():
            return UvcCamera(config)
        case _:
            assert_never(config)


class FileCamera:
    """A picture taken beforehand."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def capture(self) -> Frame:
        if not self._path.is_file():
            raise DeviceError(f"{self._path}: no such picture: check instrument.camera.path")
        image = _decode(self._path)
        if image is None:
            raise DeviceError(f"{self._path}: not a whole picture: give a PNG, JPEG, TIFF or BMP file")
        return _frame(image, f"file:{self._path}", self._path.stat().st_mtime, str(self._path))


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
            image = _decode(path)
            if image is None:
                continue
            taken_at_s = path.stat().st_mtime
            age_s = self._now() - taken_at_s
            if self._newest_within_s is not None and age_s > self._newest_within_s:
                raise DeviceError(
                    f"{path}: the newest picture is {age_s:.0f} s old, over the {self._newest_within_s:.0f} s allowed: "
                    "take a new one"
                )
            return _frame(image, f"folder:{self._path}", taken_at_s, str(path))
        raise DeviceError(f"{pictures[0]}: not a whole picture, nor is any other in the folder: take a new one")

    def _newest_first(self) -> list[Path]:
        dated = []
        for path in self._path.iterdir():
            if path.suffix.lower() in _SUFFIXES and not path.name.startswith("."):
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


class UvcCamera:
    """A USB camera, opened for each picture: its first frames are dropped and the next ones averaged."""

    def __init__(self, config: UvcCameraConfig, *, open_device: Callable[[str], Any] | None = None) -> None:
        self._config = config
        self._open_device = open_device or _open_video

    def capture(self) -> Frame:
        config = self._config
        device = self._open_device(config.device)
        try:
            return self._read(device)
        finally:
            device.release()

    def _read(self, device: Any) -> Frame:
        import cv2

        config = self._config
        if not device.isOpened():
            raise DeviceError(f"{config.device}: no camera there, or another program holds it: check the cable")
        device.set(cv2.CAP_PROP_FRAME_WIDTH, config.width_px)
        device.set(cv2.CAP_PROP_FRAME_HEIGHT, config.height_px)
        total: NDArray[np.float32] | None = None
        for number in range(config.warm_up_frames + config.average_frames):
            arrived, picture = device.read()
            if not arrived or picture is None:
                raise DeviceError(f"{config.device}: the camera stopped sending pictures: unplug it and plug it again")
            if picture.shape[:2] != (config.height_px, config.width_px):
                raise DeviceError(
                    f"{config.device}: the camera gives {picture.shape[1]} x {picture.shape[0]} pixels, not "
                    f"{config.width_px} x {config.height_px}: set instrument.camera to a size that it has"
                )
            if number >= config.warm_up_frames:
                total = picture.astype(np.float32) if total is None else total + picture
        assert total is not None
        mean = np.round(total[:, :, ::-1] / config.average_frames).astype(np.uint8)
        return _frame(mean, f"uvc:{config.device}", time.time(), config.device)


def _open_video(device: str) -> Any:
    import cv2

    if not Path(device).exists():
        raise DeviceError(f"{device}: no such camera: plug it in, or check instrument.camera.device")
    if not os.access(device, os.R_OK | os.W_OK):
        raise DeviceError(f"{device}: this user may not use the camera: add the user to the group 'video'")
    return cv2.VideoCapture(device, cv2.CAP_V4L2)


def read_picture(path: Path) -> NDArray[Any]:
    """A recorded picture: RGB, uint8 or uint16, shape (h, w, 3).

    Raises
    ------
    IntegrityError
        It is missing or not whole.
    """
    image = _decode(path) if path.is_file() else None
    if image is None:
        raise IntegrityError(f"{path}: no whole picture there: restore it from a copy")
    return image


def write_picture(path: Path, image_rgb: NDArray[Any]) -> None:
    """Write a picture without loss, as PNG, whole or not at all, and on the disk when this returns.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    import cv2

    bgr = np.ascontiguousarray(image_rgb[:, :, ::-1])
    coded, content = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not coded:
        raise ValueError(f"{path}: a picture of shape {image_rgb.shape} and type {image_rgb.dtype} cannot be written")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(content.tobytes())
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _decode(path: Path) -> NDArray[Any] | None:
    """RGB picture, or None where the file is not whole; a torn JPEG would decode with a grey rest."""
    import cv2

    try:
        content = path.read_bytes()
    except OSError as error:
        raise DeviceError(f"{path}: cannot be read ({error.strerror}): check the file's permissions") from None
    ending = _ENDINGS.get(path.suffix.lower())
    if not content or (ending is not None and ending not in content[-_ENDING_WITHIN:]):
        return None
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), flags)
    except cv2.error:
        return None
    return None if image is None else np.ascontiguousarray(image[:, :, ::-1])


def _frame(image: NDArray[Any], identity: str, taken_at_s: float, name: str) -> Frame:
    import cv2

    if image.dtype not in (np.uint8, np.uint16):
        raise DeviceError(f"{name}: pixels of type {image.dtype} cannot be used: save 8- or 16-bit pictures")
    if min(image.shape[:2]) < _SMALLEST_SIDE_PX:
        raise DeviceError(
            f"{name}: {image.shape[1]} x {image.shape[0]} pixels is too small to find fiducials: raise the resolution"
        )
    mean, deviation = (np.asarray(value) / np.iinfo(image.dtype).max for value in cv2.meanStdDev(image))
    if float(deviation.max()) < BLANK_BELOW:
        look = "black" if float(mean.max()) < 0.1 else "the same all over"
        raise DeviceError(f"{name}: the picture is {look}: take the lens cap off, switch the light on, focus")
    image.flags.writeable = False
    return Frame(image, identity, datetime.fromtimestamp(taken_at_s, UTC).isoformat(timespec="milliseconds"))
