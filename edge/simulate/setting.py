"""Around the lady: room, landscape, ledge and fruit, and the head that was given up for the window."""

from __future__ import annotations

import numpy as np

from edge.simulate.paints import BLACK, LEAVES, LINEN, RED, STONE, WHITE, Tones
from edge.simulate.pigments import Mixture
from edge.simulate.scene import WINDOW, Points, Shape, band, ellipse, ring

# fmt: off


def room() -> tuple[Shape, ...]:
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


def landscape(rng: np.random.Generator) -> tuple[Shape, ...]:
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
        for x, y, rx, ry in ((83, 19, 7, 1.9), (88, 17.6, 4, 1.7), (100, 23, 6, 1.5), (79, 26, 4.5, 1.0),
            (96, 28, 7, 0.9))
    )
    far: Points = ((66, 40), (74, 36.5), (80, 39), (87, 34.5), (94, 38.5), (101, 35.2), (112, 39.5), (112, 62),
        (66, 62))
    middle: Points = ((66, 46), (73, 43.5), (81, 46.5), (90, 44.2), (99, 47), (112, 44), (112, 62), (66, 62))
    near: Points = ((66, 53), (76, 50), (88, 54), (98, 52), (112, 49), (112, 62), (66, 62))
    river: Points = (
        (89, 46.2), (92, 47.2), (87.5, 49.4), (90, 51.5), (98, 54), (97, 57.5), (90, 62), (78, 62), (87.5, 56.4),
        (89, 54.2),
        (83, 51.6), (82.5, 49.4), (87, 47.4),
    )
    tower: Points = ((76.6, 44.5), (76.6, 38.2), (79.6, 38.2), (79.6, 41.4), (83.2, 41.4), (83.2, 45), (76.6, 45))
    roof: Points = ((76.1, 38.4), (78.1, 35.0), (80.1, 38.4))
    hills = (
        Shape(far, {"smalt": 0.62, "lead white": 0.3, "azurite": 0.08}, {"smalt": 0.5, "lead white": 0.5},
              {"lead white": 0.8, "smalt": 0.2}, roundness_mm=3, contrast=0.5, stroke_deg=-20, inside_window=True),
        Shape(middle, {"malachite": 0.6, "smalt": 0.3, "bone black": 0.1}, {"malachite": 0.55, "lead white": 0.3,
            "smalt": 0.15},
              {"malachite": 0.4, "lead-tin yellow": 0.35, "lead white": 0.25}, roundness_mm=3, contrast=0.7,
              stroke_deg=12,
              inside_window=True),
        Shape(near, LEAVES[0], LEAVES[1], LEAVES[2], roundness_mm=3, contrast=0.8, base=0.45, stroke_deg=-6,
              thickness_um=30, inside_window=True),
        Shape(river, {"azurite": 0.4, "lead white": 0.6}, {"lead white": 0.82, "azurite": 0.18}, WHITE, contrast=0.3,
              base=0.55, ramp=(0, -0.4), stroke_deg=3, inside_window=True),
        Shape(tower, STONE[0], {"lead white": 0.8, "yellow ochre": 0.2}, WHITE, corners=True, contrast=0.2,
              ramp=(-0.9, 0), stroke_deg=90, inside_window=True, fine=True),
        Shape(roof, RED[0], RED[1], RED[2], corners=True, contrast=0.3, ramp=(-0.6, 0), inside_window=True, fine=True),
    )
    trunk = Shape(band(((103.5, 60), (103.2, 50), (104.4, 42), (103.4, 34)), 1.7), BLACK, {"umber": 1},
                  {"umber": 0.5, "yellow ochre": 0.5}, contrast=0.9, inside_window=True)
    crown = tuple(
        Shape(ellipse(x, y, r, 0.8 * r, turn), *LEAVES, contrast=1.0, roundness_mm=r, base=0.42, soft_mm=0.4,
              stroke_deg=turn, thickness_um=36, inside_window=True)
        for x, y, r, turn in (
            (99.5, 36, 3.4, 20), (107.5, 35, 3.6, -30), (101.5, 31, 4.0, 50), (106, 28.5, 3.4, -15),
            (103.3, 26, 2.6, 0),
        )
    )
    return (sky, *clouds, *hills, trunk, *crown)


def window_frame() -> tuple[Shape, ...]:
    jambs: tuple[Points, ...] = (
        band(((70.2, 62), (70.2, 24), (71.6, 16.6), (76.4, 10.9), (83.8, 7.6), (91, 7.0)), 2.6),
        band(((91, 7.0), (98.2, 8.6), (105.1, 13.2), (109, 19.6), (110.1, 27), (110.1, 62)), 2.6),
    )
    sill: Points = ((67, 59.4), (113, 59.4), (113, 63), (67, 63))
    return (
        *(Shape(jamb, *STONE, contrast=1.0, roundness_mm=1.2, thickness_um=30, fine=True) for jamb in jambs),
        Shape(sill, *STONE, corners=True, contrast=0.9, roundness_mm=1.4, base=0.6, stroke_deg=0, thickness_um=30),
    )


