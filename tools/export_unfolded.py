"""A trained unfolded network as ONNX with its manifest: written only if onnxruntime answers as torch does."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edge.reconstruct.unfold.error import ErrorLaw, contrast_of, learned_law, rescaled_law
from edge.reconstruct.unfold.looks import standard_error_of
from edge.reconstruct.unfold.method import sharpened
from models.manifest import Training, manifest_path, manifest_text
from models.training.unfolding.mixing import MixingNetwork
from models.training.unfolding.network import UnfoldedNetwork
from models.unfolded import Calibration, Unfolded, UnfoldedManifest, inputs_of, outputs_of, scan_of
from tools.export_checks import ExportRefused
from tools.onnx_writing import NOT_STATED, OPSET, onnx_bytes, write_whole
from tools.unfold_lessons import Lessons

TOLERANCE = 1e-4
"""Largest difference between torch and onnxruntime, in units of the span."""
_EXAMPLE_CELLS = 96
_COMPARED_CELLS = 20_000

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ExportedUnfolded:
    """What was written."""

    model: Path
    manifest: UnfoldedManifest


def export(
    network: UnfoldedNetwork | MixingNetwork,
    out: Path,
    *,
    lessons: Lessons,
    rgb: Floats,
    recipe: str,
    training: Training,
    licence: str = NOT_STATED,
    results: Mapping[str, Any] | None = None,
    photograph: Sequence[str] = (),
) -> ExportedUnfolded:
    """Write a network and, beside it, its manifest with the scan that it is for and how far it errs.

    Raises
    ------
    ExportRefused
        It cannot be exported, or does not agree with torch.
    """
    network = network.cpu().eval()
    options = network.options
    inputs, outputs = inputs_of(options.inputs), outputs_of(options.channels)
    lengths = ({0: torch.export.Dim("cells", min=2, max=10_000_000)},)
    content = onnx_bytes(
        network, (torch.rand(_EXAMPLE_CELLS, options.inputs),), inputs=inputs, outputs=outputs, dynamic_shapes=lengths
    )
    cells = lessons.scaled
    operator = cells.seen_by()
    blank = [0.0] * options.channels
    manifest = UnfoldedManifest(
        sha256=hashlib.sha256(content).hexdigest(),
        opset=OPSET,
        inputs=inputs,
        outputs=outputs,
        recipe=recipe,
        lowest=lessons.span.lowest.tolist(),
        span=lessons.span.width.tolist(),
        scan=scan_of(cells.shape, cells.names, cells.values, (operator.first, operator.cell, operator.weight), rgb),
        calibration=Calibration(exposures=1, floor=blank, share=blank, rms=blank, within_one=blank, within_two=blank),
        largest_difference=0.0,
        training=training,
        licence=licence,
        results=dict(results or {}),
        photograph=list(photograph),
    )
    runtime = Unfolded(content, manifest, name=out.name)
    known = lessons.judged_inputs.reshape(-1, options.inputs)
    difference = _largest_difference(network, runtime, known)
    law = held_out_law(runtime, lessons) if recipe != "looks" else law_of_a_mask(runtime, lessons)
    manifest = manifest.model_copy(update={"largest_difference": difference, "calibration": _stated(law)})
    write_whole(manifest_path(out), manifest_text(manifest).encode())
    write_whole(out, content)
    return ExportedUnfolded(out, manifest)


def held_out_law(runtime: Unfolded, lessons: Lessons) -> ErrorLaw:
    """The errors at exposures that are held out: maps made without them, by a network that never met them."""
    cells = lessons.scaled
    kept, held = cells.picked(np.setdiff1d(np.arange(len(cells)), lessons.held)), cells.picked(lessons.held)
    maps = sharpened(runtime, lessons.judged_inputs, kept.seen_by(), kept.values)
    there = held.seen_by()
    contrast = there.seen(contrast_of(maps, len(cells)))
    return learned_law(there.seen(maps) - held.values, contrast, held.variance)


def law_of_a_mask(runtime: Unfolded, lessons: Lessons) -> ErrorLaw:
    """The same where cells were measured by themselves: kriging's standard error, as far as the network changes it."""
    held = lessons.scaled.picked(lessons.held)
    inputs = np.ascontiguousarray(lessons.judged_inputs[held.rows, held.columns])
    before, after = inputs[:, : held.elements] - held.values, runtime.synthesised(inputs) - held.values
    return rescaled_law(before, after, standard_error_of(inputs, held.elements), held.variance)


def _largest_difference(network: UnfoldedNetwork | MixingNetwork, runtime: Unfolded, known: Floats) -> float:
    some = np.ascontiguousarray(known[:: max(1, len(known) // _COMPARED_CELLS)])
    with torch.inference_mode():
        wanted = network(torch.from_numpy(some))[:, : network.options.channels].numpy()
    largest = float(np.abs(runtime.synthesised(some) - wanted).max())
    if not largest <= TOLERANCE:
        raise ExportRefused(
            f"onnxruntime differs from torch by {largest:.2g}, more than {TOLERANCE:g}: report it with the "
            "checkpoint; nothing was written"
        )
    return largest


def _stated(law: ErrorLaw) -> Calibration:
    found = law.left_out
    return Calibration(
        exposures=found.exposures,
        floor=law.floor.tolist(),
        share=law.share.tolist(),
        rms=found.rms.tolist(),
        within_one=found.within_one.tolist(),
        within_two=found.within_two.tolist(),
    )
