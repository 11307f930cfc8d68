"""A visit to the reference standard as plain values, for the body of its event, and back."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from firmware_bridge.messages import ExposureDone, ExposureFlag, StagePose

_NUMBERS: Final = ("real_s", "live_s", "opened_at_s", "closed_at_s", "input_rate_hz", "output_rate_hz")
_POSES: Final = ("start_x_mm", "start_y_mm", "end_x_mm", "end_y_mm")
_MAX_CHANNELS = 16_384


def visit_to_dict(done: ExposureDone) -> dict[str, Any]:
    """Names and units as in the table ``exposures``; None for a number that the controller did not state.

    Raises
    ------
    ValueError
        A spectrum that is not a vector of 1 to 16,384 counts that fit into 32 bits.
    """
    counts = np.asarray(done.counts)
    if counts.ndim != 1 or not 1 <= counts.size <= _MAX_CHANNELS or counts.dtype.kind not in "iu":
        raise ValueError(f"a spectrum has 1 to {_MAX_CHANNELS} whole counts in one row, not the shape {counts.shape}")
    if int(counts.min()) < 0 or int(counts.max()) >= 2**32:
        raise ValueError(f"a spectrum holds counts from 0 to 2^32 - 1, not {counts.min()} to {counts.max()}")
    poses = (done.start.x_mm, done.start.y_mm, done.end.x_mm, done.end.y_mm)
    values = [*poses, *(getattr(done, name) for name in _NUMBERS), done.pose_uncertainty_mm]
    names = (*_POSES, *_NUMBERS, "pose_uncertainty_mm")
    numbers = {name: None if math.isnan(value) else float(value) for name, value in zip(names, values, strict=True)}
    return {"index": done.index, **numbers, "flags": int(done.flags), "counts": counts.tolist()}


def visit_from_dict(content: dict[str, Any]) -> ExposureDone:
    """The visit again; counts are read-only.

    Raises
    ------
    ValueError, TypeError, KeyError
        The content is not that of a visit.
    """

    def number(name: str) -> float:
        value = content[name]
        if value is None:
            return math.nan
        if isinstance(value, bool) or not isinstance(value, float | int):
            raise TypeError(name)
        return float(value)

    index, flags, listed = content["index"], content["flags"], content["counts"]
    if not (isinstance(index, int) and isinstance(flags, int) and isinstance(listed, list)):
        raise TypeError("index")
    exact = np.array(listed)
    whole = exact.ndim == 1 and exact.dtype.kind in "iu" and 1 <= exact.size <= _MAX_CHANNELS
    if not whole or exact.min() < 0 or exact.max() >= 2**32:
        raise ValueError("counts")
    counts = exact.astype(np.uint32)
    counts.setflags(write=False)
    start = StagePose(number("start_x_mm"), number("start_y_mm"))
    end = StagePose(number("end_x_mm"), number("end_y_mm"))
    measured = {name: number(name) for name in _NUMBERS}
    return ExposureDone(
        index=index,
        start=start,
        end=end,
        flags=ExposureFlag(flags),
        counts=counts,
        pose_uncertainty_mm=number("pose_uncertainty_mm"),
        **measured,
    )
