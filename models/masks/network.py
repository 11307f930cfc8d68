"""The mask that a trained network makes of a photograph."""

from __future__ import annotations

from pathlib import Path

from models.binarise import binarise
from models.density import density_from_importance
from models.faults import MissingModel
from models.masks.request import MaskRequest, MaskResult
from models.photograph import photograph_rgb

NAME = "netm"
SHIPPED = Path(__file__).resolve().parents[1] / "weights" / "netm.onnx"
"""The network that is used when no other is named, once one is shipped."""


def netm_mask(request: MaskRequest) -> MaskResult:
    """Density after a mask network (Dai et al. 2017); its file's SHA-256 is part of the origin."""
    from models.network import open_network

    allowed = request.allowed_cells()
    rgb = photograph_rgb(request.photograph(NAME), request.shape)
    network = open_network(_path(request.model))
    rate = request.count / int(allowed.sum())
    density = density_from_importance(
        network.importance(rgb, rate),
        count=request.count,
        allowed=allowed,
        origin=f"{NAME} {network.sha256}",
        floor=network.manifest.floor,
    )
    mask = binarise(
        density,
        count=request.count,
        allowed=allowed,
        binariser=request.binariser,
        seed=request.seed,
        max_hole=request.max_hole,
    )
    return MaskResult(density, mask)


def require_network(model: Path | None) -> None:
    """A network that `netm_mask` can run must be there; the shipped one where None is given.

    Raises
    ------
    ModelsError
        It is missing, or is not what its manifest says.
    """
    from models.network import open_network

    open_network(_path(model))


def network_digest(origin: str) -> str | None:
    """SHA-256 of the network that made a density or mask of this origin; None where no network did."""
    name, _, digest = origin.partition(" ")
    return digest if name == NAME and digest else None


def _path(model: Path | None) -> Path:
    if model is not None:
        return model
    if not SHIPPED.is_file():
        raise MissingModel(
            "no mask network is shipped with this version: give the path of one (sampling.model, or --model of a "
            "replay), or choose another mask such as gradient"
        )
    return SHIPPED
