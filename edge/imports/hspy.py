"""HyperSpy's HDF5 format, by its published description, with the guards that any HDF5 file gets here.

<https://hyperspy.org/rosettasciio/supported_formats/hspy.html>. Our own exports say under ``original_metadata/cells``
which cells have a spectrum; HyperSpy has no word for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.imports.bounds import require_cube, require_maps
from edge.imports.found import Coverage, Found
from edge.imports.hdf5_rows import rows_of
from edge.imports.hdf5_tree import allow_maps, opened, own, own_items, plain_dataset
from edge.imports.signal import INSTRUMENTS, Layout, Rows, Signal, found_of, layout_of


def read_hspy(path: Path) -> Found:
    """The largest signal of three axes.

    Raises
    ------
    UsageError
        The file is damaged, foreign or out of bounds, or holds no such signal.
    """
    with opened(path) as file:
        experiments = own(file, "Experiments")
        signals = [] if experiments is None else [one for _, one in own_items(experiments) if _is_raster(one)]
        if not signals:
            raise UsageError(f"{path}: holds no raster of spectra or maps: give the file that does")
        return _found(max(signals, key=lambda one: int(own(one, "data").size)), path)


def _is_raster(signal: Any) -> bool:
    import h5py

    values = own(signal, "data")
    return isinstance(values, h5py.Dataset) and values.ndim == 3 and values.dtype.kind in "iuf" and values.size > 0


def _found(signal: Any, path: Path) -> Found:
    values = own(signal, "data")
    axes = [_attributes(own(signal, f"axis-{i}")) for i in range(3)]
    layout = layout_of(axes, values.shape)
    rows_columns_others = [values.shape[at] for at in (layout.row, layout.column, layout.other)]
    if layout.is_of_spectra:
        require_cube(path, rows_columns_others)
    else:
        require_maps(path, *rows_columns_others)
        allow_maps(*rows_columns_others)
    live_s, coverage = _cells(signal, (values.shape[layout.row], values.shape[layout.column]), path)
    # only where rows and columns come first are the chunks of the cells without a spectrum left out
    plain_dataset(values, path, coverage if layout.other == 2 else None)

    def rows(asked: Layout) -> Rows:
        return rows_of(values, path, row_axis=asked.row, channel_axis=asked.other)

    return found_of(Signal(values.shape, axes, _metadata(signal), rows, live_s, coverage), path)


def _cells(signal: Any, shape: tuple[int, int], path: Path) -> tuple[NDArray[np.float64] | None, Coverage | None]:
    """Live time of each cell, and which have a spectrum, where that is said."""
    found = {}
    for name in ("live_time", "exposures"):
        one: Any = own(signal, f"original_metadata/cells/{name}")
        if getattr(one, "shape", None) == shape and one.dtype.kind in "iuf":
            plain_dataset(one, path)
            found[name] = np.asarray(one[()], np.float64)
    exposures = found.get("exposures")
    return found.get("live_time"), None if exposures is None else Coverage(exposures > 0)


def _metadata(signal: Any) -> dict[str, Any]:
    """The few values that are asked for, in the tree that they lie in."""
    found = {}
    for kind in INSTRUMENTS:
        instrument = own(signal, f"metadata/Acquisition_instrument/{kind}")
        if instrument is not None:
            detector = _attributes(own(instrument, "Detector/EDS"))
            found[kind] = {**_attributes(instrument), "Detector": {"EDS": detector}}
    return {"Acquisition_instrument": found}


def _attributes(group: Any) -> dict[str, Any]:
    """Those of a group that are single numbers or texts; nothing where there is no group."""
    found = {}
    for name, stored in {} if group is None else group.attrs.items():
        value = stored.item() if isinstance(stored, np.generic) else stored
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if isinstance(value, str | int | float):
            found[name] = value
    return found
