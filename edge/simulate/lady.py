"""The panel's picture: a lady at a window, fruit on the ledge before her, and an abandoned head under the landscape."""

from __future__ import annotations

import numpy as np

from edge.simulate.pigments import Mixture
from edge.simulate.scene import WINDOW, Lettering, Points, Scene, Shape, band, ellipse, ring, turned

WHITE: Mixture = {"lead white": 1}
BLACK: Mixture = {"bone black": 0.8, "umber": 0.2}
GOLD: Mixture = {"lead-tin yellow": 0.9, "yellow ochre": 0.1}
FLESH: tuple[Mixture, Mixture, Mixture] = (
    {"lead white": 0.52, "red ochre": 0.22, "umber": 0.14, "vermilion": 0.05},
    {"lead white": 0.82, "vermilion": 0.045, "yellow ochre": 0.10},
    {"lead white": 0.955, "vermilion": 0.014, "yellow ochre": 0.03},
)
BLUE: tuple[Mixture, Mixture, Mixture] = (
    {"azurite": 0.55, "ultramarine": 0.25, "bone black": 0.2},
    {"azurite": 0.85, "lead white": 0.12, "ultramarine": 0.03},
    {"azurite": 0.45, "lead white": 0.55},
)
RED: tuple[Mixture, Mixture, Mixture] = (
    {"red lake": 0.75, "vermilion": 0.15, "bone black": 0.1},
    {"vermilion": 0.8, "red lake": 0.2},
    {"vermilion": 0.62, "lead white": 0.28, "lead-tin yellow": 0.1},
)
LINEN: tuple[Mixture, Mixture, Mixture] = (
    {"lead white": 0.75, "bone black": 0.05, "smalt": 0.15, "umber": 0.05},
    {"lead white": 0.94, "smalt": 0.03, "yellow ochre": 0.03},
    WHITE,
)
STONE: tuple[Mixture, Mixture, Mixture] = (
    {"umber": 0.5, "bone black": 0.2, "lead white": 0.3},
    {"lead white": 0.68, "yellow ochre": 0.14, "umber": 0.14, "bone black": 0.04},
    {"lead white": 0.88, "yellow ochre": 0.12},
)
LEAVES: tuple[Mixture, Mixture, Mixture] = (
    {"malachite": 0.5, "bone black": 0.3, "umber": 0.2},
    {"malachite": 0.8, "yellow ochre": 0.2},
    {"malachite": 0.5, "lead-tin yellow": 0.5},
)


def panel_scene(rng: np.random.Generator) -> Scene:
    """Compose the panel; the generator moves clouds, losses and the abandoned head a little."""
    shapes = (*_room(), *_landscape(rng), *_window_frame(), *_figure(), *_head(), *_ledge(), *_fruit(), *_hand())
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
    return Scene(shapes, lettering, _abandoned(float(dx), float(dy)), hidden_words, losses + edge_losses)


def _room() -> tuple[Shape, ...]:
    wall: Points = ((-3, -3), (123, -3), (123, 73), (-3, 73))
    curtain: Points = ((-3, -3), (15, -3), (17, 12), (13, 30), (8, 47), (5, 72), (-3, 73))
    return (
        Shape(
            wall, {"umber": 0.5, "bone black": 0.5}, {"umber": 0.7, "bone black": 0.22, "malachite": 0.08},
            {"umber": 0.5, "yellow ochre": 0.35, "lead white": 0.15}, corners=True, contrast=0, base=0.55,
            ramp=(0.45, 0.35), stroke_deg=62, thickness_um=20,
        ),
        Shape(
            curtain, {"malachite": 0.4, "bone black": 0.6}, {"malachite": 0.7, "bone black": 0.2, "umber": 0.1},
            {"malachite": 0.75, "lead-tin yellow": 0.25}, roundness_mm=3, contrast=0.5, base=0.4,
            folds=(4.6, 6, 0.42), stroke_deg=95, thickness_um=32,
        ),
    )


def _landscape(rng: np.random.Generator) -> tuple[Shape, ...]:
    sky = Shape(
        WINDOW, {"azurite": 0.62, "lead white": 0.38}, {"azurite": 0.26, "lead white": 0.74},
        {"lead white": 0.93, "lead-tin yellow": 0.05, "vermilion": 0.01}, contrast=0, base=0.42, ramp=(0.1, 1.0),
        stroke_deg=4, thickness_um=26,
    )
    clouds = tuple(
        Shape(
            ellipse(x + float(rng.uniform(-2, 2)), y + float(rng.uniform(-1, 1)), rx, ry, -6),
            {"lead white": 0.8, "smalt": 0.2}, {"lead white": 0.94, "smalt": 0.06}, WHITE, contrast=0.9,
            soft_mm=0.7, opacity=0.85, stroke_deg=-8, thickness_um=34, inside_window=True,
        )
        for x, y, rx, ry in ((83, 19, 7, 1.9), (88, 17.6, 4, 1.7), (100, 23, 6, 1.5), (79, 26, 4.5, 1.0), (96, 28, 7, 0.9))
    )
    far: Points = ((66, 40), (74, 36.5), (80, 39), (87, 34.5), (94, 38.5), (101, 35.2), (112, 39.5), (112, 62), (66, 62))
    middle: Points = ((66, 46), (73, 43.5), (81, 46.5), (90, 44.2), (99, 47), (112, 44), (112, 62), (66, 62))
    near: Points = ((66, 53), (76, 50), (88, 54), (98, 52), (112, 49), (112, 62), (66, 62))
    river: Points = (
        (89, 46.2), (92, 47.2), (87.5, 49.4), (90, 51.5), (98, 54), (97, 57.5), (90, 62), (78, 62), (87.5, 56.4), (89, 54.2),
        (83, 51.6), (82.5, 49.4), (87, 47.4),
    )
    tower: Points = ((76.6, 44.5), (76.6, 38.2), (79.6, 38.2), (79.6, 41.4), (83.2, 41.4), (83.2, 45), (76.6, 45))
    roof: Points = ((76.1, 38.4), (78.1, 35.0), (80.1, 38.4))
    hills = (
        Shape(far, {"smalt": 0.62, "lead white": 0.3, "azurite": 0.08}, {"smalt": 0.5, "lead white": 0.5},
              {"lead white": 0.8, "smalt": 0.2}, roundness_mm=3, contrast=0.5, stroke_deg=-20, inside_window=True),
        Shape(middle, {"malachite": 0.6, "smalt": 0.3, "bone black": 0.1}, {"malachite": 0.55, "lead white": 0.3, "smalt": 0.15},
              {"malachite": 0.4, "lead-tin yellow": 0.35, "lead white": 0.25}, roundness_mm=3, contrast=0.7, stroke_deg=12,
              inside_window=True),
        Shape(near, LEAVES[0], LEAVES[1], LEAVES[2], roundness_mm=3, contrast=0.8, base=0.45, stroke_deg=-6,
              thickness_um=30, inside_window=True),
        Shape(river, {"azurite": 0.4, "lead white": 0.6}, {"lead white": 0.82, "azurite": 0.18}, WHITE, contrast=0.3,
              base=0.55, ramp=(0, -0.4), stroke_deg=3, inside_window=True),
        Shape(tower, STONE[0], {"lead white": 0.8, "yellow ochre": 0.2}, WHITE, corners=True, contrast=0.2,
              ramp=(-0.9, 0), stroke_deg=90, inside_window=True, fine=True),
        Shape(roof, RED[0], RED[1], RED[2], corners=True, contrast=0.3, ramp=(-0.6, 0), inside_window=True, fine=True),
    )  # fmt: skip
    trunk = Shape(band(((103.5, 60), (103.2, 50), (104.4, 42), (103.4, 34)), 1.7), BLACK, {"umber": 1},
                  {"umber": 0.5, "yellow ochre": 0.5}, contrast=0.9, inside_window=True)  # fmt: skip
    crown = tuple(
        Shape(ellipse(x, y, r, 0.8 * r, turn), *LEAVES, contrast=1.0, roundness_mm=r, base=0.42, soft_mm=0.4,
              stroke_deg=turn, thickness_um=36, inside_window=True)
        for x, y, r, turn in (
            (99.5, 36, 3.4, 20), (107.5, 35, 3.6, -30), (101.5, 31, 4.0, 50), (106, 28.5, 3.4, -15), (103.3, 26, 2.6, 0),
        )
    )  # fmt: skip
    return (sky, *clouds, *hills, trunk, *crown)


