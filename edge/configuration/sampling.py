"""What the configuration says of the cells that are measured, and for how long."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from edge.configuration.durations import LONGEST_S
from edge.configuration.schema import Closed, ElementName, Name
from edge.stopping.config import StopConfig

OF_A_RATE = ("rate", "mask", "batches")
"""Keys that say nothing where a time is given."""
_OF_CHOSEN_CELLS = (*OF_A_RATE, "time_s", "mode", "model", "binariser", "max_hole_mm")
"""Keys that say nothing where all blocks of a coarse raster are measured."""


class CoarseConfig(Closed):
    """One exposure for each block of cells, in place of chosen cells."""

    factor: Annotated[int, Field(ge=2, le=1_000)]
    """Cells of a block, in each direction."""
    exposures: Literal["points", "strokes"] = "points"
    """A dwell in the middle of each block, or a stroke in motion through it."""


class SamplingConfig(Closed):
    """Where to measure."""

    rate: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Fraction of the cells that are visited, where no time is given."""
    time_s: Annotated[float, Field(gt=0, le=LONGEST_S)] | None = None
    """Time for the whole scan, spent as `mode` says; None: a rate is asked for."""
    mode: Name = "automatic"
    """How a time is spent, by a name of `edge.modes.registry`; the one that is predicted to show most by itself."""
    coarse: CoarseConfig | None = None
    """A coarse raster in place of a rate, a mask or a time; None: cells are chosen."""
    mask: Name = "adaptive"
    model: Name | None = None
    """A mask network's ONNX file, for the mask ``netm``; None for the shipped one."""
    batches: Annotated[int, Field(ge=1, le=100)] = 8
    """Of the mask ``adaptive``: in so many, what is not visited first is chosen while the scan runs."""
    binariser: Name = "error-diffusion"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    max_hole_mm: Annotated[float, Field(gt=0, le=1_000)] | None = None
    """Coverage floor: no cell further than this from a visited one; None: what the mask gives."""
    dwell_s: Annotated[float, Field(ge=0.001, le=3_600)] = 0.1
    interest: dict[ElementName, Annotated[float, Field(ge=0, le=1_000)]] = Field(default={}, max_length=60)
    """How much elements count, against 1 of those not named, where cells are chosen while the scan runs."""
    held_out: Annotated[float, Field(ge=0, le=0.5)] = 0.02
    """Part of the exposures, drawn by lot, that is never fitted and tells the maps' error; 0: none."""
    stop: StopConfig = StopConfig()
    """When the scan is over before its budget is spent."""

    @model_validator(mode="after")
    def _coarse_or_chosen(self) -> Self:
        if self.coarse is None:
            return self
        for key in _OF_CHOSEN_CELLS:
            if getattr(self, key) != SamplingConfig.model_fields[key].default:
                raise ValueError(f"coarse measures every block of cells, and {key} chooses: leave one of them out")
        return self

    @property
    def first_mask(self) -> str:
        """The mask that is known before the beam is on."""
        return "netm" if self.mask == "adaptive" else self.mask

    @model_validator(mode="after")
    def _time_or_rate(self) -> Self:
        # a recorded configuration states the defaults, too
        stated = [key for key in OF_A_RATE if getattr(self, key) != SamplingConfig.model_fields[key].default]
        if self.time_s is not None and "rate" in stated:
            raise ValueError("rate and time_s both say how much is measured: keep one of them")
        if self.time_s is not None and stated:
            raise ValueError(f"{stated[0]} chooses cells for a rate, and mode spends time_s: leave one of them out")
        if self.time_s is None and self.mode != "automatic":
            raise ValueError(f"mode {self.mode!r} shares out a time: give time_s too, or leave mode out")
        return self

    @model_validator(mode="after")
    def _model_is_used(self) -> Self:
        if self.model is not None and self.mask not in ("netm", "adaptive"):
            raise ValueError(f"model is of no use to the mask {self.mask!r}: write mask: netm, or remove model")
        return self
