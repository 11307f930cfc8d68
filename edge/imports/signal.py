"""A signal as HyperSpy has it, values with an axis for each dimension, to a cube or a stack of maps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.imports.bounds import FEWEST_CHANNELS, require_cube, require_maps
from edge.imports.found import Coverage, Found, FoundCube, FoundMaps

_KEV = {"kev": 1.0, "ev": 1e-3}
_MM = {"mm": 1.0, "um": 1e-3, "µm": 1e-3, "μm": 1e-3, "nm": 1e-6, "m": 1e3, "cm": 10.0}

INSTRUMENTS = ("SEM", "TEM")
"""What an instrument is in the metadata, whatever it was."""

Rows = Callable[[int, int], NDArray[np.generic]]


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Which axis is which."""

    row: int
    column: int
    other: int
    """Of channels or elements."""
    is_of_spectra: bool


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """What a file says of it, and how its rows are read."""

    shape: tuple[int, int, int]
    axes: Sequence[Mapping[str, Any]]
    """``name``, ``units``, ``scale``, ``offset``, ``navigate``, in the order of the shape."""
    metadata: Mapping[str, Any]
    rows: Callable[[Layout], Rows]
    """Gives what reads rows from the first to before the second, shape (rows, columns, others)."""
    live_s: NDArray[np.float64] | None = None
    """Of each cell, where the file says so."""
    coverage: Coverage | None = None


def rows_of(values: NDArray[Any], layout: Layout) -> Rows:
    """What reads rows of values that lie in an array or a map of a file: row, column, the rest."""

    def read(first: int, last: int) -> NDArray[np.generic]:
        where = [slice(None)] * 3
        where[layout.row] = slice(first, last)
        return np.transpose(np.array(values[tuple(where)]), (layout.row, layout.column, layout.other))

    return read


def layout_of(axes: Sequence[Mapping[str, Any]], shape: Sequence[int]) -> Layout:
    """A cube where an axis is one of energies, or is not navigated and long enough; else a stack of maps."""
    along = next((i for i, axis in enumerate(axes) if _is_energy(axis)), None)
    is_of_spectra = along is not None
    if along is None:
        still = [i for i, axis in enumerate(axes) if not axis.get("navigate")]
        along = still[0] if len(still) == 1 else 0
        is_of_spectra = shape[along] >= FEWEST_CHANNELS
    row, column = (i for i in range(3) if i != along)
    return Layout(row, column, along, is_of_spectra)


def found_of(signal: Signal, path: Path) -> Found:
    """The cube or the maps.

    Raises
    ------
    UsageError
        Out of bounds, or what the file says of its axes cannot be.
    """
    layout = layout_of(signal.axes, signal.shape)
    rows, columns, others = (signal.shape[at] for at in (layout.row, layout.column, layout.other))
    if not layout.is_of_spectra:
        require_maps(path, rows, columns, others)
        values = np.asarray(signal.rows(layout)(0, rows), np.float32)
        return FoundMaps(values, tuple(f"map {number}" for number in range(1, others + 1)), coverage=signal.coverage)
    shape = require_cube(path, (rows, columns, others))
    try:
        offset_kev, gain_kev = _scale(signal.axes[layout.other])
        pitch_mm = _pitch_mm(signal.axes[layout.column])
    except (TypeError, ValueError):
        raise UsageError(f"{path}: an axis has no numbers for its scale: save it again") from None
    return FoundCube(
        shape,
        signal.rows(layout),
        offset_kev=offset_kev,
        gain_kev=gain_kev,
        live_s=_live_s(signal.metadata, shape) if signal.live_s is None else signal.live_s,
        tube_kv=_tube_kv(signal.metadata),
        pitch_mm=pitch_mm,
        coverage=signal.coverage,
    )


def _is_energy(axis: Mapping[str, Any]) -> bool:
    return str(axis.get("units", "")).lower() in _KEV or str(axis.get("name", "")).lower().startswith("energy")


def _scale(axis: Mapping[str, Any]) -> tuple[float | None, float | None]:
    factor = _KEV.get(str(axis.get("units", "")).lower())
    if factor is None or "scale" not in axis or not _is_length(axis["scale"]):
        return None, None
    return float(axis.get("offset", 0.0)) * factor, float(axis["scale"]) * factor


def _pitch_mm(axis: Mapping[str, Any]) -> float | None:
    factor = _MM.get(str(axis.get("units", "")))
    return None if factor is None or not _is_length(axis.get("scale", 0)) else float(axis["scale"]) * factor


def _is_length(scale: Any) -> bool:
    return math.isfinite(float(scale)) and float(scale) > 0


def _live_s(metadata: Mapping[str, Any], shape: tuple[int, int, int]) -> float | None:
    """Of a cell: files state that of the whole, or the dwell."""
    detector = _within(_instrument(metadata), "Detector", "EDS") or {}
    whole = detector.get("live_time") or detector.get("real_time")
    if isinstance(whole, int | float) and whole > 0:
        return float(whole) / (shape[0] * shape[1])
    return None


def _tube_kv(metadata: Mapping[str, Any]) -> float | None:
    energy = _instrument(metadata).get("beam_energy")
    return float(energy) if isinstance(energy, int | float) and 1 < energy <= 160 else None


def _instrument(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """HyperSpy knows electron microscopes alone, and tells their kind by the voltage."""
    found = (_within(metadata, "Acquisition_instrument", kind) for kind in INSTRUMENTS)
    return next((one for one in found if one), {})


def _within(tree: Any, *keys: str) -> Any:
    for key in keys:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree
