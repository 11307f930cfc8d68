"""Specimens that somebody else measured: recorded spectra, and element maps with their photograph."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.npz import load_arrays
from edge.simulate.config import MapsConfig
from edge.simulate.emission import shares_from_thick_paint
from edge.simulate.footprint import RateField, beam_way
from edge.spectra.lines import LineGroup, default_group, line_group
from firmware_bridge.messages import StagePose
from firmware_bridge.twins.source import Emission, RecordedCounts

_TUBE_KV = 40.0
_BOARD_SRGB = 168
_MAP_LABEL = re.compile(r"^([A-Z][a-z]?)(?:[-_ ]([KLM])(?:[ABGabg]\d?)?)?$")


class CubeSpecimen:
    """Recorded spectra on a raster; the beam hands over those of the nearest cell."""

    def __init__(self, counts: NDArray[np.uint32], live_s: float, pitch_mm: float, origin: StagePose) -> None:
        self.counts = counts
        """Shape (rows, columns, channels), read-only."""
        self.live_s = live_s
        self._pitch_mm = pitch_mm
        self._origin = origin
        counts.flags.writeable = False

    @property
    def origin(self) -> StagePose:
        return self._origin

    @property
    def size_mm(self) -> tuple[float, float]:
        return self.counts.shape[1] * self._pitch_mm, self.counts.shape[0] * self._pitch_mm

    def at(self, start: StagePose, end: StagePose) -> RecordedCounts:
        """The spectrum of the cell nearest to the middle of the way; the nearest border cell outside."""
        x_mm = (start.x_mm + end.x_mm) / 2 - self._origin.x_mm
        y_mm = (start.y_mm + end.y_mm) / 2 - self._origin.y_mm
        row = min(max(int(np.floor(y_mm / self._pitch_mm)), 0), self.counts.shape[0] - 1)
        column = min(max(int(np.floor(x_mm / self._pitch_mm)), 0), self.counts.shape[1] - 1)
        return RecordedCounts(self.counts[row, column], self.live_s)

    def photograph(self, mm_per_px: float) -> NDArray[np.uint8]:
        """A plain board: no photograph belongs to the spectra."""
        width, height = self.size_mm
        return np.full((max(1, round(height / mm_per_px)), max(1, round(width / mm_per_px)), 3), _BOARD_SRGB, np.uint8)


class MapsSpecimen:
    """Element maps as rates of each element's lines, with the photograph that belongs to them."""

    def __init__(
        self,
        rates_hz: NDArray[np.float32],
        groups: Sequence[LineGroup],
        rgb: NDArray[np.uint8],
        pitch_mm: float,
        origin: StagePose,
        *,
        matrix_rate_hz: float,
        beam_fwhm_mm: float,
    ) -> None:
        self.rates_hz = rates_hz
        """Shape (rows, columns, groups)."""
        self.groups = tuple(groups)
        self._rgb = rgb
        self._pitch_mm, self._origin = pitch_mm, origin
        self._matrix_rate_hz = matrix_rate_hz
        self._field = RateField(rates_hz, np.zeros(rates_hz.shape[2], dtype=np.float32), pitch_mm, beam_fwhm_mm)
        self._energies_kev = np.concatenate([group.energies_kev for group in self.groups])
        self._shares = np.concatenate([shares_from_thick_paint(group) for group in self.groups])
        self._group_of_line = np.repeat(np.arange(len(self.groups)), [len(group.energies_kev) for group in self.groups])
        self._step_mm = max(pitch_mm / 2, beam_fwhm_mm / 3)

    @property
    def origin(self) -> StagePose:
        return self._origin

    @property
    def size_mm(self) -> tuple[float, float]:
        return self.rates_hz.shape[1] * self._pitch_mm, self.rates_hz.shape[0] * self._pitch_mm

    def at(self, start: StagePose, end: StagePose) -> Emission:
        way = beam_way(start, end, self._step_mm) - np.array([self._origin.x_mm, self._origin.y_mm])
        rates_hz = self._field.mean(way)[self._group_of_line] * self._shares
        return Emission(self._energies_kev, rates_hz, self._matrix_rate_hz)

    def photograph(self, mm_per_px: float) -> NDArray[np.uint8]:
        import cv2

        width, height = self.size_mm
        size = (max(1, round(width / mm_per_px)), max(1, round(height / mm_per_px)))
        shrinking = size[0] < self._rgb.shape[1]
        how = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(self._rgb, size, interpolation=how), dtype=np.uint8)


