"""RPL/RAW: spectra on the grid as plain numbers, and a text that says how they lie."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.export.contents import Contents, Progress
from edge.export.format import Format
from edge.export.layers import cell_figures
from edge.export.side_files import write_provenance


def _write(folder: Path, contents: Contents, progress: Progress) -> None:
    write_raw(folder / "spectra.raw", contents, progress)
    grid, scale = contents.grid, contents.scale
    described: dict[str, str | int] = {
        "depth": contents.channels,
        "data-type": "unsigned",
        "record-by": "vector",
        "ev-per-chan": f"{1_000 * scale.gain_kev:.9g}",
    }
    # PyMca takes every line that begins like a key of its own for that key, and gives up on depth-origin as no depth;
    # indented, it passes over them, and RosettaSciIO, which strips its words, does not
    indented: dict[str, str | float] = {
        "depth-origin": f"{1_000 * scale.zero_kev:.9g}",
        "depth-units": "eV",
        "depth-name": "Energy",
    }
    for side, origin_mm in (("width", grid.origin_x_mm), ("height", grid.origin_y_mm)):
        indented |= {
            f"{side}-scale": grid.pitch_mm,
            f"{side}-origin": origin_mm + grid.pitch_mm / 2,
            f"{side}-units": "mm",
        }
    described |= {f" {key}": str(value) for key, value in indented.items()}
    _describe(folder / "spectra.rpl", contents, contents.counts_type, described)
    for name, values in cell_figures(contents).items():
        _write_figures(folder / f"{name}.raw", contents, values)
    write_provenance(folder, contents)


def _describe(path: Path, contents: Contents, kind: np.dtype[np.generic], described: Mapping[str, str | int]) -> None:
    """What says how the numbers lie, in the order in which such texts have it."""
    entries = {
        "key": "value",
        "width": contents.grid.columns,
        "height": contents.grid.rows,
        "depth": 1,
        "offset": 0,
        "data-length": kind.itemsize,
        "data-type": "",
        "byte-order": "little-endian",
        **described,
    }
    path.write_text("".join(f"{key}\t{value}\n" for key, value in entries.items()), encoding="ascii")


def _write_figures(path: Path, contents: Contents, values: NDArray[np.generic]) -> None:
    """An image of what each cell received, with its own text beside."""
    path.write_bytes(np.ascontiguousarray(values).tobytes())
    kind = {"f": "float", "u": "unsigned"}[values.dtype.kind]
    _describe(path.with_suffix(".rpl"), contents, values.dtype, {"data-type": kind, "record-by": "dont-care"})


def write_raw(path: Path, contents: Contents, progress: Progress) -> None:
    """Each spectrum at its place; what no exposure fills stays a hole, which reads as zeros."""
    kind = contents.counts_type
    size = contents.channels * kind.itemsize
    written = np.zeros(contents.grid.shape, np.bool_)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        os.ftruncate(descriptor, written.size * size)
        for portion in contents.cell_spectra():
            for (row, column), spectrum in zip(portion.cells.tolist(), portion.counts.astype(kind), strict=True):
                at = (row * contents.grid.columns + column) * size
                total = spectrum
                if written[row, column]:
                    total = spectrum + np.frombuffer(os.pread(descriptor, size, at), kind)
                os.pwrite(descriptor, total.data, at)
                written[row, column] = True
            progress(portion.read)
    finally:
        os.close(descriptor)


FORMAT = Format(_write, ending="-rpl", holds="spectra on the grid, uncompressed, with a text that describes them")
