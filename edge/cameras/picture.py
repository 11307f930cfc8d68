"""Pictures as bytes: decoded whole or not at all, and written the same way."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.cameras.exif import body_of
from edge.cameras.profile import profile_of, with_profile
from edge.faults import DeviceError, IntegrityError
from edge.record.durable import sync_folder_if_known_how

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})
_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_JPEG, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_BMP, _TIFF = b"BM", {b"II*\0": "<", b"MM\0*": ">"}
_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_SHORT, _TIFF_DIRECTORIES = 256, 257, 3, 8
_ENDING_WITHIN = 1024
_MOST_PIXELS = 300_000_000
"""Of the largest medium-format backs twice the number; three such pictures in memory are 5 GB."""
_MOST_BYTES = 2_000_000_000
"""So many pixels of 16 bits, unpacked."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What a picture's file holds."""

    image: NDArray[Any]
    """RGB, uint8 or uint16, shape (h, w, 3)."""
    profile: bytes | None
    """ICC profile; None where the file carries none."""
    body: str = ""
    """The camera that took it, as the file says; empty where it says nothing."""

    def identity(self, source: str) -> str:
        """The camera's, by where its pictures come from and what they say of it."""
        return f"{source} ({self.body})" if self.body else source


def decode_picture(content: bytes, name: str) -> Picture | None:
    """The picture in a PNG, JPEG, TIFF or BMP file's bytes; None where they are none, or not whole.

    A torn JPEG would decode with a grey rest, so the format's own ending is looked for.

    Raises
    ------
    DeviceError
        It has more pixels than can be worked with, or pixels of another type; `name` is what the sentence begins with.
    """
    import cv2

    if not _is_whole(content):
        return None
    size = picture_size(content)
    if size is not None and size[0] * size[1] > _MOST_PIXELS:
        raise DeviceError(
            f"{name}: {size[0]} x {size[1]} pixels are more than the {_MOST_PIXELS // 1_000_000} million that can be "
            "worked with: have the camera save smaller pictures"
        )
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), flags)
    except cv2.error:
        return None
    if image is None:
        return None
    if image.dtype not in (np.uint8, np.uint16):
        raise DeviceError(f"{name}: pixels of type {image.dtype} cannot be used: save 8- or 16-bit pictures")
    return Picture(np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)), profile_of(content), body_of(content))


def picture_size(content: bytes) -> tuple[int, int] | None:
    """Width and height that a PNG, JPEG, TIFF or BMP states in its header; None for others, and where there is none."""
    if content.startswith(_PNG) and len(content) >= 24:
        width, height = struct.unpack(">II", content[16:24])
        return int(width), int(height)
    if content.startswith(_JPEG):
        return _jpeg_size(content)
    if content.startswith(_BMP) and len(content) >= 26:
        width, height = struct.unpack("<ii", content[18:26])
        return abs(int(width)), abs(int(height))
    if content[:4] in _TIFF:
        return _tiff_size(content, _TIFF[content[:4]])
    return None


def _tiff_size(content: bytes, order: str) -> tuple[int, int] | None:
    """The largest width and height among the tags of the first directories (TIFF 6.0, section 2)."""
    found = {_TIFF_WIDTH: 0, _TIFF_HEIGHT: 0}
    (at,) = struct.unpack(f"{order}I", content[4:8]) if len(content) >= 8 else (0,)
    for _ in range(_TIFF_DIRECTORIES):
        if not 8 <= at <= len(content) - 2:
            break
        (count,) = struct.unpack(f"{order}H", content[at : at + 2])
        end = min(at + 2 + 12 * count, len(content))
        for place in range(at + 2, end - 11, 12):
            tag, kind, _, word = struct.unpack(f"{order}HHII", content[place : place + 12])
            if tag in found:
                (short,) = struct.unpack(f"{order}H", content[place + 8 : place + 10])
                found[tag] = max(found[tag], short if kind == _TIFF_SHORT else word)
        if end + 4 > len(content):
            break
        (at,) = struct.unpack(f"{order}I", content[end : end + 4])
    width, height = found[_TIFF_WIDTH], found[_TIFF_HEIGHT]
    return (width, height) if width and height else None


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    """From the start-of-frame segment (ITU-T T.81, B.2.2); segments before it are passed over."""
    at = 2
    while at + 9 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return int(width), int(height)
        at += 1 if marker == 0xFF else 2 + int.from_bytes(content[at + 2 : at + 4])
    return None


def _is_whole(content: bytes) -> bool:
    tail = content[-_ENDING_WITHIN:]
    if content.startswith(_PNG):
        return _PNG_END in tail
    if content.startswith(_JPEG):
        return _JPEG_END in tail
    return content.startswith(_BMP) or content[:4] in _TIFF


def decode_file(path: Path) -> Picture | None:
    """`decode_picture` of a file.

    Raises
    ------
    DeviceError
        It cannot be read, or as `decode_picture`.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DeviceError(f"{path}: is longer than any picture that can be worked with: save a smaller one")
        content = path.read_bytes()
    except OSError as error:
        raise DeviceError(f"{path}: cannot be read ({error.strerror}): check the file's permissions") from None
    return decode_picture(content, str(path))


def recorded_picture(path: Path) -> Picture:
    """A recorded picture with its profile.

    Raises
    ------
    IntegrityError
        It is missing or not whole.
    """
    try:
        picture = decode_file(path) if path.is_file() else None
    except DeviceError as error:
        raise IntegrityError(f"{error.args[0]}, or restore it from a copy") from None
    if picture is None:
        raise IntegrityError(f"{path}: no whole picture there: restore it from a copy")
    return picture


def read_picture(path: Path) -> NDArray[Any]:
    """A recorded picture: RGB, uint8 or uint16, shape (h, w, 3).

    Raises
    ------
    IntegrityError
        As `recorded_picture`.
    """
    return recorded_picture(path).image


def write_picture(path: Path, image_rgb: NDArray[Any], profile: bytes | None = None) -> None:
    """Write a picture without loss, as PNG, whole or not at all, and on the disk when this returns.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    content = with_profile(png_of(image_rgb), profile)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder_if_known_how(path.parent)
    finally:
        part.unlink(missing_ok=True)


def png_of(image_rgb: NDArray[Any]) -> bytes:
    """A picture's PNG file.

    Raises
    ------
    ValueError
        It is no picture that a PNG can hold.
    """
    import cv2

    bgr = np.ascontiguousarray(image_rgb[:, :, ::-1])
    coded, content = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not coded:
        raise ValueError(f"a picture of shape {image_rgb.shape} and type {image_rgb.dtype} cannot be written")
    return content.tobytes()
