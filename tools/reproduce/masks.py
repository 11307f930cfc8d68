"""The rows of a table: masks by name, each with a version that says what it depends on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.replay_matrix.learner import learner_cells
from models.binarise import DEFAULT_BINARISER
from models.faults import MissingModel
from models.masks import MASKS, MaskRequest, make_mask
from models.masks.network import NAME as NETWORK
from models.masks.network import NETWORKS
from tools.reproduce.code_version import bodies_version, code_version
from tools.reproduce.subjects import Subject

Choose = Callable[[Subject, int], NDArray[np.bool_]]
"""That many cells of a subject, shape (rows, columns)."""

LEARNER = "learner2d"
LISTENING = "adaptive"
DIFFUSED = "-diffused"
"""After the name of a network's row: its density under error diffusion, rather than independent draws."""


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """A network of a row or column."""

    sha256: str
    form: str
    step: int
    floor: float | None = None
    """What a mask network's importance is given everywhere, as a share of its mean."""


@dataclass(frozen=True, slots=True)
class MaskCandidate:
    """One row."""

    name: str
    version: str
    """Changes with the code, the network, and the settings."""
    choose: Choose
    network: NetworkFile | None = None


@dataclass(frozen=True, slots=True)
class Absent:
    """A row or column that cannot be had."""

    name: str
    reason: str


def mask_candidates(
    names: Sequence[str], networks: Mapping[str, Path], *, published_forms: Sequence[str] = ()
) -> list[MaskCandidate | Absent]:
    """Candidates in the order of names: of the registry, of `networks`, or one that measures as it goes.

    A network of `networks` draws its mask as published, without a coverage floor; its name and ``-diffused`` is the
    same one under error diffusion, with the floor of `models.masks.network`.

    Raises
    ------
    ModelsError
        A network's file that was given cannot be used.
    """
    return [_candidate(name, networks, published_forms) for name in names]


def _candidate(name: str, networks: Mapping[str, Path], published_forms: Sequence[str]) -> MaskCandidate | Absent:
    plain = name.removesuffix(DIFFUSED)
    if plain in networks:
        binariser, max_hole = ("bernoulli", math.inf) if name == plain else ("error-diffusion", None)
        return _of_network(name, networks[plain], binariser, max_hole=max_hole)
    if plain in published_forms:
        return Absent(name, f"no network was given: `--network {plain}=FILE.onnx`")
    if name in _AS_IT_GOES:
        return _AS_IT_GOES[name]()
    if name in NETWORKS:
        return _shipped(name)
    if name not in MASKS:
        return Absent(name, "this version has no mask of that name")
    return MaskCandidate(name, _version(name), partial(_of_registry, name, DEFAULT_BINARISER, None))


def _version(name: str) -> str:
    """Of a mask of the registry, and of how it is asked."""
    return f"{code_version(MASKS[name])}-{bodies_version(_of_registry)}"


def _shipped(name: str) -> MaskCandidate | Absent:
    try:
        return _of_network(name, NETWORKS[name], DEFAULT_BINARISER)
    except MissingModel:
        return Absent(name, "no such network is shipped with this version")


def _of_network(name: str, path: Path, binariser: str, *, max_hole: float | None = None) -> MaskCandidate:
    from models.network import open_network

    network = open_network(path)
    manifest = network.manifest
    stated = NetworkFile(network.sha256, manifest.training.network, manifest.training.step, manifest.floor)
    version = f"{_version(NETWORK)}-{network.sha256[:16]}-{manifest.floor:g}-{binariser}"
    if max_hole is not None:
        version = f"{version}-{max_hole:g}"
    choose = partial(_of_registry, NETWORK, binariser, path, max_hole=max_hole)
    return MaskCandidate(name, version, choose, stated)


def _learner() -> MaskCandidate | Absent:
    if find_spec("adaptive") is None:
        return Absent(LEARNER, "the extra `rivals` is not installed")
    from importlib.metadata import version

    return MaskCandidate(LEARNER, f"{code_version(learner_cells)}-{version('adaptive')}", _learned)


def _learned(subject: Subject, count: int) -> NDArray[np.bool_]:
    return learner_cells(subject.values, subject.allowed, count)


def _listening() -> MaskCandidate:
    from tools.reproduce.listening import listened_cells

    return MaskCandidate(LISTENING, code_version(listened_cells), listened_cells)


_AS_IT_GOES = {LEARNER: _learner, LISTENING: _listening}
"""Masks that are chosen while cells are measured."""


def _of_registry(
    name: str,
    binariser: str,
    model: Path | None,
    subject: Subject,
    count: int,
    *,
    max_hole: float | None = None,
) -> NDArray[np.bool_]:
    request = MaskRequest(
        shape=subject.shape,
        count=count,
        rgb=subject.rgb,
        allowed=subject.allowed,
        binariser=binariser,
        seed=subject.seed,
        max_hole=max_hole,
        model=model,
    )
    return make_mask(name, request).mask.cells
