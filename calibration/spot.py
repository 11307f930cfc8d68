"""Where a laser's spot lies in a picture, to a few hundredths of a pixel, and how well that is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.fiducials import as_rgb
from calibration.srgb import decoded

_BIN_PX = 4
"""Side of the squares whose means are searched for the spot: speckle and hot pixels are smaller."""
_LEAST_SNR = 8.0
"""Height of a spot in such a mean, in standard deviations of the means: of a million normal ones none reaches 6."""
_LEAST_HEIGHT = 0.01
_REACH = 3.0
"""Radius of the disc whose centroid is taken, in the spot's own standard deviations."""
_ROUNDS = 40
_SETTLED_PX = 1e-3
_MOST_SATURATED = 0.8
"""Share of clipped pixels in the spot's footprint: a Gaussian reaches it when it is twenty times overexposed."""
_SECOND = 0.4
"""Height of a second spot, beside the first, from which nobody can say which one is meant."""
_PLATEAU_PX = 12
_SLOPE = 1.16
"""The background's slope, from a ring of 1.2 to 1.7 radii, adds a sixth of the disc's noise (sums of x**2)."""
_RINGS = 2
_GRAIN_PX = 3.0
"""Width of a sector at one deviation from the centre, at least: grains of speckle and the camera's blur are smaller."""
_MOST_RING_PX = 3_000


@dataclass(frozen=True, slots=True)
class Spot:
    """A spot's centroid in pixels (column, row), pixel centres at whole numbers, with standard errors."""

    x_px: float
    y_px: float
    x_error_px: float
    y_error_px: float
    radius_px: float
    """Standard deviation of its light along its longer axis."""
    height: float
    """Above its surroundings, of full scale."""
    saturated_share: float
    """Of the pixels above half its height."""


@dataclass(frozen=True, slots=True)
class NoSpot:
    """A spot that could not be placed, and why; falsy."""

    reason: str
    """One sentence: what is wrong and what to do."""

    def __bool__(self) -> bool:
        return False


def find_spot(image_rgb: NDArray[Any], laser_off_rgb: NDArray[Any] | None = None) -> Spot | NoSpot:
    """Find the one spot of light in a picture.

    The centroid of the light above a local background, over a disc of three standard deviations that is centred on
    it; iterated (ISO 11146-1:2005, 7.2, with a round region). With a picture of the scene without the laser, the
    light's excess over that is used, divided by the scene's own brightness, so that what the spot falls on does not
    pull it. A clipped top is flat and pulls nowhere; too much of it is refused.

    The standard error comes from what makes the spot differ from itself turned by 180 degrees about its centroid:
    noise, speckle and texture alike. The light's moments over parts of the disc are taken as independent.

    Parameters
    ----------
    image_rgb : uint8 or uint16, shape (h, w) or (h, w, 3), sRGB
    laser_off_rgb : the same shape and type, or None

    Returns
    -------
    Spot, or NoSpot (falsy): none, at the border, all saturated, or two of them.
    """
    try:
        picture = as_rgb(image_rgb)
        scene = None if laser_off_rgb is None else as_rgb(laser_off_rgb)
    except ValueError as error:
        return NoSpot(str(error))
    if scene is not None and (scene.shape, scene.dtype) != (picture.shape, picture.dtype):
        return NoSpot("the picture with the laser off has another size or type: take it with the same camera settings")
    light, clipped = _excess(picture, scene)
    seed = _seed(light)
    if seed is None:
        return NoSpot(
            "no laser spot is seen: switch the laser on, bring its spot into the frame, and dim the room or the lamps"
        )
    return _placed(light, clipped, seed)


