"""Which reader a path gets, by its ending; of folders, by what they hold."""

from __future__ import annotations

from pathlib import Path

from edge.faults import UsageError
from edge.imports.found import Found, ImportSettings

_HDF5 = frozenset({".h5", ".hdf5", ".hdf", ".nxs", ".nx", ".he5", ".hspy"})
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
KINDS = (
    "a recording's folder, an .npz, .bcf, .rpl with its .raw, .hspy, .spd, HDF5 or NeXus, .edf, or a folder of TIFF or "
    "EDF"
)


def read_found(path: Path, settings: ImportSettings) -> Found:
    """What a file or folder holds.

    Raises
    ------
    UsageError
        It is of no kind that is known, damaged, or out of bounds.
    """
    if settings.dataset is not None and (path.is_dir() or not _is_hdf5(path)):
        raise UsageError(f"{path}: is no HDF5 file, in which --dataset could be looked for: leave --dataset out")
    if settings.channels is not None and (path.is_dir() or not _is_hdf5(path)):
        raise UsageError(f"{path}: is no HDF5 file, whose axes --channels could name: leave --channels out")
    if path.is_dir():
        return _of_folder(path)
    from edge.imports import rosetta

    suffix = path.suffix.lower()
    if suffix == ".raw" and path.with_suffix(".rpl").is_file():
        path, suffix = path.with_suffix(".rpl"), ".rpl"
    if suffix in rosetta.READERS:
        return rosetta.read_by_rosetta(path)
    if suffix == ".rpl":
        from edge.imports.rpl import read_rpl

        return read_rpl(path)
    if suffix == ".hspy" and settings.dataset is None and settings.channels is None:
        from edge.imports.hspy import read_hspy

        return read_hspy(path)
    if _is_hdf5(path):
        from edge.imports.hdf5 import read_hdf5

        return read_hdf5(path, settings.dataset, settings.channels)
    if suffix == ".edf":
        from edge.imports.edf import read_edf

        return read_edf(path, [path])
    raise UsageError(f"{path}: is of no kind that can be replayed: give {KINDS}")


def _is_hdf5(path: Path) -> bool:
    if path.suffix.lower() in _HDF5:
        return True
    with path.open("rb") as file:
        return file.read(len(_SIGNATURE)) == _SIGNATURE


def _of_folder(folder: Path) -> Found:
    from edge.imports import tiff
    from edge.imports.edf import read_edf
    from edge.imports.names import natural_order

    files = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    files.sort(key=lambda path: natural_order(path.name))
    tiffs = [path for path in files if path.suffix.lower() in tiff.SUFFIXES]
    edfs = [path for path in files if path.suffix.lower() == ".edf"]
    if tiffs and edfs:
        raise UsageError(f"{folder}: holds both TIFF and EDF: keep those of one raster in a folder")
    if tiffs:
        return tiff.read_tiffs(folder, tiffs)
    if edfs:
        return read_edf(folder, edfs)
    raise UsageError(f"{folder}: holds no recording, no TIFF and no EDF: give {KINDS}")
