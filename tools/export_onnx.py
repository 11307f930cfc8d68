"""``python -m tools.export_onnx CHECKPOINT --out FILE.onnx``: a trained mask network and its manifest, for the runtime.

The file takes any number of rows and columns, and the rate as an input. It is written only if onnxruntime answers as
torch does, if tiles agree with the whole image where the network says so, and if it is small enough to be shipped.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.density import IMPORTANCE_FLOOR
from models.faults import ModelsError
from models.manifest import INPUTS, OUTPUTS, Manifest, Parity, Quantisation, Training, manifest_path, manifest_text
from models.network import MaskNetwork
from tools.export_checks import (
    ExportRefused,
    aligned,
    bytes_per_cell,
    example_image,
    flop_per_cell,
    parity_of,
    require_reach,
)
from tools.onnx_writing import NOT_STATED, OPSET, onnx_bytes, results_from, stated_under, training_of, write_whole

MOST_BYTES = 4_000_000
"""What a network that is shipped may weigh."""
_EXAMPLE_CELLS = 64


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and how well it agrees."""

    model: Path
    manifest: Manifest
    size_bytes: int


def export(
    network: nn.Module,
    out: Path,
    *,
    training: Training,
    rates: tuple[float, float],
    photographs: Sequence[NDArray[np.float32]] = (),
    licence: str = NOT_STATED,
    results: Mapping[str, Any] | None = None,
    floor: float = IMPORTANCE_FLOOR,
) -> Exported:
    """Write a network and its manifest.

    Parameters
    ----------
    network
        ``forward(rgb, rate)`` as `models.training.checkpoint.load_network` says. An attribute ``alignment`` names the
        multiple that rows and columns must have (1 without), ``reach`` the distance in cells beyond which nothing
        influences an importance (the whole image without).
    out
        The network's file; the manifest goes beside it.
    rates
        Smallest and largest rate that it was trained for.
    photographs
        Shape (rows, columns, 3), in [0, 1]: the weights become eight bits with what is learnt from them. None for
        floats.

    Raises
    ------
    ExportRefused
        It cannot be exported, does not agree with torch, reaches further than it says, or is too large.
    """
    network = network.eval()
    alignment = int(getattr(network, "alignment", 1))
    reach = getattr(network, "reach", None)
    if reach is not None:
        require_reach(network, alignment, int(reach), rates)
    content = _onnx_of(network, alignment, rates)
    manifest = Manifest(
        sha256=hashlib.sha256(content).hexdigest(),
        opset=OPSET,
        inputs=INPUTS,
        outputs=OUTPUTS,
        alignment=alignment,
        reach_cells=None if reach is None else int(reach),
        rates=list(rates),
        floor=floor,
        flop_per_cell=flop_per_cell(network, alignment, rates),
        bytes_per_cell=0.0,
        precision="float32",
        parity=Parity(largest_difference=0.0, cases=1),
        training=training,
        licence=licence,
        results=dict(results or {}),
    )
    runtime = MaskNetwork(content, manifest, name=out.name, threads=1)
    manifest = manifest.model_copy(update={"parity": parity_of(network, runtime, alignment, rates)})
    if photographs:
        from tools.quantise_onnx import quantised

        content, loss = quantised(content, runtime, photographs)
        manifest = manifest.model_copy(
            update={
                "sha256": hashlib.sha256(content).hexdigest(),
                "precision": "int8",
                "quantisation": Quantisation.model_validate(loss),
            }
        )
    if len(content) > MOST_BYTES:
        raise ExportRefused(
            f"{out}: {len(content)} bytes, above {MOST_BYTES}: train a narrower network, or export with --int8"
        )
    manifest = manifest.model_copy(update={"bytes_per_cell": bytes_per_cell(content)})
    write_whole(manifest_path(out), manifest_text(manifest).encode())
    write_whole(out, content)
    return Exported(out, manifest, len(content))


def floor_of(training: Training) -> float:
    """The importance floor with which the training judged the network's masks; the formulas' where it says none."""
    floor = stated_under(training.stated, "configuration", "validation", "importance_floor")
    return IMPORTANCE_FLOOR if floor is None else float(floor)


def _onnx_of(network: nn.Module, alignment: int, rates: tuple[float, float]) -> bytes:
    rows, columns = (torch.export.Dim(name, min=1, max=100_000) for name in ("rows", "columns"))
    lengths = {2: alignment * rows, 3: alignment * columns} if alignment > 1 else {2: rows, 3: columns}
    example = (example_image(aligned(_EXAMPLE_CELLS, alignment), aligned(80, alignment), 0), torch.tensor([rates[0]]))
    return onnx_bytes(network, example, inputs=INPUTS, outputs=OUTPUTS, dynamic_shapes=(lengths, None))


def main(arguments: Sequence[str] | None = None) -> None:
    """Export one checkpoint."""
    parser = argparse.ArgumentParser(prog="python -m tools.export_onnx", description="Export a trained mask network.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.onnx")
    parser.add_argument("--int8", type=Path, metavar="FOLDER", help="eight bits, learnt from these photographs")
    parser.add_argument("--licence", default=NOT_STATED, metavar="TEXT", help="under which terms the weights are given")
    parser.add_argument("--results", type=Path, metavar="FILE.json", help="measured quality, for the manifest")
    chosen = parser.parse_args(arguments)
    if chosen.out.suffix != ".onnx":
        parser.error("--out must end in .onnx: the manifest goes beside it as .json")
    try:
        exported = _export_checkpoint(chosen)
    except (ModelsError, OSError) as error:
        sys.exit(f"error: {error}")
    manifest = exported.manifest
    print(f"{exported.model}: {exported.size_bytes} bytes, {manifest.precision}, opset {manifest.opset}")
    print(f"SHA-256 {manifest.sha256}")
    print(f"largest difference from torch {manifest.parity.largest_difference:.2g} of an importance or of the mean")
    if manifest.quantisation is not None:
        print(
            f"eight bits differ by {manifest.quantisation.rms_difference:.2g} (root of the mean square) of the mean "
            f"importance and move {manifest.quantisation.cells_moved:.1%} of a 10 % mask's cells"
        )


def _export_checkpoint(chosen: argparse.Namespace) -> Exported:
    from models.training.checkpoint import load_network

    network, description = load_network(chosen.checkpoint)
    photographs: list[NDArray[np.float32]] = []
    if chosen.int8 is not None:
        from tools.quantise_onnx import read_photographs

        photographs = read_photographs(chosen.int8)
    training = training_of(chosen.checkpoint, description)
    return export(
        network,
        chosen.out,
        training=training,
        rates=description.rates,
        photographs=photographs,
        licence=chosen.licence,
        results=results_from(chosen.results, training),
        floor=floor_of(training),
    )


if __name__ == "__main__":
    main()
