"""Where to measure: every mask method under its name.

A new method is one file beside this one and one line in `MASKS`.
"""

from __future__ import annotations

from models.faults import UnknownMask
from models.masks import airs, kbas, mascar, pixel_exchange
from models.masks.airs import airs_mask
from models.masks.kbas import kbas_mask
from models.masks.mascar import mascar_mask
from models.masks.network import netm_mask, netm_photograph_mask
from models.masks.photographic import gradient_mask, laplacian_mask
from models.masks.pixel_exchange import pixel_exchange_mask
from models.masks.request import MaskMethod, MaskRequest, MaskResult
from models.masks.uniform import blue_noise_mask, grid_mask, random_mask

__all__ = ["APPROXIMATED", "MASKS", "MaskMethod", "MaskRequest", "MaskResult", "make_mask"]

MASKS: dict[str, MaskMethod] = {
    "gradient": gradient_mask,
    "laplacian": laplacian_mask,
    "random": random_mask,
    "grid": grid_mask,
    "blue-noise": blue_noise_mask,
    "netm": netm_mask,
    "netm-photograph": netm_photograph_mask,
    "airs": airs_mask,
    "kbas": kbas_mask,
    "mascar": mascar_mask,
    "pixel-exchange": pixel_exchange_mask,
}
APPROXIMATED: dict[str, str] = {rival.NAME: rival.APPROXIMATION for rival in (airs, kbas, mascar, pixel_exchange)}
"""What is not as its authors describe it, one sentence for each mask that departs; tables print it."""


def make_mask(name: str, request: MaskRequest) -> MaskResult:
    """Make a mask by the method of that name.

    Raises
    ------
    UnknownMask
        No method of that name; the text names those that exist.
    ModelsError
        The request cannot be met; the text says why.
    """
    method = MASKS.get(name)
    if method is None:
        raise UnknownMask(f"no mask is called {name!r}: choose one of {', '.join(MASKS)}")
    return method(request)
