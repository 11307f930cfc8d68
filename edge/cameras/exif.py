"""What a picture's file says of the camera that took it (Exif 2.32, in JPEG and TIFF files)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_MODEL, _EXIF = 0x0110, 0x8769
_FOCAL_LENGTH, _SERIAL_NUMBER, _LENS_MODEL = 0x920A, 0xA431, 0xA434
_ASCII, _LONG, _RATIONAL = 2, 4, 5
_MOST_ENTRIES = 500
_MOST_TEXT = 100


def body_of(content: bytes) -> str:
    """Model, serial number, lens and focal length, as far as they are stated; empty where nothing is.

    A zoom that was turned is another camera to a calibration, so its focal length belongs to the name.
    """
    try:
        tags = _tags(_tiff(content))
    except (struct.error, IndexError, ZeroDivisionError):
        return ""
    focal = tags.get(_FOCAL_LENGTH)
    words = [tags.get(tag, "") for tag in (_MODEL, _SERIAL_NUMBER, _LENS_MODEL)]
    return " ".join(str(word) for word in (*words, f"at {focal} mm" if focal else "") if word)


def _tiff(content: bytes) -> bytes:
    """The part with tags: the file itself, or a JPEG's APP1 segment."""
    if content[:4] in (b"II*\0", b"MM\0*"):
        return content
    at = 2
    while content[:2] == b"\xff\xd8" and at + 4 <= len(content) and content[at] == 0xFF and content[at + 1] != 0xDA:
        length = int.from_bytes(content[at + 2 : at + 4])
        body = content[at + 4 : at + 2 + length]
        if content[at + 1] == 0xE1 and body.startswith(b"Exif\0\0"):
            return body[6:]
        at += 2 + length
    return b""


def _tags(tiff: bytes) -> dict[int, str]:
    """What is looked for, of the first image's directory and of the one that it leads to."""
    if len(tiff) < 8:
        return {}
    order = "<" if tiff.startswith(b"II") else ">"
    (first,) = struct.unpack(f"{order}I", tiff[4:8])
    found: dict[int, str] = {}
    for tag, kind, value in _entries(tiff, order, first):
        if tag == _MODEL and kind == _ASCII:
            found[tag] = _text(value)
        elif tag == _EXIF and kind == _LONG:
            (inner,) = struct.unpack(f"{order}I", value[:4])
            found |= _inner(tiff, order, inner)
    return found


def _inner(tiff: bytes, order: str, at: int) -> dict[int, str]:
    found = {}
    for tag, kind, value in _entries(tiff, order, at):
        if tag in (_SERIAL_NUMBER, _LENS_MODEL) and kind == _ASCII:
            found[tag] = _text(value)
        elif tag == _FOCAL_LENGTH and kind == _RATIONAL:
            over, under = struct.unpack(f"{order}II", value[:8])
            found[tag] = f"{over / under:g}"
    return found


def _entries(tiff: bytes, order: str, at: int) -> Iterator[tuple[int, int, bytes]]:
    """Tag, type and value's bytes of a directory's entries of the types that are looked for."""
    (count,) = struct.unpack(f"{order}H", tiff[at : at + 2])
    for number in range(min(count, _MOST_ENTRIES)):
        entry = tiff[at + 2 + 12 * number : at + 14 + 12 * number]
        tag, kind, size = struct.unpack(f"{order}HHI", entry[:8])
        length = {_ASCII: size, _LONG: 4 * size, _RATIONAL: 8 * size}.get(kind)
        if length is not None:
            (offset,) = struct.unpack(f"{order}I", entry[8:12])
            yield tag, kind, entry[8 : 8 + length] if length <= 4 else tiff[offset : offset + length]


def _text(value: bytes) -> str:
    """Printable words; what follows a zero does not belong to them."""
    words = value[:_MOST_TEXT].split(b"\0")[0].decode("ascii", "replace")
    return " ".join("".join(letter if letter.isprintable() else " " for letter in words).split())
