"""The lean mask network, and every network by the name that a checkpoint states.

A network maps a photograph and a sampling rate to the importance of each cell; the mean is adjusted afterwards
(`models.training.binarisation.adjust_mean`, and `models.density.adjust_mean` at run time).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_LARGEST_LOG = 6.0
"""The network's own part of an importance stays within a factor of ``exp(6)``: no cell is out of reach for good."""
_OPPONENT = ((0.299, 0.587, 0.114), (0.5, -0.5, 0.0), (-0.25, -0.25, 0.5))
"""Lightness, red against green, blue against yellow: rows over R, G, B."""
_SCALES = ((0.5, 0.4), (1.0, 1.0))
"""Blur before the Laplacian and after its magnitude, in cells: fine, which dense masks want, and coarse."""
_FORMULA_REACH = 3
_FORMULA_FLOOR = 2e-3
"""Curvature that every cell is given, on a scale where white is 1: about the rounding of eight bits."""
_NO_CURVATURE = 1e-12
"""Below every curvature; a root has no slope at zero."""
_FORMULA_LEVEL = -3.5
"""Typical logarithm of the curvature in photographs: the network sees it about zero."""
_FIRST_POWER = (0.5, 0.5)
_FIRST_POWER_BY_RATE = (1.2, -0.3)
"""Of each scale at a rate of 0.1, and what a decade more adds: the denser the mask, the closer it follows edges."""


class LeanNet(nn.Module):
    """U-shape on unshuffled pixels that corrects the logarithm of a formula's density.

    It starts as a power of the Laplacian's magnitude (Belhachmi et al. 2009) at two scales, and learns their powers
    for each rate and what to multiply them by.
    There are no statistics over the image: a cell's importance depends on its surroundings within `reach` alone, so
    tiles that overlap by `reach` and start at multiples of `alignment` agree with the whole image.
    """

    def __init__(self, *, width: int = 16, levels: int = 3, blocks: int = 1) -> None:
        """`width` maps at half resolution, doubled at each of the other `levels`; `blocks` residual ones per level."""
        super().__init__()
        self.alignment = 2**levels
        widths = [width * 2**level for level in range(levels)]
        self.stem = nn.Conv2d(4 * (3 + len(_SCALES)) + 1, width, 3, padding=1)
        self.encoders = nn.ModuleList(_blocks(each, blocks) for each in widths[:-1])
        self.downs = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairwise(widths))
        self.bottom = _blocks(widths[-1], blocks)
        self.ups = nn.ModuleList(nn.Conv2d(coarse, 4 * fine, 1) for fine, coarse in pairwise(widths))
        self.decoders = nn.ModuleList(_blocks(each, blocks) for each in widths[:-1])
        self.head = nn.Conv2d(width, 4, 3, padding=1)
        self.power = nn.Parameter(torch.tensor(_FIRST_POWER))
        self.power_by_rate = nn.Parameter(torch.tensor(_FIRST_POWER_BY_RATE))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]
        self.register_buffer("opponent", torch.tensor(_OPPONENT)[:, :, None, None], persistent=False)
        self.register_buffer(
            "blurs", torch.stack([_gaussian(sigma) for pair in _SCALES for sigma in pair]), persistent=False
        )
        self.register_buffer("laplacian", _LAPLACIAN.expand(3, 1, 3, 3).clone(), persistent=False)
        self.reach = self._reach(levels, blocks)

    def forward(self, rgb: Tensor, rate: Tensor) -> Tensor:
        """Importance of each cell before its mean is adjusted.

        Parameters
        ----------
        rgb
            Shape (n, 3, rows, columns), in [0, 1]; any number of rows and columns.
        rate
            Wanted mean density, shape (n,), in (0, 1].

        Returns
        -------
        Tensor
            Shape (n, 1, rows, columns), above 0.
        """
        rows, columns = rgb.shape[2], rgb.shape[3]
        padding = (0, -columns % self.alignment, 0, -rows % self.alignment)
        padded = functional.pad(rgb, padding, mode="replicate")
        with _full_precision(rgb.device.type):
            formula = self._log_curvature(padded)
        pixels = functional.pixel_unshuffle(torch.cat((padded - 0.5, formula), 1), 2)
        wanted = (torch.log10(rate) + 1.0).to(rgb.dtype)[:, None, None, None]
        x = self.stem(torch.cat((pixels, wanted.expand(-1, 1, pixels.shape[2], pixels.shape[3])), 1))
        kept: list[Tensor] = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            x = encoder(x)
            kept.append(x)
            x = down(x)
        x = self.bottom(x)
        for up, decoder, skip in zip(reversed(self.ups), reversed(self.decoders), reversed(kept), strict=True):
            x = decoder(functional.pixel_shuffle(up(x), 2) + skip)
        own = functional.pixel_shuffle(self.head(functional.leaky_relu(x, 0.1)), 2)
        power = self.power[:, None, None] + self.power_by_rate[:, None, None] * wanted
        log_importance = (power * formula).sum(1, keepdim=True) + _LARGEST_LOG * torch.tanh(own / _LARGEST_LOG)
        return torch.exp(log_importance)[:, :, :rows, :columns]

    def _log_curvature(self, rgb: Tensor) -> Tensor:
        """Logarithm of the blurred Laplacian's magnitude over opponent colours, one map for each scale."""
        opponent: Tensor = self.opponent  # type: ignore[assignment]
        laplacian: Tensor = self.laplacian  # type: ignore[assignment]
        blurs: Tensor = self.blurs  # type: ignore[assignment]
        colour = functional.conv2d(rgb, opponent)
        maps = []
        for before, after in zip(blurs[::2], blurs[1::2], strict=True):
            smooth = functional.pad(_blurred(colour, before), (1, 1, 1, 1), mode="replicate")
            curvature = functional.conv2d(smooth, laplacian, groups=3)
            magnitude = (curvature.square().sum(1, keepdim=True) + _NO_CURVATURE).sqrt()
            maps.append(torch.log(_blurred(magnitude, after) + _FORMULA_FLOOR) - _FORMULA_LEVEL)
        return torch.cat(maps, 1)

    @staticmethod
    def _reach(levels: int, blocks: int) -> int:
        """Cells beyond which nothing influences an importance, rounded up to whole pixels of every level."""
        reach = 2 * _FORMULA_REACH + 1 + 2 * 2
        for level in range(levels):
            passes = 1 if level == levels - 1 else 2
            reach += 2 ** (level + 1) * (2 * blocks * passes + 1)
        return reach


