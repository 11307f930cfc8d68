"""What is read of other people's rasters: HDF5, HyperSpy's files, EDF, TIFF, RPL and archives.

Makers' formats are not here: they are read by a library, in a process that may die of them.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np

from edge.faults import UsageError
from edge.imports import edf as _edf_reader
from edge.imports import hdf5 as _hdf5_reader
from edge.imports import hspy as _hspy_reader
from edge.imports import rpl as _rpl_reader
from edge.imports import tiff as _tiff_reader
from edge.imports.found import NOTHING_SET, Found, FoundCube
from edge.imports.readers import read_found
from tools.fuzz.kept import kept
from tools.fuzz.patches import patched
from tools.fuzz.properties import Target, require

READERS: Final = (_edf_reader, _hdf5_reader, _hspy_reader, _rpl_reader, _tiff_reader)
"""What is fuzzed; imported here, for whoever calls them imports them too late for the fuzzer to see their ways."""
_ROWS, _COLUMNS, _CHANNELS = 4, 5, 64
_MOST_BYTES: Final = 50_000_000
"""Of what files of some ten thousand bytes are unpacked to."""


def hdf5(octets: bytes) -> None:
    """A patched HDF5 file, of a kind that the first byte says: a raster of the shape that it is told to have."""
    names = sorted(_HDF5)
    name = names[octets[0] % len(names)] if octets else names[0]
    path = _scratch() / name
    path.write_bytes(patched(_hdf5(name), octets[1:]))
    _read(path)


def edf(octets: bytes) -> None:
    """An EDF file, whole or patched."""
    path = _scratch() / "images.edf"
    path.write_bytes(octets if octets.lstrip()[:1] == b"{" else patched(_edf(), octets))
    _read(path)


def tiff(octets: bytes) -> None:
    """A folder of two TIFFs, one of them patched."""
    folder = _scratch() / "tiffs"
    folder.mkdir(exist_ok=True)
    for name in ("Ca-K", "measured"):
        (folder / f"{name}.tif").write_bytes(_tiff())
    (folder / "Fe-K.tif").write_bytes(patched(_tiff(), octets))
    _read(folder)


def rpl(octets: bytes) -> None:
    """A header of the input's own, before numbers that are always the same; the same header for those beside."""
    folder = _scratch() / "rpl"
    folder.mkdir(exist_ok=True)
    header, _, beside = octets.partition(b"\0")
    for name, text in (("spectra", header), ("exposures", beside)):
        (folder / f"{name}.rpl").write_bytes(text or _header(name))
        (folder / f"{name}.raw").write_bytes(bytes(range(256)) * 10)
    _read(folder / "spectra.rpl")


def _read(path: Path) -> None:
    try:
        found = read_found(path, NOTHING_SET)
        _require_sound(found)
    except UsageError as refusal:
        require(str(refusal).isprintable(), "a refusal is no sentence on one line")


def _require_sound(found: Found) -> None:
    if isinstance(found, FoundCube):
        rows = found.rows(0, found.shape[0])
        require(rows.shape == found.shape, f"rows of {rows.shape} come of {found.shape}")
        require(rows.nbytes <= _MOST_BYTES, f"{rows.nbytes} bytes come of some thousands")
        grid = found.shape[:2]
    else:
        require(found.maps.nbytes <= _MOST_BYTES, f"{found.maps.nbytes} bytes come of some thousands")
        require(found.maps.shape[2] == len(found.elements), "maps have no name each")
        grid = found.maps.shape[:2]
    require(found.coverage is None or found.coverage.measured.shape == grid, "a mask is of another raster")


@cache
def _scratch() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="pointillist-fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _counts() -> np.ndarray[Any, np.dtype[np.uint16]]:
    return np.random.default_rng(3).poisson(2.0, (_ROWS, _COLUMNS, _CHANNELS)).astype(np.uint16)


def _maps() -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(4).random((_ROWS, _COLUMNS), np.float32)


def _write_stack(file: Any) -> None:
    mca = file.create_group("scan/instrument/mca0")
    data = mca.create_dataset("data", data=_counts(), chunks=(2, 5, 64), compression="gzip", shuffle=True)
    data.attrs["interpretation"] = "spectrum"
    mca["calibration"], mca["live_time"] = [0.0, 0.02, 0.0], np.full((_ROWS, _COLUMNS), 0.5)
    file["scan/masks/has_spectrum"] = np.eye(_ROWS, _COLUMNS, dtype=np.uint8)


