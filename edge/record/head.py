"""An exposure without its spectrum: what progress and books need, for a tenth of the time that unpacking takes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

from firmware_bridge.messages import ExposureFlag


@dataclass(frozen=True, slots=True)
class ExposureHead:
    """What is recorded of an exposure beside its spectrum, which is left packed; its check sum held."""

    at: str
    index: int
    end_x_mm: float
    end_y_mm: float
    real_s: float
    live_s: float
    input_rate_hz: float
    """NaN where the controller states none."""
    flags: int

    @property
    def is_whole(self) -> bool:
        """Whether it need not be repeated."""
        return not self.flags & ExposureFlag.TRUNCATED

    @classmethod
    def of_row(cls, row: tuple[Any, ...]) -> Self:
        """From the columns of a checked row."""
        end_x_mm, end_y_mm, real_s, live_s, input_rate_hz = (
            math.nan if value is None else float(value) for value in (*row[5:9], row[11])
        )
        at = row[2].decode(errors="replace")
        return cls(at, row[1], end_x_mm, end_y_mm, real_s, live_s, input_rate_hz, row[13])
