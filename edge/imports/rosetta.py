"""Makers' formats, read by RosettaSciIO.

RosettaSciIO is under the GPL, version 3, and this project is not: it is an extra that a user installs, and is imported
here alone.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.imports.bounds import FEWEST_CHANNELS, require_cube, require_maps
from edge.imports.found import Found, FoundCube, FoundMaps

READERS = {".bcf": "bruker", ".rpl": "ripple", ".hspy": "hspy", ".spd": "edax"}
"""RosettaSciIO's name of the reader for each ending."""
_KEV = {"kev": 1.0, "ev": 1e-3}
_MM = {"mm": 1.0, "um": 1e-3, "µm": 1e-3, "μm": 1e-3, "nm": 1e-6, "m": 1e3, "cm": 10.0}


def read_by_rosetta(path: Path) -> Found:
    """Spectra or maps of a maker's file, read lazily.

    Raises
    ------
    UsageError
        The extra is not installed, or the file is damaged, foreign or out of bounds.
    """
    name = READERS[path.suffix.lower()]
    try:
        reader = import_module(f"rsciio.{name}")
    except ImportError:
        raise UsageError(
            f"{path}: {path.suffix} files are read by RosettaSciIO, which is not installed: "
            "pip install 'pointillist[import]'"
        ) from None
    _require_beside(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            signals = reader.file_reader(str(path), lazy=True)
        candidates = [one for one in signals if len(one["axes"]) == 3 and one["data"].ndim == 3]
    except Exception as error:  # a reader of others raises whatever its parser meets
        what = (str(error).splitlines() or [type(error).__name__])[0]
        raise UsageError(f"{path}: cannot be read ({type(error).__name__}: {what}): save it again") from None
    if not candidates:
        raise UsageError(f"{path}: holds no raster of spectra or maps: give the file that does")
    return _found(max(candidates, key=lambda one: int(np.prod(one["data"].shape, dtype=np.int64))), path)


def _require_beside(path: Path) -> None:
    """The numbers of an .rpl lie in another file, of the size that it states; a header alone is no raster."""
    if path.suffix.lower() != ".rpl":
        return
    raw = next((one for end in (".raw", ".RAW") if (one := path.with_suffix(end)).is_file()), None)
    if raw is None:
        raise UsageError(f"{path}: {path.with_suffix('.raw').name} is not beside it: copy both")
    if path.stat().st_size > 1_000_000:
        raise UsageError(f"{path}: is too long for a header: give the .rpl and its .raw")
    pairs = (line.split(None, 1) for line in path.read_text("latin-1").splitlines())
    stated = {pair[0].lower(): pair[1].strip() for pair in pairs if len(pair) == 2}
    try:
        size = int(stated.get("offset", "0"))
        count = 1
        for key in ("width", "height", "depth", "data-length"):
            count *= int(stated[key])
    except (KeyError, ValueError):
        raise UsageError(f"{path}: does not say width, height, depth and data-length: complete the header") from None
    if count < 1 or size + count > raw.stat().st_size:
        raise UsageError(
            f"{path}: declares {size + count} bytes and {raw.name} has {raw.stat().st_size}: copy both again"
        )


def _found(signal: dict[str, Any], path: Path) -> Found:
    """A cube where an axis is one of energies, or is not navigated and long enough; else a stack of maps."""
    axes = signal["axes"]
    along = next((i for i, axis in enumerate(axes) if _is_energy(axis)), None)
    if along is None:
        still = [i for i, axis in enumerate(axes) if not axis.get("navigate")]
        along = still[0] if len(still) == 1 else 0
    data = signal["data"]
    others = [i for i in range(3) if i != along]
    if data.shape[along] < FEWEST_CHANNELS and not _is_energy(axes[along]):
        require_maps(path, data.shape[others[0]], data.shape[others[1]], data.shape[along])
        values = np.moveaxis(np.asarray(_computed(data, path), np.float32), along, 2)
        return FoundMaps(values, tuple(f"map {number}" for number in range(1, values.shape[2] + 1)))
    shape = require_cube(path, [data.shape[i] for i in (*others, along)])
    offset_kev, gain_kev = _scale(axes[along])

    def spectra(first: int, last: int) -> NDArray[np.generic]:
        where = [slice(None)] * 3
        where[others[0]] = slice(first, last)
        return np.moveaxis(_computed(data[tuple(where)], path), along, 2)

    return FoundCube(
        shape,
        spectra,
        offset_kev=offset_kev,
        gain_kev=gain_kev,
        live_s=_live_s(signal, shape),
        tube_kv=_tube_kv(signal),
        pitch_mm=_pitch_mm(axes[others[1]]),
    )


def _computed(data: Any, path: Path) -> NDArray[np.generic]:
    try:
        computed = data.compute(scheduler="synchronous") if hasattr(data, "compute") else data
    except Exception as error:
        what = (str(error).splitlines() or [type(error).__name__])[0]
        raise UsageError(f"{path}: its spectra cannot be read ({what}): copy it again") from None
    return np.asarray(computed)


def _is_energy(axis: dict[str, Any]) -> bool:
    return str(axis.get("units", "")).lower() in _KEV or str(axis.get("name", "")).lower().startswith("energy")


def _scale(axis: dict[str, Any]) -> tuple[float | None, float | None]:
    factor = _KEV.get(str(axis.get("units", "")).lower())
    if factor is None or "scale" not in axis or not float(axis["scale"]) > 0:
        return None, None
    return float(axis.get("offset", 0.0)) * factor, float(axis["scale"]) * factor


def _pitch_mm(axis: dict[str, Any]) -> float | None:
    factor = _MM.get(str(axis.get("units", "")))
    return None if factor is None or not float(axis.get("scale", 0)) > 0 else float(axis["scale"]) * factor


def _live_s(signal: dict[str, Any], shape: tuple[int, int, int]) -> float | None:
    """Of a cell: files state that of the whole, or the dwell."""
    detector = _within(signal, "metadata", "Acquisition_instrument", "SEM", "Detector", "EDS") or {}
    whole = detector.get("live_time") or detector.get("real_time")
    if isinstance(whole, int | float) and whole > 0:
        return float(whole) / (shape[0] * shape[1])
    return None


def _tube_kv(signal: dict[str, Any]) -> float | None:
    energy = _within(signal, "metadata", "Acquisition_instrument", "SEM", "beam_energy")
    return float(energy) if isinstance(energy, int | float) and 1 < energy <= 160 else None


def _within(tree: Any, *keys: str) -> Any:
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree
