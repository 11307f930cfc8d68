"""Local kriging of chosen tiles from samples that grow in number, under parameters that stand for a while.

What is derived from the samples (normalised values, relative noise, colours) is kept and extended by what is new.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct import tiles
from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.covariance import Learned
from edge.reconstruct.error_scale import TRUST
from edge.reconstruct.guide import NO_COLOUR, Guide, metric_of_tiles, unguided
from edge.reconstruct.learning import NEIGHBOURS
from edge.reconstruct.neighbours import nearest_samples
from edge.reconstruct.normalised import Scale
from edge.reconstruct.photograph import Alignment, Photograph
from edge.reconstruct.tiling import TILE_CELLS, tile_centres, tile_count
from edge.reconstruct.trial import features

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class GroupPlaces:
    """What the elements of one group are estimated from."""

    elements: NDArray[np.intp]
    law: Floats
    """`Covariance.as_array`."""
    features: Floats
    """Of each sample, shape (n, 8)."""
    values: Floats
    """Normalised, shape (n, elements of the group)."""
    colour: Floats
    """Of every cell of the rectangle, shape (rows, columns, 3), or `NO_COLOUR`."""
    guide: Floats
    """The guide's, likewise."""


@dataclass(frozen=True, slots=True, eq=False)
class Tiling:
    """Everything that tiles are estimated by, settled for the whole grid: no tile needs to know of another one.

    Cells may be those of a rectangle of the grid alone, from a tile's first cell on: that is what is in memory then.
    """

    groups: tuple[GroupPlaces, ...]
    noise: Floats
    """Relative noise variance of each sample, shape (n,)."""
    metric: Floats
    """Of each tile of the grid, shape (tiles, 3)."""
    scaling: Floats
    """What `tiles.krige_tiles` needs to know of each element, shape (8, elements)."""
    shape: tuple[int, int]
    """Of the grid."""
    corner: tuple[int, int] = (0, 0)
    """The rectangle's first row and column."""

    def estimate(
        self,
        which: NDArray[np.intp],
        neighbours: NDArray[np.int32],
        *,
        maps: Floats,
        standard_error: Floats,
        deviation: Floats,
    ) -> None:
        """As `GrowingKriging.estimate`, of the rectangle's cells and tiles."""
        top, left = self.corner
        for group in self.groups:
            tiles.krige_tiles(
                which.astype(np.int32),
                TILE_CELLS,
                neighbours,
                group.features,
                group.values,
                self.noise,
                self.metric[which],
                group.colour,
                group.guide,
                group.law,
                np.ascontiguousarray(self.scaling[:, group.elements]),
                TRUST,
                group.elements.astype(np.int32),
                top,
                left,
                self.shape[1],
                maps,
                standard_error,
                deviation,
            )


