"""A dwell test as a file, and what others read from it: what an object's elements are expected to count."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.dwell_test.figures import DWELLS_S, DwellTest
from edge.faults import IntegrityError, UsageError
from edge.modes.stand_in import ExpectedRates
from edge.record.durable import replace_durably

FORMAT = "pointillist-dwell-test"
VERSION = 1
_MOST_BYTES = 10_000_000
_FAINTEST_PER_S = 1e-9
"""A strongest rate that is lower was never seen, whatever the file says."""

_AtLeastZero = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Number = Annotated[float, Field(allow_inf_nan=False)]
_Text = Annotated[str, Field(min_length=1, max_length=20)]


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredRates:
    """What is expected to be counted of each element, counts per second of live time, arrays of shape (elements,)."""

    elements: tuple[str, ...]
    """Line groups that were there at one point at least."""
    bright_per_s: NDArray[np.float64]
    """Where the element is strongest among the points: what stands for its map's 99.9th percentile."""
    mean_per_s: NDArray[np.float64]
    """Over the area, each point weighted by the cells whose colour comes nearest to its own."""
    background_per_s: NDArray[np.float64]
    """Counts under its lines, as the variance of its rate has it beside its own: ``(rate + background) / dwell``."""
    point_rates_per_s: NDArray[np.float64]
    """At each point, at least 0, shape (points, elements)."""
    point_lab: NDArray[np.float64]
    """Colour of each point in the photograph, CIE L*a*b* (D65), shape (points, 3)."""

    @property
    def alike(self) -> ExpectedRates:
        """One rate and one background whose maps would scatter as these elements' do, relative to their strongest rate.

        Where an element has a share s of its strongest rate r, its counts' variance over a dwell t, relative to r, is
        (s / r + b / r^2) / t with the background b: the mean over the elements of both terms decides.
        """
        bright = 1.0 / float(np.mean(1.0 / self.bright_per_s))
        return ExpectedRates(bright, bright**2 * float(np.mean(self.background_per_s / np.square(self.bright_per_s))))


def write_dwell_test(path: Path, test: DwellTest) -> None:
    """Write a dwell test: either the whole file stands there afterwards, or what stood there before."""
    text = json.dumps(dwell_test_to_dict(test), indent=1, allow_nan=False) + "\n"
    replace_durably(path, lambda part: _write(part, text))


def dwell_test_to_dict(test: DwellTest) -> dict[str, object]:
    """Points, elements, and what each of the usual dwells would give; JSON's types alone."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "points": [
            {
                "x_mm": float(test.poses_mm[i, 0]),
                "y_mm": float(test.poses_mm[i, 1]),
                "row": point.row,
                "column": point.column,
                "lab": list(point.lab),
                "share": point.share,
                "live_s": float(test.live_s[i]),
                "live_fraction": float(test.live_fractions[i]),
                "counts": float(test.counts[i]),
                "rates_per_s": test.rates_per_s[i].tolist(),
                "errors_per_s": test.errors_per_s[i].tolist(),
            }
            for i, point in enumerate(test.points)
        ],
        "elements": [
            {
                "name": name,
                "is_seen": bool(test.seen[e]),
                "bright_per_s": float(test.bright_per_s[e]),
                "mean_per_s": float(test.mean_per_s[e]),
                "background_per_s": float(test.background_per_s[e]),
            }
            for e, name in enumerate(test.elements)
        ],
        "dwells": [
            {
                "dwell_s": dwell_s,
                "net_counts": (np.maximum(test.rates_per_s, 0.0) * dwell_s).tolist(),
                "relative_deviation": _finite(test.scatter(dwell_s)),
                "detection_limits_per_s": test.detection_limits(dwell_s).tolist(),
            }
            for dwell_s in DWELLS_S
        ],
    }


def read_dwell_test(path: Path) -> MeasuredRates:
    """What a dwell test expects of the elements that it saw.

    Raises
    ------
    UsageError
        The file is missing, or no element was seen.
    IntegrityError
        It is no dwell test, too new, or damaged.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file: give the dwell-test.json that pointillist plan --dwell-test left")
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise IntegrityError(f"{path}: too large for a dwell test: give the dwell-test.json of one")
        text = path.read_text("utf-8")
        content = json.loads(text)
    except (OSError, ValueError, RecursionError):
        raise IntegrityError(f"{path}: not a dwell test, or damaged: make it again") from None
    _require_format(path, content)
    try:
        read = _File.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise IntegrityError(f"{path}: damaged ({place}: {first['msg'].lower()}): make the dwell test again") from None
    rates = np.array([point.rates_per_s for point in read.points if len(point.rates_per_s) == len(read.elements)])
    if len(rates) != len(read.points):
        raise IntegrityError(f"{path}: damaged (points.rates_per_s: not one for each element): make the test again")
    seen = [e for e, element in enumerate(read.elements) if element.is_seen and element.bright_per_s > _FAINTEST_PER_S]
    if not seen:
        raise UsageError(f"{path}: no element was seen at any point: measure longer, or other points")
    elements = [read.elements[e] for e in seen]
    return MeasuredRates(
        tuple(element.name for element in elements),
        np.array([element.bright_per_s for element in elements]),
        np.array([element.mean_per_s for element in elements]),
        np.array([element.background_per_s for element in elements]),
        np.maximum(rates[:, seen], 0.0),
        np.array([point.lab for point in read.points]),
    )


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Point(_Closed):
    x_mm: _Number
    y_mm: _Number
    row: Annotated[int, Field(ge=0)]
    column: Annotated[int, Field(ge=0)]
    lab: Annotated[list[_Number], Field(min_length=3, max_length=3)]
    share: Annotated[float, Field(ge=0, le=1)]
    live_s: _AtLeastZero
    live_fraction: _AtLeastZero
    counts: _AtLeastZero
    rates_per_s: list[_Number]
    errors_per_s: list[_AtLeastZero]


class _Element(_Closed):
    name: _Text
    is_seen: bool
    bright_per_s: _AtLeastZero
    mean_per_s: _AtLeastZero
    background_per_s: _AtLeastZero


class _Dwell(_Closed):
    dwell_s: _AtLeastZero
    net_counts: list[list[_AtLeastZero]]
    relative_deviation: list[list[_AtLeastZero | None]]
    detection_limits_per_s: list[_AtLeastZero]


class _File(_Closed):
    format: Literal["pointillist-dwell-test"]
    version: Literal[1]
    points: Annotated[list[_Point], Field(min_length=1, max_length=1_000)]
    elements: Annotated[list[_Element], Field(min_length=1, max_length=200)]
    dwells: list[_Dwell]


def _require_format(path: Path, content: object) -> None:
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise IntegrityError(f"{path}: not a dwell test: give the dwell-test.json that pointillist plan left")
    version = content.get("version")
    if isinstance(version, int) and version > VERSION:
        raise IntegrityError(f"{path}: written in version {version}, newer than {VERSION}: upgrade Pointillist")


def _finite(values: NDArray[np.float64]) -> list[list[float | None]]:
    return [[value if np.isfinite(value) else None for value in row] for row in values.tolist()]


def _write(part: Path, text: str) -> None:
    part.write_text(text, encoding="utf-8")
