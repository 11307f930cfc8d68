"""Each frame's exposure, and how light falls off within a frame, from what neighbours show of the same places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.mosaic.frames import BLOCK, Glance
from calibration.mosaic.overlaps import Overlap
from calibration.mosaic.view import Doubles, Floats, HeadView

_EXPONENTS = [(i, j) for i in range(5) for j in range(5 - i) if i + j > 0]
_DARKEST, _BRIGHTEST = 0.01, 0.9
"""Linear light between which a block is neither noise nor clipped."""
_EXPOSURE_SPREAD = 0.1
_FLAT_SPREAD = 1.0
"""Standard deviations of the logarithms before anything is measured: only the order matters, see `estimated_light`."""
_NOISE = 0.02
"""Of a block's logarithm: light and misplaced detail, against which the spreads are held."""
_POINTS_A_SIDE = 14
_ROUNDS = 12
_OUTLYING = 4.7
_SETTLED = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """What a frame's linear light has to be divided by, for each colour."""

    exposures: Doubles
    """Of each frame, shape (frames, 3); 1 on average."""
    flat: Doubles
    """Coefficients of the logarithm of the fall-off, shape (terms, 3); zeros where a card gave it."""
    card: Floats | None
    """Fall-off over the frame as a card showed it, 1 at its brightest, shape (h, w, 3), small; None without a card."""
    reach_mm: float

    def fall_off(self, view: HeadView, offsets_mm: Doubles) -> Doubles:
        """Fall-off at offsets from the beam, shape (n, 2) to (n, 3)."""
        if self.card is not None:
            size = np.array([self.card.shape[1] / view.lens.width_px, self.card.shape[0] / view.lens.height_px])
            at = ((view.pixels(offsets_mm) + 0.5) * size - 0.5).astype(np.float32)
            sampled = cv2.remap(
                self.card,
                np.ascontiguousarray(at[None, :, 0]),
                np.ascontiguousarray(at[None, :, 1]),
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            )
            return np.asarray(sampled[0], dtype=np.float64)
        return np.asarray(np.exp(_terms((offsets_mm - view.centre_mm) / self.reach_mm) @ self.flat))


def estimated_light(
    seen: Sequence[Glance],
    places_mm: Doubles,
    moves_mm: Doubles,
    overlaps: Sequence[Overlap],
    view: HeadView,
    card: Floats | None,
) -> Light:
    """Robust least squares on the logarithms of what two frames show of the same place.

    ``log a_i(x) - log a_j(x) = e_i - e_j + g(x - p_i) - g(x - p_j)``, with ``e`` the exposures and ``g`` a polynomial
    of the fourth degree over the frame (D. B. Goldman 2010 for vignetting that turns with the camera). A slope of g and
    exposures that grow along the stage look the same; such a slope is taken for the frame's, as of a lamp that travels
    with the head.

    Parameters
    ----------
    places_mm, moves_mm
        Where the stage says that the frames lie, and corrections of that, shape (frames, 2).
    card
        As `card_of`; then exposures alone are estimated. None: from the frames.
    """
    left, upper, right, lower = view.box_mm
    reach_mm = float(np.hypot(right - left, lower - upper)) / 2
    light = Light(np.ones((len(seen), 3)), np.zeros((len(_EXPONENTS), 3)), card, reach_mm)
    rows, values = [], []
    for overlap in overlaps:
        if overlap.is_alike or not overlap.is_textured:
            design, ratios = _compared(overlap, seen, places_mm, moves_mm, view, light)
            rows.append(design)
            values.append(ratios)
    if not rows or sum(len(one) for one in rows) == 0:
        return light
    design, ratios = np.concatenate(rows), np.concatenate(values)
    count = len(seen)
    spreads = np.concatenate([np.full(count, _EXPOSURE_SPREAD), np.full(len(_EXPONENTS), _FLAT_SPREAD)])
    if card is not None:
        design, spreads = design[:, :count], spreads[:count]
    solved = np.stack([_robust(design, ratios[:, band], spreads) for band in range(3)], axis=1)
    exposures = np.exp(solved[:count] - solved[:count].mean(axis=0))
    flat = solved[count:] if card is None else light.flat
    return Light(exposures, flat, card, light.reach_mm)


