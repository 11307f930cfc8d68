"""Spectra of somebody else's raster to element rates: the fit that a scan's own spectra go through, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.imports.bounds import cells_at_once, require_cube, require_maps, rows_at_once
from edge.imports.found import Counts, FoundCube, FoundMaps, ImportSettings
from edge.spectra.drift import BlockSums
from edge.spectra.model import SpectrumModel
from edge.spectra.scan_fit import fit_of_scan

_MOST_COUNTS = 2**32 - 1


def maps_of_cube(cube: FoundCube, path: Path, settings: ImportSettings) -> FoundMaps:
    """Fit every spectrum, in blocks of rows: once through for the sum, once through for the cells.

    Raises
    ------
    UsageError
        There is no energy scale, these are no spectra that can be fitted, or the maps would be too large.
    """
    rows, columns, _ = require_cube(path, cube.shape)
    live_s, unit = _live_times(cube, path, settings)
    known = live_s > 0
    if cube.coverage is not None:
        known &= cube.coverage.measured
    if not known.any():
        raise UsageError(f"{path}: no cell has a live time: give one for all as --live-time SECONDS")
    model_of = _learner(cube, path, settings)
    sums = BlockSums(cube.shape[2])
    for cells, counts in _known(cube, known, path):
        sums.add(counts[known.ravel()[cells]])
    if not sums.total().any():
        raise UsageError(f"{path}: the spectra hold no count: give a raster that was measured")
    fit = fit_of_scan(sums, float(live_s[known].sum()), model_of)
    elements = fit.model.elements
    require_maps(path, rows, columns, len(elements))
    maps = np.full((rows * columns, len(elements)), np.nan, np.float32)
    errors = np.full_like(maps, np.nan)
    first = 0
    for cells, counts in _known(cube, known, path):
        marked = known.ravel()[cells]
        positions = first + np.arange(int(marked.sum()))
        rates = fit.fit(counts[marked], live_s.ravel()[cells][marked], positions=positions)
        maps[cells][marked] = rates.values
        errors[cells][marked] = np.sqrt(rates.variance)
        first += len(positions)
    return FoundMaps(
        maps.reshape(rows, columns, -1),
        elements,
        standard_error=errors.reshape(rows, columns, -1),
        valid=known,
        pitch_mm=cube.pitch_mm,
        unit=unit,
        coverage=cube.coverage,
        remarks=cube.remarks,
    )


def _live_times(cube: FoundCube, path: Path, settings: ImportSettings) -> tuple[NDArray[np.float64], str]:
    """Of each cell, and the unit that rates then have."""
    shape = cube.shape[:2]
    stated = settings.live_s if settings.live_s is not None else cube.live_s
    if stated is None:
        return np.ones(shape), "counts"
    live_s = np.asarray(stated, np.float64)
    if live_s.ndim == 0:
        live_s = np.broadcast_to(live_s, shape)
    if live_s.shape != shape:
        raise UsageError(
            f"{path}: live times of shape {live_s.shape} do not fit {shape[0]} x {shape[1]} spectra: "
            "give one for all as --live-time SECONDS"
        )
    return np.where(np.isfinite(live_s) & (live_s > 0), live_s, 0.0), "counts/s"


def _learner(
    cube: FoundCube, path: Path, settings: ImportSettings
) -> Callable[[NDArray[np.float64], float], SpectrumModel]:
    """What makes a model of a sum spectrum."""
    from pydantic import ValidationError

    from edge.configuration.config import DetectorConfig, TubeConfig

    offset_kev, gain_kev = settings.calibration or (cube.offset_kev, cube.gain_kev)
    if offset_kev is None or gain_kev is None:
        raise UsageError(f"{path}: does not say its energy scale: give --calibration OFFSET_KEV,KEV_PER_CHANNEL")
    stated = {"kv": settings.tube_kv or cube.tube_kv, "anode": settings.anode}
    tube: dict[str, Any] = {name: value for name, value in stated.items() if value is not None}
    try:
        detector = DetectorConfig(channels=cube.shape[2], offset_kev=offset_kev, gain_kev=gain_kev)
        excitation = TubeConfig(**tube)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(
            f"{path}: {'.'.join(map(str, first['loc']))} = {first['input']} cannot be ({first['msg']}): "
            "give --calibration OFFSET_KEV,KEV_PER_CHANNEL and --tube ANODE,KV as they were"
        ) from None

    def learn(total: NDArray[np.float64], live_s: float) -> SpectrumModel:
        return SpectrumModel.from_sum_spectrum(
            total, live_s, detector=detector, tube=excitation, elements=settings.elements
        )

    return learn


def _known(cube: FoundCube, known: NDArray[np.bool_], path: Path) -> Iterator[tuple[slice, Counts]]:
    """Spectra of some cells at a time, in their order, shape (cells, channels), as whole counts.

    Where none is known, they may be left out.
    """
    rows, columns, channels = cube.shape
    step = rows_at_once(columns, channels)
    most = cells_at_once(channels)
    for first in range(0, rows, step):
        last = min(first + step, rows)
        if not known[first:last].any():
            continue
        spectra = cube.rows(first, last).reshape(-1, channels)
        for begin in range(0, len(spectra), most):
            cells = slice(first * columns + begin, first * columns + min(begin + most, len(spectra)))
            yield cells, _counts(spectra[begin : begin + most], path)


def _counts(spectra: NDArray[np.generic], path: Path) -> Counts:
    """Whole numbers of counts; others are refused, since their noise would not be counting noise."""
    values: NDArray[Any] = np.asarray(spectra)
    if values.dtype.kind == "u" and values.dtype.itemsize <= 4:
        return values
    if values.dtype.kind not in "iuf":
        raise UsageError(f"{path}: spectra of type {values.dtype} are no counts: give whole numbers")
    if not np.isfinite(values).all() or values.min(initial=0) < 0 or values.max(initial=0) > _MOST_COUNTS:
        raise UsageError(f"{path}: spectra hold values that are no counts: give them as they were measured, from 0 on")
    counts = values.astype(np.uint32)
    if values.dtype.kind == "f" and np.abs(values - counts).max(initial=0) > 1e-3:
        raise UsageError(
            f"{path}: spectra hold parts of counts: give them as they were measured, not normalised or smoothed"
        )
    return counts