def load_cube(files: Sequence[Path], pitch_mm: float, live_s: float | None, origin: StagePose) -> CubeSpecimen:
    """Read spectra, one file per detector, and sum them.

    Raises
    ------
    UsageError
        A file is missing or not such a file, or the detectors' shapes differ.
    """
    total: NDArray[np.uint32] | None = None
    times_s: list[float] = []
    for file in files:
        arrays = load_arrays(file)
        counts = _needed(arrays, "counts", file)
        if counts.ndim != 3 or counts.dtype.kind not in "ui":
            raise UsageError(f"{file}: counts are {counts.dtype} {counts.shape}: rows x columns x channels are needed")
        if total is not None and total.shape != counts.shape:
            raise UsageError(f"{file}: shape {counts.shape} differs from the first detector's {total.shape}")
        total = counts.astype(np.uint32) if total is None else total + counts.astype(np.uint32)
        if "real_time_s" in arrays:
            times_s.append(float(np.mean(arrays["real_time_s"])))
    if total is None:
        raise UsageError("specimen.files is empty: give one file per detector")
    if live_s is None:
        if not times_s or not np.isfinite(times_s).all() or min(times_s) <= 0:
            raise UsageError(f"{files[0]}: no usable real_time_s: give specimen.live_s")
        live_s = float(np.mean(times_s))
    return CubeSpecimen(total, live_s, pitch_mm, origin)


def load_maps(file: Path, config: MapsConfig, origin: StagePose) -> MapsSpecimen:
    """Read element maps, their labels and their photograph.

    Raises
    ------
    UsageError
        The file is missing or not such a file, or a label names no line group.
    """
    arrays = load_arrays(file)
    maps = _needed(arrays, "maps", file)
    labels = [str(label) for label in _needed(arrays, "elements", file).reshape(-1)]
    if maps.ndim != 3 or maps.shape[2] != len(labels):
        raise UsageError(f"{file}: maps of shape {maps.shape} for {len(labels)} elements: one map each is needed")
    rgb = arrays.get("rgb", np.full((*maps.shape[:2], 3), _BOARD_SRGB, np.uint8))
    if rgb.dtype != np.uint8 or rgb.shape[2:] != (3,):
        raise UsageError(f"{file}: rgb is {rgb.dtype} {rgb.shape}: uint8, rows x columns x 3 is needed")
    return MapsSpecimen(
        np.maximum(np.nan_to_num(maps.astype(np.float32)), 0) * np.float32(config.rates_hz),
        [map_group(label) for label in labels],
        np.ascontiguousarray(rgb),
        config.pitch_mm,
        origin,
        matrix_rate_hz=config.matrix_rate_hz,
        beam_fwhm_mm=config.beam_fwhm_mm,
    )


def map_group(label: str) -> LineGroup:
    """The line group that a map's label means: ``Ca``, ``Pb-L``, or a family of it as in ``Pb-LB`` and ``Zn-KB``.

    Raises
    ------
    UsageError
        The label names no line group.
    """
    parts = _MAP_LABEL.match(label.strip())
    if parts is None:
        raise UsageError(f"'{label}' is no element or line group: write it as Ca, Pb-L or Zn-KB")
    element, shell = parts.groups()
    return line_group(f"{element}-{shell}") if shell else default_group(element, _TUBE_KV)


def _needed(arrays: dict[str, NDArray[Any]], key: str, file: Path) -> NDArray[Any]:
    if key not in arrays:
        raise UsageError(f"{file}: holds no '{key}' (only {', '.join(sorted(arrays))})")
    return arrays[key]
