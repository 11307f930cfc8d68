"""RPL and RAW: plain numbers, and a text that says how they lie (NIST's Lispix, "ripple").

Beside ours lie ``live_time`` and ``exposures`` of the same form, which say what cells have a spectrum.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.imports.found import Coverage, Found
from edge.imports.signal import Signal, found_of, rows_of

_MOST_HEADER = 1_000_000
_NUMBERS = ("width", "height", "depth", "data-length")
_KINDS = {"signed": "i", "unsigned": "u", "float": "f"}
_ORDERS = {"little-endian": "<", "big-endian": ">", "dont-care": "="}
_DIMENSIONS = {"vector": ("height", "width", "depth"), "image": ("depth", "height", "width")}
"""From the slowest to the fastest."""


def read_rpl(path: Path) -> Found:
    """Spectra or maps of an ``.rpl`` and its ``.raw``, read where they lie.

    Raises
    ------
    UsageError
        The text is incomplete, or the numbers are not all there.
    """
    stated = _header(path)
    record = stated.get("record-by", "vector").lower()
    if record not in _DIMENSIONS:
        raise UsageError(f"{path}: record-by is {record!r}, no raster of spectra or maps: give vector or image")
    dimensions = _DIMENSIONS[record]
    values = _values(path, stated, dimensions)
    coverage, live_s = _cells(path, (int(stated["height"]), int(stated["width"])))
    axes = [_axis(path, name, stated) for name in dimensions]
    shape = (values.shape[0], values.shape[1], values.shape[2])
    return found_of(Signal(shape, axes, {}, lambda layout: rows_of(values, layout), live_s, coverage), path)


def _header(path: Path) -> dict[str, str]:
    """Keys in small letters; what follows a semicolon is for people."""
    if path.stat().st_size > _MOST_HEADER:
        raise UsageError(f"{path}: is too long for a header: give the .rpl and its .raw")
    stated: dict[str, str] = {}
    for line in path.read_text("latin-1").splitlines():
        words = line.partition(";")[0].split(None, 1)
        if len(words) == 2:
            stated[words[0].lower()] = words[1].strip()
    return stated


def _values(path: Path, stated: Mapping[str, str], dimensions: tuple[str, ...]) -> NDArray[Any]:
    """The numbers, mapped and not read."""
    raw = next((one for end in (".raw", ".RAW") if (one := path.with_suffix(end)).is_file()), None)
    if raw is None:
        raise UsageError(f"{path}: {path.with_suffix('.raw').name} is not beside it: copy both")
    lengths = {name: stated.get(name, "") for name in _NUMBERS} | {"offset": stated.get("offset", "0")}
    if not all(text.isascii() and text.isdigit() and len(text) < 12 for text in lengths.values()):
        raise UsageError(f"{path}: does not say width, height, depth and data-length: complete the header")
    number = {name: int(text) for name, text in lengths.items()}
    length = number["data-length"]
    kind = _KINDS.get(stated.get("data-type", "").lower(), "")
    order = _ORDERS.get(stated.get("byte-order", "dont-care").lower(), "")
    if not kind or not order or length not in ((4, 8) if kind == "f" else (1, 2, 4, 8)):
        raise UsageError(
            f"{path}: numbers of type {stated.get('data-type', 'unknown')!r}, {length} bytes, "
            f"{stated.get('byte-order', 'unknown')!r}, are none that can be read: correct the header"
        )
    shape = tuple(number[name] for name in dimensions)
    size = number["offset"] + int(np.prod(shape, dtype=object)) * length
    if 0 in shape or size > raw.stat().st_size:
        raise UsageError(f"{path}: declares {size} bytes and {raw.name} has {raw.stat().st_size}: copy both again")
    return np.memmap(raw, np.dtype(f"{order}{kind}{length}"), "r", number["offset"], shape)


def _axis(path: Path, name: str, stated: Mapping[str, str]) -> dict[str, Any]:
    """As HyperSpy describes it, whose keys for scale, origin and units these are."""
    axis: dict[str, Any] = {"name": stated.get(f"{name}-name", name), "navigate": name != "depth"}
    axis["units"] = stated.get(f"{name}-units", "")
    scale = stated.get(f"{name}-scale", stated.get("ev-per-chan", "1") if name == "depth" else "1")
    try:
        return axis | {"scale": float(scale), "offset": float(stated.get(f"{name}-origin", "0"))}
    except ValueError:
        raise UsageError(f"{path}: scale or origin of {name} is no number: correct the header") from None


def _cells(path: Path, shape: tuple[int, int]) -> tuple[Coverage | None, NDArray[np.float64] | None]:
    """Which cells have a spectrum, and live times, where they lie beside."""
    found = {}
    for name in ("exposures", "live_time"):
        beside = path.with_name(f"{name}.rpl")
        if beside == path or not beside.is_file():
            continue
        values = _values(beside, _header(beside), ("height", "width"))
        if values.shape != shape:
            raise UsageError(
                f"{beside}: is of {values.shape[0]} x {values.shape[1]} cells and {path.name} of {shape[0]} x "
                f"{shape[1]}: keep what belongs to one raster in one folder"
            )
        found[name] = np.asarray(values, np.float64)
    exposures = found.get("exposures")
    return None if exposures is None else Coverage(exposures > 0), found.get("live_time")