def card_of(light: NDArray[np.uint16]) -> Floats:
    """Fall-off from a picture of an even card, smooth and small; 1 where it is brightest.

    Parameters
    ----------
    light : uint16, linear, shape (h, w, 3)

    Raises
    ------
    ValueError
        The card is clipped, dark, or not even.
    """
    size = (160, max(1, round(160 * light.shape[0] / light.shape[1])))
    small = cv2.resize(light, size, interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(65535)
    smooth = np.asarray(cv2.GaussianBlur(small, (0, 0), 3), dtype=np.float32)
    if float(np.mean(light >= 65000)) > 0.001:
        raise ValueError("the picture of the card is clipped: shorten the exposure and photograph it again")
    if float(smooth.max()) < 0.05:
        raise ValueError("the picture of the card is dark: lengthen the exposure and photograph it again")
    if float(np.abs(small / np.maximum(smooth, 1e-3) - 1).mean()) > 0.05 or float(smooth.min() / smooth.max()) < 0.05:
        raise ValueError("what is given as the card's picture is not even: photograph a plain white or grey card alone")
    return np.asarray(smooth / smooth.max(axis=(0, 1)), dtype=np.float32)


def _terms(offsets: Doubles) -> Doubles:
    """Powers of offsets of about 1 at the corners, shape (n, terms)."""
    x, y = offsets[:, 0], offsets[:, 1]
    return np.column_stack([x**i * y**j for i, j in _EXPONENTS])


def _compared(
    overlap: Overlap, seen: Sequence[Glance], places_mm: Doubles, moves_mm: Doubles, view: HeadView, light: Light
) -> tuple[Doubles, Doubles]:
    """Equations of one overlap: design, shape (n, frames + terms), and log ratios, shape (n, 3)."""
    first, second = overlap.first, overlap.second
    boxes = [_box(seen[k], moves_mm[k]) for k in (first, second)]
    low, high = np.maximum(boxes[0][0], boxes[1][0]), np.minimum(boxes[0][1], boxes[1][1])
    if np.any(high <= low):
        return np.zeros((0, len(seen) + len(_EXPONENTS))), np.zeros((0, 3))
    way = (np.arange(_POINTS_A_SIDE) + 0.5) / _POINTS_A_SIDE
    x, y = np.meshgrid(low[0] + way * (high[0] - low[0]), low[1] + way * (high[1] - low[1]))
    points = np.column_stack([x.ravel(), y.ravel()])
    usable = np.ones(len(points), dtype=bool)
    tones, offsets = [], []
    for k in (first, second):
        values, inside = _sampled(seen[k], points - moves_mm[k])
        usable &= inside & (values.min(axis=1) > _DARKEST) & (values.max(axis=1) < _BRIGHTEST)
        offset = points - moves_mm[k] - places_mm[k]
        offsets.append(offset)
        tones.append(values / light.fall_off(view, offset) if light.card is not None else values)
    terms = [_terms((offset[usable] - view.centre_mm) / light.reach_mm) for offset in offsets]
    exposures = np.zeros((int(usable.sum()), len(seen)))
    exposures[:, first], exposures[:, second] = 1.0, -1.0
    ratios = np.log(tones[0][usable] / tones[1][usable])
    return np.column_stack([exposures, terms[0] - terms[1]]), ratios


def _box(one: Glance, move_mm: Doubles) -> tuple[Doubles, Doubles]:
    patch = one.patch
    low = np.array([patch.left_cell, patch.upper_cell]) * patch.cell_mm + move_mm
    return low, low + np.array([patch.columns, patch.rows]) * patch.cell_mm


def _sampled(one: Glance, points_mm: Doubles) -> tuple[Doubles, NDArray[np.bool_]]:
    """Blocks' light at stage positions, shape (n, 3), and which of them lie well inside the frame."""
    patch = one.patch
    cells = points_mm / patch.cell_mm - [patch.left_cell, patch.upper_cell]
    at = (cells / BLOCK - 0.5).astype(np.float32)
    columns, rows = np.ascontiguousarray(at[None, :, 0]), np.ascontiguousarray(at[None, :, 1])
    values = cv2.remap(one.blocks, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
    where = np.floor(cells).astype(int)
    inside = np.ones(len(points_mm), dtype=bool)
    for step in ((-BLOCK, 0), (BLOCK, 0), (0, -BLOCK), (0, BLOCK)):
        x, y = (where + step).T
        held = (x >= 0) & (y >= 0) & (x < patch.columns) & (y < patch.rows)
        inside &= held & one.seen[np.clip(y, 0, patch.rows - 1), np.clip(x, 0, patch.columns - 1)]
    return np.asarray(values, dtype=np.float64), inside


def _robust(design: Doubles, values: Doubles, spreads: Doubles) -> Doubles:
    """Ridge regression with Tukey's biweight."""
    weights = np.ones(len(values))
    solution: Doubles = np.zeros(design.shape[1])
    prior = np.diag((_NOISE / spreads) ** 2)
    for _ in range(_ROUNDS):
        weighed = design * weights[:, None]
        solution = np.asarray(np.linalg.solve(design.T @ weighed + prior, weighed.T @ values), dtype=np.float64)
        rest = values - design @ solution
        scale = max(1.4826 * float(np.median(np.abs(rest))), 1e-4)
        before, weights = weights, (1 - np.clip(rest / (_OUTLYING * scale), -1, 1) ** 2) ** 2
        if float(np.abs(weights - before).mean()) < _SETTLED:
            break
    return np.asarray(solution)
