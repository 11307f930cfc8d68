"""NetE of Dai et al. (2017) at work: a photograph of 64 x 64 from some of its cells, a rival for the papers' tables."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from models.faults import UnusableModel, UnusableRequest
from models.manifest import OPSETS, AtLeastZero, Closed, Port, Sha256, Text, Training, read_as
from models.onnx_session import NetworkKind, answer, file_content, open_session

SIDE = 64
"""Rows and columns of every photograph that it takes: its middle is a fully connected layer."""
INPUTS = [
    Port(name="sampled", shape=[1, 3, SIDE, SIDE], meaning="sRGB, -1 to 1, zero where nothing was sampled"),
]
OUTPUTS = [Port(name="restored", shape=[1, 3, SIDE, SIDE], meaning="sRGB, -1 to 1")]
EXPORTER = "tools.export_nete"
MOST_FILE_BYTES = 64_000_000
_NOUN = "inpainting network"
_KIND = NetworkKind(_NOUN, "an", EXPORTER, "choose another reconstruction")


class InpainterManifest(Closed):
    """Everything that must be true of an inpainting network's file."""

    format: Literal["pointillist-inpainting-network"] = "pointillist-inpainting-network"
    version: Literal[1] = 1
    sha256: Sha256
    opset: Annotated[int, Field(ge=OPSETS.start, lt=OPSETS.stop)]
    inputs: list[Port]
    outputs: list[Port]
    rates: Annotated[list[Annotated[float, Field(gt=0, le=1)]], Field(min_length=2, max_length=2)]
    """Smallest and largest rate that it was trained for; it was not told which."""
    largest_difference: AtLeastZero
    """Of onnxruntime from torch, in colours of 0 to 1."""
    training: Training
    licence: Text
    results: dict[str, Any]

    @model_validator(mode="after")
    def _is_of_our_contract(self) -> Self:
        if self.inputs != INPUTS or self.outputs != OUTPUTS:
            raise ValueError("inputs or outputs are not those of an inpainting network of version 1")
        if self.rates[0] > self.rates[1]:
            raise ValueError("rates are not smallest first")
        return self


class Inpainter:
    """An inpainting network whose file agrees with its manifest, ready to run."""

    def __init__(self, content: bytes, manifest: InpainterManifest, *, name: str, threads: int = 1) -> None:
        """`name` is what complaints call the network's file.

        Raises
        ------
        UnusableModel
            The content is not what the manifest says, or onnxruntime cannot run it.
        """
        self.name = name
        self.manifest = manifest
        self._session = open_session(content, manifest, _KIND, name=name, threads=threads)

    def restore(self, rgb: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """The whole photograph as the network imagines it, sampled cells included: it does not hold them.

        Parameters
        ----------
        rgb
            sRGB in [0, 1], shape (64, 64, 3); only the sampled cells are read.
        mask
            True where sampled, shape (64, 64).

        Returns
        -------
        NDArray[np.float32]
            Shape (64, 64, 3), in [0, 1].

        Raises
        ------
        UnusableRequest
            Another size or number of channels, values outside [0, 1], or nothing sampled.
        UnusableModel
            The network fails, or gives what is no photograph.
        """
        _require_samples(rgb, mask)
        centred = np.where(mask[:, :, None], 2 * rgb - 1, 0).astype(np.float32)
        found = answer(self._session, {"sampled": centred.transpose(2, 0, 1)[None].copy()}, _KIND, name=self.name)
        restored = (np.asarray(found, np.float32)[0].transpose(1, 2, 0) + 1) / 2
        # also false for what is not a number
        if not (restored.min() >= 0 and restored.max() <= 1):
            raise UnusableModel(
                f"{self.name}: the network gives colours that are not finite or outside its range: use another network"
            )
        return np.ascontiguousarray(restored)


def open_inpainter(path: Path, *, threads: int = 1) -> Inpainter:
    """An inpainting network from its file and the manifest beside it; kept while not a byte of either changes.

    Raises
    ------
    MissingModel
        File or manifest is not there.
    UnusableManifest
        What stands beside the network is no manifest of an inpainting network.
    UnusableModel
        The network is damaged, foreign, or not what its manifest says.
    """
    content = file_content(path, _KIND, most_bytes=MOST_FILE_BYTES)
    manifest = read_as(InpainterManifest, path, noun=_NOUN, exporter=EXPORTER)
    return _opened(content, manifest.model_dump_json(), str(path), threads)


def inpaint(model: Path, rgb: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """`Inpainter.restore` of the network in a file; opened once for many photographs."""
    return open_inpainter(model).restore(rgb, mask)


@lru_cache(maxsize=3)
def _opened(content: bytes, manifest: str, name: str, threads: int) -> Inpainter:
    return Inpainter(content, InpainterManifest.model_validate_json(manifest), name=name, threads=threads)


def _require_samples(rgb: NDArray[np.float32], mask: NDArray[np.bool_]) -> None:
    if rgb.shape != (SIDE, SIDE, 3) or mask.shape != (SIDE, SIDE):
        raise UnusableRequest(
            f"an image of shape {rgb.shape} with a mask of shape {mask.shape}: NetE takes photographs of "
            f"({SIDE}, {SIDE}, 3) and masks of ({SIDE}, {SIDE}) alone; use another reconstruction"
        )
    if mask.dtype != np.bool_ or not mask.any():
        raise UnusableRequest("the mask is not of truth values, or samples nothing: mark at least one cell")
    sampled = rgb[mask]
    # also false for what is not a number
    if not (sampled.min() >= 0 and sampled.max() <= 1):
        raise UnusableRequest("a sampled colour is not finite or outside [0, 1]: scale the photograph to 0 to 1")
