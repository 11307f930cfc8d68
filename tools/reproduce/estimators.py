"""The columns of a table: reconstructions by name, each with a version that says what it depends on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.maps import Samples
from edge.reconstruct import METHODS
from edge.reconstruct.cells import MeasuredCells, checked_photograph, merged
from edge.reconstruct.harmonic import harmonic
from edge.reconstruct.reconstruction import Reconstruction
from tools.reproduce.code_version import bodies_version, code_version
from tools.reproduce.masks import Absent, NetworkFile
from tools.reproduce.scoring import elements
from tools.reproduce.subjects import Subject

Estimate = Callable[[Subject, NDArray[np.bool_]], NDArray[np.float32]]
"""Values everywhere from those of the chosen cells."""
Photograph = Literal["used", "withheld"]

CONVERGED_CYCLES = 10
"""Multigrid cycles of the harmonic reconstruction: to the rounding of float32."""


@dataclass(frozen=True, slots=True)
class Estimator:
    """One column."""

    name: str
    version: str
    estimate: Estimate
    network: NetworkFile | None = None


def estimators(
    names: Sequence[str], *, photograph: Photograph = "withheld", nete: Path | None = None
) -> list[Estimator | Absent]:
    """Reconstructions in the order of names; the harmonic one is converged, unlike the application's."""
    return [_nete(nete) if name == "nete" else _estimator(name, photograph) for name in names]


def _estimator(name: str, photograph: Photograph) -> Estimator | Absent:
    if name == "harmonic":
        return Estimator(name, _version(harmonic, f"{CONVERGED_CYCLES}"), partial(_estimated, name, "withheld"))
    if name not in METHODS:
        return Absent(name, "this version has no reconstruction of that name")
    return Estimator(name, _version(METHODS[name], photograph), partial(_estimated, name, photograph))


def _version(method: Callable[..., object], setting: str) -> str:
    """Of the reconstruction, of how it is asked, and of how its estimate is scored."""
    asked = bodies_version(_estimated, _reconstruction, measured_cells, _inpainted)
    return f"{code_version(method)}-{setting}-{asked}-{code_version(elements)}"


def _nete(path: Path | None) -> Estimator | Absent:
    from models.inpainter import inpaint, open_inpainter

    if path is None:
        return Absent("nete", "no network was given: `--nete FILE.onnx`")
    manifest = open_inpainter(path).manifest
    network = NetworkFile(manifest.sha256, manifest.training.network, manifest.training.step)
    return Estimator("nete", _version(inpaint, manifest.sha256[:16]), partial(_inpainted, path), network)


def _inpainted(path: Path, subject: Subject, cells: NDArray[np.bool_]) -> NDArray[np.float32]:
    from models.inpainter import inpaint

    return inpaint(path, subject.values, cells)


def _estimated(name: str, photograph: Photograph, subject: Subject, cells: NDArray[np.bool_]) -> NDArray[np.float32]:
    measured = measured_cells(subject, cells)
    rgb = checked_photograph(subject.rgb, subject.shape) if photograph == "used" else None
    return _reconstruction(name, measured, rgb).maps


def _reconstruction(name: str, measured: MeasuredCells, rgb: NDArray[np.float32] | None) -> Reconstruction:
    if name == "harmonic":
        return harmonic(measured, cycles=CONVERGED_CYCLES)
    return METHODS[name](measured, rgb)


def measured_cells(subject: Subject, cells: NDArray[np.bool_]) -> MeasuredCells:
    """The subject's values at the chosen cells, of unknown noise."""
    rows, columns = np.nonzero(cells)
    values = subject.values[rows, columns]
    names = tuple(str(channel) for channel in range(values.shape[1]))
    return merged(Samples(rows, columns, values, np.zeros_like(values)), subject.shape, names)
