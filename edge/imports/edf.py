"""EDF, the ESRF's format: several images in a file, or a folder of files; maps, or spectra row by row.

A header in braces, padded to a multiple of 512 bytes, is followed by as many bytes as it says. Written here, since the
libraries that read it bring hundreds of megabytes of codecs that no EDF uses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.imports.bounds import FEWEST_CHANNELS, MOST_CHANNELS, MOST_MAPS, require_cube, require_maps
from edge.imports.found import Coverage, Found, FoundCube, FoundMaps
from edge.imports.names import MEASURED, SCANNED, element_names, is_map

_MOST_HEADER = 65_536
_MOST_IMAGES = 100_000
_TYPES = {
    "signedbyte": "i1",
    "unsignedbyte": "u1",
    "signedshort": "i2",
    "unsignedshort": "u2",
    "signedinteger": "i4",
    "unsignedinteger": "u4",
    "signedlong": "i4",
    "unsignedlong": "u4",
    "signed64": "i8",
    "unsigned64": "u8",
    "floatvalue": "f4",
    "float": "f4",
    "real": "f4",
    "doublevalue": "f8",
    "double": "f8",
}
_STATISTICS = "xiast"
"""In the names of files of counters, beside those of spectra."""
_SPECTRA = re.compile(r"xia|mca|spectr", re.IGNORECASE)
"""In the names of files that hold a row of spectra each, as beamlines write them."""


@dataclass(frozen=True, slots=True)
class _Image:
    path: Path
    at: int
    """Where its values begin."""
    rows: int
    columns: int
    kind: np.dtype[np.generic]
    title: str

    @property
    def name(self) -> str:
        return self.title or self.path.stem

    def values(self) -> NDArray[np.generic]:
        size = self.rows * self.columns * self.kind.itemsize
        with self.path.open("rb") as file:
            file.seek(self.at)
            octets = file.read(size)
        if len(octets) != size:
            raise UsageError(f"{self.path}: is cut short: copy it again")
        return np.frombuffer(octets, self.kind).reshape(self.rows, self.columns)


def read_edf(path: Path, files: list[Path]) -> Found:
    """Maps or spectra of EDF files.

    Parameters
    ----------
    path
        What sentences begin with: the file, or the folder of the files.
    files
        In their order.

    Raises
    ------
    UsageError
        One is damaged or foreign, or they do not belong together.
    """
    # what a beamline's electronics counted beside the spectra is none
    files = [file for file in files if _STATISTICS not in file.name.lower()] or files
    images = [image for file in files for image in _images(file)]
    shapes = {(image.rows, image.columns) for image in images}
    if len(shapes) > 1:
        sizes = " and ".join(f"{rows} x {columns}" for rows, columns in sorted(shapes)[:2])
        raise UsageError(f"{path}: holds images of {sizes} cells: keep those of one raster in one place")
    ((rows, columns),) = shapes
    are_spectra = len(images) > MOST_MAPS or _SPECTRA.search(files[0].name)
    if are_spectra and FEWEST_CHANNELS <= columns <= MOST_CHANNELS:
        _require_rows(path, files)
        shape = require_cube(path, (len(images), rows, columns))
        return FoundCube(shape, lambda first, last: np.stack([image.values() for image in images[first:last]]))
    masks = {
        image.name: np.asarray(image.values(), np.float64) > 0 for image in images if image.name in (MEASURED, SCANNED)
    }
    coverage = Coverage(masks[MEASURED], masks.get(SCANNED)) if MEASURED in masks else None
    images = [image for image in images if is_map(image.name)] or images
    require_maps(path, rows, columns, len(images))
    maps = np.stack([image.values().astype(np.float32) for image in images], axis=2)
    titles = [image.title for image in images]
    names = titles if all(titles) and len(set(titles)) == len(titles) else [image.path.stem for image in images]
    return FoundMaps(maps, element_names(names), coverage=coverage)


def _require_rows(path: Path, files: list[Path]) -> None:
    """Files of a row each are those of one detector, numbered without a gap: any other order is another raster."""
    rows: dict[str, list[int]] = {}
    for file in files if len(files) > 1 else ():
        parts = re.split(r"([0-9]+)", file.stem)
        number = parts[-2] if len(parts) > 1 else "0"
        rows.setdefault("".join([*parts[:-2], "#", parts[-1]]), []).append(int(number))
    if len(rows) > 1:
        raise UsageError(
            f"{path}: holds rows of spectra as {' and as '.join(sorted(rows)[:3])}: keep those of one detector and one "
            "scan in a folder"
        )
    for numbers in rows.values():
        for before_it, number in pairwise(sorted(numbers)):
            if number != before_it + 1:
                raise UsageError(f"{path}: has row {before_it} and then row {number}: copy all rows, each once")


def _images(path: Path) -> Iterator[_Image]:
    size, at, count = path.stat().st_size, 0, 0
    while at < size and count < _MOST_IMAGES:
        header, begins = _header(path, at)
        if not header:
            _require_padding(path, at)
            break
        rows, columns = _length(path, header, "dim_2", 1), _length(path, header, "dim_1", None)
        kind = _TYPES.get(header.get("datatype", "").lower())
        if kind is None:
            raise UsageError(f"{path}: values of type {header.get('datatype', 'unknown')!r}: save plain numbers")
        if header.get("compression", "none").lower() not in ("none", "no", ""):
            raise UsageError(f"{path}: its values are packed: save them plain")
        for key, length in header.items():
            if re.fullmatch(r"dim_(?:[3-9]|[1-9][0-9]+)", key) and length not in ("0", "1"):
                raise UsageError(f"{path}: {key} is {length}, and images have two sides: save an image for each")
        order = ">" if header.get("byteorder", "lowbytefirst").lower().startswith("high") else "<"
        image = _Image(path, begins, rows, columns, np.dtype(order + kind), header.get("title", ""))
        at = begins + rows * columns * image.kind.itemsize
        if at > size:
            raise UsageError(f"{path}: declares {rows} x {columns} values and is cut short: copy it again")
        count += 1
        yield image
    if not count:
        raise UsageError(f"{path}: no EDF image begins there: give EDF files")


def _require_padding(path: Path, at: int) -> None:
    """Behind the last image nothing means anything but another header."""
    with path.open("rb") as file:
        file.seek(at)
        rest = file.read(_MOST_HEADER)
    if at and rest.strip(b"\0\r\n\t "):
        raise UsageError(f"{path}: what follows its image at byte {at} is no other one: save it again")


def _header(path: Path, at: int) -> tuple[dict[str, str], int]:
    """Keys in small letters, and where the header ends; empty where none begins."""
    with path.open("rb") as file:
        file.seek(at)
        text = file.read(_MOST_HEADER)
    if not text.lstrip(b"\r\n ").startswith(b"{"):
        return {}, at
    end = text.find(b"}")
    if end < 0:
        raise UsageError(f"{path}: a header has no end: give EDF files")
    ends = at + end + 1
    for closing in (b"\r\n", b"\n"):
        if text[end + 1 :].startswith(closing):
            ends += len(closing)
            break
    pairs = (line.partition("=") for line in text[:end].decode("latin-1").strip("{\r\n ").split(";"))
    return {key.strip().lower(): value.strip() for key, equals, value in pairs if equals}, ends


def _length(path: Path, header: dict[str, str], key: str, without: int | None) -> int:
    text = header.get(key, "" if without is None else str(without))
    if not (text.isascii() and text.isdigit() and len(text) < 12 and 0 < int(text) < 2**31):
        raise UsageError(f"{path}: {key} is {text[:20]!r} and no number of cells: give EDF files")
    return int(text)
