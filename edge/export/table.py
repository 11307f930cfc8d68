"""CSV: a line for each cell, with semicolons as PyMca writes and reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge.export.contents import Contents, Progress
from edge.export.format import Format
from edge.export.layers import layers, maps_of, masks
from edge.export.nexus_maps import axes_of
from edge.export.side_files import write_provenance


def _write(folder: Path, contents: Contents, progress: Progress) -> None:
    _write_maps(folder / "maps.csv", contents)
    with (folder / "spectrum.csv").open("w", encoding="utf-8") as file:
        file.write('"channel";"energy_kev";"counts"\n')
        energies = contents.scale.energies_kev(contents.channels)
        for channel, (energy, counts) in enumerate(zip(energies, contents.sum_counts, strict=True)):
            file.write(f"{channel};{energy:.6f};{counts:.0f}\n")
    write_provenance(folder, contents)
    progress(contents.exposures)


def _write_maps(path: Path, contents: Contents) -> None:
    """Row by row, so that a large map is no large text in memory."""
    y, x = axes_of(contents)
    values = [*layers(contents), *sorted(maps_of(contents).received.items())]
    whole = list(masks(contents))
    names = ["row", "column", "x_mm", "y_mm", *(name for name, _ in whole), *(name for name, _ in values)]
    places = "%d;%d;%.6g;%.6g"
    line = ";".join([places, *["%d"] * len(whole), *["%.7g"] * len(values)])
    with path.open("w", encoding="utf-8") as file:
        file.write(";".join(f'"{name}"' for name in names) + "\n")
        for row in range(contents.grid.rows):
            columns = np.arange(contents.grid.columns)
            table = [
                np.full(len(columns), row),
                columns,
                x,
                np.full(len(columns), y[row]),
                *(image[row] for _, image in [*whole, *values]),
            ]
            np.savetxt(file, np.column_stack(table), fmt=line)


FORMAT = Format(
    _write, ending="-csv", holds="maps as a table, a line for each cell, and the sum spectrum", needs_maps=True
)
