"""The networks of Dai et al. (2017): NetE inpaints, NetM makes the density; as printed, and as in their code.

Their print and their code differ in NetM: 3 x 3 convolutions with batch normalisation and PReLU, or 9 x 9 ones at both
ends, instance normalisation and LeakyReLU. Both were trained for one rate at a time: the rate is not an input.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

NET_E_SIDE = 64
"""NetE takes photographs of 64 x 64 alone: its middle is a fully connected layer."""
_LEAK = 0.2
_SPREAD = 0.02
"""Standard deviation of NetE's initial weights."""


class NetE(nn.Module):
    """Encoder, channel-wise fully connected layer, decoder: 64 x 64 photographs from their samples.

    Trained with Adam (beta1 0.5, learning rate 2e-4, batches of 128) on random masks; images in [-1, 1], zero where
    nothing was sampled.
    """

    def __init__(self, *, width: int = 64) -> None:
        super().__init__()
        maps = [3, width, 2 * width, 4 * width, 8 * width]
        self.encoder = nn.Sequential()
        for coming, going in pairwise(maps):
            self.encoder.append(nn.Conv2d(coming, going, 4, stride=2, padding=1, bias=False))
            self.encoder.append(_batch_norm(going))
            self.encoder.append(nn.LeakyReLU(_LEAK))
        # one 16 x 16 layer for each map, as one grouped convolution over its cells
        cells = (NET_E_SIDE // 16) ** 2
        self.channel_wise = nn.Conv1d(maps[-1] * cells, maps[-1] * cells, 1, groups=maps[-1])
        self.decoder = nn.Sequential()
        for coming, going in pairwise(maps[:0:-1]):
            self.decoder.append(nn.ConvTranspose2d(coming, going, 4, stride=2, padding=1, bias=False))
            self.decoder.append(_batch_norm(going))
            self.decoder.append(nn.ReLU())
        self.decoder.append(nn.ConvTranspose2d(width, 3, 4, stride=2, padding=1, bias=False))
        self.decoder.append(nn.Tanh())
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(module.weight, 0.0, _SPREAD)

    def forward(self, sampled: Tensor) -> Tensor:
        """Photographs from samples: both (n, 3, 64, 64), in [-1, 1]."""
        code: Tensor = self.encoder(sampled)
        mixed: Tensor = self.channel_wise(code.flatten(1)[:, :, None])
        restored: Tensor = self.decoder(mixed.reshape(code.shape))
        return restored

    def inpaint(self, rgb: Tensor, confidence: Tensor) -> Tensor:
        """Photographs in [0, 1] from themselves times a mask or density (n, 1, 64, 64), as Dai et al. train NetM."""
        restored: Tensor = self((2 * rgb - 1) * confidence)
        return (restored + 1) / 2


class NetMPrinted(nn.Module):
    """NetM as the paper prints it (Fig. 7): 3 x 3 throughout, batch normalisation, PReLU."""

    def __init__(self, *, width: int = 64, blocks: int = 8) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.PReLU())
        self.body = nn.Sequential(*(_Residual(width, nn.BatchNorm2d, nn.PReLU) for _ in range(blocks)))
        self.last = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, rgb: Tensor, rate: Tensor) -> Tensor:
        """Importance (n, 1, rows, columns) in (0, 1) of photographs (n, 3, rows, columns) in [0, 1]."""
        del rate
        return torch.sigmoid(cast(Tensor, self.last(self.body(self.first(2 * rgb - 1)))))


class NetMCode(nn.Module):
    """NetM as the authors' code has it: 9 x 9 at both ends, instance normalisation, LeakyReLU, one long skip.

    Its normalisation takes statistics over the whole image: tiles change the result.
    """

    def __init__(self, *, width: int = 64, blocks: int = 8) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, width, 9, padding=4, bias=False), nn.LeakyReLU(_LEAK))
        residuals = (_Residual(width, _instance_norm, lambda: nn.LeakyReLU(_LEAK), bias=False) for _ in range(blocks))
        middle = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.body = nn.Sequential(*residuals, middle, _instance_norm(width))
        self.last = nn.Sequential(nn.Conv2d(width, 1, 9, padding=4, bias=False), nn.BatchNorm2d(1))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, rgb: Tensor, rate: Tensor) -> Tensor:
        """Importance (n, 1, rows, columns) in (0, 1) of photographs (n, 3, rows, columns) in [0, 1]."""
        del rate
        start: Tensor = self.first(2 * rgb - 1)
        return torch.sigmoid(cast(Tensor, self.last(self.body(start) + start)))


class _Residual(nn.Module):
    def __init__(
        self, width: int, norm: Callable[[int], nn.Module], activation: Callable[[], nn.Module], *, bias: bool = True
    ) -> None:
        super().__init__()
        self.path = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=bias),
            norm(width),
            activation(),
            nn.Conv2d(width, width, 3, padding=1, bias=bias),
            norm(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.path(x)
        return x + changed


def _instance_norm(width: int) -> nn.Module:
    return nn.InstanceNorm2d(width, affine=True)


def _batch_norm(width: int) -> nn.Module:
    norm = nn.BatchNorm2d(width)
    nn.init.normal_(norm.weight, 1.0, _SPREAD)
    return norm
