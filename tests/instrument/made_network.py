"""An unfolded network of a scan that nobody trained: it gives back the maps that it is told, at no cost."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.unfold.inputs import WINDOWS
from edge.reconstruct.unfold.scaling import Span
from models.manifest import Training, manifest_path, manifest_text
from models.unfolded import COLOURS, Calibration, UnfoldedManifest, inputs_of, outputs_of, scan_of

OPSET = 18
EXPOSURES = 19
"""From which it says to know its error."""


def make_network(path: Path, cells: MeasuredCells, rgb: NDArray[np.float32], *, recipe: str) -> None:
    """Write the network, and its manifest beside it."""
    channels = cells.elements
    inputs = channels + 3 if recipe == "interpolated" else channels * (1 + len(WINDOWS)) + 6
    content = _onnx(inputs, channels)
    span, operator = Span.of(cells), cells.seen_by()
    footprints = operator.first, operator.cell, operator.weight
    error, share = [0.05] * channels, [0.7] * channels
    manifest = UnfoldedManifest(
        sha256=hashlib.sha256(content).hexdigest(),
        opset=OPSET,
        inputs=inputs_of(inputs),
        outputs=outputs_of(channels),
        recipe=recipe,
        lowest=span.lowest.tolist(),
        span=span.width.tolist(),
        scan=scan_of(cells.shape, cells.names, span.scaled(cells).values, footprints, rgb),
        calibration=Calibration(
            exposures=EXPOSURES, floor=error, share=error, rms=error, within_one=share, within_two=share
        ),
        largest_difference=0.0,
        training=Training(
            network="unfolded",
            options={},
            step=3,
            seed=0,
            configuration_sha256=None,
            checkpoint_sha256=64 * "0",
            commit=None,
            stated={},
        ),
        licence="none",
        results={},
    )
    path.write_bytes(content)
    manifest_path(path).write_text(manifest_text(manifest))


def _onnx(inputs: int, channels: int) -> bytes:
    """The first columns of what is known, and three more for the photograph, which nobody looks at."""
    import onnx
    from onnx import TensorProto, helper

    known = helper.make_tensor_value_info("known", TensorProto.FLOAT, ["cells", inputs])
    found = helper.make_tensor_value_info("synthesised", TensorProto.FLOAT, ["cells", channels + COLOURS])
    columns = helper.make_tensor("columns", TensorProto.INT64, [channels + COLOURS], [*range(channels + COLOURS)])
    node = helper.make_node("Gather", ["known", "columns"], ["synthesised"], axis=1)
    graph = helper.make_graph([node], "given back", [known], [found], [columns])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    content: bytes = onnx.ModelProto.SerializeToString(model)
    return content
