"""Maps by an unfolded network that learned from this very scan."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.maps import LeftOut
from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.exposure_operator import ExposureOperator
from edge.reconstruct.exposure_projection import are_disjoint, projected
from edge.reconstruct.reconstruction import Reconstruction
from edge.reconstruct.unfold.error import ErrorLaw, carried_noise, contrast_of
from edge.reconstruct.unfold.inputs import RECIPES, refined
from edge.reconstruct.unfold.looks import standard_error_of
from edge.reconstruct.unfold.scaling import Span
from models.unfolded import Unfolded, open_unfolded, require_scan, scan_of

Floats = NDArray[np.float32]

NEEDS_PHOTOGRAPH = (
    "an unfolded network needs the scan's photograph, and there is none: choose another reconstruction, such as kriging"
)
_ROUNDS = 20
"""Of bringing maps above 0 and into agreement with exposures that share cells by turns."""


def unfolded(cells: MeasuredCells, rgb: Floats | None, model_path: Path) -> Reconstruction:
    """Maps and standard error by the network in a file, in agreement with every exposure.

    Parameters
    ----------
    cells
        What was measured; points, strokes or areas.
    rgb
        The scan's photograph, (rows, columns, 3), in [0, 1].
    model_path
        The network that ``python -m tools.unfold`` trained on this very scan; its manifest lies beside it.

    Raises
    ------
    UsageError
        There is no photograph, or the network wants inputs that this version cannot make.
    ModelsError
        There is no such network, it is damaged, or it learned from another scan.
    """
    if rgb is None:
        raise UsageError(NEEDS_PHOTOGRAPH)
    network = open_unfolded(model_path)
    span = Span(np.array(network.manifest.lowest, np.float32), np.array(network.manifest.span, np.float32))
    if len(span.width) != cells.elements:
        span = Span.of(cells)  # refused by the next line, which says why
    scaled, operator = span.scaled(cells), cells.seen_by()
    footprints = operator.first, operator.cell, operator.weight
    require_scan(network, scan_of(cells.shape, cells.names, scaled.values, footprints, rgb))
    recipe = RECIPES.get(network.manifest.recipe)
    if recipe is None:
        raise UsageError(
            f"{model_path}: its inputs are made by the recipe {network.manifest.recipe!r}, which this version does "
            "not know: train it again with this one"
        )
    inputs, law = recipe(scaled, rgb), law_of(network, span)
    maps = sharpened(network, inputs, operator, scaled.values)
    if network.manifest.recipe == "looks":
        error = law.standard_error(standard_error_of(inputs, cells.elements) * span.divisor())
        error[cells.rows, cells.columns] = np.sqrt(cells.variance)
    else:
        error = _standard_error(maps * span.divisor(), cells, operator, law)
    return Reconstruction(span.unscaled(maps), error, law.left_out, _remarks(network))


def sharpened(network: Unfolded, inputs: Floats, operator: ExposureOperator, measured: Floats) -> Floats:
    """What the network makes of inputs, nowhere below 0, as the exposures saw it, (rows, columns, elements)."""
    cells = inputs.reshape(-1, inputs.shape[2])
    maps = network.synthesised(cells).reshape(*operator.shape, -1)
    return agreeing(maps, operator, measured, is_smooth=network.manifest.recipe == "kriged")


def agreeing(maps: Floats, operator: ExposureOperator, measured: Floats, *, is_smooth: bool) -> Floats:
    """Maps that see what was measured and, as far as that allows, lie nowhere below 0.

    As published, the residual is handed back at once (Eq. 10); ``is_smooth`` first hands most of it back without steps
    between exposures.
    """
    found = refined(maps, operator, measured) if is_smooth else projected(maps, operator, measured)
    if found.min() >= 0:
        return found
    found = np.maximum(found, 0)
    if are_disjoint(operator):
        return _lowered(found, operator, measured)
    for _ in range(_ROUNDS):
        found = projected(np.maximum(found, 0), operator, measured)
    return found


def _lowered(maps: Floats, operator: ExposureOperator, measured: Floats) -> Floats:
    """Cells of exposures that see too much, brought down in proportion; the measured values are not below 0."""
    seen = operator.seen(maps)
    factor = np.where(seen > measured, measured / np.where(seen > 0, seen, 1), 1).astype(np.float32)
    of = np.repeat(np.arange(len(operator)), np.diff(operator.first))
    found = maps.reshape(-1, maps.shape[2]).copy()
    found[operator.cell] *= factor[of]
    return found.reshape(maps.shape)


def law_of(network: Unfolded, span: Span) -> ErrorLaw:
    """The standard error that the network's manifest states, in the samples' unit."""
    stated = network.manifest.calibration
    divisor = span.divisor()
    left_out = LeftOut(
        stated.exposures,
        np.array(stated.rms, np.float32) * divisor,
        np.array(stated.within_one, np.float32),
        np.array(stated.within_two, np.float32),
    )
    return ErrorLaw(np.array(stated.floor, np.float32) * divisor, np.array(stated.share, np.float32), left_out)


def _standard_error(maps: Floats, cells: MeasuredCells, operator: ExposureOperator, law: ErrorLaw) -> Floats:
    """Law and counting together; a cell that was measured by itself errs by its counting alone."""
    error = law.standard_error(contrast_of(maps, len(cells)))
    error = np.sqrt(np.square(error) + carried_noise(operator, cells.variance)).astype(np.float32)
    alone = cells.alone
    error[cells.rows[alone], cells.columns[alone]] = np.sqrt(cells.variance[alone])
    return error


def _remarks(network: Unfolded) -> tuple[str, ...]:
    stated = network.manifest
    plan = stated.training.stated.get("plan", "")
    return (
        f"The maps between what was measured are made by a network ({plan or stated.training.network}) that learned "
        f"from this scan alone, in {stated.training.step} steps; its standard errors come from "
        f"{stated.calibration.exposures} exposures that it had not seen.",
        *stated.photograph,
    )
