"""What is wrong with frames, and what a mosaic leaves bare: one sentence each, with the remedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.mosaic.adjust import Adjustment
from calibration.mosaic.overlaps import Overlap

BLURRED = 0.55
"""Share of its neighbours' finest detail below which a frame is blurred; sharp frames differ by less than a fifth."""
FAR = 4.0
"""Of the stage's stated error: a frame further off than so many was not where its position says."""


def faulty(names: Sequence[str], overlaps: Sequence[Overlap]) -> dict[int, str]:
    """Frames that are blurred or show something else, each with its sentence."""
    left_out: dict[int, str] = {}
    told = [one for one in overlaps if one.is_textured]
    for k, name in enumerate(names):
        own = [one for one in told if k in (one.first, one.second)]
        both = overlaps_with(k, overlaps)
        ratios = [one.sharpness_ratio if one.first == k else 1 / one.sharpness_ratio for one in both]
        if len(ratios) > 1 and float(np.median(ratios)) < BLURRED:
            left_out[k] = (
                f"{name} is blurred ({np.median(ratios):.0%} of its neighbours' fine detail) and was left out: take it "
                "again with the stage at rest"
            )
        elif len(own) > 1 and not any(one.is_alike for one in own):
            best = max(one.likeness for one in own)
            left_out[k] = (
                f"{name} shows something else than its neighbours do of the same places (likeness {max(best, 0):.2f}) "
                "and was left out: check its stated position and that nothing stood before the object, take it again"
            )
    return left_out


def all_different(names: Sequence[str], overlaps: Sequence[Overlap]) -> str:
    """A sentence where no two frames that show enough are alike; empty otherwise."""
    told = [one for one in overlaps if one.is_textured]
    if not told or any(one.is_alike for one in told):
        return ""
    first, second = names[told[0].first], names[told[0].second]
    return (
        f"{first} and {second} show different things where they should overlap (likeness "
        f"{max(told[0].likeness, 0):.2f}): check their stated positions and the head's calibration"
    )


def overlaps_with(k: int, overlaps: Sequence[Overlap]) -> list[Overlap]:
    """Those of one frame."""
    return [one for one in overlaps if k in (one.first, one.second)]


def nothing_in_common(names: Sequence[str], overlaps: Sequence[Overlap], left_out: dict[int, str]) -> str:
    """Why nothing can be put together."""
    if not overlaps:
        return (
            f"none of the {len(names)} frames overlaps another where the stage says that they lie: move the stage in "
            "smaller steps, or check the head's calibration and the stated positions"
        )
    return (
        f"too few usable frames are left, {len(names) - len(left_out)} of {len(names)}: {next(iter(left_out.values()))}"
    )


def apart(names: Sequence[str], overlaps: Sequence[Overlap]) -> Iterator[str]:
    """Frames that no neighbour confirms: placed by the stage alone."""
    for k, name in enumerate(names):
        own = overlaps_with(k, overlaps)
        if not own:
            yield f"{name} overlaps no other frame and was placed by the stage alone: move the stage in smaller steps"
        elif not any(one.is_alike for one in own):
            yield f"{name} was placed by the stage alone: it and its neighbours show nothing to compare"


def misplaced(names: Sequence[str], adjustment: Adjustment, stage_error_mm: float) -> Iterator[str]:
    """Frames that lie far from where the stage says."""
    for name, move in zip(names, adjustment.moves_mm, strict=True):
        off_mm = float(np.hypot(*move))
        if off_mm > FAR * stage_error_mm:
            yield (
                f"{name} lies {off_mm:.2f} mm from where the stage says (its error is given as {stage_error_mm:g} mm): "
                "it was placed by its neighbours, check the stage"
            )


def hole(covered: NDArray[np.bool_], left_cell: int, upper_cell: int, mm_per_px: float) -> str:
    """A sentence for the largest uncovered part that is closed in by frames; empty without one."""
    shrink = max(1, round(max(covered.shape) / 1000))
    size = (max(1, covered.shape[1] // shrink), max(1, covered.shape[0] // shrink))
    small = cv2.resize(covered.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    count, labels, stats, centres = cv2.connectedComponentsWithStats(1 - small, connectivity=4)
    border = set(np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])).tolist())
    inner = [k for k in range(1, count) if k not in border and small[labels == k].max(initial=0) == 0]
    if not inner:
        return ""
    largest = max(inner, key=lambda k: int(stats[k, cv2.CC_STAT_AREA]))
    scale = np.array([covered.shape[1] / size[0], covered.shape[0] / size[1]]) * mm_per_px
    wide, high = stats[largest, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]] * scale
    x, y = (centres[largest] + 0.5) * scale + np.array([left_cell, upper_cell]) * mm_per_px
    return (
        f"no frame covers {wide:.1f} x {high:.1f} mm around ({x:.1f}, {y:.1f}) mm: visit that place too, or keep the "
        "scan's area out of it"
    )
