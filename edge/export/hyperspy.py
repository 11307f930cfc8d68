"""HyperSpy's HDF5 format, by its published description: one signal of energy over the grid.

<https://hyperspy.org/rosettasciio/supported_formats/hspy.html>. Written through h5py, so that nothing of HyperSpy's
licence is needed to write it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge.export.contents import Contents, Progress
from edge.export.cube import write_cube
from edge.export.format import Format
from edge.export.layers import cell_figures
from edge.record.hdf5_file import new_hdf5

_VERSION = "3.3"
CELLS = "cells"
"""Group of ``original_metadata`` that says which cells have a spectrum: the format has no place of its own for it."""


def _write(path: Path, contents: Contents, progress: Progress) -> None:
    with new_hdf5(path) as made:
        file, progress = made.file, made.checked(progress)
        file.attrs["file_format"] = "HyperSpy"
        file.attrs["file_format_version"] = _VERSION
        signal = file.create_group("Experiments").create_group(contents.name.replace("/", "_") or "recording")
        write_cube(signal, "data", contents, progress)
        grid, scale = contents.grid, contents.scale
        _axis(signal, 0, "y", "mm", grid.rows, grid.pitch_mm, grid.origin_y_mm + grid.pitch_mm / 2)
        _axis(signal, 1, "x", "mm", grid.columns, grid.pitch_mm, grid.origin_x_mm + grid.pitch_mm / 2)
        _axis(signal, 2, "Energy", "keV", contents.channels, scale.gain_kev, scale.zero_kev)
        _metadata(signal.create_group("metadata"), contents)
        original = signal.create_group("original_metadata")
        _attributes(original, contents.provenance)
        _cells(original.create_group(CELLS), contents)
        signal.create_group("learning_results")


def _axis(signal: Any, number: int, name: str, units: str, size: int, scale: float, offset: float) -> None:
    axis = signal.create_group(f"axis-{number}")
    axis.attrs.update(
        {
            "_type": "UniformDataAxis",
            "name": name,
            "units": units,
            "navigate": units == "mm",
            "is_binned": units != "mm",
            "size": size,
            "scale": scale,
            "offset": offset,
        }
    )


def _cells(group: Any, contents: Contents) -> None:
    for name, values in cell_figures(contents).items():
        # opened lazily, HyperSpy wants chunks of whatever is an array
        group.create_dataset(name, data=values, chunks=True, shuffle=True, compression="gzip")


def _metadata(group: Any, contents: Contents) -> None:
    stated = contents.provenance
    sample: dict[str, Any] = {"description": contents.title}
    if contents.maps is not None:
        names = contents.maps.element_maps.elements
        sample["elements"] = list(dict.fromkeys(name.partition("-")[0] for name in names))
    _attributes(
        group,
        {
            "General": {
                "title": contents.title,
                "date": contents.started_at[:10],
                "time": contents.started_at[11:19],
                "time_zone": "UTC",
                "authors": str(stated["object"].get("operator", "")),
            },
            "Signal": {"signal_type": "", "quantity": "X-rays (Counts)"},
            "Sample": sample,
        },
    )


def _attributes(group: Any, sections: Mapping[str, Mapping[str, Any]]) -> None:
    import h5py

    for name, section in sections.items():
        below = group.create_group(name)
        for key, value in section.items():
            if isinstance(value, list):
                # lists of text are datasets there, marked by their name
                below.create_dataset(f"_list_{key}", data=value, dtype=h5py.string_dtype("utf-8"))
            else:
                below.attrs[key] = value


FORMAT = Format(_write, ending=".hspy", holds="spectra on the grid; for HyperSpy")
