"""Kriged maps split in two: what the photograph's colours explain, and what they don't.

A map is taken for the sum of a field that has much the same value wherever the photograph shows the same colour, a
field that knows nothing of colour, and noise; all three by their covariances, as in factorial kriging (G. Matheron,
"Pour une analyse krigeante de données régionalisées", 1982). The first one's estimate is the visible part. All that is
left of the kriged map is hidden: paint under the surface, and what of the visible paint its colour does not tell.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.compiled import compiled
from edge.reconstruct.kriging import krige_everywhere, learn_parameters, usable_photograph
from edge.reconstruct.learning import alignment_of
from edge.reconstruct.normalised import NormalisedSamples, Scale
from edge.reconstruct.photograph import Alignment, Photograph
from edge.reconstruct.reconstruction import Layers
from edge.reconstruct.trial import features

_SAMPLES = 400
"""Drawn for one system on the whole grid: colours repeat, so that a few hundred places show them all."""
_ENOUGH = 64
_SHARES = (0.3, 0.6, 0.9)
_WIDTHS = (0.06, 0.12, 0.25)
_NOISES = (0.03, 0.3)
_REACHES = (1.0, 3.0)
"""Of the field that is blind to colour, in mean distances between the samples drawn."""
_REGION = 0.5
"""Of the longer side: over this distance one colour may come to mean other paint."""

_CLEAR = 2.5
"""Standard errors by which following colour must lower the squared error."""

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Law:
    share: float
    width: float
    noise: float
    reach: float
    """In mean distances between the samples drawn."""


class _Fields:
    """Covariances among places, shape (places, 5): each field's is worked out once for the many laws that mix it."""

    def __init__(self, places: Doubles, region: float, spacing: float) -> None:
        square = np.square(places[:, None, :2] - places[None, :, :2]).sum(axis=2)
        difference = np.square(places[:, None, 2:] - places[None, :, 2:]).sum(axis=2)
        self._near = {reach: 1 / np.sqrt(1 + square / (reach * spacing) ** 2) for reach in _REACHES}
        self._alike = {width: 1 / (1 + square / (2 * region**2) + difference / (2 * width**2)) for width in _WIDTHS}

    def covariance(self, law: _Law) -> Doubles:
        """Of the samples by a law, shape (places, places)."""
        mixed: Doubles = law.share * self._alike[law.width] + (1 - law.share) * self._near[law.reach]
        mixed.flat[:: len(mixed) + 1] += law.noise
        return mixed


def kriging_layers(cells: MeasuredCells, rgb: Floats | None = None) -> Layers:
    """The maps of `kriging`, split into a visible and a hidden part that add up to them.

    Which covariances describe the two fields is chosen for each element by leave-one-out error. Without a photograph,
    with one of a single colour, or with fewer than 64 samples, each element's mean is its visible part.
    """
    photograph = None if rgb is None else usable_photograph(rgb)
    learned = learn_parameters(cells, photograph)
    maps = krige_everywhere(cells, learned, photograph)[0]
    if photograph is None or len(cells) < _ENOUGH:
        visible = np.broadcast_to(cells.values.mean(axis=0), maps.shape).astype(np.float32)
    else:
        visible = _visible(cells, photograph, learned.alignment)
    return Layers(visible, maps - visible)


def kriging_visible(cells: MeasuredCells, rgb: Floats) -> Floats | None:
    """The visible part of `kriging_layers` alone; None where the photograph or the samples cannot tell it.

    That is with a photograph of a single colour, or with fewer than 64 samples.
    """
    photograph = usable_photograph(rgb)
    law = kriging_visible_law(cells, photograph)
    return None if law is None or photograph is None else law[0].on(photograph.aligned(law[1]))


def kriging_visible_law(
    cells: MeasuredCells, photograph: Photograph | None, alignment: Alignment | None = None
) -> tuple[VisibleLaw, Alignment] | None:
    """What `kriging_visible` adds up, and where the photograph lies for it: as given, or as the samples say."""
    if photograph is None or len(cells) < _ENOUGH:
        return None
    found = alignment or alignment_of(NormalisedSamples.of(cells, photograph))
    return visible_law(cells, photograph, found), found


def _visible(cells: MeasuredCells, photograph: Photograph, alignment: Alignment) -> Floats:
    """The colour-following field of every element and its mean, in the samples' unit."""
    return visible_law(cells, photograph, alignment).on(photograph.aligned(alignment))


@dataclass(frozen=True, slots=True, eq=False)
class FollowedColour:
    """Elements whose visible part follows the photograph alike."""

    elements: NDArray[np.intp]
    weights: Floats
    """Of each place, shape (places, elements of the group)."""
    width: float
    """Of likeness in colour, in Lab / 100."""


