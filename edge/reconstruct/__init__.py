"""Element maps from measured cells: one interface, several methods.

A method sees each measured cell once (`MeasuredCells`) and returns a `Reconstruction`. To add one,
write a function of type `Method` in a file of its own and name it in `METHODS`; the configuration accepts that name.
Heavy imports happen in the method that needs them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.maps import ElementMaps, Samples
from edge.reconstruct.cells import MeasuredCells, checked_photograph, merged
from edge.reconstruct.choice import AUTOMATIC, CHOSE_STARVED, method_for
from edge.reconstruct.means import by_middles
from edge.reconstruct.reconstruction import Method, Reconstruction


def _biharmonic(cells: MeasuredCells, rgb: NDArray[np.float32] | None) -> Reconstruction:
    from edge.reconstruct.biharmonic import biharmonic

    return biharmonic(cells, rgb)


def _bpfa(cells: MeasuredCells, rgb: NDArray[np.float32] | None) -> Reconstruction:
    from edge.reconstruct.bpfa import bpfa

    return bpfa(cells, rgb)


def _fusion(cells: MeasuredCells, rgb: NDArray[np.float32] | None) -> Reconstruction:
    from edge.reconstruct.fusion import fusion

    return fusion(cells, rgb)


def _harmonic(cells: MeasuredCells, rgb: NDArray[np.float32] | None) -> Reconstruction:
    from edge.reconstruct.harmonic import harmonic

    return harmonic(cells, rgb)


def _kriging(cells: MeasuredCells, rgb: NDArray[np.float32] | None) -> Reconstruction:
    from edge.reconstruct.kriging import kriging

    return kriging(cells, rgb)


def _linear(cells: MeasuredCells, rgb: NDArray[np.float32] | None) -> Reconstruction:
    from edge.reconstruct.plain import linear

    return linear(cells, rgb)


def _mumford_shah(cells: MeasuredCells, rgb: NDArray[np.float32] | None) -> Reconstruction:
    from edge.reconstruct.mumford_shah import mumford_shah

    return mumford_shah(cells, rgb)


def _nearest(cells: MeasuredCells, rgb: NDArray[np.float32] | None) -> Reconstruction:
    from edge.reconstruct.plain import nearest

    return nearest(cells, rgb)


def _photon_starved(cells: MeasuredCells, rgb: NDArray[np.float32] | None) -> Reconstruction:
    from edge.reconstruct.photon_starved import photon_starved

    return photon_starved(cells, rgb)


def _unfolded(cells: MeasuredCells, rgb: NDArray[np.float32] | None, network: Path) -> Reconstruction:
    from edge.reconstruct.unfold.method import unfolded

    return unfolded(cells, rgb, network)


def _ssr(cells: MeasuredCells, rgb: NDArray[np.float32] | None) -> Reconstruction:
    from edge.reconstruct.super_resolution import ssr

    return ssr(cells, rgb)


def _ssr_baseline_1(cells: MeasuredCells, rgb: NDArray[np.float32] | None) -> Reconstruction:
    from edge.reconstruct.super_resolution import ssr_baseline_1

    return ssr_baseline_1(cells, rgb)


def _ssr_baseline_2(cells: MeasuredCells, rgb: NDArray[np.float32] | None) -> Reconstruction:
    from edge.reconstruct.super_resolution import ssr_baseline_2

    return ssr_baseline_2(cells, rgb)


def _ssrcu(cells: MeasuredCells, rgb: NDArray[np.float32] | None) -> Reconstruction:
    from edge.reconstruct.super_resolution import ssrcu

    return ssrcu(cells, rgb)


def _csusr(cells: MeasuredCells, rgb: NDArray[np.float32] | None) -> Reconstruction:
    from edge.reconstruct.super_resolution import csusr

    return csusr(cells, rgb)


METHODS: dict[str, Method] = {
    "kriging": _kriging,
    "harmonic": _harmonic,
    "biharmonic": _biharmonic,
    "mumford-shah": _mumford_shah,
    "bpfa": _bpfa,
    "fusion": _fusion,
    "linear": _linear,
    "nearest": _nearest,
    "photon-starved": _photon_starved,
    "ssr": _ssr,
    "ssr-baseline-1": _ssr_baseline_1,
    "ssr-baseline-2": _ssr_baseline_2,
    "ssrcu": _ssrcu,
    "csusr": _csusr,
}
"""Every reconstruction by the name that the configuration and the command line use."""
NAMES = (AUTOMATIC, *METHODS)
"""What they accept."""
WITH_NETWORK: dict[str, Callable[[MeasuredCells, NDArray[np.float32] | None, Path], Reconstruction]] = {
    "unfold": _unfolded
}
"""Reconstructions by a network that learned from the very scan, whose file has to be given: for recordings alone."""
OF_MEANS = frozenset({"kriging", "ssr", "ssr-baseline-1", "ssr-baseline-2", "ssrcu", "csusr"})
"""Methods that take a mean over several cells for what it is; others are given it as that of its middle cell."""
_SUPER_RESOLUTION = (
    "approximated: channels are scaled by their largest samples, blocks step by bounds of their curvature and gain "
    "momentum where an objective judges it, abundances are projected to the nearest point of the simplex in place of "
    "clipped and scaled, total variation counts the last row and column, lambda is what predicts exposures held out "
    "best among three, and cells measured by themselves are set to what was measured; of maps of elements, the "
    "photograph is moved and blurred as predicts exposures best, and what exposures see too little of is handed back "
    "to the cells smoothly"
)
APPROXIMATED: dict[str, str] = {
    "kriging": (
        "approximated: each tile of cells is estimated from the samples near it in place of all, under a covariance "
        "learned from samples left out, and no estimate lies below zero, or below the lowest sample around where that "
        "is negative"
    ),
    "biharmonic": "approximated: no cell leaves the range of its channel's samples, beyond which a thin plate may bend",
    "mumford-shah": (
        "approximated: edges are found in the gradient of a smoothed field, of each channel by itself; how steep an "
        "edge must be is what predicts samples left out best among a few values, harmonic inpainting being one of "
        "them; the original's edge width and constants are not reproduced"
    ),
    "bpfa": (
        "approximated: whether a patch uses an atom and with what weight is drawn together and not in turns, atoms "
        "start from harmonically filled patches, all channels share their patches, which lie two or four cells apart, "
        "a fixed number of rounds is run, and no cell leaves the range of its channel's samples; the original's rounds "
        "and schedule are not reproduced"
    ),
    "fusion": (
        "approximated: channels are scaled by their largest samples, each block steps by bounds of its curvature and "
        "gains momentum, abundances are projected to the nearest point of the simplex in place of clipped and scaled, "
        "total variation counts the last row and column, atoms are no more than the samples and start from measured "
        "pairs, and measured cells are set to what was measured"
    ),
    "ssr": _SUPER_RESOLUTION,
    "ssr-baseline-1": _SUPER_RESOLUTION,
    "ssr-baseline-2": _SUPER_RESOLUTION,
    "csusr": _SUPER_RESOLUTION + "; it is what the authors of SSR compare with, and not its own authors' code",
    "ssrcu": _SUPER_RESOLUTION
    + (
        "; made from the description that later papers give of it, with the smoothness of SSR for what maps have for "
        "themselves, and a price of what either image has for itself"
    ),
}
"""What is not as its authors describe it, one sentence for each method that departs; tables print it."""


def reconstruct(
    samples: Samples,
    shape: tuple[int, int],
    *,
    elements: tuple[str, ...],
    rgb: NDArray[np.generic] | None = None,
    method: str = AUTOMATIC,
    live_s: NDArray[np.floating] | None = None,
    network: Path | None = None,
) -> ElementMaps:
    """Full maps with standard error from the exposures measured so far.

    Parameters
    ----------
    samples
        Measured values at cells. Exposures that saw the same are merged, see `edge.reconstruct.cells.merged`. An
        exposure with a value that is not finite, in any element, is left out whole: it counts as not measured.
    shape
        Rows and columns of the scan grid.
    elements
        One name for each column of ``samples.values``.
    rgb
        Photograph on the same grid, (rows, columns, 3), uint8 or floating point in [0, 1]; None: colour-blind.
    method
        A name in `METHODS`, or ``automatic``: what suits the samples, see `edge.reconstruct.choice`.
    live_s
        Live time behind each sample, shape (n,): cells were measured for longer or shorter. None: nobody says.
    network
        File of the network, for a method of `WITH_NETWORK`.

    Raises
    ------
    UsageError
        For an unknown method, no usable sample, cells outside the grid, or shapes that do not belong together.
    """
    if method not in (NAMES if network is None else WITH_NETWORK):
        raise UsageError(f"unknown reconstruction {method!r}: choose one of {', '.join(NAMES)}")
    cells = merged(samples, shape, elements, live_s)
    remarks: tuple[str, ...] = ()
    is_chosen_here = method == AUTOMATIC
    if is_chosen_here:
        method = method_for(cells)
    photograph = None if rgb is None else checked_photograph(rgb, shape)
    if network is not None:
        found = WITH_NETWORK[method](cells, photograph, network)
    elif cells.operator is None or method in OF_MEANS:
        found = METHODS[method](cells, photograph)
    else:
        found = by_middles(METHODS[method], cells, photograph)
    if is_chosen_here and method == "photon-starved" and found.method is None:
        remarks = (CHOSE_STARVED,)
    measured, averaged = cells.measured(), cells.averaged()
    made_by, remarks = found.method or method, (*remarks, *found.remarks)
    for array in (found.maps, found.standard_error, measured, *([] if averaged is None else [averaged])):
        array.setflags(write=False)
    return ElementMaps(
        tuple(elements),
        found.maps,
        found.standard_error,
        measured,
        made_by,
        found.left_out,
        remarks,
        averaged=averaged,
    )