def _window_frame() -> tuple[Shape, ...]:
    jambs: tuple[Points, ...] = (
        band(((70.2, 62), (70.2, 24), (71.6, 16.6), (76.4, 10.9), (83.8, 7.6), (91, 7.0)), 2.6),
        band(((91, 7.0), (98.2, 8.6), (105.1, 13.2), (109, 19.6), (110.1, 27), (110.1, 62)), 2.6),
    )
    sill: Points = ((67, 59.4), (113, 59.4), (113, 63), (67, 63))
    return (
        *(Shape(jamb, *STONE, contrast=1.0, roundness_mm=1.2, thickness_um=30, fine=True) for jamb in jambs),
        Shape(sill, *STONE, corners=True, contrast=0.9, roundness_mm=1.4, base=0.6, stroke_deg=0, thickness_um=30),
    )


def _figure() -> tuple[Shape, ...]:
    mantle: Points = (
        (42, 10.5), (49, 12.6), (54, 19.5), (55.6, 30), (59, 40), (67.5, 47), (73.5, 57), (76.5, 71.5), (12, 71.5), (14.5, 59),
        (19.5, 49), (27.5, 41.5), (29.6, 31), (30.6, 19.8), (35.2, 12.8),
    )
    veil: Points = (
        (42, 14.2), (48, 16.6), (51.2, 23), (51.3, 31.5), (53, 39), (49.5, 47), (35, 47), (31.8, 39.5), (33.4, 32), (33, 23.5),
        (36.2, 17),
    )
    dress: Points = ((36.5, 44), (47.5, 44), (53.5, 53), (56.5, 71.5), (29, 71.5), (32.5, 53))
    fold: Points = ((52, 40), (58.5, 45), (64, 55), (66, 71.5), (57, 71.5), (55.8, 60), (51.5, 48))
    neckline: Points = ((36.2, 44.6), (39, 47.6), (42, 48.6), (45, 47.6), (47.8, 44.6))
    halo = Shape(ring(42.5, 25, 17.4, 0.8), GOLD, GOLD, {"lead-tin yellow": 1}, corners=True, contrast=0.4,
                 roundness_mm=0.5, thickness_um=22, fine=True)  # fmt: skip
    return (
        halo,
        Shape(mantle, *BLUE, roundness_mm=7, contrast=0.85, base=0.42, folds=(8.0, 24, 0.42), thickness_um=44),
        Shape(fold, *BLUE, roundness_mm=3, contrast=1.0, base=0.5, folds=(5.5, 12, 0.25), stroke_deg=72, thickness_um=48),
        Shape(dress, *RED, roundness_mm=4, contrast=0.7, base=0.46, folds=(4.4, 4, 0.38), stroke_deg=92, thickness_um=30),
        Shape(veil, *LINEN, roundness_mm=3, contrast=0.8, base=0.5, folds=(2.8, -18, 0.25), stroke_deg=80, thickness_um=26),
        Shape(band(neckline, 1.1), GOLD, GOLD, {"lead-tin yellow": 1}, contrast=0.5, roundness_mm=0.4, thickness_um=30, fine=True),
        Shape(ellipse(42, 51.6, 1.5, 1.9), {"ultramarine": 0.7, "bone black": 0.3}, BLUE[1], WHITE, contrast=1.2,
              roundness_mm=1.2, thickness_um=35, fine=True),
    )  # fmt: skip


