"""``maps.h5`` of a large scan put together from its pieces, with no more of it in memory than a piece."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np

from edge.record.durable import replace_durably
from edge.record.maps_file import FORMAT, FORMAT_VERSION
from edge.reprocess.look import Look
from edge.reprocess.pieces import Pieces
from edge.reprocess.result import Result, kept_result
from edge.reprocess.settle import ACCOUNTED, SETTLED, Settled, received_name

_BAND_BYTES = 16 * 1024 * 1024
_ALONE = {"mask": "mask.npy", "rgb": "rgb.npy"}


def assemble(look: Look, settled: Settled) -> Result:
    """Write ``maps.h5``, as `edge.record.maps_file.write_maps` would."""
    look.job.enter()
    pieces, results = look.job.pieces, look.job.results
    noted = pieces.noted(SETTLED)
    results.folder.mkdir(parents=True, exist_ok=True)
    # one of an earlier run would be taken for these maps'
    results.report.unlink(missing_ok=True)
    replace_durably(results.maps, lambda part: _write(part, look, settled, noted))
    return kept_result(look, [str(line) for line in noted["lines"]], pieces=len(settled.rectangles))


def _write(part: Path, look: Look, settled: Settled, noted: dict[str, Any]) -> None:
    import h5py

    from edge.record.hdf5_file import new_hdf5

    pieces, grid, elements = look.job.pieces, look.grid, [str(name) for name in noted["elements"]]
    with new_hdf5(part) as new:
        file = new.file
        _write_pieces(file, pieces, settled, (*grid.shape, len(elements)))
        _write_planes(file, pieces, grid.shape)
        for name in file:
            file[name].attrs["crc32"] = np.uint32(_checksum(file[name]))
        names = file.create_dataset("elements", data=elements, dtype=h5py.string_dtype("utf-8"))
        names.attrs["crc32"] = np.uint32(zlib.crc32("\n".join(elements).encode()))
        root = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "method": settled.method,
            "origin_x_mm": grid.origin_x_mm,
            "origin_y_mm": grid.origin_y_mm,
            "pitch_mm": grid.pitch_mm,
        }
        for key, value in (root | noted["attributes"]).items():
            file.attrs[key] = value


def _write_pieces(file: Any, pieces: Pieces, settled: Settled, shape: tuple[int, int, int]) -> None:
    for rectangle in settled.rectangles:
        at = np.s_[rectangle.top : rectangle.bottom, rectangle.left : rectangle.right]
        for name, values in pieces.load(rectangle.name).items():
            is_plane = name == "measured"
            if name not in file:
                file.create_dataset(name, shape[:2] if is_plane else shape, "|u1" if is_plane else "<f4")
            file[name][at] = values


def _write_planes(file: Any, pieces: Pieces, shape: tuple[int, int]) -> None:
    """What there is one value of in each cell, some rows at a time."""
    planes = {name: (pieces.array(piece), "|u1") for name, piece in _ALONE.items()}
    planes |= {name: (pieces.array(received_name(name)), "<f4") for name in pieces.noted(ACCOUNTED)["received"]}
    allowed = pieces.array("allowed.npy")
    if not allowed.all():
        planes["scanned"] = allowed, "|u1"
    each = max(1, _BAND_BYTES // (4 * shape[1]))
    for name, (array, dtype) in planes.items():
        dataset = file.create_dataset(name, array.shape, dtype)
        for first in range(0, shape[0], each):
            band = array[first : first + each].astype(dtype)
            if name == "scanned":
                band |= file["measured"][first : first + each]
            dataset[first : first + each] = band


def _checksum(dataset: Any) -> int:
    """CRC-32 over a dataset's bytes, some rows at a time."""
    each = max(1, _BAND_BYTES // max(1, dataset.nbytes // len(dataset)))
    crc = 0
    for first in range(0, len(dataset), each):
        crc = zlib.crc32(np.ascontiguousarray(dataset[first : first + each]).data, crc)
    return crc
