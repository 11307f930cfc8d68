"""``python -m tools.export_nete CHECKPOINT --out FILE.onnx``: a trained NetE and its manifest, for the papers' tables.

The file is written only if onnxruntime answers as torch does. It has some 23 MB: NetE is a rival, and is not shipped.
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
from torch import nn

from models.faults import ModelsError
from models.inpainter import INPUTS, OUTPUTS, SIDE, Inpainter, InpainterManifest
from models.manifest import Training, manifest_path, manifest_text
from models.training.networks import INPAINTERS
from tools.export_checks import ExportRefused, example_image
from tools.onnx_writing import NOT_STATED, OPSET, onnx_bytes, results_from, training_of, write_whole

TOLERANCE = 1e-4
"""Largest difference between torch and onnxruntime, in colours of 0 to 1; a colour of 8 bits is 40 times that."""
_PARITY_RATES = (0.02, 0.1, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class ExportedInpainter:
    """What was written, and how well it agrees."""

    model: Path
    manifest: InpainterManifest
    size_bytes: int


def export(
    network: nn.Module,
    out: Path,
    *,
    training: Training,
    rates: tuple[float, float],
    licence: str = NOT_STATED,
    results: Mapping[str, Any] | None = None,
) -> ExportedInpainter:
    """Write an inpainting network, and its manifest beside it.

    Parameters
    ----------
    network
        ``forward`` maps (n, 3, 64, 64) in [-1, 1], zero where nothing was sampled, to the same shape and range.
    out
        The network's file, ``.onnx``.
    rates
        Smallest and largest rate that it was trained for.

    Raises
    ------
    ExportRefused
        It cannot be exported, or does not agree with torch.
    """
    network = network.eval()
    content = onnx_bytes(network, (torch.zeros(1, 3, SIDE, SIDE),), inputs=INPUTS, outputs=OUTPUTS)
    manifest = InpainterManifest(
        sha256=hashlib.sha256(content).hexdigest(),
        opset=OPSET,
        inputs=INPUTS,
        outputs=OUTPUTS,
        rates=list(rates),
        largest_difference=0.0,
        training=training,
        licence=licence,
        results=dict(results or {}),
    )
    largest = _largest_difference(network, Inpainter(content, manifest, name=out.name))
    if not largest <= TOLERANCE:
        raise ExportRefused(
            f"onnxruntime differs from torch by {largest:.2g}, more than {TOLERANCE:g}: report it with the "
            "checkpoint; nothing was written"
        )
    manifest = manifest.model_copy(update={"largest_difference": largest})
    write_whole(manifest_path(out), manifest_text(manifest).encode())
    write_whole(out, content)
    return ExportedInpainter(out, manifest, len(content))


def main(arguments: Sequence[str] | None = None) -> None:
    """Export one checkpoint."""
    parser = argparse.ArgumentParser(prog="python -m tools.export_nete", description="Export a trained NetE.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.onnx")
    parser.add_argument("--licence", default=NOT_STATED, metavar="TEXT", help="under which terms the weights are given")
    parser.add_argument("--results", type=Path, metavar="FILE.json", help="measured quality, for the manifest")
    chosen = parser.parse_args(arguments)
    if chosen.out.suffix != ".onnx":
        parser.error("--out must end in .onnx: the manifest goes beside it as .json")
    try:
        exported = _export_checkpoint(chosen)
    except (ModelsError, OSError) as error:
        sys.exit(f"error: {error}")
    print(f"{exported.model}: {exported.size_bytes} bytes, opset {exported.manifest.opset}")
    print(f"SHA-256 {exported.manifest.sha256}")
    print(f"largest difference from torch {exported.manifest.largest_difference:.2g}, in colours of 0 to 1")


def _export_checkpoint(chosen: argparse.Namespace) -> ExportedInpainter:
    from models.training.checkpoint import load_network

    network, description = load_network(chosen.checkpoint)
    if description.network not in INPAINTERS:
        raise ExportRefused(
            f"{chosen.checkpoint}: holds the network {description.network}, which does not inpaint: "
            "export mask networks with tools.export_onnx"
        )
    training = training_of(chosen.checkpoint, description)
    return export(
        network,
        chosen.out,
        training=training,
        rates=description.rates,
        licence=chosen.licence,
        results=results_from(chosen.results, training),
    )


def _largest_difference(network: nn.Module, runtime: Inpainter) -> float:
    """onnxruntime against torch over images and rates."""
    largest = 0.0
    for seed, rate in enumerate(_PARITY_RATES):
        rgb = example_image(SIDE, SIDE, seed)
        mask = np.random.default_rng(seed).random((SIDE, SIDE)) < rate
        with torch.inference_mode():
            wanted = network((2 * rgb - 1) * torch.from_numpy(mask))[0].permute(1, 2, 0).numpy()
        found = runtime.restore(rgb[0].permute(1, 2, 0).numpy(), mask)
        largest = max(largest, float(np.abs(found - (wanted + 1) / 2).max()))
    return largest


if __name__ == "__main__":
    main()
