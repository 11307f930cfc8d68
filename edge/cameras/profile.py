"""The colour profile that a picture's file carries."""

from __future__ import annotations

import struct
import zlib

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_JPEG_MARK = b"ICC_PROFILE\0"
_TIFF_PROFILE = 34_675
_MOST_BYTES = 8 * 1024 * 1024


def profile_of(content: bytes) -> bytes | None:
    """The ICC profile in a PNG, JPEG or TIFF file's bytes; None where there is none that can be read."""
    try:
        if content.startswith(_PNG):
            return _of_png(content)
        if content.startswith(_JPEG):
            return _of_jpeg(content)
        if content[:4] in (b"II*\0", b"MM\0*"):
            return _of_tiff(content)
    except (struct.error, zlib.error, IndexError):
        return None
    return None


def with_profile(png: bytes, profile: bytes | None) -> bytes:
    """A PNG file that carries a profile, right after its header as the format wants it."""
    if profile is None:
        return png
    body = b"ICC profile\0\0" + zlib.compress(profile)
    chunk = struct.pack(">I", len(body)) + b"iCCP" + body + struct.pack(">I", zlib.crc32(b"iCCP" + body))
    header_end = len(_PNG) + 25
    return png[:header_end] + chunk + png[header_end:]


def _of_png(content: bytes) -> bytes | None:
    at = len(_PNG)
    while at + 12 <= len(content):
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        if kind == b"iCCP":
            body = content[at + 8 : at + 8 + length]
            coded = body[body.index(b"\0") + 2 :] if b"\0" in body else b""
            return zlib.decompressobj().decompress(coded, _MOST_BYTES) or None
        if kind == b"IDAT":
            return None
        at += 12 + length
    return None


def _of_jpeg(content: bytes) -> bytes | None:
    """The parts that APP2 segments hold, in their order (ICC.1:2022, B.4)."""
    parts: dict[int, bytes] = {}
    at = 2
    while at + 4 <= len(content) and content[at] == 0xFF and content[at + 1] != 0xDA:
        length = int.from_bytes(content[at + 2 : at + 4])
        body = content[at + 4 : at + 2 + length]
        if content[at + 1] == 0xE2 and body.startswith(_JPEG_MARK):
            parts[body[len(_JPEG_MARK)]] = body[len(_JPEG_MARK) + 2 :]
        at += 2 + length
    return b"".join(parts[number] for number in sorted(parts)) or None


def _of_tiff(content: bytes) -> bytes | None:
    """From the first image's directory."""
    order = "<" if content.startswith(b"II") else ">"
    (at,) = struct.unpack(f"{order}I", content[4:8])
    (count,) = struct.unpack(f"{order}H", content[at : at + 2])
    for number in range(count):
        entry = content[at + 2 + 12 * number : at + 14 + 12 * number]
        tag, _, size, offset = struct.unpack(f"{order}HHII", entry)
        if tag == _TIFF_PROFILE:
            return content[offset : offset + min(size, _MOST_BYTES)] or None
    return None
