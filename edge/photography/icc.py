"""Matrix profiles of the International Color Consortium (ICC.1:2022), as cameras embed them in their pictures."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_HEADER = 128
_MOST_TAGS = 200
_CURVE_POINTS = 4096
_PARAMETERS = (1, 3, 4, 5, 7)
"""How many numbers each kind of parametric curve has."""


@dataclass(frozen=True, slots=True, eq=False)
class MatrixProfile:
    """How levels become light: a curve for each channel, then a matrix to CIE XYZ."""

    name: str
    curves: NDArray[np.float64]
    """Light at evenly spaced levels from 0 to full scale, in [0, 1], shape (3, points)."""
    xyz_from_rgb: NDArray[np.float64]
    """To XYZ relative to the D50 white, shape (3, 3)."""


@dataclass(frozen=True, slots=True)
class NotAMatrixProfile:
    """A profile that works otherwise, or is damaged; falsy."""

    name: str

    def __bool__(self) -> bool:
        return False


def parse_profile(content: bytes) -> MatrixProfile | NotAMatrixProfile:
    """Read a profile's bytes."""
    tags = _tags(content)
    name = _name(tags.get(b"desc", b"")) or "without a name"
    if content[16:20] != b"RGB " or content[20:24] != b"XYZ ":
        return NotAMatrixProfile(name)
    try:
        columns = [_xyz(tags[tag]) for tag in (b"rXYZ", b"gXYZ", b"bXYZ")]
        curves = [_curve(tags[tag]) for tag in (b"rTRC", b"gTRC", b"bTRC")]
    except (KeyError, ValueError, struct.error):
        return NotAMatrixProfile(name)
    matrix, table = np.column_stack(columns), np.stack(curves)
    if not (np.isfinite(matrix).all() and np.isfinite(table).all()) or abs(np.linalg.det(matrix)) < 1e-4:
        return NotAMatrixProfile(name)
    return MatrixProfile(name, np.clip(table, 0, 1), matrix)


def _tags(content: bytes) -> dict[bytes, bytes]:
    """Elements by their signature; those that do not lie inside the profile are left out."""
    if len(content) < _HEADER + 4 or content[36:40] != b"acsp":
        return {}
    count = min(int.from_bytes(content[_HEADER : _HEADER + 4]), _MOST_TAGS)
    found = {}
    for number in range(count):
        entry = content[_HEADER + 4 + 12 * number : _HEADER + 16 + 12 * number]
        if len(entry) == 12:
            signature, offset, size = struct.unpack(">4sII", entry)
            if offset + size <= len(content):
                found[signature] = content[offset : offset + size]
    return found


def _xyz(element: bytes) -> NDArray[np.float64]:
    if element[:4] != b"XYZ ":
        raise ValueError("no XYZ element")
    return np.array(struct.unpack(">3i", element[8:20])) / 65536


def _curve(element: bytes) -> NDArray[np.float64]:
    """A tone curve (10.6) or a parametric one (10.18) as a table."""
    levels = np.linspace(0, 1, _CURVE_POINTS)
    if element[:4] == b"curv":
        count = int.from_bytes(element[8:12])
        if count == 0:
            return levels
        if count == 1:
            return np.asarray(levels ** (int.from_bytes(element[12:14]) / 256))
        values = np.frombuffer(element, ">u2", count, 12) / 65535
        return np.interp(levels, np.linspace(0, 1, count), values)
    if element[:4] == b"para":
        kind = int.from_bytes(element[8:10])
        if kind >= len(_PARAMETERS):
            raise ValueError("no such parametric curve")
        count = _PARAMETERS[kind]
        given = [value / 65536 for value in struct.unpack(f">{count}i", element[12 : 12 + 4 * count])]
        return _parametric(levels, kind, given)
    raise ValueError("no curve")


def _parametric(x: NDArray[np.float64], kind: int, given: list[float]) -> NDArray[np.float64]:
    g, a, b, c, d, e, f = (*given, *([0.0] * (7 - len(given))))
    if kind == 0:
        return np.asarray(x**g)
    power = np.maximum(a * x + b, 0) ** g
    match kind:
        case 1:
            return np.where(x >= -b / a, power, 0)
        case 2:
            return np.where(x >= -b / a, power + c, c)
        case 3:
            return np.where(x >= d, power, c * x)
        case _:
            return np.where(x >= d, power + e, c * x + f)


def _name(element: bytes) -> str:
    """The description, of version 2 (textDescriptionType) or 4 (multiLocalizedUnicodeType)."""
    if element[:4] == b"desc":
        length = int.from_bytes(element[8:12])
        return element[12 : 12 + length].rstrip(b"\0").decode("ascii", "replace")
    if element[:4] == b"mluc" and len(element) >= 28:
        length, offset = struct.unpack(">II", element[20:28])
        return element[offset : offset + length].decode("utf-16-be", "replace")
    return ""
