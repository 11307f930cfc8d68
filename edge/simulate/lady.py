"""The panel's picture: a lady at a window, fruit on the ledge before her, and an abandoned head under the landscape."""

from __future__ import annotations

import numpy as np

from edge.simulate.paints import BLUE, FLESH, GOLD, LINEN, RED, WHITE
from edge.simulate.pigments import Mixture
from edge.simulate.scene import Lettering, Points, Scene, Shape, band, ellipse, ring, turned
from edge.simulate.setting import abandoned, fruit, landscape, ledge, room, window_frame

# fmt: off


def panel_scene(rng: np.random.Generator) -> Scene:
    """Compose the panel; the generator moves clouds, losses and the abandoned head a little."""
    shapes = (*room(), *landscape(rng), *window_frame(), *_figure(), *_head(), *ledge(), *fruit(), *_hand())
    lettering = (
        Lettering("ORA PRO", 80.5, 84.1, 2.6, 0.34, {"bone black": 1}),
        Lettering("MDXXVI", 80.8, 87.6, 2.2, 0.30, {"bone black": 0.6, "vermilion": 0.4}),
        *(Lettering("salve regina", 11.8, 71.9 + 1.3 * i, 0.8, 0.1, {"bone black": 1}) for i in range(4)),
    )
    dx, dy = rng.uniform(-2, 2, 2)
    hidden_words = (
        Lettering("ANNO", 77.0, 66.0, 8.0, 1.3, {"vermilion": 0.85, "lead white": 0.15}, 22.0),
        Lettering("1524", 79.0, 79.0, 8.0, 1.3, {"vermilion": 0.85, "lead white": 0.15}, 22.0),
    )
    losses = tuple(
        (float(rng.uniform(4, 116)), float(rng.uniform(4, 86)), float(rng.uniform(0.8, 2.6))) for _ in range(9)
    )
    edge_losses = tuple((float(rng.uniform(2, 118)), y, float(rng.uniform(1.5, 3.0))) for y in (0.4, 89.6, 89.8))
    return Scene(shapes, lettering, abandoned(float(dx), float(dy)), hidden_words, losses + edge_losses)


def _figure() -> tuple[Shape, ...]:
    mantle: Points = (
        (42, 10.5), (49, 12.6), (54, 19.5), (55.6, 30), (59, 40), (67.5, 47), (73.5, 57), (76.5, 71.5), (12, 71.5),
        (14.5, 59),
        (19.5, 49), (27.5, 41.5), (29.6, 31), (30.6, 19.8), (35.2, 12.8),
    )
    veil: Points = (
        (42, 14.2), (48, 16.6), (51.2, 23), (51.3, 31.5), (53, 39), (49.5, 47), (35, 47), (31.8, 39.5), (33.4, 32),
        (33, 23.5),
        (36.2, 17),
    )
    dress: Points = ((36.5, 44), (47.5, 44), (53.5, 53), (56.5, 71.5), (29, 71.5), (32.5, 53))
    fold: Points = ((52, 40), (58.5, 45), (64, 55), (66, 71.5), (57, 71.5), (55.8, 60), (51.5, 48))
    neckline: Points = ((36.2, 44.6), (39, 47.6), (42, 48.6), (45, 47.6), (47.8, 44.6))
    halo = Shape(ring(42.5, 25, 17.4, 0.8), GOLD, GOLD, {"lead-tin yellow": 1}, corners=True, contrast=0.4,
                 roundness_mm=0.5, thickness_um=22, fine=True)
    return (
        halo,
        Shape(mantle, *BLUE, roundness_mm=7, contrast=0.85, base=0.42, folds=(8.0, 24, 0.42), thickness_um=44),
        Shape(fold, *BLUE, roundness_mm=3, contrast=1.0, base=0.5, folds=(5.5, 12, 0.25), stroke_deg=72,
            thickness_um=48),
        Shape(dress, *RED, roundness_mm=4, contrast=0.7, base=0.46, folds=(4.4, 4, 0.38), stroke_deg=92,
            thickness_um=30),
        Shape(veil, *LINEN, roundness_mm=3, contrast=0.8, base=0.5, folds=(2.8, -18, 0.25), stroke_deg=80,
            thickness_um=26),
        Shape(band(neckline, 1.1), GOLD, GOLD, {"lead-tin yellow": 1}, contrast=0.5, roundness_mm=0.4,
            thickness_um=30, fine=True),
        Shape(ellipse(42, 51.6, 1.5, 1.9), {"ultramarine": 0.7, "bone black": 0.3}, BLUE[1], WHITE, contrast=1.2,
              roundness_mm=1.2, thickness_um=35, fine=True),
    )