def ledge() -> tuple[Shape, ...]:
    top: Points = ((-3, 69.5), (123, 69.5), (123, 76.5), (-3, 76.5))
    front: Points = ((-3, 76), (123, 76), (123, 93), (-3, 93))
    cloth: Points = ((46, 69.8), (66, 69.8), (70, 75.6), (69, 86.5), (63, 83.6), (57, 87), (50.5, 83), (44, 85.5),
        (42, 75.6))
    paper: Points = ((78, 80.6), (100, 79.9), (100.6, 88.4), (78.4, 88.8))
    page: Points = ((6, 76.3), (9, 69.6), (19, 70.6), (29.5, 69.4), (33, 76.1), (19.5, 77.8))
    initial: Points = ((9.8, 70.9), (11.4, 70.9), (11.0, 73.1), (9.1, 73.1))
    return (
        Shape(top, *STONE, corners=True, contrast=0.1, base=0.52, ramp=(0.2, 0.3), stroke_deg=1, thickness_um=28),
        Shape(front, STONE[0], {"umber": 0.3, "lead white": 0.5, "bone black": 0.1, "yellow ochre": 0.1}, STONE[1],
              corners=True, contrast=0.2, base=0.35, ramp=(0.3, -0.3), stroke_deg=-3, thickness_um=26),
        Shape(cloth, *LINEN, roundness_mm=3, contrast=0.8, base=0.5, folds=(5.2, 10, 0.42), stroke_deg=86,
            thickness_um=38),
        Shape(page, {"lead white": 0.8, "yellow ochre": 0.2}, {"lead white": 0.92, "yellow ochre": 0.08}, WHITE,
            corners=True,
              roundness_mm=2, contrast=0.6, base=0.55, folds=(13.5, 0, 0.2), stroke_deg=0, thickness_um=24),
        Shape(initial, RED[1], RED[1], RED[2], corners=True, contrast=0.2, thickness_um=18),
        Shape(paper, {"lead white": 0.7, "yellow ochre": 0.3}, {"lead white": 0.85, "yellow ochre": 0.15},
              {"lead white": 0.96, "yellow ochre": 0.04}, corners=True, roundness_mm=1, contrast=0.5, base=0.6,
              ramp=(-0.3, 0.1), stroke_deg=2, thickness_um=20),
    )


def fruit() -> tuple[Shape, ...]:
    shadow = Shape(ellipse(96, 73.6, 17, 2.4), BLACK, BLACK, BLACK, contrast=0, soft_mm=0.9, opacity=0.7,
        thickness_um=10)
    pewter = ({"bone black": 0.4, "smalt": 0.4, "lead white": 0.2}, {"smalt": 0.5, "lead white": 0.5}, WHITE)
    plate = Shape(ellipse(94, 71.8, 17.5, 3.1), *pewter, contrast=1.0, roundness_mm=1.4, stroke_deg=0, thickness_um=26)
    pear: Points = ((95.6, 53.4), (97.4, 54.4), (98.2, 58.4), (100.6, 62.4), (101, 67), (98.6, 70.6), (94.4, 71),
        (90.8, 69.4),
                    (89.8, 65.6), (91.2, 61.6), (93.2, 58.4), (93.8, 54.6))
    yellow: Tones = (
        {"yellow ochre": 0.6, "umber": 0.25, "malachite": 0.15}, {"lead-tin yellow": 0.65, "yellow ochre": 0.35},
        {"lead-tin yellow": 0.8, "lead white": 0.2},
    )
    green: Tones = (
        {"malachite": 0.6, "umber": 0.4}, {"malachite": 0.5, "lead-tin yellow": 0.5},
        {"lead-tin yellow": 0.7, "lead white": 0.3},
    )
    plum: Tones = (
        {"ultramarine": 0.4, "bone black": 0.6}, {"ultramarine": 0.55, "red lake": 0.45}, {"smalt": 0.5,
            "lead white": 0.5},
    )

    def round_fruit(x: float, y: float, r: float, paints: Tones) -> tuple[Shape, ...]:
        glint = Shape(ellipse(x - 0.38 * r, y - 0.42 * r, 0.2 * r, 0.13 * r, -40), WHITE, WHITE, WHITE, contrast=0,
                      soft_mm=0.2, opacity=0.9, thickness_um=45, fine=True)
        return (
            Shape(ellipse(x, y, r, 0.93 * r), *paints, contrast=1.15, base=0.47, roundness_mm=0.95 * r,
                thickness_um=34),
            glint,
        )

    stalks = tuple(
        Shape(band(points, 0.6), BLACK, {"umber": 1}, {"umber": 0.5, "yellow ochre": 0.5}, contrast=0.5,
            roundness_mm=0.3)
        for points in (((95.7, 53.8), (96.2, 51.6), (97.6, 49.8)), ((84.2, 61.4), (84.9, 59.4), (86.2, 58.4)))
    )
    return (
        shadow, plate, *round_fruit(102.6, 66.4, 4.7, green),
        Shape(pear, *yellow, contrast=1.1, base=0.48, roundness_mm=5, thickness_um=36),
        *round_fruit(84.2, 65.6, 5.4, RED), *round_fruit(108.0, 69.8, 2.3, plum), *round_fruit(89.6, 69.8, 2.2, plum),
        *round_fruit(114.4, 72.8, 2.2, plum), *stalks,
    )


def abandoned(dx: float, dy: float) -> tuple[Shape, ...]:
    """A larger head in lead white with a vermilion halo, given up for the window."""
    face = ellipse(89 + dx, 29 + dy, 10.5, 13.5, 8)
    neck: Points = tuple((x + dx, y + dy) for x, y in ((83, 40), (95, 40), (97, 50), (112, 56), (112, 61), (68, 61),
        (68, 56), (81, 50)))
    paint: Tones = ({"lead white": 0.7, "red ochre": 0.3}, {"lead white": 0.95, "vermilion": 0.05}, WHITE)
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
    )