def _write_groups(file: Any) -> None:
    file.attrs["default"] = "maps"
    maps = file.create_group("maps")
    maps.attrs["default"] = "Fe-K"
    for name in ("Fe-K", "Pb-L"):
        group = maps.create_group(name)
        group.attrs.update({"NX_class": "NXdata", "signal": "map", "auxiliary_signals": ["visible"]})
        group["map"], group["map_errors"], group["visible"] = _maps(), _maps(), _maps()
    file["measured"] = h5py.SoftLink("/masks/measured")
    file["masks/measured"] = np.eye(_ROWS, _COLUMNS, dtype=np.uint8)


def _write_nameless(file: Any) -> None:
    file["stack"] = np.stack([_maps()] * 3)
    file.create_dataset("elements", data=["Ca", "Fe", "Pb"], dtype=h5py.string_dtype())
    file["energy"] = np.arange(64.0)


def _write_signal(file: Any) -> None:
    signal = file.create_group("Experiments/old")
    signal.create_dataset("data", data=_counts(), chunks=(2, 2, 64), compression="gzip")
    for at, (name, units) in enumerate((("y", "um"), ("x", "um"), ("Energy", "keV"))):
        axis = signal.create_group(f"axis-{at}")
        axis.attrs.update({"name": name, "units": units, "scale": 0.01, "offset": 0.0, "navigate": units == "um"})
    signal.create_group("metadata/Acquisition_instrument/SEM/Detector/EDS").attrs["live_time"] = 10.0
    cells = signal.create_group("original_metadata/cells")
    cells["exposures"], cells["live_time"] = np.eye(_ROWS, _COLUMNS), np.eye(_ROWS, _COLUMNS)


_HDF5: Final[Mapping[str, Callable[[Any], None]]] = {
    "stack.h5": _write_stack,
    "groups.nxs": _write_groups,
    "nameless.hdf5": _write_nameless,
    "signal.hspy": _write_signal,
}


@cache
def _hdf5(name: str) -> bytes:
    path = _scratch() / f"whole-{name}"
    with h5py.File(path, "w") as file:
        _HDF5[name](file)
    return path.read_bytes()


@cache
def _edf() -> bytes:
    parts = []
    for title in ("Fe K", "measured"):
        keys = {"ByteOrder": "LowByteFirst", "DataType": "FloatValue", "Dim_1": _COLUMNS, "Dim_2": _ROWS}
        text = "{\n" + "".join(f"{key} = {value} ;\n" for key, value in (keys | {"Title": title}).items())
        parts.append(text.encode().ljust(510) + b"}\n" + _maps().tobytes())
    return b"".join(parts)


@cache
def _tiff() -> bytes:
    import cv2

    return bytes(cv2.imencode(".tif", _maps())[1])


def _header(name: str) -> bytes:
    depth, length, record = ("64", "2", "vector") if name == "spectra" else ("1", "1", "dont-care")
    sides = f"width\t{_COLUMNS}\nheight\t{_ROWS}\ndepth\t{depth}\noffset\t0\ndata-length\t{length}\n"
    return f"key\tvalue\n{sides}data-type\tunsigned\nrecord-by\t{record}\n depth-units\teV\n".encode()


def _hdf5_seeds() -> Sequence[bytes]:
    whole = [bytes([kind]) for kind in range(len(_HDF5))]
    # signature, sizes and addresses lie at the beginning, what objects say of themselves behind it
    telling = [b"\x60\x00\x00\x00\x02\x00\x01", b"\x20\x03\x00\x00\x01\xff", b"\x10\x08\x00\x00\x04\xff\xff\xff\x7f"]
    return [*whole, *(kind + patch for kind in whole for patch in telling), *kept("imported-hdf5")]


TARGETS = {
    "imported-hdf5": Target(hdf5, _hdf5_seeds),
    "imported-edf": Target(edf, lambda: [_edf(), b"\x10\0\0\0\x01;", *kept("imported-edf")]),
    "imported-tiff": Target(tiff, lambda: [b"", b"\x04\0\0\0\x01\xff", *kept("imported-tiff")]),
    "imported-rpl": Target(rpl, lambda: [_header("spectra") + b"\0" + _header("exposures"), *kept("imported-rpl")]),
}
