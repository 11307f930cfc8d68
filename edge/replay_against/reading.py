"""Maps with errors, from whatever holds them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.grid import ScanGrid
from edge.imports.found import NOTHING_SET, ImportSettings
from edge.maps import ElementMaps

if TYPE_CHECKING:
    from edge.record.maps_file import MapsFile


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Element maps of one recording or raster."""

    name: str
    elements: tuple[str, ...]
    maps: NDArray[np.float32]
    """Shape (rows, columns, elements); meaningless where not known."""
    variance: NDArray[np.float32]
    """Square of each value's standard error, same shape; zeros where nobody says."""
    known: NDArray[np.bool_]
    """Cells with a value, shape (rows, columns)."""
    measured: NDArray[np.bool_]
    """Cells whose errors are of their own counting; the others are inferred, and neighbours err alike."""
    grid: ScanGrid | None
    remark: str = ""
    """What was decided while reading and a reader must know, one sentence."""

    @property
    def shape(self) -> tuple[int, int]:
        rows, columns = self.known.shape
        return rows, columns

    @property
    def has_errors(self) -> bool:
        return bool(self.variance.any())

    def of(self, elements: tuple[str, ...]) -> Reading:
        """Some of the elements, by their own names."""
        at = [self.elements.index(name) for name in elements]
        return replace(self, elements=elements, maps=self.maps[..., at], variance=self.variance[..., at])


def read_maps_of(path: Path, settings: ImportSettings = NOTHING_SET) -> Reading:
    """The maps of a recording, of a maps file, or of anybody's raster.

    A recording's ``maps.h5`` counts where it is of all that the journal holds; else the maps are made anew.

    Parameters
    ----------
    settings
        Of a raster; a recording has its own.

    Raises
    ------
    UsageError
        There is nothing that can be read.
    IntegrityError
        A recording or maps file is damaged.
    """
    from edge.record.folder import RecordingPaths
    from edge.record.maps_file import read_maps

    paths = RecordingPaths(path)
    name = path.name or str(path)
    if paths.journal.is_file():
        return _of_recording(path, name)
    if path.is_dir() and paths.maps.is_file():
        return _of_maps(name, read_maps(paths.maps))
    if path.is_file() and path.name == paths.maps.name:
        return _of_maps(path.parent.name or name, read_maps(path))
    from edge.replaying.sources import load_stack

    stack = load_stack(path, settings)
    return Reading(name, stack.elements, stack.maps, stack.variance, stack.known, stack.known, None)


def says_its_own_scale(path: Path) -> bool:
    """Whether a path is a recording of ours, or maps of one, of which no option says anything more."""
    from edge.record.folder import RecordingPaths

    paths = RecordingPaths(path)
    return paths.journal.is_file() or paths.maps.is_file() or path.name == paths.maps.name


def _of_recording(path: Path, name: str) -> Reading:
    from edge.record.folder import open_recording
    from edge.recordings.stored_maps import stored_maps
    from edge.results import read_planned, results_of

    with open_recording(path) as recording:
        planned = read_planned(recording)
        stored = stored_maps(recording, planned)
        if stored is not None:
            return _of_maps(name, stored)
        reading = _read(name, results_of(recording, planned).maps, planned.plan.grid)
        lies_there = recording.paths.maps.is_file()
    if not lies_there:
        return reading
    return replace(
        reading,
        remark=f"{name}: its maps.h5 is not of all that its journal holds, or damaged, so that its maps were made anew",
    )


def _of_maps(name: str, file: MapsFile) -> Reading:
    return _read(name, file.element_maps, file.grid)


def _read(name: str, maps: ElementMaps, grid: ScanGrid | None) -> Reading:
    known: NDArray[np.bool_] = np.asarray(np.isfinite(maps.maps + maps.standard_error).all(axis=2))
    if not known.any():
        raise UsageError(f"{name}: its maps hold no value: give a recording with maps")
    return Reading(
        name,
        maps.elements,
        np.where(known[..., None], maps.maps, 0),
        np.where(known[..., None], np.square(maps.standard_error), 0),
        known,
        maps.measured & known,
        grid,
    )


def common_elements(one: Reading, other: Reading) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the elements that both have, in the first's order, as each calls them.

    ``Pb-L`` is ``Pb-L``; ``Pb`` is the only line group of lead that the other has.

    Raises
    ------
    UsageError
        There is none.
    """
    pairs: list[tuple[str, str]] = []
    for name in one.elements:
        alike = [name] if name in other.elements else [found for found in other.elements if _is_same(name, found)]
        if len(alike) == 1 and alike[0] not in [theirs for _, theirs in pairs]:
            pairs.append((name, alike[0]))
    if not pairs:
        raise UsageError(
            f"{one.name} has maps of {', '.join(one.elements)} and {other.name} of {', '.join(other.elements)}: "
            "compare recordings that share an element"
        )
    return tuple(ours for ours, _ in pairs), tuple(theirs for _, theirs in pairs)


def _is_same(one: str, other: str) -> bool:
    """Whether one names an element and the other a line group of it."""
    (ours, _, line), (theirs, _, other_line) = one.partition("-"), other.partition("-")
    return ours == theirs and not (line and other_line)