class GrowingKriging:
    """Tiles under one set of learned parameters."""

    def __init__(self, learned_from: MeasuredCells, learned: Learned, photograph: Photograph | None) -> None:
        """Know no sample yet, only how to normalise them.

        Parameters
        ----------
        learned_from
            What the parameters were learned from, at least one cell; values are normalised by it from now on.
        learned
            The parameters.
        photograph
            None: colour-blind.
        """
        self.shape, self._learned = learned_from.shape, learned
        self._scale = Scale.of(learned_from)
        self._lowest = np.zeros(learned_from.elements, np.float32)
        self._parts = [
            _GroupSamples(
                group.elements,
                photograph if group.follows_colour else None,
                learned.alignment,
                learned.guide if group.follows_guide else None,
            )
            for group in learned.groups
        ]
        self._noise = np.empty(0, np.float32)
        self._count = 0
        tiles_of_grid = np.arange(tile_count(self.shape))
        self.centres = tile_centres(tiles_of_grid, self.shape)
        """Row and column of each tile's middle, shape (tiles, 2)."""
        self._metric = (
            unguided(len(tiles_of_grid))
            if learned.guide is None
            else metric_of_tiles(tiles_of_grid, self.shape, learned.guide)
        )

    def take(self, cells: MeasuredCells, places: NDArray[np.integer]) -> None:
        """Follow the cells: `places` of them are new, at the end, or have changed."""
        values, variance = cells.values[places], cells.variance[places]
        self._lowest = np.minimum(self._lowest, values.min(axis=0, initial=0))
        normalised = self._scale.normalised(values)
        self._noise = _room_for(self._noise, len(cells), self._count)
        self._noise[places] = self._scale.noise(variance)
        for part in self._parts:
            part.take(cells, places, normalised, self._count)
        self._count = len(cells)

    @staticmethod
    def samples_of_a_tile(cells: MeasuredCells) -> int:
        """How many samples each tile is estimated from."""
        return min(NEIGHBOURS, len(cells))

    def neighbours(self, cells: MeasuredCells, which: NDArray[np.intp]) -> NDArray[np.int32]:
        """The samples of the tiles `which`, shape (tiles asked for, `samples_of_a_tile`)."""
        return nearest_samples(*cells.places(), self.centres[which], self.samples_of_a_tile(cells))

    def horizon(self, cells: MeasuredCells, which: NDArray[np.intp], neighbours: NDArray[np.int32]) -> Floats:
        """Distance from the middle of the tiles `which` beyond which a further sample cannot become one of theirs.

        `nearest_samples` looks three times as far as the last of the nearest ones, which is among those chosen or
        nearer than the farthest of them.
        """
        rows, columns = cells.places()
        away = np.hypot(rows[neighbours] - self.centres[which, :1], columns[neighbours] - self.centres[which, 1:])
        farthest: Floats = (3 * away.max(axis=1)).astype(np.float32)
        return farthest

    def estimate(
        self,
        which: NDArray[np.intp],
        neighbours: NDArray[np.int32],
        *,
        maps: Floats,
        standard_error: Floats,
        deviation: Floats,
    ) -> None:
        """Estimate the tiles `which`, each from its row of `neighbours`, in place; measured cells like the others.

        Parameters
        ----------
        maps, standard_error
            Shape (rows, columns, elements).
        deviation
            Of each tile of the grid, shape (tiles, elements): what its standard error is proportional to.
        """
        self.tiling().estimate(which, neighbours, maps=maps, standard_error=standard_error, deviation=deviation)

    def tiling(self) -> Tiling:
        """What the tiles are estimated by as things stand; arrays are not copied."""
        groups = [
            part.places(group.elements, group.covariance.as_array())
            for group, part in zip(self._learned.groups, self._parts, strict=True)
        ]
        return Tiling(tuple(groups), self._noise, self._metric, self._scaling(), self.shape)

    def _scaling(self) -> Floats:
        """What `tiles.krige_tiles` needs to know of each element, shape (8, elements)."""
        learned, scale = self._learned, self._scale
        rows = [learned.sill, learned.unresolved, learned.calibration, scale.offset, scale.spread, self._lowest]
        return np.array([*rows, learned.level_power, learned.lowest], np.float32)


class _GroupSamples:
    """Features and normalised values of the elements that share a covariance, one row for each cell measured."""

    def __init__(
        self,
        elements: NDArray[np.intp],
        photograph: Photograph | None,
        alignment: Alignment,
        guide: Guide | None,
    ) -> None:
        self.photograph, self.guide = photograph, guide
        self.colour = NO_COLOUR if photograph is None else photograph.aligned(alignment)
        """Of each cell: moving the whole photograph anew for each update would cost more than the update."""
        self._elements, self._alignment = elements, alignment
        self.features = np.empty((0, 8), np.float32)
        self.values = np.empty((0, len(elements)), np.float32)

    def take(self, cells: MeasuredCells, places: NDArray[np.integer], normalised: Floats, before: int) -> None:
        self.features = _room_for(self.features, len(cells), before)
        self.values = _room_for(self.values, len(cells), before)
        self.values[places] = normalised[:, self._elements]
        new = places[places >= before]
        rows, columns = cells.places()
        self.features[new] = features(rows[new], columns[new], self.photograph, self._alignment, self.guide)

    def places(self, elements: NDArray[np.intp], law: Floats) -> GroupPlaces:
        guide = NO_COLOUR if self.guide is None else self.guide.colours
        return GroupPlaces(elements, law, self.features, self.values, self.colour, guide)


def _room_for(array: Floats, needed: int, used: int) -> Floats:
    """The array itself, or one of at least that many rows that starts like it."""
    if needed <= len(array):
        return array
    grown = np.empty((max(needed, 2 * len(array)), *array.shape[1:]), np.float32)
    grown[:used] = array[:used]
    return grown
