"""Several looks at a sparse scan: what an unfolded network is given where a mask was measured in place of a raster.

Between the cells of a mask nobody knows the maps that the papers' networks take in, bilinear from a coarse raster.
Their place is taken by kriging's maps and by rougher ones of other beliefs: smoother, sharper at edges that all
elements share, bound to the photograph, level between edges. Where these differ, and by how much for kriging's standard
error, is what the network has to go by.

At a measured cell every look shows what was measured, and a network taught there would learn to copy it. Looks to
learn from are made without the cell: the scan is parted, and each part is met with looks of the others (J. Batson and
L. Royer, "Noise2Self: blind denoising by self-supervision", 2019).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.covariance import Covariance, Group, Learned
from edge.reconstruct.harmonic import harmonic
from edge.reconstruct.kriging import krige_everywhere, learn_parameters, usable_photograph
from edge.reconstruct.mumford_shah import mumford_shah
from edge.reconstruct.photograph import Photograph

Floats = NDArray[np.float32]

LEAST_CELLS = 64
"""Fewer show no edges, and teach nothing that kriging does not know."""
_SMOOTH_NOISE = 0.1
_FAINT_NOISE = 0.02
_SHARES = {"guided": 0.5, "guided strongly": 0.95}
"""Of the variation that follows the guide."""


def require_mask(cells: MeasuredCells) -> None:
    """Looks are of cells that were measured by themselves, and enough of them.

    Raises
    ------
    UsageError
        There are too few, or some value is the mean of several cells.
    """
    if not cells.alone.all():
        raise UsageError(
            f"{int((~cells.alone).sum())} of {len(cells)} exposures saw more than one cell, and the unfolded network "
            "of a mask learns from cells measured by themselves: take the plan for a coarse raster"
        )
    if len(cells) < LEAST_CELLS:
        raise UsageError(
            f"{len(cells)} measured cells are too few for the unfolded network of a mask, which needs {LEAST_CELLS}: "
            "measure more, or take kriging"
        )


def names_of(*, has_photograph: bool) -> tuple[str, ...]:
    """The looks in their order."""
    followed = ("photograph",) if has_photograph else ()
    return ("kriging", "smooth", *_SHARES, *followed, "harmonic", "mumford-shah")


def looks(cells: MeasuredCells, rgb: Floats) -> Floats:
    """Inputs of every cell, (rows, columns, inputs): a recipe, see `edge.reconstruct.unfold.inputs`.

    Kriging's maps; the photograph; the maps of each other look; kriging's standard error; the length of its maps'
    gradient per cell. A photograph of a single colour is taken for none, and there is one look less.

    Parameters
    ----------
    cells
        With values of [0, 1].
    rgb
        Shape (rows, columns, 3), in [0, 1].

    Raises
    ------
    UsageError
        As `require_mask`.
    """
    require_mask(cells)
    photograph = usable_photograph(rgb)
    learned = learn_parameters(cells, photograph)
    kriged, standard_error = krige_everywhere(cells, learned, photograph)
    beliefs = _other_beliefs(learned, cells.elements, photograph)
    others = [krige_everywhere(cells, belief, photograph)[0] for belief in beliefs]
    parts = [kriged, rgb, *others, harmonic(cells).maps, mumford_shah(cells).maps, standard_error, _steepness(kriged)]
    return np.concatenate(parts, axis=2, dtype=np.float32)


def look_count(inputs: int, elements: int) -> int:
    """How many looks there are among so many inputs of a cell."""
    return (inputs - 3) // elements - 2


def standard_error_of(inputs: Floats, elements: int) -> Floats:
    """Kriging's standard error among inputs of any shape, elements last."""
    return inputs[..., -2 * elements : -elements]


def _other_beliefs(learned: Learned, elements: int, photograph: Photograph | None) -> list[Learned]:
    """Kriging's parameters with one covariance for all elements that nobody chose for them."""
    every, reach = np.arange(elements), learned.groups[0].covariance.reach

    def with_all(covariance: Covariance, *, colour: bool, guide: bool) -> Learned:
        return replace(learned, groups=(Group(every, covariance, colour, guide),))

    beliefs = [with_all(Covariance(noise=_SMOOTH_NOISE, reach=reach), colour=False, guide=False)]
    for share in _SHARES.values():
        guided = Covariance(noise=_FAINT_NOISE, reach=reach, share=share)
        beliefs.append(with_all(guided, colour=False, guide=True))
    if photograph is not None:
        followed = next((g.covariance for g in learned.groups if g.follows_colour), Covariance())
        bound = replace(followed, noise=_FAINT_NOISE, share=max(_SHARES.values()), colour_width=0.12)
        beliefs.append(with_all(bound, colour=True, guide=True))
    return beliefs


def _steepness(maps: Floats) -> Floats:
    """Length of the gradient, per cell; zero along an axis of a single cell."""
    across = [np.gradient(maps, axis=axis) if maps.shape[axis] > 1 else np.zeros_like(maps) for axis in (0, 1)]
    steep: Floats = np.hypot(*across).astype(np.float32)
    return steep
