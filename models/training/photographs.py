"""Photographs to train on: random crops of a folder or an archive, read where they lie."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.training.faults import UnusablePhotographs

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp"})
_ATTEMPTS = 20
"""Photographs tried for one crop before the collection counts as unreadable."""
_MOST_ENLARGED = 4.0

Rgb = NDArray[np.uint8]
Augment = Callable[[Rgb, np.random.Generator], Rgb]


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    path: Path
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Photographs:
    """A collection of encoded photographs, in the order of their names."""

    origin: Path
    entries: tuple[_Entry, ...]

    def __len__(self) -> int:
        return len(self.entries)

    def digest(self) -> str:
        """SHA-256 over names and sizes in order: which collection a network was trained on."""
        names = "".join(f"{entry.name}\0{entry.size}\n" for entry in self.entries)
        return hashlib.sha256(names.encode()).hexdigest()

    def read(self, index: int) -> Rgb | None:
        """One photograph, RGB of shape (rows, columns, 3); None where it cannot be decoded."""
        import cv2

        entry = self.entries[index]
        with entry.path.open("rb") as file:
            file.seek(entry.offset)
            encoded = np.frombuffer(file.read(entry.size), np.uint8)
        if encoded.size == 0:
            return None
        decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
        return None if decoded is None else np.asarray(decoded[:, :, ::-1], np.uint8)


def open_photographs(path: Path) -> Photographs:
    """List the photographs of a folder (and those below it) or of an uncompressed tar; nothing is unpacked.

    Raises
    ------
    UnusablePhotographs
        Not there, a compressed or damaged archive, or no photograph in it.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
        entries = [_Entry(str(file.relative_to(path)), file, 0, file.stat().st_size) for file in files]
    elif path.is_file():
        entries = _listed(path)
    else:
        raise UnusablePhotographs(f"{path}: no such folder or archive of photographs: give one that exists")
    if not entries:
        raise UnusablePhotographs(f"{path}: no photograph in it: give a folder or a tar of {_kinds()} files")
    return Photographs(path, tuple(sorted(entries, key=lambda entry: entry.name)))


def _listed(path: Path) -> list[_Entry]:
    try:
        with tarfile.open(path, "r:") as archive:
            return [
                _Entry(member.name, path, member.offset_data, member.size)
                for member in archive
                if member.isfile() and Path(member.name).suffix.lower() in SUFFIXES
            ]
    except (tarfile.TarError, io.UnsupportedOperation) as error:
        raise UnusablePhotographs(
            f"{path}: not a plain tar ({error}): unpack it, or pack the photographs without compression"
        ) from None


@dataclass(frozen=True, slots=True)
class Crops:
    """Square crops in random order, a pure function of seed and step: a training resumes without a reader's state."""

    photographs: Photographs
    side: int
    seed: int
    augment: tuple[Augment, ...] = ()
    """Applied to each crop in turn."""

    def batch(self, step: int, size: int, *, rank: int = 0) -> NDArray[np.float32]:
        """Crops of one step, shape (size, 3, side, side), in [0, 1]; each rank of a distributed training has its own.

        Raises
        ------
        UnusablePhotographs
            Hardly any photograph can be decoded.
        """
        random = np.random.default_rng((self.seed, 1, rank, step))
        crops = np.stack([self._crop(random) for _ in range(size)])
        return np.ascontiguousarray(crops.transpose(0, 3, 1, 2), np.float32) / np.float32(255)

    def fixed(self, count: int) -> NDArray[np.float32]:
        """The same crops always, one of each of the first photographs, not augmented; at most one per photograph."""
        random = np.random.default_rng((self.seed, 2))
        crops = []
        for index in range(len(self.photographs)):
            photograph = self.photographs.read(index)
            if photograph is not None:
                crops.append(cropped(photograph, self.side, random))
            if len(crops) == count:
                break
        if not crops:
            raise UnusablePhotographs(f"{self.photographs.origin}: no photograph in it can be decoded")
        return np.ascontiguousarray(np.stack(crops).transpose(0, 3, 1, 2), np.float32) / np.float32(255)

    def _crop(self, random: np.random.Generator) -> Rgb:
        for _ in range(_ATTEMPTS):
            photograph = self.photographs.read(int(random.integers(len(self.photographs))))
            if photograph is not None:
                crop = cropped(photograph, self.side, random)
                for change in self.augment:
                    crop = change(crop, random)
                return crop
        raise UnusablePhotographs(f"{self.photographs.origin}: {_ATTEMPTS} photographs in a row cannot be decoded")


def cropped(photograph: Rgb, side: int, random: np.random.Generator) -> Rgb:
    """A square at a random place; a photograph that is too small is enlarged first."""
    import cv2

    rows, columns = photograph.shape[:2]
    if min(rows, columns) < side:
        enlarged = (
            max(side, round(columns * side / min(rows, columns))),
            max(side, round(rows * side / min(rows, columns))),
        )
        photograph = np.asarray(cv2.resize(photograph, enlarged, interpolation=cv2.INTER_LINEAR), np.uint8)
        rows, columns = photograph.shape[:2]
    top, left = int(random.integers(rows - side + 1)), int(random.integers(columns - side + 1))
    return photograph[top : top + side, left : left + side]


def turned(crop: Rgb, random: np.random.Generator) -> Rgb:
    """One of the eight flips and quarter turns."""
    if random.integers(2):
        crop = crop[:, ::-1]
    return np.rot90(crop, int(random.integers(4)))


def relit(crop: Rgb, random: np.random.Generator) -> Rgb:
    """Another brightness, contrast and order of the colours: paint is not what people photograph."""
    gain, level = random.uniform(0.7, 1.2), random.uniform(-20, 20)
    changed: NDArray[Any] = (crop[..., random.permutation(3)].astype(np.float32) - 128) * gain + 128 + level
    return np.asarray(changed.clip(0, 255).round(), np.uint8)


def enlarged(crop: Rgb, random: np.random.Generator) -> Rgb:
    """A part of the crop, a quarter of its side at least, at its size: scans resolve more than small photographs do."""
    import cv2

    side = crop.shape[0]
    part = round(side / random.uniform(1.0, _MOST_ENLARGED))
    top, left = random.integers(0, side - part + 1, 2)
    within = np.ascontiguousarray(crop[top : top + part, left : left + part])
    return np.asarray(cv2.resize(within, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


AUGMENTATIONS: dict[str, Augment] = {"turned": turned, "relit": relit, "enlarged": enlarged}


def _kinds() -> str:
    return ", ".join(sorted(suffix[1:] for suffix in SUFFIXES))
