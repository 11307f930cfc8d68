"""An unfolded network at work: maps of cells from what is known of them, by onnxruntime.

It learned from one scan and is of use for that scan alone; its manifest says which one.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from models.faults import UnusableModel, UnusableRequest
from models.manifest import OPSETS, AtLeastZero, Closed, Port, Sha256, Text, Training, read_as
from models.onnx_session import NetworkKind, answer, file_content, open_session

EXPORTER = "tools.unfold"
COLOURS = 3
MOST_FILE_BYTES = 16_000_000
_NOUN = "unfolded network"
_KIND = NetworkKind(_NOUN, "an", EXPORTER, "choose another reconstruction")
_CELLS_AT_ONCE = 65_536
_SKETCHES = 8
_SAME_SKETCH = 0.02
"""Of an element's span: spectra fitted again move a mean of hundreds of exposures by less."""

Floats = NDArray[np.float32]


class Scan(Closed):
    """The scan that a network learned from."""

    rows: Annotated[int, Field(ge=1)]
    columns: Annotated[int, Field(ge=1)]
    exposures: Annotated[int, Field(ge=1)]
    elements: Annotated[list[Text], Field(min_length=1)]
    exposures_sha256: Sha256
    """Of what each exposure saw: where their cells begin, cells, and shares."""
    photograph_sha256: Sha256
    """Of the photograph on the grid, in eight bits."""
    sketch: list[list[float]]
    """Means over some pseudo-random halves of the exposures, of each element in units of its span."""


class Calibration(Closed):
    """How far the network's maps were from exposures that neither they nor the network had seen."""

    exposures: Annotated[int, Field(ge=1)]
    floor: list[AtLeastZero]
    """Of each element's standard error, as a fraction of its span."""
    share: list[AtLeastZero]
    """What the standard error gains with the contrast around a cell."""
    rms: list[AtLeastZero]
    """Of the errors, as a fraction of the span."""
    within_one: list[Annotated[float, Field(ge=0, le=1)]]
    within_two: list[Annotated[float, Field(ge=0, le=1)]]


class UnfoldedManifest(Closed):
    """Everything that must be true of an unfolded network's file."""

    format: Literal["pointillist-unfolded-network"] = "pointillist-unfolded-network"
    version: Literal[1] = 1
    sha256: Sha256
    opset: Annotated[int, Field(ge=OPSETS.start, lt=OPSETS.stop)]
    inputs: list[Port]
    outputs: list[Port]
    recipe: Text
    """How a cell's inputs are made, a name of `edge.reconstruct.unfold.inputs.RECIPES`."""
    lowest: list[float]
    """Of each element, in the samples' unit: what the network calls 0."""
    span: list[AtLeastZero]
    """Of each element: from there to what it calls 1; 0 where the samples do not differ."""
    scan: Scan
    calibration: Calibration
    largest_difference: AtLeastZero
    """Of onnxruntime from torch, in units of the span."""
    training: Training
    licence: Text
    results: dict[str, Any]
    photograph: Annotated[list[Text], Field(default_factory=list)]
    """What there is to be said of its place, in sentences."""

    @model_validator(mode="after")
    def _is_of_our_contract(self) -> Self:
        channels = len(self.scan.elements)
        if len(self.inputs) != 1 or len(self.inputs[0].shape) != 2 or not isinstance(self.inputs[0].shape[1], int):
            raise ValueError("inputs are not those of an unfolded network of version 1")
        if self.inputs != inputs_of(self.inputs[0].shape[1]) or self.outputs != outputs_of(channels):
            raise ValueError("inputs or outputs are not those of an unfolded network of version 1")
        if len(self.lowest) != channels or len(self.span) != channels:
            raise ValueError("there is not one lowest value and one span for each element")
        if len(self.scan.sketch) != _SKETCHES or any(len(one) != channels for one in self.scan.sketch):
            raise ValueError(f"the scan's sketch has not {_SKETCHES} means for each element")
        known = self.calibration
        if {len(one) for one in (known.floor, known.share, known.rms, known.within_one, known.within_two)} != {
            channels
        }:
            raise ValueError("the calibration has not one figure for each element")
        return self


def inputs_of(count: int) -> list[Port]:
    """What a network of so many inputs takes."""
    meaning = "of each cell: its maps before the network, 0 to 1, then what the recipe adds, the photograph among it"
    return [Port(name="known", shape=["cells", count], meaning=meaning)]


def outputs_of(channels: int) -> list[Port]:
    """What a network of so many elements gives."""
    meaning = "of each cell: its maps, in units of the span from the lowest, then the photograph as the network has it"
    return [Port(name="synthesised", shape=["cells", channels + COLOURS], meaning=meaning)]


