"""Spectra of a Bruker ``.bcf``, gone through before they are unpacked: RosettaSciIO's parser writes where they say.

It is compiled without bounds: a pixel beyond the map would be written beyond the array. So each pixel's place and
length are held against what the header declares. Part of `edge.imports.rosetta_process`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from edge.faults import UsageError

_LINES_AT = 0x1A0
_PIXEL = struct.Struct("<IHHIHHHI")
"""Column, channels of all and of this one, a constant, kind, size, pulses, and bytes that follow (RosettaSciIO's
``py_parse_hypermap``)."""
_PULSES_OF_16, _PULSES_OF_12 = 0, 1
"""Kinds; others are packed spectra, with pulses behind."""


def require_pixels(path: Path) -> None:
    """Refuse what the parser would be led astray by.

    Raises
    ------
    UsageError
        A pixel lies outside the map, or is longer than the pieces that the file comes in.
    """
    reader = import_module("rsciio.bruker._api").BCF_reader(str(path))
    image = reader.header.image
    item = reader.get_file(f"EDSDatabase/SpectrumData{reader.def_index}")
    blocks, longest, _ = item.get_iter_and_properties()
    stream = _Stream(blocks)
    rows, columns = struct.unpack("<II", stream.take(8))
    if rows > image.height or columns > image.width:
        raise UsageError(f"its {rows} x {columns} spectra are more than the {image.height} x {image.width} it declares")
    stream.take(_LINES_AT - 8)
    for _ in range(rows):
        (pixels,) = struct.unpack("<I", stream.take(4))
        for _ in range(pixels):
            _require_pixel(stream, image.width, longest)


def _require_pixel(stream: _Stream, columns: int, longest: int) -> None:
    column, _, _, _, kind, _, pulses, follow = _PIXEL.unpack(stream.take(_PIXEL.size))
    least = {_PULSES_OF_16: 2 * pulses, _PULSES_OF_12: -(-3 * pulses // 2)}.get(kind, 4)
    if column >= columns or not least <= follow <= longest:
        raise UsageError(f"it has a spectrum at column {column} of {columns}, {follow} bytes long")
    stream.take(follow)
    if kind not in (_PULSES_OF_16, _PULSES_OF_12):
        # the last four of those bytes are the pulses' size
        stream.take(2 * pulses)


class _Stream:
    """The bytes of blocks that follow one another."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._held, self._at = b"", 0

    def take(self, count: int) -> bytes:
        while len(self._held) - self._at < count:
            block = next(self._blocks, b"")
            if not block:
                raise UsageError("its spectra are cut short")
            self._held, self._at = self._held[self._at :] + block, 0
        self._at += count
        return self._held[self._at - count : self._at]
