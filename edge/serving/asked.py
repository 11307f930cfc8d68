"""What somebody asks of a plan on the page, and the configuration that this makes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

import yaml

from edge.app import yaml_of
from edge.configuration.config import OF_A_RATE, ScanConfig, parse_scan_config
from edge.configuration.durations import LONGEST_S
from edge.faults import UsageError
from edge.modes.comparison import by_error, by_time, time_of_rate
from edge.modes.registry import AUTOMATIC
from edge.planning.desk_comparison import Aim

Budget = Literal["rate", "time_s", "error"]
Corners = list[list[float]]
_MOST_CORNERS = 400
_MOST_OUTLINES = 100
_LARGEST_MM = 1e6


@dataclass(frozen=True, slots=True)
class Asked:
    """Area, keep-outs and budget."""

    area: Corners | None
    """Corners in stage mm; None: as configured."""
    keep_outs: tuple[Corners, ...]
    budget: Budget
    value: float
    """Part of the cells, s, or part of each map's range."""

    @classmethod
    def of(cls, content: dict[str, Any]) -> Self:
        """From what a browser sends.

        Raises
        ------
        UsageError
            It is malformed.
        """
        if not set(content) <= {"area", "keep_outs", "budget"}:
            raise UsageError("a plan is asked for by area, keep_outs and budget")
        area, outs, budget = content.get("area"), content.get("keep_outs") or [], content.get("budget")
        if not isinstance(outs, list) or len(outs) > _MOST_OUTLINES:
            raise UsageError(f"keep_outs is a list of at most {_MOST_OUTLINES} outlines")
        if not isinstance(budget, dict) or len(budget) != 1 or not set(budget) <= set(get_args(Budget)):
            raise UsageError("a budget is one of rate, time_s and error")
        ((name, value),) = budget.items()
        most = LONGEST_S if name == "time_s" else 1.0
        if not _is_number(value) or not 0 < value <= most:
            raise UsageError(f"a budget's {name} is a number above 0 and at most {most:g}")
        return cls(None if area is None else _corners(area), tuple(_corners(each) for each in outs), name, float(value))

    def config(self, config: ScanConfig, path: Path) -> ScanConfig:
        """A configuration as it is with this; a time or an error is spent in a way that is still to be found.

        Parameters
        ----------
        path
            What complaints begin with.

        Raises
        ------
        UsageError
            Together they are no scan.
        """
        document = yaml.safe_load(yaml_of(config))
        # the page is there already
        document["monitor"] = None
        area, sampling = document["area"], document["sampling"]
        if self.area is not None:
            area["polygon"] = self.area
        named = {str(out.polygon): out.name for out in config.area.keep_out}
        area["keep_out"] = [
            {"name": named.get(str(corners), f"drawn on the page, {number}"), "polygon": corners}
            for number, corners in enumerate(self.keep_outs, 1)
        ]
        sampling["coarse"] = None
        if self.budget == "rate":
            sampling |= {"rate": self.value, "time_s": None, "mode": AUTOMATIC}
        else:
            defaults = type(config.sampling)().model_dump(mode="json")
            sampling |= {key: defaults[key] for key in OF_A_RATE}
        return parse_scan_config(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), path)

    @property
    def aim(self) -> Aim:
        """What modes are compared by; what less and more time would bring is left out, for somebody waits."""
        value = self.value
        match self.budget:
            case "time_s":
                return Aim(lambda setting, rates: by_time(setting, rates, value, steps=(1.0,)), AUTOMATIC)
            case "rate":
                return Aim(
                    lambda setting, rates: by_time(setting, rates, time_of_rate(setting, value), steps=(1.0,)),
                    AUTOMATIC,
                )
            case "error":
                return Aim(lambda setting, rates: by_error(setting, rates, value), AUTOMATIC, value)


def _corners(value: object) -> Corners:
    if not isinstance(value, list) or not 3 <= len(value) <= _MOST_CORNERS:
        raise UsageError(f"an outline is a list of 3 to {_MOST_CORNERS} corners")
    for corner in value:
        if not (isinstance(corner, list) and len(corner) == 2 and all(_is_number(each) for each in corner)):
            raise UsageError("a corner is x and y in mm")
    return [[float(x), float(y)] for x, y in value]


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    # before anything is made a float of it: a whole number may have thousands of figures; false of nan too
    return abs(value) < _LARGEST_MM
