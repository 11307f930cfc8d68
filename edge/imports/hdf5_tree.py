"""Walking somebody else's HDF5 file: no further than the file itself, and trusting no size that it declares."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.imports.found import Coverage
from edge.imports.memory import allow, at_most
from edge.record.hdf5_file import is_endless

_MOST_OBJECTS = 20_000
_MOST_DEPTH = 12
_MOST_EXPANSION = 1_100
"""Deflate makes at most 1,032 bytes of one; a dataset that declares more is not backed by its file."""
_MOST_CHUNK_BYTES = 256_000_000
_METADATA_BYTES = 1_000_000_000
"""What a file may take that is looked through, masks and live times among it."""
_MOST_A_VALUE = 16
"""Bytes of a map's value: as stored, as a number of its own, and in its place among the maps."""
_LONGEST_NAME = 200
UNREADABLE = (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, RecursionError, MemoryError)
"""What h5py raises on files that are damaged or hostile; MemoryError where a text declares more than there is room."""


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """An HDF5 file to look through, in bounded memory.

    Raises
    ------
    UsageError
        It is none, or what is read of it is damaged.
    """
    import h5py

    try:
        if is_endless(path):
            raise UsageError(f"{path}: is damaged (its texts have no end): copy it again")
        with at_most(_METADATA_BYTES), h5py.File(path, "r") as file:
            yield file
    except UNREADABLE as error:
        what = (str(error).splitlines() or [type(error).__name__])[0]
        raise UsageError(f"{path}: is no HDF5 file that can be read ({what}): save it again") from None


def own(group: Any, name: str, depth: int = 0) -> Any:
    """What a path within leads to, None where there is nothing; a link to another file is not followed.

    Such a link could have any file opened, and a pipe never ends. Links within the file are followed step by step, for
    they may lead through one that leaves it.
    """
    import h5py

    at = group.file["/"] if name.startswith("/") else group
    for part in name.split("/"):
        if part in ("", "."):
            continue
        if not isinstance(at, h5py.Group):
            return None
        match at.get(part, getlink=True):
            case h5py.HardLink():
                at = at[part]
            case h5py.SoftLink(path=path) if depth < _MOST_DEPTH:
                at = own(at, path, depth + 1)
            case _:
                return None
    return at


def own_items(group: Any) -> Iterator[tuple[str, Any]]:
    """Names and objects of a group that lie in the file itself."""
    for name in group:
        one = own(group, name)
        if one is not None:
            yield name, one


def members(file: Any) -> Iterator[Any]:
    """Groups and datasets that lie in the file itself, parents first; links to other files are not followed."""
    import h5py

    waiting, seen = [(file, 0)], 0
    met = set()
    while waiting:
        group, depth = waiting.pop(0)
        if group.id.__hash__() in met:
            continue
        met.add(group.id.__hash__())
        yield group
        for name in group:
            seen += 1
            if seen > _MOST_OBJECTS:
                return
            one = own(group, name)
            if isinstance(one, h5py.Group) and depth < _MOST_DEPTH:
                waiting.append((one, depth + 1))
            elif isinstance(one, h5py.Dataset):
                yield one


def named_object(file: Any, path: Path, name: str) -> Any:
    """The object at a path within.

    Raises
    ------
    UsageError
        There is none.
    """
    one = own(file, name)
    if one is None:
        within = ", ".join(list(file)[:8])
        raise UsageError(f"{path}: has nothing of its own at {name}: it begins with {within or 'nothing at all'}")
    return one


def plain_dataset(dataset: Any, path: Path, coverage: Coverage | None = None) -> None:
    """Refuse what is not in the file, or what would need more memory than its bytes justify.

    Parameters
    ----------
    coverage
        Of a cube of spectra, rows x columns first, whose other cells need not have been written.

    Raises
    ------
    UsageError
        It is in other files, or its declared size is not backed.
    """
    name = dataset.name
    if dataset.is_virtual or dataset.external:
        raise UsageError(f"{path}: {name} lies in other files: copy it into one, with h5repack or h5copy")
    stored = int(dataset.id.get_storage_size())
    chunk_bytes = dataset.dtype.itemsize * int(np.prod(dataset.chunks or (), dtype=np.float64))
    if dataset.chunks and chunk_bytes > _MOST_CHUNK_BYTES:
        raise UsageError(
            f"{path}: {name} is stored in pieces above {_MOST_CHUNK_BYTES // 1_000_000} MB: store it anew with smaller "
            "chunks, with h5repack"
        )
    declared = int(dataset.nbytes)
    if coverage is not None and dataset.chunks:
        written = int(dataset.id.get_num_chunks())
        declared = written * chunk_bytes
        if written < _tiles_with_any(coverage.measured, dataset.chunks):
            declared = int(dataset.nbytes)
    if declared > _MOST_EXPANSION * max(stored, 1):
        raise UsageError(
            f"{path}: {name} declares {declared / 1e9:.3g} GB and is stored in {stored} bytes: "
            "it was never written, or is damaged"
        )


def values_of(dataset: Any, path: Path) -> NDArray[np.float32]:
    """All values of maps or of a map.

    Raises
    ------
    UsageError
        As `plain_dataset`.
    """
    plain_dataset(dataset, path)
    return np.asarray(dataset[()], np.float32)


def allow_maps(rows: int, columns: int, maps: int) -> None:
    """Let so many maps with their errors be read of a file that is `opened`, as they are there and as they are used."""
    allow(_METADATA_BYTES + 2 * rows * columns * maps * _MOST_A_VALUE)


def _tiles_with_any(cells: NDArray[np.bool_], chunks: tuple[int, ...]) -> int:
    """How many chunks hold a marked cell."""
    down, across = (range(0, length, chunk) for length, chunk in zip(cells.shape, chunks, strict=False))
    return int(np.logical_or.reduceat(np.logical_or.reduceat(cells, down, axis=0), across, axis=1).sum())


def texts_of(dataset: Any, path: Path) -> tuple[str, ...]:
    """Texts of a short list, none longer than a name: all of them may point to one that is as long as the file."""
    plain_dataset(dataset, path)
    return tuple(str(dataset.asstr()[i])[:_LONGEST_NAME] for i in range(dataset.shape[0]))


def coverage_beside(dataset: Any, shape: tuple[int, int], path: Path, *, mask: str) -> Coverage | None:
    """Which cells were measured, where the file says so, as our exports and ``maps.h5`` do; None for a full raster.

    Parameters
    ----------
    mask
        Name of the mask, looked for beside the dataset and in every group above, there also in a group ``masks``.
    """
    at = dataset.parent
    for _ in range(_MOST_DEPTH):
        measured = _mask_in(at, mask, shape, path)
        if measured is not None:
            return Coverage(measured, _mask_in(at, "scanned", shape, path))
        if at.name == "/":
            break
        at = at.parent
    return None


def _mask_in(group: Any, name: str, shape: tuple[int, int], path: Path) -> NDArray[np.bool_] | None:
    import h5py

    for one in (own(group, name), own(group, f"masks/{name}")):
        if isinstance(one, h5py.Dataset) and one.shape == shape and one.dtype.kind in "biu":
            plain_dataset(one, path)
            return np.asarray(one[()] != 0, np.bool_)
    return None
