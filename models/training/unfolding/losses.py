"""What the unfolded network's training makes small: Eq. 11 to 14 of Verinaz-Jadan et al., in both papers."""

from __future__ import annotations

import torch
from torch import Tensor

REAL, MADE = 1.0, -1.0
"""What a discriminator should answer, and tau, beyond which it is right."""


def squared_error(found: Tensor, wanted: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean squared error, L_c1 of measurements and L_c2 of colours; `weight` broadcasts, and its mean counts as 1."""
    error = (found - wanted).square()
    if weight is None:
        return error.mean()
    spread = weight.expand_as(error)
    return (spread * error).sum() / spread.sum()


def fooling_error(answers: Tensor, patches: str = "misclassified") -> Tensor:
    """L_adv of the network, Eq. 12: made patches should pass for real.

    Answers of made patches, shape (n,); `patches` is a name of `models.training.unfolding.plans.PATCHES`.
    """
    return _toward(answers, REAL, patches)


def telling_error(of_made: Tensor, of_real: Tensor, patches: str = "misclassified") -> Tensor:
    """The discriminator's loss, Eq. 13. Answers of made and of real patches, shape (n,) each."""
    return _toward(of_made, MADE, patches) + _toward(of_real, REAL, patches)


def pseudo_real(maps: Tensor, colours: Tensor, share: Tensor) -> Tensor:
    """Patches that stand in for real fine maps, Eq. 14.

    Parameters
    ----------
    maps, colours
        A channel of the interpolated maps, and the photograph's channel that is most correlated with it; shape
        (n, 1, rows, columns), in [0, 1].
    share
        beta, the maps' share, shape (n,), in [0, 0.9].
    """
    part = share[:, None, None, None]
    return part * maps + (1 - part) * colours


def _toward(answers: Tensor, wanted: float, patches: str) -> Tensor:
    """Mean squared distance of answers from the one wanted; zero, with a gradient of zero, where none counts."""
    distance = (answers - wanted).square()
    if patches == "all":
        return distance.mean()
    is_wrong = answers < wanted if wanted > 0 else answers > wanted
    return torch.where(is_wrong, distance, 0.0).sum() / is_wrong.sum().clamp(min=1)
