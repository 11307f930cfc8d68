"""The element maps of Table II: measured ones by others, and a painted panel whose hidden layer is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.npz import load_arrays
from edge.replaying.sources import load_stack
from tools.bench.painted import painted_panel
from tools.reproduce.faults import ReproductionError
from tools.reproduce.subjects import Subject

_THINNED_SHARE = 0.1
_THINNING_SEED = 7
_PANEL_SHAPE = (300, 260)
_PANEL_ELEMENTS = 8
_DRAWING_SIDE = 512


@dataclass(frozen=True, slots=True)
class Stack:
    """One specimen of the table."""

    name: str
    about: str
    """What it is and how it is scored, a sentence or two."""
    has_photograph: bool
    load: Callable[[Path, Sequence[int]], list[Subject]]
    """From the folder of measurements and the seeds of the masks."""
    has_specimens: bool = False
    """Whether its subjects are specimens, rather than seeds of one."""


def _subjects(
    values: NDArray[np.number],
    seeds: Sequence[int],
    *,
    rgb: NDArray[np.uint8] | None = None,
    valid: NDArray[np.bool_] | None = None,
    truth: NDArray[np.number] | None = None,
) -> list[Subject]:
    """The same maps once for each seed; without a photograph, a blank one that no mask of such a stack looks at."""
    seen = np.zeros((*values.shape[:2], 3), np.uint8) if rgb is None else rgb
    allowed = np.ones(values.shape[:2], np.bool_) if valid is None else valid
    against = None if truth is None else truth.astype(np.float32)
    maps = values.astype(np.float32)
    return [Subject(f"seed {seed}", seen, maps, allowed, seed, "elements", against) for seed in seeds]


def _portrait(folder: Path, seeds: Sequence[int]) -> list[Subject]:
    path = folder / "maxrf_portrait" / "portrait_811x285.npz"
    stack = load_stack(path)
    if stack.rgb is None:
        raise ReproductionError(f"{path}: holds no rgb: masks that look at a photograph need one")
    return _subjects(stack.maps, seeds, rgb=stack.rgb, valid=stack.known)


def _hands_counts(folder: Path) -> NDArray[np.int64]:
    path = folder / "maxrf_hands" / "prova1_maps.npz"
    arrays = load_arrays(path)
    if "gross" not in arrays:
        raise ReproductionError(f"{path}: has no array 'gross': give the folder of the measurements as --data")
    counts: NDArray[np.int64] = np.rint(arrays["gross"]).astype(np.int64)
    return counts


def _hands(folder: Path, seeds: Sequence[int]) -> list[Subject]:
    return _subjects(_hands_counts(folder), seeds)


def _hands_thinned(folder: Path, seeds: Sequence[int]) -> list[Subject]:
    random = np.random.default_rng(_THINNING_SEED)
    counts = _hands_counts(folder)
    one_half = random.binomial(counts, 0.5)
    thinned = random.binomial(one_half, 2 * _THINNED_SHARE) / _THINNED_SHARE
    return _subjects(thinned, seeds, truth=2.0 * (counts - one_half))


def _drawing(folder: Path, seeds: Sequence[int]) -> list[Subject]:
    stack = load_stack(folder / "maxrf_drawing" / "RP-T-1898-A-3689_Fe_Cu_Ti_1692x1592.npz")
    top, left = ((side - _DRAWING_SIDE) // 2 for side in stack.shape)
    if min(top, left) < 0:
        raise ReproductionError(f"the drawing has {stack.shape} cells, its middle {_DRAWING_SIDE} are asked for")
    return _subjects(stack.maps[top : top + _DRAWING_SIDE, left : left + _DRAWING_SIDE], seeds)


def _tissue(folder: Path, seeds: Sequence[int]) -> list[Subject]:
    path = folder / "laicpms_tissue" / "C1_C2_C3_9sections.npz"
    sections = sorted((name, maps) for name, maps in load_arrays(path).items() if maps.ndim == 3)
    if not sections:
        raise ReproductionError(f"{path}: holds no maps: give the folder of the measurements as --data")
    return [
        Subject(name, one.rgb, one.values, one.allowed, one.seed, one.measure)
        for index, (name, maps) in enumerate(sections)
        for one in _subjects(np.nan_to_num(maps), [index], valid=np.isfinite(maps).all(axis=2))
    ]


def _panel(folder: Path, seeds: Sequence[int]) -> list[Subject]:
    del folder
    maps, rgb = painted_panel(*_PANEL_SHAPE, _PANEL_ELEMENTS)
    return _subjects(maps, seeds, rgb=rgb)


STACKS = (
    Stack(
        "portrait",
        "MA-XRF of a hand-coloured portrait, 6 elements, 811 x 285, with an aligned photograph.",
        True,
        _portrait,
    ),
    Stack("hands", "MA-XRF of painted hands, gross counts of 14 windows, 60 x 120.", False, _hands),
    Stack(
        "hands-thinned",
        "The same with a tenth of the photons, drawn from one half of the counts and held against the other half.",
        False,
        _hands_thinned,
    ),
    Stack(
        "drawing",
        f"MA-XRF of an ink drawing, the middle {_DRAWING_SIDE} x {_DRAWING_SIDE}; of its three elements only iron is "
        "more than noise.",
        False,
        _drawing,
    ),
    Stack(
        "tissue",
        "Laser ablation maps of nine tissue sections, 4 elements; means over sections.",
        False,
        _tissue,
        has_specimens=True,
    ),
    Stack(
        "panel",
        f"A painted panel made by code, {_PANEL_ELEMENTS} elements, {_PANEL_SHAPE[0]} x {_PANEL_SHAPE[1]}, with a ring "
        "of two elements that its photograph does not show. Made maps flatter methods that follow colour.",
        True,
        _panel,
    ),
)
"""Every stack of the table, in its order."""
