"""Which terms and which start each way of super-resolution has.

Q. Dai, E. Pouyet, O. Cossairt, M. Walton and A. K. Katsaggelos, "Spatial-Spectral Representation for X-Ray Fluorescence
Image Super-Resolution" (2017): SSR, Eq. 9 with Algorithm 1; baseline 1, Eq. 28 with Algorithm 2; baseline 2, Eq. 30
with Algorithm 3. C. Lanaras, E. Baltsavias and K. Schindler, "Hyperspectral super-resolution by coupled spectral
unmixing" (2015), as that paper runs it, Eq. 26 and 27: CSUSR. S. Yan and others (2023) as H. Verinaz-Jadan and others
describe it (2024, Eq. 1): SSRCU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from edge.reconstruct.fusion.terms import Visible

Start: TypeAlias = Literal["exposures", "photograph"]

ATOMS = 50
"""M of each dictionary, as published for the synthetic experiment."""
LAMBDAS = (0.1, 0.01, 0.001)
"""Of the hidden part's steps: the published one, and what exposures held out may choose in its place."""
PRICE = 0.02
"""Of an abundance that one image has for itself in SSRCU; beta of Eq. 13."""
ROOM = 0.5
"""Both images are scaled to it where something may be hidden. A cell's abundances add up to 1 and no colour of an atom
is above 1, so that a cell as bright as can be would have none left for what it hides."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What there is to be found, and how."""

    name: str
    title: str
    """In a sentence."""
    has_visible: bool = True
    """Atoms with a spectrum and a colour, which the photograph moves."""
    has_hidden: bool = False
    """Atoms with a spectrum alone, which are smooth."""
    has_colours: bool = False
    """Atoms with a colour alone."""
    moved_by: Visible = "all-terms"
    """What moves visible abundances."""
    start: Start = "exposures"
    """What visible abundances are before the first step: read off between the exposures', or the photograph's."""
    starts: tuple[Start, ...] = ("exposures",)
    """Among which exposures held out choose."""
    room: float = 1.0
    price: float = 0.0
    is_linear: bool = False
    """Colours are a linear image of spectra."""


SSR = Recipe("ssr", "SSR", has_hidden=True, moved_by="photograph")
"""Algorithm 1 with its own start, and Eq. 15a."""
SSR_ALL_TERMS = Recipe("ssr-all-terms", "SSR", has_hidden=True, room=ROOM, starts=("exposures", "photograph"))
"""Eq. 9 with every term moving visible abundances, and room for what a bright cell hides."""
BASELINE_1 = Recipe("ssr-baseline-1", "Baseline 1 of SSR", has_visible=False, has_hidden=True)
BASELINE_2 = Recipe("ssr-baseline-2", "Baseline 2 of SSR", moved_by="photograph")
CSUSR = Recipe("csusr", "CSUSR", moved_by="photograph", is_linear=True)
SSRCU = Recipe(
    "ssrcu",
    "SSRCU",
    has_hidden=True,
    has_colours=True,
    room=ROOM,
    price=PRICE,
    starts=("exposures", "photograph"),
)
