"""On what, and with what, a page was measured."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from edge.reconstruct import APPROXIMATED as APPROXIMATED_RECONSTRUCTIONS
from models.masks import APPROXIMATED as APPROXIMATED_MASKS
from tools.reproduce.estimators import Estimator
from tools.reproduce.masks import MaskCandidate

_LIBRARIES = ("numpy", "scipy", "numba", "opencv-python", "onnxruntime", "adaptive")


@cache
def processor_name() -> str:
    """Model of the processor and the cores that this process may use; nothing that names the machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return f"{_model()}, {cores} {'core' if cores == 1 else 'cores'}"


def _model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return " ".join(models[0].split()) if models else platform.machine()


def versions() -> str:
    """This program, Python, and the libraries that compute."""
    found = [f"Pointillist {_version('pointillist')}", f"Python {platform.python_version()}"]
    return ", ".join([*found, *(f"{name} {_version(name)}" for name in _LIBRARIES if _version(name))])


def networks(candidates: Iterable[MaskCandidate | Estimator]) -> list[tuple[str, ...]]:
    """Rows that name each network: mask or reconstruction, form, steps of training, floor, digest."""
    rows: list[tuple[str, ...]] = []
    for one in candidates:
        if one.network is not None:
            floor = "" if one.network.floor is None else f"{one.network.floor:g}"
            rows.append((one.name, one.network.form, f"{one.network.step:,}", floor, f"`{one.network.sha256}`"))
    return rows


def approximations(names: Sequence[str]) -> list[str]:
    """What the masks and reconstructions of these names say that they approximate, a line each."""
    stated = APPROXIMATED_MASKS | APPROXIMATED_RECONSTRUCTIONS
    return [f"`{name}`: {stated[name]}" for name in names if name in stated]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
