"""The unfolded network of a mask as a column: trained on the very cells that it then fills between."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import checked_photograph
from edge.reconstruct.unfold.looks import looks
from edge.reconstruct.unfold.method import agreeing
from models.training.unfolding.plans import OURS_OF_A_MASK
from tools.reproduce.code_version import code_version
from tools.reproduce.estimators import Estimator, measured_cells
from tools.reproduce.subjects import Subject
from tools.unfold import build_trainer
from tools.unfold_config import ScanToLearn, UnfoldConfig, plan_of
from tools.unfold_lessons import lessons_of

UNFOLDING = "unfolding"
_CELLS_AT_ONCE = 65_536


def unfolding_estimator() -> Estimator:
    """The column."""
    return Estimator(UNFOLDING, f"{code_version(lessons_of)}-{code_version(build_trainer)}", _estimated)


def _estimated(subject: Subject, cells: NDArray[np.bool_]) -> NDArray[np.float32]:
    """What `tools.unfold` and the application make of the cells, by torch from end to end."""
    import torch

    from models.training.checkpoint import load_network
    from models.training.unfolding.trainer import BEST

    measured = measured_cells(subject, cells)
    # a blank photograph stands for none, and is taken for none
    rgb = checked_photograph(subject.rgb, subject.shape)
    config = UnfoldConfig(scan=ScanToLearn(source="scan"), plan=OURS_OF_A_MASK)
    named = plan_of(config)
    lessons = lessons_of(measured, rgb, named)
    with tempfile.TemporaryDirectory() as folder:
        build_trainer(config, named, lessons, Path(folder)).run()
        network, _ = load_network(Path(folder) / BEST)
    inputs = torch.from_numpy(looks(lessons.scaled, rgb)).flatten(0, 1)
    with torch.inference_mode():
        found = torch.cat([network(inputs[at : at + _CELLS_AT_ONCE]) for at in range(0, len(inputs), _CELLS_AT_ONCE)])
    maps = found[:, : measured.elements].numpy().reshape(*measured.shape, measured.elements)
    return lessons.span.unscaled(agreeing(maps, measured.seen_by(), lessons.scaled.values, is_smooth=False))
