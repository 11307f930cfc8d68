"""The rows of the table: ways from a coarse scan, or from as many single cells, to fine maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct import METHODS
from edge.reconstruct.cells import checked_photograph
from edge.reconstruct.super_resolution import recipes
from edge.reconstruct.super_resolution.solving import sharpened
from edge.replay_matrix.result_cache import digest_of
from models.training.unfolding.plans import PLANS
from tools.reproduce.coarse import seconds, upsampling
from tools.reproduce.coarse.scans import CoarseScan, coarse_scan
from tools.reproduce.code_version import bodies_version, code_version
from tools.reproduce.estimators import measured_cells
from tools.reproduce.listening import listened_cells
from tools.reproduce.masks import Absent
from tools.reproduce.scoring import elements

Floats = NDArray[np.float32]
AS_MANY, AS_LONG = "sparse, as many", "sparse, as long"
AS_PUBLISHED = "ssr, as published"
"""The photograph where it lies, the published lambda, and maps as the solve leaves them."""


@dataclass(frozen=True, slots=True)
class Way:
    """One row."""

    name: str
    version: str
    """Changes with the code that it reaches."""
    needs_photograph: bool
    make: Callable[[CoarseScan], Floats]
    """Maps on the fine grid, shape (rows, columns, channels)."""


WITHOUT_WEIGHTS = ("HAT", "Swin2SR", "CAR", "SSGNet")
"""Of the papers' tables: trained networks whose weights are not to be had."""
NOT_YET = ("GSOMP", "NSSR", "CSTF", "CMS", "LTTR", "MMSR", "CS2DIPs")
"""Of the papers' tables, too: what could be built here."""
SOLVED = ("kriging", "ssr-baseline-1", "ssr-baseline-2", "csusr", "ssrcu", "ssr")
"""Reconstructions of the registry that honour what an exposure averages."""
UNFOLDED = tuple(name for name, named in PLANS.items() if named.network == "unfolded")
"""Unfolded networks, each trained on the scan that it then sharpens; its time is that of both.

Those of masks take cells that were measured by themselves, which a coarse raster has none of.
"""
_COLOUR = ("ssr-baseline-2", "csusr", "ssrcu", "ssr")
WAYS = ("bicubic", "guided", "joint-bilateral", *SOLVED, AS_PUBLISHED, *UNFOLDED, AS_MANY, AS_LONG)


def ways(names: Sequence[str]) -> list[Way | Absent]:
    """Rows in the order of names."""
    return [_way(name) for name in names]


def absent_published() -> list[Absent]:
    """Rows of the papers that stand here without figures."""
    return [
        *(Absent(name, "its weights cannot be had, nor what it was trained on") for name in WITHOUT_WEIGHTS),
        *(Absent(name, "not yet") for name in NOT_YET),
    ]


def _way(name: str) -> Way | Absent:
    scored = f"{bodies_version(coarse_scan)}-{code_version(elements)}"
    match name:
        case "bicubic" | "guided" | "joint-bilateral":
            made_by, make = _UPSAMPLED[name]
            return Way(name, f"{code_version(made_by)}-{scored}", name != "bicubic", make)
        case _ if name in (AS_MANY, AS_LONG):
            version = f"{code_version(listened_cells)}-{code_version(METHODS['kriging'])}-{bodies_version(_sparse)}"
            if name == AS_LONG:
                version += f"-{code_version(seconds.cells_in_time)}"
            return Way(name, f"{version}-{scored}", False, partial(_sparse, name == AS_LONG))
        case _ if name == AS_PUBLISHED:
            version = f"{code_version(sharpened)}-{bodies_version(_as_published)}-{scored}"
            return Way(name, version, True, _as_published)
        case _ if name in PLANS:
            return _unfolded_way(name, scored)
        case _ if name in METHODS:
            version = f"{code_version(METHODS[name])}-{bodies_version(_solved)}-{scored}"
            return Way(name, version, name in _COLOUR, partial(_solved, name))
        case _:
            return Absent(name, "this version has no way of that name")


def _unfolded_way(name: str, scored: str) -> Way | Absent:
    if find_spec("torch") is None:
        return Absent(name, "the extra `train` is not installed")
    from tools.reproduce.unfolding import learned_maps

    version = f"{code_version(learned_maps)}-{bodies_version(_unfolded)}-{digest_of(plan=repr(PLANS[name]))}"
    return Way(name, f"{version}-{scored}", True, partial(_unfolded, name))


def _bicubic(scan: CoarseScan) -> Floats:
    return upsampling.bicubic(scan.means, scan.factor)


def _guided(scan: CoarseScan) -> Floats:
    return upsampling.guided(scan.means, scan.factor, _photograph(scan))


def _joint_bilateral(scan: CoarseScan) -> Floats:
    return upsampling.joint_bilateral(scan.means, scan.factor, _photograph(scan))


def _solved(name: str, scan: CoarseScan) -> Floats:
    return METHODS[name](scan.cells, scan.photograph).maps


def _as_published(scan: CoarseScan) -> Floats:
    return sharpened(scan.cells, _photograph(scan), recipes.SSR).maps()


def _unfolded(name: str, scan: CoarseScan) -> Floats:
    from tools.reproduce.unfolding import learned_maps

    return learned_maps(scan.cells, _photograph(scan), PLANS[name]).agreeing


def _sparse(is_timed: bool, scan: CoarseScan) -> Floats:
    """As many single cells as blocks, or as take as long, chosen by what has been measured, and kriged."""
    count = seconds.cells_in_time(scan) if is_timed else len(scan.cells)
    chosen = listened_cells(scan.subject, min(count, int(scan.subject.allowed.sum())))
    rgb = scan.photograph
    photograph = None if rgb is None else checked_photograph(rgb, scan.subject.shape)
    return METHODS["kriging"](measured_cells(scan.subject, chosen), photograph).maps


_UPSAMPLED: dict[str, tuple[Callable[..., Floats], Callable[[CoarseScan], Floats]]] = {
    "bicubic": (upsampling.bicubic, _bicubic),
    "guided": (upsampling.guided, _guided),
    "joint-bilateral": (upsampling.joint_bilateral, _joint_bilateral),
}
"""What makes each, and how it is called."""


def _photograph(scan: CoarseScan) -> Floats:
    photograph = scan.photograph
    assert photograph is not None, "the caller asks for a photograph only where there is one"
    return photograph