def _head() -> tuple[Shape, ...]:
    def lean(points: Points) -> Points:
        return turned(points, 7.0)

    face = lean(
        ((42, 17.8), (46.4, 19), (49, 22.8), (49.4, 27.6), (48.5, 32), (46.4, 36), (43.6, 38.9), (41.4, 39),
            (38.6, 36.6),
         (36.4, 32.6), (35.2, 27.8), (35.4, 22.8), (37.8, 19))
    )
    hair = lean(((42, 15.6), (48, 18), (50.3, 24), (49.4, 31), (47.6, 28), (46, 21.4), (42, 19.4), (38.6, 21.2),
        (36.4, 27),
                 (34.8, 31.6), (33.8, 24), (36.6, 17.8)))
    neck: Points = ((38.4, 35), (46, 35), (46.6, 41), (48.4, 44.8), (35.8, 44.8), (37.6, 41))
    shade: Mixture = {"umber": 0.35, "red ochre": 0.3, "lead white": 0.35}
    dark: Mixture = {"umber": 0.7, "bone black": 0.3}
    blush: Mixture = {"lead white": 0.75, "vermilion": 0.25}
    brown = ({"umber": 0.7, "bone black": 0.3}, {"umber": 0.75, "red ochre": 0.25}, {"yellow ochre": 0.6, "umber": 0.4})

    def touch(points: Points, paint: Mixture, opacity: float, soft_mm: float) -> Shape:
        return Shape(lean(points), paint, paint, paint, contrast=0, soft_mm=soft_mm, opacity=opacity, thickness_um=8,
            fine=True)

    def eye(x: float, y: float) -> tuple[Shape, ...]:
        return (
            touch(ellipse(x, y - 0.3, 2.5, 1.6), shade, 0.5, 0.6),
            touch(ellipse(x, y + 0.1, 1.55, 0.62), {"lead white": 0.9, "smalt": 0.1}, 0.9, 0.1),
            touch(ellipse(x - 0.15, y, 0.66, 0.66), dark, 0.95, 0.08),
            touch(band(((x - 1.9, y + 0.1), (x - 0.6, y - 0.72), (x + 0.8, y - 0.66),
                (x + 1.8, y + 0.2)), 0.42), dark, 0.9, 0.08),
            touch(band(((x - 1.9, y - 2.2), (x - 0.2, y - 2.9), (x + 1.9, y - 2.3)), 0.5), brown[0], 0.6, 0.15),
        )

    nose: Points = ((43.2, 26.2), (43.3, 29), (44.3, 31.1), (43.4, 32), (42.2, 31.9))
    return (
        Shape(neck, *FLESH, roundness_mm=3, contrast=0.8, base=0.4, ramp=(-0.2, 0.5), stroke_deg=88, thickness_um=22),
        Shape(hair, *brown, roundness_mm=2.5, contrast=0.8, folds=(1.6, 20, 0.3), stroke_deg=70, thickness_um=20),
        Shape(face, *FLESH, roundness_mm=6.5, contrast=0.9, base=0.58, ramp=(-0.25, -0.05), thickness_um=28, fine=True),
        touch(ellipse(37.6, 31.2, 2.2, 1.8), blush, 0.45, 0.8),
        touch(ellipse(46.4, 31.2, 1.8, 1.8), blush, 0.4, 0.8),
        *eye(38.9, 27.4),
        *eye(45.1, 27.4),
        touch(band(nose, 0.9), shade, 0.65, 0.3),
        touch(ellipse(41.6, 29.4, 0.45, 2.6), WHITE, 0.6, 0.25),
        touch(ellipse(41.9, 31.3, 0.9, 0.6), WHITE, 0.5, 0.25),
        touch(((39.7, 34.4), (41.2, 33.8), (42.0, 34.05), (42.8, 33.8), (44.1, 34.4), (42, 34.75)), RED[0], 0.85, 0.12),
        touch(((40.2, 34.7), (42, 34.8), (43.7, 34.7), (42.9, 35.5),
            (41.1, 35.5)), {"vermilion": 0.5, "lead white": 0.5}, 0.85, 0.15),
        touch(ellipse(42, 36.4, 1.8, 0.4), shade, 0.45, 0.3),
    )


def _hand() -> tuple[Shape, ...]:
    cuff: Points = ((58.4, 58.5), (64.6, 57.2), (67, 63.4), (65.4, 67.6), (58.6, 67.2), (56.6, 62.4))
    palm: Points = ((52.2, 62.6), (57, 60.6), (60.4, 62.2), (60.6, 66.2), (56, 67.8), (51, 67))
    fingers = tuple(
        Shape(band(points, 1.75), *FLESH, contrast=1.0, roundness_mm=0.9, base=0.55, thickness_um=22, fine=True)
        for points in (
            ((53.6, 62.8), (49.8, 62.6), (46.8, 64.2)), ((53, 64.4), (48.8, 64.6), (45.6, 66.4)),
            ((53, 66.0), (48.8, 66.6), (46.0, 68.4)), ((53.6, 67.2), (50.0, 68.2), (47.8, 69.6)),
            ((56.6, 62.0), (53.4, 60.2), (50.8, 60.2)),
        )
    )
    return (
        Shape(cuff, *RED, roundness_mm=2, contrast=0.9, folds=(2.2, 80, 0.3), thickness_um=30),
        Shape(palm, *FLESH, roundness_mm=2.5, contrast=0.9, base=0.55, thickness_um=24, fine=True),
        *fingers,
    )
