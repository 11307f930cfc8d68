"""The configuration of an unfolded network's training: a closed schema."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from edge.configuration.schema import Closed, validate_yaml
from models.training.unfolding.plans import OURS, PLANS, NamedPlan
from tools.measurement_folder import measurement_folder
from tools.onnx_writing import NOT_STATED

PositiveInt = Annotated[int, Field(ge=1)]
_DATA = "$POINTILLIST_DATA/"


class ScanToLearn(Closed):
    """What to learn from."""

    source: str
    """A recording's folder, or a raster of known maps with its photograph, relative to the configuration's folder."""
    factor: Annotated[int, Field(ge=2, le=64)] | None = None
    """Of a raster of known maps: the side of the blocks that are measured in thought, in cells."""
    window: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=4, max_length=4)] | None = None
    """Of such a raster: first row, first column, rows and columns of the part to learn from; None: all."""
    mask: Literal["random", "grid", "blue-noise", "gradient"] | None = None
    """Of such a raster, in the place of blocks: which cells are measured in thought."""
    rate: Annotated[float, Field(gt=0, le=1)] = 0.1
    """How many of the known ones a mask measures."""
    sees: Literal["block", "middle"] = "block"
    """What an exposure of a block sees: the mean of it, or the cell in its middle."""

    @model_validator(mode="after")
    def _nothing_is_said_in_vain(self) -> Self:
        if self.factor is None and "sees" in self.model_fields_set:
            raise ValueError("sees says what is seen of the blocks of a factor, and none is given: leave it out")
        if self.mask is None and "rate" in self.model_fields_set:
            raise ValueError("rate says how many cells a mask measures, and none is given: leave it out")
        return self


class UnfoldConfig(Closed):
    """One training."""

    scan: ScanToLearn
    plan: str = OURS
    """A name of `models.training.unfolding.plans.PLANS`."""
    steps: list[PositiveInt] | None = None
    """Of each stage, in the plan's place."""
    exposures: PositiveInt | None = None
    """Per step and lesson, in the plan's place."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    threads: Annotated[int, Field(ge=0, le=256)] = 0
    """Of the processor; 0: as many as torch takes."""
    licence: Annotated[str, Field(min_length=1, max_length=2_000)] = NOT_STATED
    """Under which terms the network is given; it holds much of what was measured."""


def load_unfold_config(path: Path, *, scan: Path | None = None) -> UnfoldConfig:
    """Read a configuration; `scan` takes the place of its source.

    Raises
    ------
    UsageError
        Not there, not YAML, or against the schema; the text names the line.
    """

    def resolve(document: dict[str, Any], folder: Path) -> dict[str, Any]:
        section = document.get("scan")
        if isinstance(section, dict):
            stated = section.get("source")
            if scan is not None:
                section["source"] = str(scan)
            elif isinstance(stated, str):
                inside = stated.removeprefix(_DATA)
                section["source"] = str(folder / stated if inside == stated else measurement_folder() / inside)
        return document

    return validate_yaml(UnfoldConfig, path, resolve)


def plan_of(config: UnfoldConfig) -> NamedPlan:
    """The named plan, with what the configuration puts in its place.

    Raises
    ------
    UsageError
        There is no such plan, or it has another number of stages.
    """
    from edge.faults import UsageError

    if config.plan not in PLANS:
        raise UsageError(f"plan: {config.plan!r} is not known: choose one of {', '.join(PLANS)}")
    named = PLANS[config.plan]
    stages = named.plan.stages
    if config.steps is not None:
        if len(config.steps) != len(stages):
            raise UsageError(f"steps: the plan {config.plan} has {len(stages)} stages: give as many numbers of steps")
        stages = tuple(replace(stage, steps=steps) for stage, steps in zip(stages, config.steps, strict=True))
    if config.exposures is not None:
        stages = tuple(replace(stage, exposures=config.exposures) for stage in stages)
    return replace(named, plan=replace(named.plan, stages=stages, seed=config.seed))
