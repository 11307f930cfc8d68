"""The painter's palette: mixtures as shadow, middle and light of each thing."""

from __future__ import annotations

from edge.simulate.pigments import Mixture

Tones = tuple[Mixture, Mixture, Mixture]

WHITE: Mixture = {"lead white": 1}
BLACK: Mixture = {"bone black": 0.8, "umber": 0.2}
GOLD: Mixture = {"lead-tin yellow": 0.9, "yellow ochre": 0.1}
FLESH: Tones = (
    {"lead white": 0.52, "red ochre": 0.22, "umber": 0.14, "vermilion": 0.05},
    {"lead white": 0.82, "vermilion": 0.045, "yellow ochre": 0.10},
    {"lead white": 0.955, "vermilion": 0.014, "yellow ochre": 0.03},
)
BLUE: Tones = (
    {"azurite": 0.55, "ultramarine": 0.25, "bone black": 0.2},
    {"azurite": 0.85, "lead white": 0.12, "ultramarine": 0.03},
    {"azurite": 0.45, "lead white": 0.55},
)
RED: Tones = (
    {"red lake": 0.75, "vermilion": 0.15, "bone black": 0.1},
    {"vermilion": 0.8, "red lake": 0.2},
    {"vermilion": 0.62, "lead white": 0.28, "lead-tin yellow": 0.1},
)
LINEN: Tones = (
    {"lead white": 0.75, "bone black": 0.05, "smalt": 0.15, "umber": 0.05},
    {"lead white": 0.94, "smalt": 0.03, "yellow ochre": 0.03},
    WHITE,
)
STONE: Tones = (
    {"umber": 0.5, "bone black": 0.2, "lead white": 0.3},
    {"lead white": 0.68, "yellow ochre": 0.14, "umber": 0.14, "bone black": 0.04},
    {"lead white": 0.88, "yellow ochre": 0.12},
)
LEAVES: Tones = (
    {"malachite": 0.5, "bone black": 0.3, "umber": 0.2},
    {"malachite": 0.8, "yellow ochre": 0.2},
    {"malachite": 0.5, "lead-tin yellow": 0.5},
)