def _excess(picture: NDArray[Any], scene: NDArray[Any] | None) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Linear light that the laser adds, in the colour where it adds most, and the pixels that are clipped there."""
    # Which colour, the encoded values of small means tell as well as light does, and sooner.
    rise = _binned(picture) if scene is None else _binned(picture) - _binned(scene)
    band = int(np.argmax(rise.reshape(-1, picture.shape[2]).max(axis=0)))
    values = np.ascontiguousarray(picture[..., band])
    full, brightest = np.iinfo(values.dtype).max, values.max()
    is_plateau = brightest >= full // 2 and np.count_nonzero(values == brightest) >= _PLATEAU_PX
    clipped = values >= (brightest if is_plateau else full)
    light = _linear(values)
    if scene is not None:
        ground = _linear(np.ascontiguousarray(scene[..., band]))
        light -= ground
        ground = np.asarray(cv2.GaussianBlur(ground, (0, 0), 1.0), dtype=np.float32)
        middle = float(np.median(ground[::7, ::7]))
        # A floor keeps dark ground from being raised to noise.
        light *= np.float32(middle + 0.05) / (ground + np.float32(0.05))
    return light, np.asarray(clipped)


def _linear(values: NDArray[Any]) -> NDArray[np.float32]:
    """Decode sRGB (IEC 61966-2-1) to linear light, 0 to 1."""
    levels = int(np.iinfo(values.dtype).max)
    table = decoded(np.arange(levels + 1) / levels).astype(np.float32)
    if values.dtype == np.uint8:
        return np.asarray(cv2.LUT(values, table), dtype=np.float32)
    return np.asarray(table[values], dtype=np.float32)


def _binned(light: NDArray[Any]) -> NDArray[np.float32]:
    size = (max(1, light.shape[1] // _BIN_PX), max(1, light.shape[0] // _BIN_PX))
    return np.asarray(cv2.resize(light, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def _seed(light: NDArray[np.float32]) -> tuple[NDArray[np.float64], float] | None:
    """Roughly the spot's centre (column, row) and radius in pixels; None where nothing stands out."""
    binned = _binned(light)
    raised = binned - _smooth_background(binned)
    noise = 1.4826 * float(np.median(np.abs(raised - np.median(raised))))
    row, column = np.unravel_index(int(np.argmax(raised)), raised.shape)
    height = float(raised[row, column])
    if height < max(_LEAST_SNR * noise, _LEAST_HEIGHT):
        return None
    _, labels = cv2.connectedComponents((raised > height / 2).astype(np.uint8), connectivity=8)
    rows, columns = np.nonzero(labels == labels[row, column])
    radius = np.sqrt(rows.size / np.pi)
    factor = np.array([light.shape[1] / binned.shape[1], light.shape[0] / binned.shape[0]])
    centre = (np.array([columns.mean(), rows.mean()]) + 0.5) * factor - 0.5
    return centre, max(1.0, 0.85 * float(radius) * float(factor.mean()))