@dataclass(frozen=True, slots=True, eq=False)
class VisibleLaw:
    """What the visible part of any cell is made up from: some places of the whole grid, and what each counts."""

    places: Floats
    """Row, column and colour, shape (places, 5)."""
    groups: tuple[FollowedColour, ...]
    mean: Floats
    """Normalised, shape (elements,)."""
    region: float
    """Of likeness in place, in cells."""
    spread: Floats
    """What the normalised field is to be multiplied by, shape (elements,)."""
    offset: Floats
    """And what is added to it, shape (elements,)."""

    def on(self, colour: Floats, top: int = 0, left: int = 0) -> Floats:
        """The visible part of a rectangle of the grid, shape (rows, columns, elements), in the samples' unit.

        Parameters
        ----------
        colour
            Aligned colour of its cells, shape (rows, columns, 3).
        top, left
            Its first row and column.
        """
        visible = np.zeros((*colour.shape[:2], len(self.mean)), np.float32)
        places = self.places - np.array([top, left, 0, 0, 0], np.float32)
        for group in self.groups:
            part = np.empty((*colour.shape[:2], len(group.elements)), np.float32)
            _add_up(places, group.weights, colour, group.width, self.region, part)
            visible[:, :, group.elements] = part
        visible += self.mean
        visible *= self.spread
        visible += self.offset
        return visible


def visible_law(cells: MeasuredCells, photograph: Photograph, alignment: Alignment) -> VisibleLaw:
    """Choose the law of each element, and weigh the places that it rests on; at least 64 cells."""
    drawn = np.arange(len(cells))
    if len(cells) > _SAMPLES:
        drawn = np.sort(np.random.default_rng(0).choice(len(cells), _SAMPLES, replace=False))
    rows, columns = cells.places()
    places = features(rows[drawn], columns[drawn], photograph, alignment)[:, :5]
    scale = Scale.of(cells)
    values = scale.normalised(cells.values[drawn]).astype(np.float64)
    spacing = float(np.sqrt(cells.shape[0] * cells.shape[1] / len(drawn)))
    region = _REGION * max(cells.shape)
    laws = [_Law(0.0, _WIDTHS[0], noise, reach) for noise in _NOISES for reach in _REACHES]
    laws += [_Law(*figures) for figures in itertools.product(_SHARES, _WIDTHS, _NOISES, _REACHES)]
    fields = _Fields(places.astype(np.float64), region, spacing)
    solved = [_left_out(fields.covariance(law), values) for law in laws]
    best = _chosen([squares for squares, _, _ in solved], blind=len(_NOISES) * len(_REACHES))
    average = np.empty(values.shape[1], np.float32)
    groups = []
    for index in np.unique(best):
        members, law = np.flatnonzero(best == index), laws[index]
        _, weights, mean = solved[index]
        if law.share > 0:
            own = np.ascontiguousarray(weights[:, members], np.float32) * np.float32(law.share)
            groups.append(FollowedColour(members, own, law.width))
        average[members] = mean[members].astype(np.float32)
    return VisibleLaw(places, tuple(groups), average, region, scale.spread, cells.values.mean(axis=0))


def _chosen(squares: list[Doubles], *, blind: int) -> NDArray[np.intp]:
    """The law of each element with the least error: one of the first, blind ones unless another is clearly better."""
    errors = np.array([one.mean(axis=0) for one in squares])
    best: NDArray[np.intp] = errors[:blind].argmin(axis=0)
    other = blind + errors[blind:].argmin(axis=0)
    for element in range(errors.shape[1]):
        change = squares[best[element]][:, element] - squares[other[element]][:, element]
        if change.sum() > _CLEAR * np.sqrt(np.square(change).sum()):
            best[element] = other[element]
    return best


def _left_out(covariance: Doubles, values: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """Squared leave-one-out errors and weights of the samples, (n, elements), and the mean (O. Dubrule 1983)."""
    inverse = _inverse(covariance)
    ones = inverse.sum(axis=1)
    mean = ones @ values / ones.sum()
    weights = inverse @ values - ones[:, None] * mean
    own = np.diag(inverse) - np.square(ones) / ones.sum()
    squares: Doubles = np.square(weights / own[:, None])
    return squares, weights, mean


def _inverse(covariance: Doubles) -> Doubles:
    """By Cholesky's factor, a third of the work of one that need not be symmetric; the noise keeps it definite."""
    from scipy.linalg.lapack import dpotrf, dpotri

    lower = dpotri(dpotrf(covariance, lower=True)[0], lower=True)[0]
    below = np.tril(lower, -1)
    inverse: Doubles = below + below.T
    inverse.flat[:: len(inverse) + 1] = np.diag(lower)
    return inverse


@compiled
def _add_up(places: Floats, weights: Floats, colour: Floats, width: float, region: float, out: Floats) -> None:
    """Sum over the samples of likeness times weight, for every cell."""
    narrow, far = np.float32(0.5 / (width * width)), np.float32(0.5 / (region * region))
    one = np.float32(1)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = 0
            for s in range(places.shape[0]):
                dy, dx = i - places[s, 0], j - places[s, 1]
                dl, da = colour[i, j, 0] - places[s, 2], colour[i, j, 1] - places[s, 3]
                db = colour[i, j, 2] - places[s, 4]
                alike = one / (one + (dy * dy + dx * dx) * far + (dl * dl + da * da + db * db) * narrow)
                for e in range(out.shape[2]):
                    out[i, j, e] += alike * weights[s, e]
