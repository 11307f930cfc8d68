"""RPL/RAW: spectra on the grid as plain numbers, and a text that says how they lie."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from edge.export.contents import Contents, Progress
from edge.export.format import Format
from edge.export.side_files import write_provenance


def _write(folder: Path, contents: Contents, progress: Progress) -> None:
    write_raw(folder / "spectra.raw", contents, progress)
    scale = contents.scale
    # PyMca reads every key that begins like one of its own as that one: no depth-scale beside depth
    lines = [
        "key\tvalue",
        f"width\t{contents.grid.columns}",
        f"height\t{contents.grid.rows}",
        f"depth\t{contents.channels}",
        "offset\t0",
        f"data-length\t{contents.counts_type.itemsize}",
        "data-type\tunsigned",
        "byte-order\tlittle-endian",
        "record-by\tvector",
        f"ev-per-chan\t{1_000 * scale.gain_kev:.6g}",
    ]
    (folder / "spectra.rpl").write_text("\n".join(lines) + "\n", encoding="ascii")
    write_provenance(folder, contents)


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
