"""Sampling that listens, on a subject of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.adaptive.recorded import adaptive_mask
from edge.replaying.sources import Stack
from models.masks import MaskRequest

if TYPE_CHECKING:
    from tools.reproduce.subjects import Subject


def listened_cells(subject: Subject, count: int) -> NDArray[np.bool_]:
    """Cells that `edge.adaptive` visits; it knows neither truth nor percentiles. A blank photograph stands for none."""
    photograph: NDArray[np.uint8] | None = None
    if bool((subject.rgb != subject.rgb[0, 0]).any()):
        full = 1 if subject.rgb.dtype == np.uint8 else 255
        photograph = np.round(full * subject.rgb).astype(np.uint8)
    elements = tuple(f"E{index}" for index in range(subject.values.shape[2]))
    unknown = np.zeros_like(subject.values)
    stack = Stack(subject.values, unknown, elements, photograph, subject.allowed, is_full=True, unit="")
    request = MaskRequest(shape=subject.shape, count=count, rgb=photograph, allowed=subject.allowed, seed=subject.seed)
    return adaptive_mask(stack, request).cells
