"""Known maps as a coarse raster would have measured them: the mean of each block of cells."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.coarse_raster import CoarseSights, coarse_sights
from edge.reconstruct.cells import MeasuredCells
from tools.reproduce.faults import ReproductionError
from tools.reproduce.subjects import Subject

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class CoarseScan:
    """A subject, and what a raster with a beam as wide as a block measures of it."""

    subject: Subject
    """Cropped to whole blocks; of its cells only those in blocks that may be scored whole are scored."""
    factor: int
    """Side of a block in cells."""
    means: Floats
    """Of each block, shape (block rows, block columns, channels)."""
    cells: MeasuredCells
    """The same as exposures, each with the cells that it averages; its row and column are the block's middle cell."""

    @property
    def photograph(self) -> Floats | None:
        """In [0, 1]; None where the subject has none, which a blank one stands for."""
        rgb = self.subject.rgb
        if not bool((rgb != rgb[0, 0]).any()):
            return None
        return rgb.astype(np.float32) / np.float32(255 if rgb.dtype == np.uint8 else 1)


def coarse_scan(subject: Subject, factor: int) -> CoarseScan:
    """Block means of a subject's values, of unknown noise; rows and columns beyond the last whole block are cut off.

    Blocks that reach cells which may not be scored are measured all the same, as a scanner would, and not scored.

    Raises
    ------
    ReproductionError
        The factor is below 2, or no whole block fits.
    """
    rows, columns = (length // factor for length in subject.shape) if factor > 1 else (0, 0)
    if min(rows, columns) < 2:
        raise ReproductionError(
            f"factor {factor}: maps of {subject.shape[0]} x {subject.shape[1]} cells have not 2 x 2 such blocks: "
            "give another factor, 2 or more"
        )
    window = np.s_[: rows * factor, : columns * factor]
    whole = subject.allowed[window].reshape(rows, factor, columns, factor).all(axis=(1, 3))
    cropped = replace(
        subject,
        rgb=subject.rgb[window].copy(),
        values=np.ascontiguousarray(subject.values[window]),
        allowed=np.repeat(np.repeat(whole, factor, axis=0), factor, axis=1),
        truth=None if subject.truth is None else np.ascontiguousarray(subject.truth[window]),
    )
    names = tuple(f"E{channel}" for channel in range(cropped.values.shape[2]))
    cells = _sights(cropped.shape, factor).measured(cropped.values, np.zeros_like(cropped.values), names)
    return CoarseScan(cropped, factor, cells.values.reshape(rows, columns, -1), cells)


def block_means(values: Floats, factor: int) -> Floats:
    """Mean of each block, shape (rows / factor, columns / factor, channels)."""
    rows, columns, channels = values.shape
    means = _sights((rows, columns), factor).operator.seen(values)
    return means.reshape(rows // factor, columns // factor, channels)


def _sights(shape: tuple[int, int], factor: int) -> CoarseSights:
    return coarse_sights(np.ones(shape, np.bool_), factor, "areas")
