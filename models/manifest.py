"""What stands beside a mask network: its digest, what goes in and comes out, and where it comes from.

The manifest of ``FILE.onnx`` is ``FILE.json`` in the same folder.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.faults import MissingModel, UnusableManifest

FORMAT = "pointillist-mask-network"
VERSION = 1
OPSETS = range(13, 22)
"""Operator sets that the oldest onnxruntime of our range runs and the exporter may write."""
_LARGEST_BYTES = 262_144

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, Field(min_length=1, max_length=2_000)]
AtLeastZero = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Closed(BaseModel):
    """A part of a manifest: every key known, every value of its own type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Port(Closed):
    """One input or output of a network."""

    name: str
    element: Literal["float32"] = "float32"
    shape: list[int | str]
    """Lengths; a name where any length will do that the manifest's ``alignment`` permits."""
    meaning: str


INPUTS = [
    Port(name="rgb", shape=[1, 3, "rows", "columns"], meaning="sRGB photograph on the scan grid, 0 to 1"),
    Port(name="rate", shape=[1], meaning="fraction of the cells to visit, within rates"),
]
OUTPUTS = [
    Port(name="importance", shape=[1, 1, "rows", "columns"], meaning="at least 0; its mean is adjusted afterwards"),
]


class Training(Closed):
    """Where the weights come from; what nobody stated is None."""

    network: Text
    options: dict[str, Any]
    step: Annotated[int, Field(ge=0)]
    seed: int | None
    configuration_sha256: Sha256 | None
    """Of the configuration as canonical JSON."""
    checkpoint_sha256: Sha256
    commit: Text | None
    """Of the program, when it exported the network."""
    stated: dict[str, Any]
    """Everything that the training wrote about itself, the photographs and their digest among it."""


class Parity(Closed):
    """How far onnxruntime was from torch over photographs and rates of several sizes."""

    largest_difference: AtLeastZero
    """Of an importance, as a fraction of it or of the mean, whichever is larger."""
    cases: Annotated[int, Field(ge=1)]


class Quantisation(Closed):
    """What eight bits cost."""

    photographs: Annotated[int, Field(ge=1)]
    """On which ranges were learnt and the loss was measured."""
    largest_difference: AtLeastZero
    """Of the importance from that of the float network, as a fraction of its mean."""
    rms_difference: AtLeastZero
    cells_moved: Annotated[float, Field(ge=0, le=1)]
    """Fraction of a 10 % mask's cells that another cell replaces."""


class Manifest(Closed):
    """Everything that must be true of a mask network's file."""

    format: Literal["pointillist-mask-network"] = "pointillist-mask-network"
    version: Literal[1] = 1
    sha256: Sha256
    opset: Annotated[int, Field(ge=OPSETS.start, lt=OPSETS.stop)]
    inputs: list[Port]
    outputs: list[Port]
    alignment: Annotated[int, Field(ge=1, le=256)]
    """Rows and columns are multiples of this."""
    reach_cells: Annotated[int, Field(ge=0, le=100_000)] | None
    """No cell further away than this influences an importance; None where the whole image does."""
    rates: Annotated[list[Annotated[float, Field(gt=0, le=1)]], Field(min_length=2, max_length=2)]
    """Smallest and largest rate that the network is asked for; beyond them it is asked for the nearest."""
    floor: Annotated[float, Field(ge=0, le=10)]
    """Share of the mean importance that every cell is given on top, see `models.density.density_from_importance`."""
    flop_per_cell: AtLeastZero
    bytes_per_cell: AtLeastZero
    """Working memory, measured."""
    precision: Literal["float32", "int8"]
    parity: Parity
    quantisation: Quantisation | None = None
    training: Training
    licence: Text
    results: dict[str, Any]

    @model_validator(mode="after")
    def _is_of_our_contract(self) -> Self:
        if self.inputs != INPUTS or self.outputs != OUTPUTS:
            raise ValueError("inputs or outputs are not those of a mask network of version 1")
        if self.rates[0] > self.rates[1]:
            raise ValueError("rates are not smallest first")
        if (self.precision == "int8") != (self.quantisation is not None):
            raise ValueError("precision and quantisation contradict each other")
        return self


Stated = TypeVar("Stated", bound=Closed)


def manifest_path(model: Path) -> Path:
    """Where the manifest of a network lies."""
    return model.with_suffix(".json")


def read_manifest(model: Path) -> Manifest:
    """Read and check the manifest beside a mask network's file.

    Raises
    ------
    MissingModel
        There is none.
    UnusableManifest
        It is not JSON, has a key too many or too few, a value out of bounds, or another contract.
    """
    return read_as(Manifest, model, noun="mask network", exporter="tools.export_onnx")


def read_as(kind: type[Stated], model: Path, *, noun: str, exporter: str) -> Stated:
    """Read and check what stands beside a network's file as a manifest of the given kind; raises as `read_manifest`."""
    path = manifest_path(model)
    remedy = f"export the network again with {exporter}, or take file and manifest from one place"
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST_BYTES + 1)
    except FileNotFoundError:
        raise MissingModel(
            f"{path}: the manifest of the {noun} {model.name} is not there: put it back beside the network"
        ) from None
    except OSError as error:
        raise UnusableManifest(
            f"{path}: cannot be read ({error.strerror}): give a file that this user may read"
        ) from None
    if len(text) > _LARGEST_BYTES:
        raise UnusableManifest(f"{path}: larger than any manifest ({_LARGEST_BYTES} bytes): {remedy}")
    try:
        return kind.model_validate(json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        what = str(first["ctx"]["error"]) if first["type"] == "value_error" else first["msg"].lower()
        raise UnusableManifest(f"{path}: {place}: {what}: {remedy}") from None
    except (ValueError, RecursionError) as error:
        raise UnusableManifest(f"{path}: not the JSON of a manifest ({error}): {remedy}") from None


def manifest_text(manifest: Closed) -> str:
    """Text that `read_manifest`, or `read_as`, reads back."""
    return json.dumps(manifest.model_dump(mode="json"), indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise ValueError("a key stands there twice")
    return unique


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")