def _smooth_background(binned: NDArray[np.float32]) -> NDArray[np.float64]:
    """A quadratic surface through what is not spot: least squares, with what lies far off left out."""
    rows, columns = binned.shape
    y, x = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    terms = np.column_stack([(x**i * y**j).ravel() for i, j in ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))])
    every = max(1, terms.shape[0] // 4_000)
    some, values = terms[::every], binned.ravel()[::every].astype(np.float64)
    keep = np.ones(values.size, dtype=bool)
    factors: NDArray[Any] = np.zeros(6)
    for _ in range(8):
        factors = np.linalg.lstsq(some[keep], values[keep], rcond=None)[0]
        off = values - some @ factors
        scale = 1.4826 * float(np.median(np.abs(off[keep]))) + 1e-9
        again = np.abs(off) < 3 * scale
        if again.sum() < 12 or bool((again == keep).all()):
            break
        keep = again
    return np.asarray((terms @ factors).reshape(rows, columns), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class _Disc:
    """The light around a centre, above a plane through its surroundings."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    """Offsets of a square's pixels from the centre, shape (k, k)."""
    light: NDArray[np.float64]
    inside: NDArray[np.bool_]


def _disc(light: NDArray[np.float32], centre: NDArray[np.float64], radius_px: float) -> _Disc | None:
    """None where the disc leaves the picture."""
    outer = 1.7 * radius_px + 3
    left, upper = np.floor(centre - outer).astype(int)
    right, lower = np.ceil(centre + outer).astype(int) + 1
    rows, columns = light.shape
    reach = np.concatenate([centre - radius_px, np.array([columns - 1, rows - 1]) - (centre + radius_px)])
    if float(reach.min()) < 0:
        return None
    left, upper, right, lower = max(left, 0), max(upper, 0), min(right, columns), min(lower, rows)
    window = light[upper:lower, left:right].astype(np.float64)
    y, x = np.meshgrid(np.arange(upper, lower) - centre[1], np.arange(left, right) - centre[0], indexing="ij")
    distance = np.hypot(x, y)
    ring = (distance > 1.2 * radius_px + 1) & (distance <= outer)
    some = slice(None, None, max(1, np.count_nonzero(ring) // _MOST_RING_PX))
    plane = _plane(x[ring][some], y[ring][some], window[ring][some])
    above = window - (plane[0] + plane[1] * x + plane[2] * y)
    return _Disc(x, y, above, distance <= radius_px)


def _plane(x: NDArray[np.float64], y: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    terms = np.column_stack([np.ones_like(x), x, y])
    keep = np.ones(values.size, dtype=bool)
    factors: NDArray[Any] = np.zeros(3)
    for _ in range(4):
        factors = np.linalg.lstsq(terms[keep], values[keep], rcond=None)[0]
        off = np.abs(values - terms @ factors)
        keep = off <= max(3 * 1.4826 * float(np.median(off[keep])), 1e-6)
    return np.asarray(factors)


def _placed(
    light: NDArray[np.float32], clipped: NDArray[np.bool_], seed: tuple[NDArray[np.float64], float]
) -> Spot | NoSpot:
    centre, sigma = seed
    disc: _Disc | None = None
    for _ in range(_ROUNDS):
        disc = _disc(light, centre, _REACH * sigma)
        if disc is None:
            return _at_border()
        weight = np.where(disc.inside, disc.light, 0.0)
        total = float(weight.sum())
        if total <= 0:
            return NoSpot("what stands out in the picture is no spot of light: dim the room, or shield the object")
        step = np.array([float((weight * disc.x).sum()), float((weight * disc.y).sum())]) / total
        spread = _longer_axis(weight, disc.x - step[0], disc.y - step[1], total)
        centre = centre + step
        # A disc of three true deviations holds nearly all light; a smaller one grows, for it sees too little of it.
        grown = float(np.clip(spread, 0.8 * sigma, 1.4 * sigma))
        settled = float(np.abs(step).max()) < _SETTLED_PX and abs(grown - sigma) < 1e-3 * sigma
        sigma = max(grown, 0.5)
        if settled:
            break
    assert disc is not None
    return _judged(light, clipped, centre, sigma, disc)


def _longer_axis(weight: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64], total: float) -> float:
    xx, yy, xy = (float((weight * part).sum()) / total for part in (x * x, y * y, x * y))
    largest = (xx + yy) / 2 + np.hypot((xx - yy) / 2, xy)
    return float(np.sqrt(max(largest, 0.25)))


def _judged(
    light: NDArray[np.float32], clipped: NDArray[np.bool_], centre: NDArray[np.float64], sigma: float, disc: _Disc
) -> Spot | NoSpot:
    height = float(np.percentile(disc.light[disc.inside], 99))
    footprint = disc.inside & (disc.light > height / 2)
    left, upper = (round(float(v)) for v in (centre[0] + disc.x[0, 0], centre[1] + disc.y[0, 0]))
    inner = clipped[max(upper, 0) :, max(left, 0) :][: disc.light.shape[0], : disc.light.shape[1]]
    saturated = float(inner[footprint].mean()) if inner.shape == footprint.shape and footprint.any() else 0.0
    if saturated > _MOST_SATURATED:
        return NoSpot(
            f"the laser spot is saturated nearly all over ({saturated:.0%}): shorten the exposure or dim the laser"
        )
    second = _second_spot(light, centre, sigma)
    if second is not None:
        return NoSpot(
            f"two spots are seen, at ({centre[0]:.0f}, {centre[1]:.0f}) and ({second[0]:.0f}, {second[1]:.0f}) px: "
            "cover reflections, or take a picture with the laser off as well"
        )
    # A clipped top tells nothing of where the light is: the rest speaks for it as well.
    x_error, y_error = (error / (1 - saturated) for error in _errors(disc))
    return Spot(float(centre[0]), float(centre[1]), x_error, y_error, sigma, height, saturated)


def _second_spot(light: NDArray[np.float32], centre: NDArray[np.float64], sigma: float) -> tuple[float, float] | None:
    """Centre of another spot as wide and nearly as high, outside five deviations of the first."""
    small = _binned(light)
    if sigma > 4 * _BIN_PX:
        factor = 2 * _BIN_PX / sigma
        small = np.asarray(cv2.resize(small, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))
    scale = np.array([light.shape[1] / small.shape[1], light.shape[0] / small.shape[0]])
    smooth = cv2.GaussianBlur(small, (0, 0), max(0.5, 0.7 * sigma / float(scale.mean())))
    raised = smooth - _smooth_background(np.asarray(smooth, dtype=np.float32))
    rows, columns = raised.shape
    y, x = np.ogrid[:rows, :columns]
    distance = np.hypot((x + 0.5) * scale[0] - 0.5 - centre[0], (y + 0.5) * scale[1] - 0.5 - centre[1])
    first = float(np.max(raised, where=distance < 2 * sigma + scale.mean(), initial=-np.inf))
    rest = np.where(distance > 5 * sigma, raised, -np.inf)
    row, column = np.unravel_index(int(np.argmax(rest)), rest.shape)
    if rest[row, column] < _SECOND * first:
        return None
    return (column + 0.5) * scale[0] - 0.5, (row + 0.5) * scale[1] - 0.5


def _errors(disc: _Disc) -> tuple[float, float]:
    """Standard errors of the centroid from the odd part of the light, moments summed over sectors."""
    rows, columns = disc.light.shape
    # The square turned by 180 degrees about the centre: pixel p comes to 2 c - p.
    middle = -disc.x[0, 0], -disc.y[0, 0]
    turned = np.array([[-1.0, 0, 2 * middle[0]], [0, -1.0, 2 * middle[1]]])
    mirrored = cv2.warpAffine(disc.light, turned, (columns, rows), flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP)
    # Each pair of pixels that face each other is counted once, by the half plane.
    half = disc.inside & ((disc.y > 0) | ((disc.y == 0) & (disc.x > 0)))
    odd = (disc.light - mirrored)[half]
    x, y = disc.x[half], disc.y[half]
    radius = np.hypot(x, y)
    sectors = int(np.clip(np.pi * radius.max() / _REACH / _GRAIN_PX, 4, 12))
    sector = np.minimum((np.arctan2(y, x) / np.pi * sectors).astype(int), sectors - 1)
    ring = (radius > radius.max() / 2).astype(int)
    which = sector * _RINGS + ring
    total = float(disc.light[disc.inside].sum())
    quantised = 1 / 12 / 255**2 / 50
    least = np.sqrt(quantised * float((disc.x[disc.inside] ** 2).sum())) / total
    errors = []
    for moment in (x * odd, y * odd):
        squares = np.bincount(which, weights=moment, minlength=sectors * _RINGS) ** 2
        # As many parts as matter; their sum is made zero by the choice of the centre, which takes one of them.
        parts = max(float(squares.sum()) ** 2 / max(float((squares**2).sum()), 1e-300), 1.5)
        variance = float(squares.sum()) * parts / (parts - 1) * _SLOPE
        errors.append(max(float(np.sqrt(variance)) / total, float(least)))
    return errors[0], errors[1]


def _at_border() -> NoSpot:
    return NoSpot(
        "the laser spot lies at the picture's border or is larger than the picture: move it further in, or the camera "
        "further back"
    )
