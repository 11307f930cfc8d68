"""What an unfolded network learns from: inputs of cells, and what exposures measured of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.training.faults import TrainingError
from models.training.unfolding.exposures import Exposures

Floats = NDArray[np.float32]
Indices = NDArray[np.integer]


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """One grid of cells with exposures over it.

    A scan is one. So is the same scan coarsened once more, whose cells are the exposures, each measured by itself; and
    so is a scan whose inputs were made without some exposures, with these alone to be met (Batson and Royer 2019), of
    whose cells those that no exposure saw may be left out.
    """

    shape: tuple[int, int]
    """Rows and columns."""
    inputs: Floats
    """X, shape (cells, inputs), cells in row-major order; maps first."""
    colours: Floats
    """Z, shape (cells, 3), in [0, 1]."""
    first: Indices
    cell: Indices
    weight: Floats
    """The exposures' footprints, as `Exposures` has them."""
    measured: Floats
    """Shape (exposures, channels), on the scale of the inputs' maps."""
    trust: Floats
    """What each measurement counts, such as its inverse variance, shape (exposures, channels); 0: not at all."""

    def __post_init__(self) -> None:
        cells, exposures = self.shape[0] * self.shape[1], len(self.first) - 1
        fits = (
            self.inputs.shape[:1] == (cells,)
            and self.colours.shape == (cells, 3)
            and self.measured.shape == self.trust.shape
            and len(self.measured) == exposures >= 1
            and self.cell.shape == self.weight.shape
        )
        if not fits:
            raise TrainingError(
                f"inputs of {self.inputs.shape}, colours of {self.colours.shape} and {exposures} exposures of "
                f"{self.measured.shape} are not of one grid of {self.shape[0]} x {self.shape[1]}: make them together"
            )
        if not all(np.isfinite(array).all() for array in (self.inputs, self.colours, self.measured, self.trust)):
            raise TrainingError("what is to be learnt from holds values that are not finite: leave those exposures out")


class Taught:
    """A lesson on the device that learns, in the portions that a step takes."""

    def __init__(self, lesson: Lesson, device: str = "cpu") -> None:
        self.shape = lesson.shape
        self.inputs = torch.as_tensor(np.ascontiguousarray(lesson.inputs, np.float32), device=device)
        self.colours = torch.as_tensor(np.ascontiguousarray(lesson.colours, np.float32), device=device)
        self.exposures = Exposures.of(lesson.first, lesson.cell, lesson.weight, device)
        self.measured = torch.as_tensor(np.ascontiguousarray(lesson.measured, np.float32), device=device)
        self.trust = torch.as_tensor(np.ascontiguousarray(lesson.trust, np.float32), device=device)

    @property
    def channels(self) -> int:
        """B."""
        return int(self.measured.shape[1])

    def at(self, which: Tensor) -> tuple[Exposures, Tensor, Tensor, Tensor]:
        """Some exposures, what they measured, what that counts, and the inputs at each of their entries."""
        some = self.exposures.only(which)
        return some, self.measured[which], self.trust[which], self.inputs[some.cell]


def digest_of(lessons: Sequence[Lesson]) -> str:
    """SHA-256 of what was measured, of which cells, and of the photograph, hexadecimal."""
    digest = hashlib.sha256()
    for lesson in lessons:
        for values in (lesson.measured, lesson.colours):
            digest.update(np.ascontiguousarray(values, np.float32).tobytes())
        for places in (lesson.first, lesson.cell):
            digest.update(np.ascontiguousarray(places, np.int64).tobytes())
    return digest.hexdigest()