class _Residual(nn.Module):
    def __init__(self, maps: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(maps, maps, 3, padding=1)
        self.second = nn.Conv2d(maps, maps, 3, padding=1)
        # without normalisation a deep network starts stably as the identity (Zhang, Dauphin, Ma 2019)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.second(functional.leaky_relu(self.first(functional.leaky_relu(x, 0.1)), 0.1))
        return x + changed


def _full_precision(device: str) -> AbstractContextManager[object]:
    """Second differences drown in the rounding of mixed precision; without it there is nothing to switch off."""
    return torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else nullcontext()


def _blocks(maps: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(_Residual(maps) for _ in range(count)))


def _blurred(image: Tensor, weight: Tensor) -> Tensor:
    """Separable blur of every map by one row of weights."""
    maps, along = image.shape[1], weight.reshape(1, 1, 1, -1)
    image = functional.pad(image, (_FORMULA_REACH, _FORMULA_REACH, 0, 0), mode="replicate")
    image = functional.conv2d(image, along.expand(maps, 1, 1, -1), groups=maps)
    image = functional.pad(image, (0, 0, _FORMULA_REACH, _FORMULA_REACH), mode="replicate")
    return functional.conv2d(image, along.transpose(2, 3).expand(maps, 1, -1, 1), groups=maps)


def _gaussian(sigma_cells: float) -> Tensor:
    at = torch.arange(-_FORMULA_REACH, _FORMULA_REACH + 1, dtype=torch.float32)
    weight = torch.exp(-0.5 * (at / sigma_cells) ** 2)
    return weight / weight.sum()


_LAPLACIAN = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])


def _net_m_printed(**options: Any) -> nn.Module:
    from models.training.published import NetMPrinted

    return NetMPrinted(**options)


def _net_m_code(**options: Any) -> nn.Module:
    from models.training.published import NetMCode

    return NetMCode(**options)


NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "lean": LeanNet,
    "netm-printed": _net_m_printed,
    "netm-code": _net_m_code,
}
"""Mask networks by name: each takes its options as keywords, and maps (rgb, rate) to importance."""


def _net_e(**options: Any) -> nn.Module:
    from models.training.published import NetE

    return NetE(**options)


INPAINTERS: dict[str, Callable[..., nn.Module]] = {"nete": _net_e}
"""Inpainting networks by name: what Dai et al. train a mask network with."""


def build_network(name: str, options: dict[str, Any] | None = None) -> nn.Module:
    """A freshly initialised mask or inpainting network.

    Raises
    ------
    UnknownNetwork
        No network of that name, or an option that it does not have.
    """
    from models.training.faults import UnknownNetwork

    known = NETWORKS | INPAINTERS
    make = known.get(name)
    if make is None:
        raise UnknownNetwork(f"no network is called {name!r}: choose one of {', '.join(known)}")
    try:
        return make(**(options or {}))
    except TypeError as error:
        raise UnknownNetwork(f"the network {name} cannot be built with {options}: {error}") from None
