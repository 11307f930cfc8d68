"""``python -m edge.imports.rosetta_process READER PATH FOLDER``: one file unpacked, within bounds of memory and time.

This and `edge.imports.bruker_pixels` are the only places that import RosettaSciIO.
"""

from __future__ import annotations

import json
import resource
import sys
import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from edge.faults import UsageError
from edge.imports.bounds import require_cube
from edge.imports.bruker_pixels import require_pixels
from edge.imports.memory import allow
from edge.imports.rosetta import DESCRIPTION, VALUES
from edge.imports.signal import layout_of

_HEADER_BYTES = 500_000_000
"""Of memory beyond what the process has when it begins: for a header, and beside the values themselves."""
_MOST_BYTES = 8_000_000_000
"""Of values, which the reader of Bruker's files unpacks all at once."""
_LEAST_S, _BYTES_PER_S = 120, 500_000
"""Of processor time: in the least, and for each part of the file."""


def main(reader: str, path: Path, folder: Path) -> None:
    """Leave values and what is said of them, or why there are none."""
    try:
        said = _unpacked(reader, path, folder)
    except UsageError as refusal:
        said = {"refused": str(refusal).removeprefix(f"{path}: ")}
    except MemoryError:
        said = {"refused": "it asks for more memory than its size justifies"}
    except Exception as error:  # a reader of others raises whatever its parser meets
        said = {"refused": (str(error).splitlines() or [type(error).__name__])[0] or type(error).__name__}
    (folder / DESCRIPTION).write_text(json.dumps(said), "utf-8")


def _unpacked(reader: str, path: Path, folder: Path) -> dict[str, Any]:
    module = import_module(f"rsciio.{reader}")
    import dask.array  # noqa: F401  loaded before memory is bounded

    seconds = _LEAST_S + path.stat().st_size // _BYTES_PER_S
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    allow(_HEADER_BYTES)
    if reader == "edax":
        require_spd(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signals = module.file_reader(str(path), lazy=True)
    rasters = [one for one in signals if len(one["axes"]) == 3 and one["data"].ndim == 3]
    if not rasters:
        raise UsageError("it holds no raster of spectra or maps")
    chosen = max(rasters, key=lambda one: int(one["data"].size))
    values, axes = chosen["data"], [_plain(axis) for axis in chosen["axes"]]
    layout = layout_of(axes, values.shape)
    require_cube(path, [values.shape[at] for at in (layout.row, layout.column, layout.other)])
    if values.nbytes > _MOST_BYTES:
        raise UsageError(f"it declares {values.nbytes / 1e9:.1f} GB, more than can be unpacked at once")
    if reader == "bruker":
        require_pixels(path)
    allow(_HEADER_BYTES + values.nbytes)
    whole = np.asarray(values.compute(scheduler="synchronous"))
    if whole.shape != values.shape:
        raise UsageError("its spectra are of another size than it says")
    np.save(folder / VALUES, whole, allow_pickle=False)
    instrument = chosen["metadata"].get("Acquisition_instrument", {})
    return {"axes": axes, "metadata": {"Acquisition_instrument": _plain(instrument)}}


def require_spd(path: Path) -> None:
    """What the header declares, held against the file's length: an array of it would be asked for at once.

    Header as EDAX describes it, "SpcMap-spd file format": a tag of 16 bytes, version and spectra, then points, lines,
    channels, bytes a count and where they begin.
    """
    with path.open("rb") as file:
        header = file.read(48)
    if len(header) < 48:
        raise UsageError("it is cut short")
    points, lines, channels, width, begins = (int(number) for number in np.frombuffer(header, "<u4")[6:11])
    declared, size = begins + points * lines * channels * width, path.stat().st_size
    if declared > size:
        raise UsageError(f"it declares {declared} bytes and has {size}")


def _plain(value: Any) -> Any:
    """What JSON can hold of it: trees of numbers and texts."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, str | bool | int | float) else None


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
