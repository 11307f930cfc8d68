"""Files of makers' formats, as small as their readers accept, made by what those readers ask for."""

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_CHUNK, _HEAD = 0x10000, 0x20
"""Size of the container's chunks, and of what stands before the bytes of each."""
_FIRST = 0x138
"""Where the bytes of chunk 0 begin."""
_LINES_AT = 0x1A0


def write_spd(path: Path, counts: NDArray[np.uint16]) -> Path:
    """EDAX's spectra of a map, rows x columns x channels."""
    rows, columns, channels = counts.shape
    header = struct.pack("<16s8I", b"MAPSPECTRA_DATA", 1, rows * columns, columns, rows, channels, 2, 1068, 1)
    path.write_bytes(header.ljust(1068, b"\0") + counts.astype("<u2").tobytes())
    return path


def write_bcf(path: Path, counts: NDArray[np.uint16], *, offset_kev: float, gain_kev: float, pitch_um: float) -> Path:
    """Bruker's container with its header and one map: pulses of 16 bits in even rows, packed spectra in odd ones."""
    files = {
        "HeaderData": _header(counts, offset_kev, gain_kev, pitch_um),
        "SpectrumData0": bcf_spectra(counts),
    }
    return write_container(path, files)


def write_container(path: Path, files: dict[str, bytes]) -> Path:
    """AidAim's single file system: a tree in chunk 1, then of each file a chunk of chunk numbers and one of bytes."""
    content = bytearray(_CHUNK * (2 * len(files) + 2) + _FIRST)
    content[:8] = b"AAMVHFSS"
    content[0x124:0x12C] = struct.pack("<fI", 2.6, _CHUNK)
    content[0x140:0x14C] = struct.pack("<III", 1, len(files) + 1, 2 * len(files) + 2)
    entries = [_entry(0, 0, -1, "EDSDatabase", is_folder=True)]
    for number, (name, octets) in enumerate(files.items()):
        table = 2 * number + 2
        assert len(octets) <= _CHUNK - _HEAD
        entries.append(_entry(table, len(octets), 0, name, is_folder=False))
        _put(content, table, struct.pack("<I", table + 1))
        _put(content, table + 1, octets)
    _put(content, 1, b"".join(entries))
    path.write_bytes(content)
    return path


def bcf_spectra(counts: NDArray[np.uint16]) -> bytes:
    """All pixels that counted anything, row by row."""
    rows, columns, channels = counts.shape
    parts = [struct.pack("<II", rows, columns).ljust(_LINES_AT, b"\0")]
    for row in range(rows):
        parts.append(struct.pack("<I", columns))
        for column in range(columns):
            pulses = np.repeat(np.arange(channels, dtype="<u2"), counts[row, column])
            if row % 2 == 0:
                parts.append(bcf_pixel(column, channels, 0, len(pulses), pulses.tobytes()))
            else:
                # all channels empty by instruction, then single pulses, with their size before them
                empty = b"".join(bytes([0, min(255, channels - first)]) for first in range(0, channels, 255))
                packed = empty + struct.pack("<I", 2 * len(pulses))
                parts.append(bcf_pixel(column, channels, 2, len(pulses), packed) + pulses.tobytes())
    return b"".join(parts)


def bcf_pixel(column: int, channels: int, kind: int, pulses: int, follow: bytes) -> bytes:
    """A pixel's header and what follows it."""
    return struct.pack("<IHHIHHHI", column, channels, channels, 0, kind, 0, pulses, len(follow)) + follow


def _put(content: bytearray, chunk: int, octets: bytes) -> None:
    at = _CHUNK * chunk + _FIRST
    content[at : at + len(octets)] = octets


def _entry(table: int, size: int, parent: int, name: str, *, is_folder: bool) -> bytes:
    return struct.pack(
        "<iQQQQIi176s?3s256s32s", table, size, 0, 0, 0, 0, parent, b"", is_folder, b"", name.encode(), b""
    )


def _header(counts: NDArray[np.uint16], offset_kev: float, gain_kev: float, pitch_um: float) -> bytes:
    rows, columns, channels = counts.shape
    image = base64.b64encode(bytes([1]) * rows * columns).decode()
    layers = base64.b64encode(zlib.compress(b"<Layers><Layer0 Atom='4'/></Layers>")).decode()
    when = "<Date>2.1.2026</Date><Time>3:04:05</Time>"
    total = ",".join(map(str, counts.sum(axis=(0, 1), dtype=np.int64)))
    text = f"""<?xml version="1.0"?>
<Root><ClassInstance Type="TRTSpectrumDatabase" Name="old">
<Header>{when}<FileVersion>1</FileVersion></Header>
<ClassInstance Type="TRTSEMData"><HV>40.0</HV><DX>{pitch_um}</DX><DY>{pitch_um}</DY></ClassInstance>
<ClassInstance Type="TRTSEMStageData"><X>0.0</X></ClassInstance>
<ClassInstance Type="TRTDSPConfiguration"><LineAverage>1</LineAverage><PixelAverage>1</PixelAverage>
<PixelTime>1000</PixelTime></ClassInstance>
<ClassInstance Type="TRTImageData"><Width>{columns}</Width><Height>{rows}</Height><ItemSize>1</ItemSize>
<PlaneCount>1</PlaneCount><Plane0><Data>{image}</Data></Plane0></ClassInstance>
<LineCounter>{",".join(["1"] * rows)}</LineCounter><ChCount>{channels}</ChCount><DetectorCount>1</DetectorCount>
<SpectrumData0><ClassInstance Type="TRTSpectrum"><TRTHeaderedClass>
<ClassInstance Type="TRTSpectrumHardwareHeader"><Amplification>40000</Amplification><RealTime>60000</RealTime>
<LifeTime>48000</LifeTime></ClassInstance>
<ClassInstance Type="TRTDetectorHeader"><Type>SDD</Type><DetLayers>{layers}</DetLayers></ClassInstance>
<ClassInstance Type="TRTXrfHeader"><Voltage>50</Voltage><ExcitationAngle>45</ExcitationAngle></ClassInstance>
</TRTHeaderedClass>
<ClassInstance Type="TRTSpectrumHeader">{when}<CalibAbs>{offset_kev}</CalibAbs><CalibLin>{gain_kev}</CalibLin>
</ClassInstance><Channels>{total}</Channels></ClassInstance></SpectrumData0>
</ClassInstance></Root>"""
    return text.encode("utf-8")