class Unfolded:
    """An unfolded network whose file agrees with its manifest, ready to run."""

    def __init__(self, content: bytes, manifest: UnfoldedManifest, *, name: str, threads: int = 1) -> None:
        """`name` is what complaints call the network's file.

        Raises
        ------
        UnusableModel
            The content is not what the manifest says, or onnxruntime cannot run it.
        """
        self.name, self.manifest = name, manifest
        self._session = open_session(content, manifest, _KIND, name=name, threads=threads)

    def synthesised(self, known: Floats) -> Floats:
        """Maps of cells in units of the span, shape (cells, elements), from their inputs, (cells, inputs).

        Raises
        ------
        UnusableRequest
            Another number of inputs, or values that are not finite.
        UnusableModel
            The network fails, or gives what is not finite.
        """
        wanted = self.manifest.inputs[0].shape[1]
        if known.ndim != 2 or known.shape[1] != wanted:
            raise UnusableRequest(
                f"inputs of shape {known.shape} where {self.name} takes {wanted} of each cell: "
                "give the network that was trained for this scan"
            )
        if not bool(np.isfinite(known).all()):
            raise UnusableRequest("inputs of the unfolded network are not finite: leave such exposures out")
        parts = [self._run(known[at : at + _CELLS_AT_ONCE]) for at in range(0, len(known), _CELLS_AT_ONCE)]
        return np.concatenate(parts)[:, : len(self.manifest.scan.elements)]

    def _run(self, known: Floats) -> Floats:
        given = {"known": np.ascontiguousarray(known, np.float32)}
        synthesised = np.asarray(answer(self._session, given, _KIND, name=self.name), np.float32)
        if not bool(np.isfinite(synthesised).all()):
            raise UnusableModel(f"{self.name}: the network gives values that are not finite: train it again")
        return synthesised


def open_unfolded(path: Path, *, threads: int = 1) -> Unfolded:
    """An unfolded network from its file and the manifest beside it; kept while not a byte of either changes.

    Raises
    ------
    MissingModel
        File or manifest is not there.
    UnusableManifest
        What stands beside the network is no manifest of an unfolded network.
    UnusableModel
        The network is damaged, foreign, or not what its manifest says.
    """
    content = file_content(path, _KIND, most_bytes=MOST_FILE_BYTES)
    manifest = read_as(UnfoldedManifest, path, noun=_NOUN, exporter=EXPORTER)
    return _opened(content, manifest.model_dump_json(), str(path), threads)


def scan_of(
    shape: tuple[int, int],
    elements: tuple[str, ...],
    scaled: Floats,
    footprints: tuple[NDArray[np.integer], NDArray[np.integer], Floats],
    rgb: Floats,
) -> Scan:
    """By what a scan is known again.

    Parameters
    ----------
    scaled
        What the exposures measured, in units of the span, shape (exposures, elements).
    footprints
        Where each exposure's cells begin, the cells, and their shares.
    rgb
        In [0, 1], shape (rows, columns, 3).
    """
    first, cell, share = footprints
    seen = hashlib.sha256(np.asarray(first, "<i8").tobytes() + np.asarray(cell, "<i8").tobytes())
    seen.update(np.asarray(share, "<f4").tobytes())
    eight_bits = np.rint(255 * rgb).astype(np.uint8)
    return Scan(
        rows=shape[0],
        columns=shape[1],
        exposures=len(scaled),
        elements=list(elements),
        exposures_sha256=seen.hexdigest(),
        photograph_sha256=hashlib.sha256(eight_bits.tobytes()).hexdigest(),
        sketch=_sketch(scaled),
    )


def require_scan(network: Unfolded, scan: Scan) -> None:
    """The network must have learned from this very scan.

    Raises
    ------
    UnusableRequest
        Other elements, another grid or other exposures, another photograph, or other values.
    """
    learned, remedy = network.manifest.scan, f"train one on this scan with {EXPORTER}"
    if learned.elements != scan.elements:
        raise UnusableRequest(
            f"{network.name}: was trained on {', '.join(learned.elements)} and this scan has "
            f"{', '.join(scan.elements)}: {remedy}"
        )
    if (learned.rows, learned.columns) != (scan.rows, scan.columns):
        raise UnusableRequest(
            f"{network.name}: was trained on a grid of {learned.rows} x {learned.columns} cells and this one has "
            f"{scan.rows} x {scan.columns}: {remedy}"
        )
    if learned.exposures_sha256 != scan.exposures_sha256:
        raise UnusableRequest(f"{network.name}: was trained on other exposures than this scan's: {remedy}")
    if learned.photograph_sha256 != scan.photograph_sha256:
        raise UnusableRequest(f"{network.name}: was trained with another photograph than this scan's: {remedy}")
    if np.abs(np.subtract(learned.sketch, scan.sketch)).max() > _SAME_SKETCH:
        raise UnusableRequest(f"{network.name}: was trained on other measurements than this scan's: {remedy}")


def _sketch(scaled: Floats) -> list[list[float]]:
    random = np.random.default_rng(7)
    halves = [random.random(len(scaled)) < 0.5 for _ in range(_SKETCHES)]
    # of a few exposures a half may be none
    return [
        [round(float(mean), 6) for mean in (scaled[half] if half.any() else scaled).mean(axis=0)] for half in halves
    ]


@lru_cache(maxsize=2)
def _opened(content: bytes, manifest: str, name: str, threads: int) -> Unfolded:
    return Unfolded(content, UnfoldedManifest.model_validate_json(manifest), name=name, threads=threads)
