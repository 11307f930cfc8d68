"""What is to be done otherwise than a recording says: the few settings that do not decide where the beam went."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from edge.configuration.config import ReconstructConfig, ScanConfig
from edge.configuration.schema import Closed, ElementName, validate_yaml
from edge.faults import UsageError


class DetectorChanges(Closed):
    """A better guess of energy scale and resolution."""

    offset_kev: Annotated[float, Field(ge=-5, le=5)] | None = None
    gain_kev: Annotated[float, Field(gt=0, le=1)] | None = None
    fwhm_mn_kev: Annotated[float, Field(gt=0.05, le=1)] | None = None


class TubeChanges(Closed):
    """What the tube was, where the recording says otherwise."""

    anode: Annotated[str, Field(pattern=r"^[A-Z][a-z]?$")] | None = None
    kv: Annotated[float, Field(gt=1, le=160)] | None = None
    ua: Annotated[float, Field(gt=0, le=100_000)] | None = None
    filter: str | None = None


class InstrumentChanges(Closed):
    """Of the instrument."""

    detector: DetectorChanges = DetectorChanges()
    tube: TubeChanges = TubeChanges()


class Changes(Closed):
    """What `pointillist reprocess --config` may hold; every key replaces the recording's own."""

    elements: list[ElementName] | None = Field(default=None, max_length=60)
    instrument: InstrumentChanges = InstrumentChanges()
    reconstruct: ReconstructConfig | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """How a whole archive is reprocessed."""

    changes: str = "{}"
    """As JSON, keys sorted; only what is set."""
    piece_cells: int = 512
    """Side of a piece of a large map. Grids of more than four such pieces are made piece by piece."""

    @classmethod
    def of(cls, *, method: str | None = None, config: Path | None = None, piece_cells: int = 512) -> Settings:
        """From what the command line gives.

        Raises
        ------
        UsageError
            The file is none, sets what cannot be changed afterwards, or the method does not exist.
        """
        from edge.reconstruct import NAMES

        if not 16 <= piece_cells <= 8_192:
            raise UsageError(f"--piece {piece_cells}: give the side of a piece in cells, from 16 to 8192")
        changes = Changes() if config is None else validate_yaml(Changes, config)
        if method is not None:
            changes = changes.model_copy(update={"reconstruct": ReconstructConfig(method=method)})
        asked = changes.reconstruct.method if changes.reconstruct is not None else None
        if asked is not None and asked not in NAMES:
            raise UsageError(f"there is no reconstruction {asked!r}: choose one of {', '.join(NAMES)}")
        kept = changes.model_dump(exclude_none=True)
        return cls(json.dumps(kept, sort_keys=True), piece_cells)

    def applied_to(self, config: ScanConfig, recording: Path) -> ScanConfig:
        """The configuration of a recording with the changes.

        Raises
        ------
        UsageError
            They do not go together.
        """
        changes = json.loads(self.changes)
        if not _says_something(changes):
            return config
        try:
            return ScanConfig.model_validate(_merged(config.model_dump(), changes))
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"]) or "configuration"
            raise UsageError(f"{recording}: with the changes asked for, {key}: {first['msg']}: change it") from None


def _says_something(changes: Any) -> bool:
    return any(map(_says_something, changes.values())) if isinstance(changes, dict) else True


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        is_section = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merged(base[key], value) if is_section else value
    return merged
