"""An unfolded network trained on a coarse scan and used on it at once, for tables."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.unfold.inputs import RECIPES
from edge.reconstruct.unfold.method import agreeing
from models.training.checkpoint import NetworkDescription
from models.training.unfolding.network import UnfoldedNetwork, UnfoldedOptions
from models.training.unfolding.plans import NamedPlan
from models.training.unfolding.trainer import Ended, UnfoldingTrainer
from tools.unfold_lessons import Lessons, lessons_of

Floats = NDArray[np.float32]

_CELLS_AT_ONCE = 65_536


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What a training came to."""

    agreeing: Floats
    """Maps of which every exposure sees what it measured, (rows, columns, elements), in the samples' unit."""
    bare: Floats
    """The network's own, without that."""
    ended: Ended
    processor_s: float
    """Of all threads together, inputs included."""


def learned_maps(cells: MeasuredCells, rgb: Floats, named: NamedPlan) -> Learned:
    """Train a plan on a scan, and make its maps; nothing is kept.

    Raises
    ------
    UsageError, ModelsError
        A scan that the plan cannot learn from.
    """
    began = time.process_time()
    lessons = lessons_of(cells, rgb, named)
    inputs = RECIPES[named.recipe](lessons.scaled, rgb)
    torch.manual_seed(named.plan.seed)
    options = UnfoldedOptions(
        cells.elements,
        int(inputs.shape[2]),
        atoms=named.atoms,
        layers=named.layers,
        activation=named.activation,
        output=named.output,
        dictionary=named.dictionary,
    )
    network = UnfoldedNetwork(options)
    with tempfile.TemporaryDirectory() as folder:
        described = NetworkDescription("unfolded", {}, (1.0, 1.0))
        trainer = UnfoldingTrainer(network, lessons.taught, lessons.judged, named.plan, Path(folder), described)
        ended = trainer.run()
    bare, operator = _maps(network.cpu(), inputs, lessons), lessons.scaled.seen_by()
    is_smooth = named.recipe != "interpolated"
    span = lessons.span
    maps = span.unscaled(agreeing(bare, operator, lessons.scaled.values, is_smooth=is_smooth))
    return Learned(maps, span.unscaled(bare), ended, time.process_time() - began)


def _maps(network: UnfoldedNetwork, inputs: Floats, lessons: Lessons) -> Floats:
    known = torch.from_numpy(np.ascontiguousarray(inputs.reshape(-1, inputs.shape[2])))
    with torch.inference_mode():
        parts = [network(known[at : at + _CELLS_AT_ONCE]) for at in range(0, len(known), _CELLS_AT_ONCE)]
    found = torch.cat(parts)[:, : lessons.scaled.elements].numpy()
    return np.ascontiguousarray(found).reshape(*lessons.scaled.shape, -1)
