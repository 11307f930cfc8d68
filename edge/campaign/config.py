"""The closed description of a campaign: one object, the photograph of its whole, and the placements that scan it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from edge.configuration.area import OutlinedConfig
from edge.configuration.config import FiducialsConfig, LensConfig, ObjectConfig, ReconstructConfig, SamplingConfig
from edge.configuration.schema import Closed, ElementName, Name, validate_yaml


class PlacedScanConfig(Closed):
    """One placement of the scanner."""

    name: Name
    recording: Name
    """Folder of its recording; made by ``pointillist scan``."""


class CampaignConfig(Closed):
    """One object, whole; all millimetres are the object's own, x right and y down."""

    object: ObjectConfig = ObjectConfig()
    photograph: Name
    """Picture of the whole object with its markers."""
    fiducials: FiducialsConfig
    """Markers fixed beside the object, where they lie in its frame."""
    lens: LensConfig | None = None
    """Of the camera that took the photograph."""
    area: OutlinedConfig
    """What is to be mapped, and the cell size of every placement."""
    sampling: SamplingConfig = SamplingConfig()
    elements: Annotated[list[ElementName], Field(min_length=1, max_length=60)]
    reconstruct: ReconstructConfig = ReconstructConfig()
    check_share: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Of the cells that another placement has visited, the part that is visited again for the check."""
    placements: Annotated[list[PlacedScanConfig], Field(min_length=2, max_length=100)]

    @model_validator(mode="after")
    def _cells_are_chosen(self) -> Self:
        if self.sampling.coarse is not None:
            raise ValueError("sampling.coarse measures blocks, and a campaign chooses cells: leave coarse out")
        return self

    @model_validator(mode="after")
    def _placements_differ(self) -> Self:
        for what in ("name", "recording"):
            values = [getattr(placement, what) for placement in self.placements]
            if len(set(values)) != len(values):
                raise ValueError(f"two placements share a {what}: give each its own")
        return self


def load_campaign(path: Path) -> CampaignConfig:
    """Read and check a campaign file; relative paths in it are taken from its own folder.

    Raises
    ------
    UsageError
        The file is missing, not strict YAML, or breaks the schema; the text names file, line and key.
    """
    return validate_yaml(CampaignConfig, path, resolve=_resolve_paths)


def _resolve_paths(value: dict[str, Any], folder: Path) -> dict[str, Any]:
    def resolved(section: Any, key: str) -> Any:
        if isinstance(section, dict) and isinstance(section.get(key), str):
            return {**section, key: str((folder / section[key]).absolute())}
        return section

    value = resolved(value, "photograph")
    value = {**value, "sampling": resolved(value["sampling"], "model")} if "sampling" in value else value
    if isinstance(value.get("placements"), list):
        value = {**value, "placements": [resolved(placement, "recording") for placement in value["placements"]]}
    return value