def _head() -> tuple[Shape, ...]:
    def lean(points: Points) -> Points:
        return turned(points, 7.0)

    face = lean(
        ((42, 17.8), (46.4, 19), (49, 22.8), (49.4, 27.6), (48.5, 32), (46.4, 36), (43.6, 38.9), (41.4, 39), (38.6, 36.6),
         (36.4, 32.6), (35.2, 27.8), (35.4, 22.8), (37.8, 19))
    )  # fmt: skip
    hair = lean(((42, 15.6), (48, 18), (50.3, 24), (49.4, 31), (47.6, 28), (46, 21.4), (42, 19.4), (38.6, 21.2), (36.4, 27),
                 (34.8, 31.6), (33.8, 24), (36.6, 17.8)))  # fmt: skip
    neck: Points = ((38.4, 35), (46, 35), (46.6, 41), (48.4, 44.8), (35.8, 44.8), (37.6, 41))
    shade: Mixture = {"umber": 0.35, "red ochre": 0.3, "lead white": 0.35}
    dark: Mixture = {"umber": 0.7, "bone black": 0.3}
    blush: Mixture = {"lead white": 0.75, "vermilion": 0.25}
    brown = ({"umber": 0.7, "bone black": 0.3}, {"umber": 0.75, "red ochre": 0.25}, {"yellow ochre": 0.6, "umber": 0.4})

    def touch(points: Points, paint: Mixture, opacity: float, soft_mm: float) -> Shape:
        return Shape(lean(points), paint, paint, paint, contrast=0, soft_mm=soft_mm, opacity=opacity, thickness_um=8, fine=True)

    def eye(x: float, y: float) -> tuple[Shape, ...]:
        return (
            touch(ellipse(x, y - 0.3, 2.5, 1.6), shade, 0.5, 0.6),
            touch(ellipse(x, y + 0.1, 1.55, 0.62), {"lead white": 0.9, "smalt": 0.1}, 0.9, 0.1),
            touch(ellipse(x - 0.15, y, 0.66, 0.66), dark, 0.95, 0.08),
            touch(band(((x - 1.9, y + 0.1), (x - 0.6, y - 0.72), (x + 0.8, y - 0.66), (x + 1.8, y + 0.2)), 0.42), dark, 0.9, 0.08),
            touch(band(((x - 2.4, y - 2.0), (x - 0.4, y - 2.9), (x + 2.3, y - 2.3)), 0.5), brown[0], 0.6, 0.15),
        )

    nose: Points = ((43.2, 24.6), (43.3, 29), (44.3, 31.1), (43.4, 32), (42.2, 31.9))
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
        touch(((40.2, 34.7), (42, 34.8), (43.7, 34.7), (42.9, 35.5), (41.1, 35.5)), {"vermilion": 0.5, "lead white": 0.5}, 0.85, 0.15),
        touch(ellipse(42, 36.4, 1.8, 0.4), shade, 0.45, 0.3),
    )  # fmt: skip


def _ledge() -> tuple[Shape, ...]:
    top: Points = ((-3, 69.5), (123, 69.5), (123, 76.5), (-3, 76.5))
    front: Points = ((-3, 76), (123, 76), (123, 93), (-3, 93))
    cloth: Points = ((46, 69.8), (66, 69.8), (70, 75.6), (69, 86.5), (63, 83.6), (57, 87), (50.5, 83), (44, 85.5), (42, 75.6))
    paper: Points = ((78, 80.6), (100, 79.9), (100.6, 88.4), (78.4, 88.8))
    page: Points = ((6, 76.3), (9, 69.6), (19, 70.6), (29.5, 69.4), (33, 76.1), (19.5, 77.8))
    initial: Points = ((9.8, 70.9), (11.4, 70.9), (11.0, 73.1), (9.1, 73.1))
    return (
        Shape(top, *STONE, corners=True, contrast=0.1, base=0.52, ramp=(0.2, 0.3), stroke_deg=1, thickness_um=28),
        Shape(front, STONE[0], {"umber": 0.3, "lead white": 0.5, "bone black": 0.1, "yellow ochre": 0.1}, STONE[1],
              corners=True, contrast=0.2, base=0.35, ramp=(0.3, -0.3), stroke_deg=-3, thickness_um=26),
        Shape(cloth, *LINEN, roundness_mm=3, contrast=0.8, base=0.5, folds=(5.2, 10, 0.42), stroke_deg=86, thickness_um=38),
        Shape(page, {"lead white": 0.8, "yellow ochre": 0.2}, {"lead white": 0.92, "yellow ochre": 0.08}, WHITE, corners=True,
              roundness_mm=2, contrast=0.6, base=0.55, folds=(13.5, 0, 0.2), stroke_deg=0, thickness_um=24),
        Shape(initial, RED[1], RED[1], RED[2], corners=True, contrast=0.2, thickness_um=18),
        Shape(paper, {"lead white": 0.7, "yellow ochre": 0.3}, {"lead white": 0.85, "yellow ochre": 0.15},
              {"lead white": 0.96, "yellow ochre": 0.04}, corners=True, roundness_mm=1, contrast=0.5, base=0.6,
              ramp=(-0.3, 0.1), stroke_deg=2, thickness_um=20),
    )  # fmt: skip


