"""Checkpoints: a network's description and weights, and whatever a training needs to go on exactly."""

from __future__ import annotations

import os
import pickle
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from models.training.faults import UnusableCheckpoint
from models.training.networks import build_network

FORMAT = 1


@dataclass(frozen=True, slots=True)
class NetworkDescription:
    """What a checkpoint's network is, and where it comes from."""

    network: str
    """A name of `models.training.networks.NETWORKS`."""
    options: dict[str, Any]
    """Its keywords."""
    rates: tuple[float, float]
    """Smallest and largest rate that it was trained for; 1 and 1 of an unfolded network, which is asked for none."""
    step: int = 0
    training: dict[str, Any] = field(default_factory=dict)
    """Plain values for the model card: configuration, seed, data set with its digest, validation."""


def save_checkpoint(
    path: Path, network: nn.Module, description: NetworkDescription, state: dict[str, Any] | None = None
) -> None:
    """Write a checkpoint whole or not at all; `state` holds tensors and plain values that `load_state` returns."""
    content = {
        "format": FORMAT,
        "description": {**asdict(description), "rates": list(description.rates)},
        "network": network.state_dict(),
        "state": state or {},
    }
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load_network(path: Path) -> tuple[nn.Module, NetworkDescription]:
    """The network of a checkpoint on the CPU, ready to be evaluated, and its description.

    Its ``forward(rgb, rate)`` maps (n, 3, rows, columns) in [0, 1] and (n,) to importance (n, 1, rows, columns), at
    least 0, whose mean is not adjusted yet.

    Raises
    ------
    UnusableCheckpoint
        Not there, not a checkpoint of this program, or damaged.
    UnknownNetwork
        It names a network that this program does not have.
    """
    content = _read(path)
    known = {each.name for each in fields(NetworkDescription)}
    try:
        stated = dict(content["description"])
        if set(stated) != known:
            raise KeyError(f"description of {sorted(stated)}")
        description = NetworkDescription(**{**stated, "rates": (float(stated["rates"][0]), float(stated["rates"][1]))})
        network = build_network(description.network, description.options)
        network.load_state_dict(content["network"])
    except (KeyError, TypeError, IndexError, RuntimeError, AttributeError) as error:
        raise UnusableCheckpoint(f"{path}: the weights do not fit their description ({_first_line(error)})") from None
    return network.eval(), description


def load_state(path: Path) -> dict[str, Any]:
    """What the training kept beside the network.

    Raises
    ------
    UnusableCheckpoint
        Not there, not a checkpoint of this program, or damaged.
    """
    state: dict[str, Any] = _read(path)["state"]
    return state


def _read(path: Path) -> dict[str, Any]:
    try:
        # tensors and plain values alone: a foreign file cannot run code
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UnusableCheckpoint(f"{path}: no such file: give a checkpoint that a training wrote") from None
    except pickle.UnpicklingError:
        raise UnusableCheckpoint(
            f"{path}: not a checkpoint, or one that holds more than weights and plain values: take one that a "
            "training of this program wrote"
        ) from None
    except (OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise UnusableCheckpoint(f"{path}: not a checkpoint, or a damaged one ({_first_line(error)})") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT or "state" not in content:
        raise UnusableCheckpoint(f"{path}: not a checkpoint of format {FORMAT}: train again, or take the right file")
    return content


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
