"""The lean mask network, and every network by the name that a checkpoint states.

A network maps a photograph and a sampling rate to the importance of each cell; the mean is adjusted afterwards
(`models.training.binarisation.adjust_mean`, and `models.density.adjust_mean` at run time).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_LARGEST_LOG = 6.0
"""The network's own part of an importance stays within a factor of ``exp(6)``: no cell is out of reach for good."""
OPPONENT = ((0.299, 0.587, 0.114), (0.5, -0.5, 0.0), (-0.25, -0.25, 0.5))
"""Lightness, red against green, blue against yellow: rows over R, G, B."""
_FORMULAS = (("curvature", 0.5, 0.4, 1.0), ("curvature", 1.0, 1.0, 1.0), ("slope", 1.5, 1.0, 2.0))
"""What is measured, the blur before it and after its magnitude in cells, and the weight of hue against lightness: fine,
which dense masks of photographs want, to coarse, which maps want that are softer than their photograph and off by a
little. Two is about the weight that L*a*b* gives to hue."""
_FORMULA_FLOOR = 2e-3
"""Curvature or slope that every cell is given, on a scale where white is 1: about the rounding of eight bits."""
_NOTHING = 1e-12
"""Below every squared curvature and slope; a root has no slope at zero."""
_FORMULA_LEVEL = -3.5
"""Typical logarithm of curvature and slope in photographs: the network sees it about zero."""
_FIRST_POWER = (0.4, 0.4, 0.2)
_FIRST_POWER_BY_RATE = (1.2, -0.3, 0.0)
"""Of each formula at a rate of 0.1, and what a decade more adds: the denser the mask, the closer it follows edges."""


class LeanNet(nn.Module):
    """U-shape on unshuffled pixels that corrects the logarithm of a formula's density.

    It starts as a product of powers of the Laplacian's magnitude (Belhachmi et al. 2009) at two scales and of the
    gradient's, and learns the powers for each rate and what to multiply them by.
    There are no statistics over the image: a cell's importance depends on its surroundings within `reach` alone, so
    tiles that overlap by `reach` and start at multiples of `alignment` agree with the whole image.
    """

    def __init__(self, *, width: int = 16, levels: int = 3, blocks: int = 1) -> None:
        """`width` maps at half resolution, doubled at each of the other `levels`; `blocks` residual ones per level."""
        super().__init__()
        self.alignment = 2**levels
        widths = [width * 2**level for level in range(levels)]
        self.stem = nn.Conv2d(4 * (3 + len(_FORMULAS)) + 1, width, 3, padding=1)
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
        self.register_buffer("opponent", torch.tensor(OPPONENT)[:, :, None, None], persistent=False)
        for n, (_, before, after, _) in enumerate(_FORMULAS):
            self.register_buffer(f"before_{n}", _gaussian(before), persistent=False)
            self.register_buffer(f"after_{n}", _gaussian(after), persistent=False)
        for name, stencils in _STENCILS.items():
            self.register_buffer(name, stencils.repeat(3, 1, 1, 1), persistent=False)
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
            formula = self._log_formulas(padded)
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

    def _log_formulas(self, rgb: Tensor) -> Tensor:
        """Logarithm of each formula's blurred magnitude over opponent colours, one map for each."""
        colour = functional.conv2d(rgb, self.get_buffer("opponent"))
        maps = []
        for n, (name, _, _, hue) in enumerate(_FORMULAS):
            seen = torch.cat((colour[:, :1], hue * colour[:, 1:]), 1)
            smooth = functional.pad(_blurred(seen, self.get_buffer(f"before_{n}")), (1, 1, 1, 1), mode="replicate")
            differences = functional.conv2d(smooth, self.get_buffer(name), groups=3)
            magnitude = (differences.square().sum(1, keepdim=True) + _NOTHING).sqrt()
            spread = _blurred(magnitude, self.get_buffer(f"after_{n}"))
            maps.append(torch.log(spread + _FORMULA_FLOOR) - _FORMULA_LEVEL)
        return torch.cat(maps, 1)

    @staticmethod
    def _reach(levels: int, blocks: int) -> int:
        """Cells beyond which nothing influences an importance, rounded up to whole pixels of every level."""
        reach = max(_radius(before) + 1 + _radius(after) for _, before, after, _ in _FORMULAS) + 2 * 2
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
    maps, radius, along = image.shape[1], weight.shape[0] // 2, weight.reshape(1, 1, 1, -1)
    image = functional.pad(image, (radius, radius, 0, 0), mode="replicate")
    image = functional.conv2d(image, along.expand(maps, 1, 1, -1), groups=maps)
    image = functional.pad(image, (0, 0, radius, radius), mode="replicate")
    return functional.conv2d(image, along.transpose(2, 3).expand(maps, 1, -1, 1), groups=maps)


def _radius(sigma_cells: float) -> int:
    """Cells at which a blur is cut off: what lies beyond three standard deviations is nothing."""
    return math.ceil(3 * sigma_cells)


def _gaussian(sigma_cells: float) -> Tensor:
    radius = _radius(sigma_cells)
    at = torch.arange(-radius, radius + 1, dtype=torch.float32)
    weight = torch.exp(-0.5 * (at / sigma_cells) ** 2)
    return weight / weight.sum()


_STENCILS = {
    "curvature": torch.tensor([[[[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]]]]),
    "slope": torch.tensor(
        [[[[0.0, 0.0, 0.0], [-0.5, 0.0, 0.5], [0.0, 0.0, 0.0]]], [[[0.0, -0.5, 0.0], [0.0, 0.0, 0.0], [0.0, 0.5, 0.0]]]]
    ),
}
"""Second and first differences, shape (differences, 1, 3, 3)."""


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


def _unfolded(**options: Any) -> nn.Module:
    from models.training.unfolding.network import UnfoldedNetwork, UnfoldedOptions

    return UnfoldedNetwork(UnfoldedOptions(**options))


def _mixed_looks(**options: Any) -> nn.Module:
    from models.training.unfolding.mixing import MixingNetwork, MixingOptions

    return MixingNetwork(MixingOptions(**options))


INPAINTERS: dict[str, Callable[..., nn.Module]] = {"nete": _net_e}
"""Inpainting networks by name: what Dai et al. train a mask network with."""
UNFOLDED: dict[str, Callable[..., nn.Module]] = {"unfolded": _unfolded, "mixed-looks": _mixed_looks}
"""Networks that learn from one scan, by name: they sharpen its maps."""


def build_network(name: str, options: dict[str, Any] | None = None) -> nn.Module:
    """A freshly initialised mask, inpainting or unfolded network.

    Raises
    ------
    UnknownNetwork
        No network of that name, or an option that it does not have.
    """
    from models.training.faults import UnknownNetwork

    known = NETWORKS | INPAINTERS | UNFOLDED
    make = known.get(name)
    if make is None:
        raise UnknownNetwork(f"no network is called {name!r}: choose one of {', '.join(known)}")
    try:
        return make(**(options or {}))
    except TypeError as error:
        raise UnknownNetwork(f"the network {name} cannot be built with {options}: {error}") from None