def _fruit() -> tuple[Shape, ...]:
    shadow = Shape(ellipse(96, 73.6, 17, 2.4), BLACK, BLACK, BLACK, contrast=0, soft_mm=0.9, opacity=0.7, thickness_um=10)
    pewter = ({"bone black": 0.4, "smalt": 0.4, "lead white": 0.2}, {"smalt": 0.5, "lead white": 0.5}, WHITE)
    plate = Shape(ellipse(94, 71.8, 17.5, 3.1), *pewter, contrast=1.0, roundness_mm=1.4, stroke_deg=0, thickness_um=26)
    pear: Points = ((95.6, 53.4), (97.4, 54.4), (98.2, 58.4), (100.6, 62.4), (101, 67), (98.6, 70.6), (94.4, 71), (90.8, 69.4),
                    (89.8, 65.6), (91.2, 61.6), (93.2, 58.4), (93.8, 54.6))  # fmt: skip
    yellow: tuple[Mixture, Mixture, Mixture] = (
        {"yellow ochre": 0.6, "umber": 0.25, "malachite": 0.15}, {"lead-tin yellow": 0.65, "yellow ochre": 0.35},
        {"lead-tin yellow": 0.8, "lead white": 0.2},
    )
    green: tuple[Mixture, Mixture, Mixture] = (
        {"malachite": 0.6, "umber": 0.4}, {"malachite": 0.5, "lead-tin yellow": 0.5},
        {"lead-tin yellow": 0.7, "lead white": 0.3},
    )
    plum: tuple[Mixture, Mixture, Mixture] = (
        {"ultramarine": 0.4, "bone black": 0.6}, {"ultramarine": 0.55, "red lake": 0.45}, {"smalt": 0.5, "lead white": 0.5},
    )

    def round_fruit(x: float, y: float, r: float, paints: tuple[Mixture, Mixture, Mixture]) -> tuple[Shape, ...]:
        glint = Shape(ellipse(x - 0.38 * r, y - 0.42 * r, 0.2 * r, 0.13 * r, -40), WHITE, WHITE, WHITE, contrast=0,
                      soft_mm=0.2, opacity=0.9, thickness_um=45, fine=True)  # fmt: skip
        return (
            Shape(ellipse(x, y, r, 0.93 * r), *paints, contrast=1.15, base=0.47, roundness_mm=0.95 * r, thickness_um=34),
            glint,
        )

    stalks = tuple(
        Shape(band(points, 0.6), BLACK, {"umber": 1}, {"umber": 0.5, "yellow ochre": 0.5}, contrast=0.5, roundness_mm=0.3)
        for points in (((95.7, 53.8), (96.2, 51.6), (97.6, 49.8)), ((84.2, 61.4), (84.9, 59.4), (86.2, 58.4)))
    )
    return (
        shadow, plate, *round_fruit(102.6, 66.4, 4.7, green),
        Shape(pear, *yellow, contrast=1.1, base=0.48, roundness_mm=5, thickness_um=36),
        *round_fruit(84.2, 65.6, 5.4, RED), *round_fruit(108.0, 69.8, 2.3, plum), *round_fruit(89.6, 69.8, 2.2, plum),
        *round_fruit(114.4, 72.8, 2.2, plum), *stalks,
    )  # fmt: skip


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


def _abandoned(dx: float, dy: float) -> tuple[Shape, ...]:
    """A larger head in lead white with a vermilion halo, given up for the window."""
    face = ellipse(89 + dx, 29 + dy, 10.5, 13.5, 8)
    neck: Points = tuple((x + dx, y + dy) for x, y in ((83, 40), (95, 40), (97, 50), (112, 56), (112, 61), (68, 61), (68, 56), (81, 50)))
    paint: tuple[Mixture, Mixture, Mixture] = ({"lead white": 0.7, "red ochre": 0.3}, {"lead white": 0.95, "vermilion": 0.05}, WHITE)
    red: Mixture = {"vermilion": 0.9, "lead white": 0.1}

    def touch(points: Points, thickness_um: float) -> Shape:
        return Shape(points, red, red, red, contrast=0, soft_mm=0.3, thickness_um=thickness_um)

    return (
        touch(ring(89 + dx, 29 + dy, 21, 2.2), 24),
        Shape(neck, *paint, contrast=0.8, roundness_mm=5, thickness_um=26),
        Shape(face, *paint, contrast=0.9, roundness_mm=8, thickness_um=38),
        touch(ellipse(85 + dx, 28 + dy, 2.2, 1.0), 14),
        touch(ellipse(93.6 + dx, 28.6 + dy, 2.2, 1.0), 14),
        touch(ellipse(88.4 + dx, 37.4 + dy, 3.0, 1.0), 20),
        touch(band(((89.6 + dx, 27 + dy), (90.4 + dx, 32 + dy), (88.6 + dx, 33.4 + dy)), 1.2), 10),
    )  # fmt: skip
