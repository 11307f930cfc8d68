"""What can be replayed: a full raster of anybody's, or a recording of ours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.imports.found import NOTHING_SET, Found, FoundCube, FoundMaps, ImportSettings
from edge.maps import Samples
from edge.npz import load_arrays


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Element maps that are known at some or all cells."""

    maps: NDArray[np.float32]
    """Shape (rows, columns, elements); meaningless where not known."""
    variance: NDArray[np.float32]
    """Variance of each value from counting, same shape; zeros where nobody knows."""
    elements: tuple[str, ...]
    rgb: NDArray[np.uint8] | None
    known: NDArray[np.bool_]
    """Cells that hold a measurement and count in the score, shape (rows, columns)."""
    is_full: bool
    """Whether this is a full raster, which is its own truth."""
    unit: str
    scanned: NDArray[np.bool_] | None = None
    """Cells that were to be scanned, shape (rows, columns); None: all."""
    pitch_mm: float | None = None
    """Side of a cell; None where nobody says."""
    remarks: tuple[str, ...] = ()
    """What was decided while reading and a reader must know, one sentence each."""

    @property
    def cells(self) -> int:
        """How many cells were to be scanned."""
        return int(self.known.size if self.scanned is None else self.scanned.sum())

    @property
    def shape(self) -> tuple[int, int]:
        rows, columns = self.known.shape
        return rows, columns

    def samples(self, cells: NDArray[np.bool_]) -> Samples:
        """What is known of the marked cells, shape (rows, columns)."""
        rows, columns = np.nonzero(cells)
        return Samples(rows, columns, self.maps[rows, columns], self.variance[rows, columns])


def load_stack(source: Path, settings: ImportSettings = NOTHING_SET) -> Stack:
    """Load what a path holds.

    Parameters
    ----------
    settings
        What the file of somebody else does not say; of no use to a recording of ours.

    Raises
    ------
    UsageError
        There is nothing there, or nothing that can be replayed.
    IntegrityError
        A recording is damaged.
    """
    if (source / "journal.sqlite").is_file():
        from edge.replaying.recorded_stack import stack_of_recording

        if settings != NOTHING_SET:
            raise UsageError(
                f"{source}: a recording holds its own photograph, scale and live times: leave --rgb, --match, "
                "--calibration, --tube, --live-time, --elements, --channels and --dataset out"
            )
        return stack_of_recording(source)
    if not source.exists():
        raise UsageError(f"{source}: no such file or folder: give a recording's folder or a raster")
    if not (source.is_file() or source.is_dir()):
        raise UsageError(f"{source}: neither a file nor a folder: give a recording's folder or a raster")
    if source.suffix.lower() == ".npz":
        found: Found = _of_npz(source)
    else:
        from edge.imports.readers import read_found

        found = read_found(source, settings)
    return _stack_of(found, source, settings)


def _stack_of(found: Found, path: Path, settings: ImportSettings) -> Stack:
    if isinstance(found, FoundCube):
        from edge.imports.cube import maps_of_cube

        found = maps_of_cube(found, path, settings)
    elif settings.calibration or settings.tube_kv or settings.anode or settings.live_s or settings.elements:
        raise UsageError(
            f"{path}: holds maps and no spectra: leave --calibration, --tube, --live-time and --elements out"
        )
    known: NDArray[np.bool_] = np.asarray(np.isfinite(found.maps).all(axis=2))
    if found.valid is not None:
        known &= found.valid
    scanned = None if found.coverage is None else found.coverage.scanned
    if found.coverage is not None:
        known &= found.coverage.measured
    if not known.any():
        raise UsageError(f"{path}: no cell is valid and finite: there is nothing to replay")
    maps = np.where(known[..., None], found.maps, 0)
    errors = found.standard_error
    is_full = found.coverage is None or bool(known[slice(None) if scanned is None else scanned].all())
    rgb, remarks = found.rgb, list(found.remarks)
    if not is_full:
        remarks.append(
            f"the source is a sparse scan, {int(known.sum()):,} of its {known.size:,} cells measured: maps are scored "
            "on measured cells that are left out, and what was inferred for the others counts nowhere"
        )
    if settings.photograph is not None:
        from edge.imports.photograph import photograph_on_raster

        rgb, words = photograph_on_raster(settings.photograph, maps, known, settings)
        remarks.append(words)
    elif settings.pairs:
        raise UsageError("--match says where a photograph lies: give the photograph as --rgb PHOTO")
    return Stack(
        maps=maps,
        variance=np.zeros_like(maps) if errors is None else np.where(known[..., None], errors**2, 0),
        elements=found.elements,
        rgb=rgb,
        known=known,
        is_full=is_full,
        unit=found.unit,
        scanned=scanned,
        pitch_mm=found.pitch_mm,
        remarks=tuple(remarks),
    )


def _of_npz(path: Path) -> Found:
    arrays = load_arrays(path)
    if "counts" in arrays and "maps" not in arrays:
        return _cube_of_npz(path, arrays)
    for name in ("maps", "elements"):
        if name not in arrays:
            raise UsageError(f"{path}: has no array '{name}': save maps (rows x columns x elements) and elements")
    maps = arrays["maps"]
    if maps.ndim != 3 or 0 in maps.shape or maps.dtype.kind not in "fiu":
        raise UsageError(f"{path}: maps has shape {maps.shape} and type {maps.dtype}: give rows x columns x elements")
    elements = tuple(str(name) for name in arrays["elements"].ravel())
    if len(elements) != maps.shape[2]:
        raise UsageError(f"{path}: {maps.shape[2]} maps but {len(elements)} element names: give one name per map")
    valid = _optional(path, arrays, "valid", maps.shape[:2])
    if "rgb" in arrays and arrays["rgb"].shape[:2] == maps.shape[:2] and arrays["rgb"].shape[2:] != (3,):
        raise UsageError(
            f"{path}: rgb has shape {arrays['rgb'].shape}, and a photograph has three colours: save red, green and "
            "blue, and nothing else"
        )
    rgb = _optional(path, arrays, "rgb", (*maps.shape[:2], 3))
    if rgb is not None and rgb.dtype != np.uint8:
        raise UsageError(f"{path}: rgb is {rgb.dtype}: give 8-bit sRGB (uint8)")
    return FoundMaps(maps.astype(np.float32), elements, rgb=rgb, valid=None if valid is None else valid.astype(bool))


def _cube_of_npz(path: Path, arrays: dict[str, np.ndarray]) -> FoundCube:
    """Spectra as ``counts``, with ``live_time_s`` or ``real_time_s`` of each cell where they are there."""
    from edge.imports.bounds import require_cube

    counts = arrays["counts"]
    shape = require_cube(path, counts.shape)
    live_s = next((arrays[name] for name in ("live_time_s", "real_time_s") if name in arrays), None)
    scale = {
        name: float(arrays[name])
        for name in ("offset_kev", "gain_kev")
        if name in arrays and arrays[name].size == 1 and arrays[name].dtype.kind in "fiu"
    }
    return FoundCube(
        shape,
        lambda first, last: counts[first:last],
        offset_kev=scale.get("offset_kev"),
        gain_kev=scale.get("gain_kev"),
        live_s=None if live_s is None else live_s.astype(np.float64),
    )


def _optional(path: Path, arrays: dict[str, np.ndarray], name: str, shape: tuple[int, ...]) -> np.ndarray | None:
    array = arrays.get(name)
    if array is not None and array.shape != shape:
        raise UsageError(f"{path}: {name} has shape {array.shape}, the maps ask for {shape}: save both on one grid")
    return array
