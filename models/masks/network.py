"""The masks that trained networks make of a photograph."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from pathlib import Path

from models.binarise import binarise
from models.density import density_from_importance
from models.faults import CoverageImpossible, MissingModel
from models.masks.request import MaskRequest, MaskResult
from models.photograph import photograph_rgb
from models.sampling import SamplingDensity, SamplingMask

NAME, PHOTOGRAPH_NAME = "netm", "netm-photograph"
_WEIGHTS = Path(__file__).resolve().parents[1] / "weights"
SHIPPED = _WEIGHTS / "netm.onnx"
"""The network that is used when no other is named: trained for element maps."""
PHOTOGRAPH_SHIPPED = _WEIGHTS / "netm-photograph.onnx"
"""Trained for the photograph itself, as the tables of Dai et al. judge masks."""
NETWORKS = {NAME: SHIPPED, PHOTOGRAPH_NAME: PHOTOGRAPH_SHIPPED}
"""Shipped networks by the mask that they make."""
HOLE_SPACINGS = 2.0
"""No cell is further than this many mean spacings of the samples from one of them, unless a request says otherwise."""


def netm_mask(request: MaskRequest) -> MaskResult:
    """Density after a mask network for element maps (after Dai et al. 2017); its SHA-256 is part of the origin.

    The coverage floor is the request's; without one, no cell is further than `HOLE_SPACINGS` mean spacings from a
    sample, where the count permits that.
    """
    return _mask(NAME, request, _path(request.model, SHIPPED))


def netm_photograph_mask(request: MaskRequest) -> MaskResult:
    """Density after a mask network that was trained to restore the photograph itself, as `netm_mask`."""
    return _mask(PHOTOGRAPH_NAME, request, _path(None, PHOTOGRAPH_SHIPPED))


def _mask(name: str, request: MaskRequest, path: Path) -> MaskResult:
    from models.network import open_network

    allowed = request.allowed_cells()
    rgb = photograph_rgb(request.photograph(name), request.shape)
    network = open_network(path)
    rate = request.count / int(allowed.sum())
    density = density_from_importance(
        network.importance(rgb, rate),
        count=request.count,
        allowed=allowed,
        origin=f"{name} {network.sha256}",
        floor=network.manifest.floor,
    )
    if request.max_hole is not None:
        return MaskResult(density, _binarised(request, density))
    try:
        covering = replace(request, max_hole=max(1.0, HOLE_SPACINGS / sqrt(rate)))
        return MaskResult(density, _binarised(covering, density))
    except CoverageImpossible:
        return MaskResult(density, _binarised(request, density))


def _binarised(request: MaskRequest, density: SamplingDensity) -> SamplingMask:
    return binarise(
        density,
        count=request.count,
        allowed=request.allowed_cells(),
        binariser=request.binariser,
        seed=request.seed,
        max_hole=request.max_hole,
    )


def require_network(name: str, model: Path | None) -> None:
    """A network that the mask of that name can run must be there; masks without one need none.

    Parameters
    ----------
    name
        A name of `models.masks.MASKS`.
    model
        A network's file for `NAME`; None for the shipped one.

    Raises
    ------
    ModelsError
        It is missing, or is not what its manifest says.
    """
    from models.network import open_network

    if name == NAME:
        open_network(_path(model, SHIPPED))
    elif name == PHOTOGRAPH_NAME:
        open_network(_path(None, PHOTOGRAPH_SHIPPED))


def network_digest(origin: str) -> str | None:
    """SHA-256 of the network that made a density or mask of this origin; None where no network did."""
    name, _, digest = origin.partition(" ")
    return digest if name in (NAME, PHOTOGRAPH_NAME) and digest else None


def named_shortly(origin: str) -> str:
    """A mask's origin for a line of text: a network's digest to twelve digits."""
    digest = network_digest(origin)
    return origin if digest is None else f"{origin.partition(' ')[0]} {digest[:12]}"


def _path(model: Path | None, shipped: Path) -> Path:
    if model is not None:
        return model
    if not shipped.is_file():
        raise MissingModel(
            f"{shipped.name} is missing from this installation: install Pointillist again, give a network's path "
            "(sampling.model, or --model of a replay), or choose another mask such as gradient"
        )
    return shipped
