"""A small panel painting, made from a seed: what the camera sees of it, and what X-rays find in and under it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.simulate.brush import along_edges, bristles, craquelure, stroke_sources, wandering
from edge.simulate.emission import PaintLayer, PaintRates, paint_rates
from edge.simulate.footprint import RateField, beam_way
from edge.simulate.lady import panel_scene
from edge.simulate.pigments import ELEMENTS, PIGMENTS, areal_density_per_um, mixture_vector, reflectance
from edge.simulate.scene import Scene
from edge.simulate.underpainting import REFERENCE_MM, Canvas, Underpainting
from firmware_bridge.messages import StagePose
from firmware_bridge.twins.source import Emission

_FIELD_PX_PER_MM = 5.0
_COLOUR_PX_PER_MM = 10.0
_XRAY_PITCH_MM = 0.25
_LARGEST_COLOUR_PX = 1_500_000
_TUBE_RATE_HZ = 6.0
_MATRIX_RATE_HZ = 9_000.0


@dataclass(frozen=True, slots=True, eq=False)
class PaintedPanel:
    """The finished object, in its own coordinates."""

    rgb: NDArray[np.uint8]
    """sRGB of the varnished surface, shape (rows, columns, 3)."""
    surface: PaintLayer
    hidden: PaintLayer
    """The abandoned painting between surface and ground."""
    ground: PaintLayer
    pitch_mm: float
    """Of the layers' raster."""
    size_mm: tuple[float, float]
    """Width and height."""


class PanelSpecimen:
    """The panel on the stage."""

    def __init__(self, panel: PaintedPanel, origin: StagePose, *, beam_fwhm_mm: float = 0.4) -> None:
        self.panel = panel
        self._origin = origin
        self.rates = paint_rates(
            [panel.surface, panel.hidden, panel.ground], tube_rate_hz=_TUBE_RATE_HZ, matrix_rate_hz=_MATRIX_RATE_HZ
        )
        self._field = _rate_field(self.rates, panel.pitch_mm, beam_fwhm_mm)
        bundles = self.rates.bundles
        self._energies_kev = np.concatenate([bundle.energies_kev for bundle in bundles])
        self._shares = np.concatenate([bundle.shares / bundle.shares.sum() for bundle in bundles])
        self._bundle_of_line = np.repeat(np.arange(len(bundles)), [len(bundle.shares) for bundle in bundles])
        self._step_mm = max(panel.pitch_mm, beam_fwhm_mm / 3)

    @property
    def origin(self) -> StagePose:
        return self._origin

    @property
    def size_mm(self) -> tuple[float, float]:
        return self.panel.size_mm

    def at(self, start: StagePose, end: StagePose) -> Emission:
        """Lines of every element under the beam; beyond the panel's edge, the bare easel."""
        way = beam_way(start, end, self._step_mm) - np.array([self._origin.x_mm, self._origin.y_mm])
        mean = self._field.mean(way)
        return Emission(self._energies_kev, mean[:-1][self._bundle_of_line] * self._shares, float(mean[-1]))

    def photograph(self, mm_per_px: float) -> NDArray[np.uint8]:
        size = (max(1, round(self.panel.size_mm[0] / mm_per_px)), max(1, round(self.panel.size_mm[1] / mm_per_px)))
        shrinking = size[0] < self.panel.rgb.shape[1]
        return np.asarray(
            cv2.resize(self.panel.rgb, size, interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC),
            dtype=np.uint8,
        )


