"""What is sampled: crops of photographs, whole paintings, element maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.replay_matrix.result_cache import digest_of
from models.training.photographs import Crops, open_photographs
from tools.reproduce.faults import ReproductionError
from tools.reproduce.scoring import Figures, colours, elements

Measure = Literal["colours", "elements"]


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """One thing to sample and to reconstruct."""

    name: str
    rgb: NDArray[np.float32] | NDArray[np.uint8]
    """The photograph that masks look at, shape (rows, columns, 3); [0, 1], or 8 bits."""
    values: NDArray[np.float32]
    """What is sampled, shape (rows, columns, channels)."""
    allowed: NDArray[np.bool_]
    """Cells that may be sampled and are scored, shape (rows, columns)."""
    seed: int
    """Of masks that draw by chance, or binarise by it."""
    measure: Measure
    truth: NDArray[np.float32] | None = None
    """What estimates are held against, same shape; None: what is sampled."""
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        """Take the digest of everything above but the name."""
        arrays = [self.rgb, self.values, self.allowed, *([] if self.truth is None else [self.truth])]
        digest = digest_of(*arrays, seed=self.seed, measure=self.measure)
        object.__setattr__(self, "digest", digest)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.allowed.shape
        return rows, columns

    def figures(self, estimate: NDArray[np.floating]) -> Figures:
        """An estimate of the values held against the truth, by the subject's measure.

        Raises
        ------
        ReproductionError
            The estimate has a value that is not finite.
        """
        unusable = int((~np.isfinite(estimate[self.allowed])).any(axis=1).sum())
        if unusable:
            raise ReproductionError(
                f"the estimate is not finite at {unusable} of {int(self.allowed.sum())} cells: mend the "
                "reconstruction, or leave it out with --methods"
            )
        of = elements if self.measure == "elements" else colours
        return of(estimate, self.values if self.truth is None else self.truth, self.allowed)

    def corner(self, side: int) -> Subject:
        """Its top left corner, to warm up on."""
        return Subject(
            self.name,
            self.rgb[:side, :side],
            self.values[:side, :side],
            np.ones_like(self.allowed[:side, :side]),
            self.seed,
            self.measure,
        )


def crop_subjects(path: Path, *, count: int, side: int, seed: int) -> list[Subject]:
    """A square from each of the first photographs of a folder or tar, at places that the seed fixes.

    Raises
    ------
    ReproductionError
        There are fewer photographs, or they may not be read.
    UnusablePhotographs
        No photograph there.
    """
    try:
        crops = Crops(open_photographs(path), side, seed).fixed(count)
    except OSError as error:
        raise _unreadable(path, error) from None
    if len(crops) < count:
        raise ReproductionError(
            f"{path}: {len(crops)} photographs can be read and {count} are asked: give fewer as --images"
        )
    return [
        _of_colours(f"{index:04}", np.ascontiguousarray(crop.transpose(1, 2, 0)), index)
        for index, crop in enumerate(crops)
    ]


def painting_subjects(folder: Path, *, longer_side: int, count: int | None) -> tuple[list[Subject], list[str]]:
    """The first paintings of a folder by file name, resized so that the longer side has that many cells.

    Returns
    -------
    tuple[list[Subject], list[str]]
        The paintings, and the names of files that cannot be read.

    Raises
    ------
    ReproductionError
        No painting there, or the folder cannot be read.
    """
    import cv2

    subjects: list[Subject] = []
    unread = []
    for index, path in enumerate(_files(folder)):
        if len(subjects) == count:
            break
        rgb = _decoded(path)
        if rgb is None:
            unread.append(path.name)
            continue
        scale = longer_side / max(rgb.shape[:2])
        size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        resized = np.asarray(cv2.resize(rgb, size, interpolation=interpolation), np.float32) / np.float32(255)
        subjects.append(_of_colours(path.name, resized, index))
    if not subjects:
        raise ReproductionError(f"{folder}: no painting in it can be read: give a folder of photographs as --data")
    return subjects, unread


def portrait_subjects(path: Path, *, seeds: Sequence[int]) -> list[Subject]:
    """Element maps with their photograph, once for each seed of the masks.

    Raises
    ------
    ReproductionError
        There is no photograph in the file.
    UsageError
        It cannot be read.
    """
    from edge.replaying.sources import load_stack

    stack = load_stack(path)
    if stack.rgb is None:
        raise ReproductionError(f"{path}: holds no rgb: masks that look at a photograph need one")
    return [Subject(f"seed {seed}", stack.rgb, stack.maps, stack.known, seed, "elements") for seed in seeds]


def _files(folder: Path) -> list[Path]:
    """The files of a folder, by name."""
    try:
        if folder.is_dir():
            return sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise _unreadable(folder, error) from None
    raise ReproductionError(f"{folder}: no such folder of paintings: give one as --data")


def _unreadable(path: Path, error: OSError) -> ReproductionError:
    return ReproductionError(f"{path}: cannot be read ({error.strerror}): allow it, or give another place as --data")


def _decoded(path: Path) -> NDArray[np.uint8] | None:
    """The colours of a picture's file; None where it cannot be read."""
    import cv2

    try:
        octets = np.fromfile(path, np.uint8)
    except OSError:
        return None
    decoded = cv2.imdecode(octets, cv2.IMREAD_COLOR) if octets.size else None
    return None if decoded is None else np.ascontiguousarray(decoded[:, :, ::-1], np.uint8)


def _of_colours(name: str, rgb: NDArray[np.float32], seed: int) -> Subject:
    return Subject(name, rgb, rgb, np.ones(rgb.shape[:2], np.bool_), seed, "colours")
