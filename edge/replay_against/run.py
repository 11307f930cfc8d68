"""`pointillist replay SOURCE --against OTHER`: from two recordings to a page and a table."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from edge.faults import UsageError
from edge.imports.found import NOTHING_SET, ImportSettings
from edge.record.durable import write_durably
from edge.replay_against.differences import Differences, differences
from edge.replay_against.page import page
from edge.replay_against.placing import Placed, place
from edge.replay_against.reading import Reading, common_elements, read_maps_of, says_its_own_scale
from edge.report.wording import percent

PAGE, TABLE = "against.html", "against.json"


def compare_recordings(
    source: Path,
    other: Path,
    out: Path,
    *,
    settings: ImportSettings = NOTHING_SET,
    say: Callable[[str], None],
) -> Differences:
    """Hold the maps of two recordings or rasters against each other and write ``against.html`` and ``against.json``.

    Raises
    ------
    UsageError
        One cannot be read, they share no element, or their place is in doubt.
    IntegrityError
        One is damaged.
    """
    _refuse_idle(settings, source, other)
    first, second = (read_maps_of(path, settings) for path in (source, other))
    for remark in (first.remark, second.remark):
        if remark:
            say(remark)
    ours, theirs = common_elements(first, second)
    first, second = first.of(ours), second.of(theirs)
    placed = place(first, second)
    found = differences(first, second, placed)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UsageError(f"{out}: a file is in the way: give another --out") from None
    said = sentences(first, second, placed, found)
    write_durably(out / TABLE, (json.dumps(_table(first, second, placed, found), indent=2) + "\n").encode())
    write_durably(out / PAGE, page(first, second, said, found).encode("utf-8"))
    for sentence in said:
        say(sentence)
    say(f"Report: {out / PAGE}")
    return found


def _refuse_idle(settings: ImportSettings, source: Path, other: Path) -> None:
    """Options that nothing would follow."""
    if settings.photograph is not None or settings.pairs:
        raise UsageError("--against compares maps: leave --rgb and --match out")
    if settings != NOTHING_SET and says_its_own_scale(source) and says_its_own_scale(other):
        raise UsageError(
            "a recording holds its own scale, elements and live times: leave --calibration, --tube, --live-time, "
            "--elements, --channels and --dataset out"
        )


def sentences(first: Reading, second: Reading, placed: Placed, found: Differences) -> list[str]:
    """What there is to say, the verdict first."""
    share = float(found.both.sum()) / found.both.size
    x, y = placed.shift_cells
    x_error, y_error = placed.shift_error_cells
    certain = "" if math.isnan(x_error) else f" (± {x_error:.2f} and {y_error:.2f})"
    said = [
        f"{second.name} lies {x:+.2f} columns and {y:+.2f} rows{certain} from where it was thought to on {first.name}, "
        f"turned by {placed.turn_deg:+.2f} degrees, scaled by {placed.scale:.4f}: by {placed.by}. Their maps correlate "
        f"by {placed.correlation:.2f} over the {percent(share)} of the cells that both know.",
        f"It is {found.factor:.3f} ± {found.factor_error:.3f} times as intense over all elements; each is divided by "
        "its own ratio, where that is sure, before maps are compared.",
    ]
    told = [one for one in found.elements if not math.isnan(one.rms_errors)]
    if not told:
        return [*said, "Neither tells the errors of its maps, so that differences cannot be held against them."]
    most = max(told, key=lambda one: one.rms_errors)
    alike = [one.element for one in told if one.rms_errors < _WITHIN]
    verdict = (
        f"They agree within their errors in {', '.join(alike) if alike else 'no element'}; most apart is "
        f"{most.element}, by {most.rms_errors:.1f} standard errors (root mean square; 1 is chance)."
    )
    return [verdict, *said]


_WITHIN = 1.2
"""Root mean square of differences in standard errors up to which maps are said to agree."""


def _table(first: Reading, second: Reading, placed: Placed, found: Differences) -> dict[str, object]:
    return {
        "first": first.name,
        "other": second.name,
        "other_from_first": placed.other_from_first.tolist(),
        "shift_cells": list(placed.shift_cells),
        "shift_error_cells": [_plain(one) for one in placed.shift_error_cells],
        "turn_deg": placed.turn_deg,
        "scale": placed.scale,
        "placed_by": placed.by,
        "correlation": placed.correlation,
        "common_cells": int(found.both.sum()),
        "factor": found.factor,
        "factor_error": _plain(found.factor_error),
        "elements": {
            one.element: {name: _plain(value) for name, value in asdict(one).items() if name != "element"}
            for one in found.elements
        },
    }


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