def paint_panel(seed: int, width_mm: float, height_mm: float) -> PaintedPanel:
    """Paint a panel; the same seed gives the same panel, bit for bit on one machine."""
    rng = np.random.default_rng(seed)
    scene = panel_scene(rng)
    px_per_mm = min(_COLOUR_PX_PER_MM, float(np.sqrt(_LARGEST_COLOUR_PX / (width_mm * height_mm))))
    size = (round(height_mm * px_per_mm), round(width_mm * px_per_mm))
    laid = _lay_in(scene, rng, width_mm, height_mm, px_per_mm * _FIELD_PX_PER_MM / _COLOUR_PX_PER_MM)
    colour = np.sqrt(reflectance(laid.mixture))
    brush = along_edges(colour, laid.direction, 2.0)
    source, load = stroke_sources(rng, brush, _detail(colour, laid.fine), size, px_per_mm)
    source = _with_fine_brush(source, laid.fine, size)
    direction = np.asarray(cv2.resize(brush, (size[1], size[0]), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
    bristle = bristles(rng, direction, 2.2 * px_per_mm)
    cracks = craquelure(rng, size, px_per_mm)
    mixture = laid.mixture.reshape(-1, len(PIGMENTS))[source]
    thickness_um = laid.thickness_um.ravel()[source] * np.exp(0.16 * load + 0.13 * bristle)
    lost = _lost(scene, rng, size, (width_mm, height_mm), px_per_mm)
    rgb = _colour(rng, mixture, px_per_mm, load=load, bristle=bristle, cracks=cracks, lost=lost)
    xray_size = (max(2, round(width_mm / _XRAY_PITCH_MM)), max(2, round(height_mm / _XRAY_PITCH_MM)))
    thickness_um *= (1 - 0.6 * cracks) * (1 - lost)
    film_um = _averaged(mixture * thickness_um[..., None], xray_size)
    retouched = _averaged(lost[..., None], xray_size)[..., 0]
    surface, ground = _surface_and_ground(rng, film_um, retouched)
    hidden = _hidden(scene, rng, (width_mm, height_mm), xray_size, retouched)
    return PaintedPanel(rgb, surface, hidden, ground, width_mm / xray_size[0], (width_mm, height_mm))


def _averaged(field: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Area average to (columns, rows); OpenCV takes four channels at a time."""
    parts = [
        cv2.resize(np.ascontiguousarray(field[..., first : first + 4]), size, interpolation=cv2.INTER_AREA)
        for first in range(0, field.shape[2], 4)
    ]
    return np.concatenate([part.reshape(size[1], size[0], -1) for part in parts], axis=2).astype(np.float32)


def _lay_in(
    scene: Scene, rng: np.random.Generator, width_mm: float, height_mm: float, px_per_mm: float
) -> Underpainting:
    canvas = Canvas(width_mm, height_mm, px_per_mm)
    shape = (round(height_mm * px_per_mm), round(width_mm * px_per_mm))
    wander = 0.6 * wandering(rng, shape, 5 * px_per_mm) + 0.4 * wandering(rng, shape, 1.6 * px_per_mm)
    for form in scene.shapes:
        canvas.lay(form, wander)
    for words in scene.lettering:
        canvas.letter(words)
    return canvas.painted()


def _detail(colour: NDArray[np.float32], fine: NDArray[np.float32]) -> NDArray[np.float32]:
    """Where colour changes within a broad stroke's width, or the brush was fine: 0 to 1."""
    smooth = cv2.GaussianBlur(colour, (0, 0), 2.2)
    change = cv2.GaussianBlur(np.abs(colour - smooth).max(axis=2), (0, 0), 2.0)
    return np.asarray(np.clip(np.maximum(change * 14, cv2.GaussianBlur(fine, (0, 0), 3.0)), 0, 1), dtype=np.float32)


def _with_fine_brush(source: NDArray[np.intp], fine: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.intp]:
    """Let pixels under the pointed brush take the paint laid in right there."""
    rows = np.minimum(np.arange(size[0]) * fine.shape[0] // size[0], fine.shape[0] - 1)
    columns = np.minimum(np.arange(size[1]) * fine.shape[1] // size[1], fine.shape[1] - 1)
    own = rows[:, None] * fine.shape[1] + columns[None, :]
    return np.where(cv2.resize(fine, (size[1], size[0]), interpolation=cv2.INTER_LINEAR) > 0.5, own, source)


def _lost(
    scene: Scene, rng: np.random.Generator, size: tuple[int, int], size_mm: tuple[float, float], px_per_mm: float
) -> NDArray[np.float32]:
    """Share of each pixel where the old paint is gone, filled and retouched."""
    ragged = 0.28 * wandering(rng, size, 0.9 * px_per_mm)
    lost = np.zeros(size, dtype=np.float32)
    for loss_x, loss_y, radius_mm in scene.losses:
        x, y = loss_x * size_mm[0] / REFERENCE_MM[0] * px_per_mm, loss_y * size_mm[1] / REFERENCE_MM[1] * px_per_mm
        reach = int(2.5 * radius_mm * px_per_mm)
        rows = np.arange(max(int(y) - reach, 0), min(int(y) + reach, size[0]))
        columns = np.arange(max(int(x) - reach, 0), min(int(x) + reach, size[1]))
        if rows.size == 0 or columns.size == 0:
            continue
        away = np.hypot(columns[None, :] - x, 1.3 * (rows[:, None] - y)) / (radius_mm * px_per_mm)
        spot = np.ix_(rows, columns)
        lost[spot] = np.maximum(lost[spot], np.clip((1 - away + ragged[spot]) * 8, 0, 1))
    return lost


def _colour(
    rng: np.random.Generator,
    mixture: NDArray[np.float32],
    px_per_mm: float,
    *,
    load: NDArray[np.float32],
    bristle: NDArray[np.float32],
    cracks: NDArray[np.float32],
    lost: NDArray[np.float32],
) -> NDArray[np.uint8]:
    """sRGB of the surface under raking light, cracked, retouched, varnished and a little dirty."""
    light = reflectance(mixture)
    relief = cv2.GaussianBlur(0.5 * load + 0.6 * bristle, (0, 0), 0.07 * px_per_mm)
    raking = cv2.Sobel(relief, cv2.CV_32F, 1, 0, ksize=3) + cv2.Sobel(relief, cv2.CV_32F, 0, 1, ksize=3)
    shading = 1 + 0.035 * np.clip(raking, -3, 3) + 0.03 * load + 0.02 * bristle
    light = light * shading[..., None]
    blotched = cv2.GaussianBlur(light, (0, 0), 0.5 * px_per_mm) * np.array([1.03, 1.0, 0.95], dtype=np.float32)
    light += lost[..., None] * (blotched - light)
    light *= (1 - 0.45 * cv2.GaussianBlur(cracks, (0, 0), 0.05 * px_per_mm))[..., None]
    size = (light.shape[0], light.shape[1])
    varnish = np.clip(1 + 0.25 * wandering(rng, size, 18 * px_per_mm), 0.3, 1.8)
    light = 0.006 + light * np.power(np.array([0.95, 0.89, 0.72], dtype=np.float32), varnish[..., None])
    light *= (1 - 0.02 * np.abs(wandering(rng, size, 0.5 * px_per_mm)))[..., None]
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.power(np.maximum(light, 1e-6), 1 / 2.4) - 0.055)
    return np.asarray(np.clip(encoded * 255 + 0.5, 0, 255), dtype=np.uint8)


def _surface_and_ground(
    rng: np.random.Generator, film_um: NDArray[np.float32], retouched: NDArray[np.float32]
) -> tuple[PaintLayer, PaintLayer]:
    """Surface and ground, with unevenness that colour does not show."""
    shape = (film_um.shape[0], film_um.shape[1])
    masses = areal_density_per_um()
    pressed = np.exp(0.14 * wandering(rng, shape, 24) + 0.08 * wandering(rng, shape, 5))
    fill = mixture_vector({"titanium white": 0.3, "zinc white": 0.25, "chalk": 0.3, "yellow ochre": 0.15})
    surface = (film_um * pressed[..., None]) @ masses + (28 * retouched)[..., None] * (fill @ masses)
    # The panel's grain runs across; the ground fills it. The priming was brushed on aslant, in broad stripes.
    grain = cv2.GaussianBlur(wandering(rng, shape, 3), (0, 0), sigmaX=40, sigmaY=0.8)
    chalk_um = 95 + 18 * grain / max(float(grain.std()), 1e-6) + 6 * wandering(rng, shape, 20)
    slant = np.full((*shape, 2), (np.cos(0.6), -np.sin(0.6)), dtype=np.float32)
    priming_um = np.clip(5.5 + 1.6 * bristles(rng, slant, 60) + 1.0 * wandering(rng, shape, 9), 0.5, None)
    chalk = mixture_vector({"chalk": 0.97, "yellow ochre": 0.03}) @ masses
    priming = mixture_vector({"lead white": 0.9, "umber": 0.1}) @ masses
    ground = np.maximum(chalk_um, 20)[..., None] * chalk + (priming_um * (1 - retouched))[..., None] * priming
    return PaintLayer(surface.astype(np.float32)), PaintLayer(ground.astype(np.float32))


def _hidden(
    scene: Scene,
    rng: np.random.Generator,
    size_mm: tuple[float, float],
    size: tuple[int, int],
    retouched: NDArray[np.float32],
) -> PaintLayer:
    canvas = Canvas(*size_mm, size[0] / size_mm[0])
    shape = (size[1], size[0])
    for form in scene.hidden_shapes:
        canvas.lay(form, wandering(rng, shape, 12))
    for words in scene.hidden_lettering:
        canvas.letter(words)
    laid = canvas.painted()
    brushed = np.exp(0.25 * bristles(rng, laid.direction, 10) + 0.1 * wandering(rng, shape, 6))
    film = laid.mixture * (laid.thickness_um * brushed * (1 - retouched))[..., None]
    return PaintLayer((film @ areal_density_per_um()).astype(np.float32))


def _rate_field(rates: PaintRates, pitch_mm: float, beam_fwhm_mm: float) -> RateField:
    """Bundles of lines and, last, the matrix; around the panel a wooden easel with a little calcium and iron."""
    stacked = np.concatenate([rates.rates_hz, rates.matrix_rate_hz[..., None]], axis=2)
    wood = np.zeros(len(ELEMENTS), dtype=np.float32)
    wood[ELEMENTS.index("Ca")], wood[ELEMENTS.index("Fe")] = 0.04, 0.004
    bare = paint_rates([PaintLayer(wood.reshape(1, 1, -1))], tube_rate_hz=_TUBE_RATE_HZ, matrix_rate_hz=_MATRIX_RATE_HZ)
    outside = np.concatenate([bare.rates_hz.reshape(-1), bare.matrix_rate_hz.reshape(-1)])
    return RateField(stacked, outside, pitch_mm, beam_fwhm_mm)
