"""From a recording to element maps: a fold over the journal, the same while the scan runs and after it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge.configuration.config import ScanConfig, parse_scan_config
from edge.faults import UsageError
from edge.folds.standard_course import Following, StandardCourse, course_of
from edge.grid import ScanGrid
from edge.maps import ElementMaps, Samples, by_live_time, limited_to
from edge.photography.correction import Placing, placed_by_samples
from edge.photography.recorded import sighting_of
from edge.planning.area import allowed_cells
from edge.planning.plan import ScanPlan, plan_from_json
from edge.planning.scan_plan import fitted_exposures
from edge.prepare import Sighting
from edge.reconstruct import reconstruct
from edge.reconstruct.cells import MeasuredCells, merged
from edge.reconstruct.choice import AUTOMATIC, method_in_motion
from edge.reconstruct.visible import with_visible
from edge.record.fold import ScanHistory
from edge.record.folder import Recording
from edge.record.reader import JournalReader, MeasuredArrays
from edge.spectra.drift import BlockSums
from edge.spectra.model import SpectrumModel
from edge.spectra.rates import ElementRates
from edge.spectra.scan_fit import ScanFit, fit_of_scan
from edge.spectra.standard import TubeOutput
from edge.stopping.figure import ErrorFigure, figure_of
from edge.stopping.interest import ignored_elements
from edge.strokes import counted_cells, ends_in_cells


@dataclass(frozen=True, slots=True, eq=False)
class Planned:
    """What a recording says of its scan: everything but the spectra."""

    config: ScanConfig
    plan: ScanPlan
    sighting: Sighting
    history: ScanHistory


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """Spectra turned into maps."""

    model: SpectrumModel
    samples: Samples
    maps: ElementMaps
    sum_counts: NDArray[np.float64]
    """All spectra added up, shape (channels,)."""
    placing: Placing
    """The photograph where the maps took it to be: where all exposures together say that it lies."""
    following: Following
    """How energy scale and tube output went."""
    figure: ErrorFigure | None = None
    """How far the maps are from the exposures held out; None where there are too few."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A reconstruction that is asked for by name."""

    method: str
    """A name of `edge.reconstruct.NAMES` or `edge.reconstruct.WITH_NETWORK`."""
    network: Path | None = None
    """The network's file, for one of the latter."""


MAPS_UNIT = "counts/s"
_PORTION = 4_096
"""Exposures that are held in memory at a time: 32 MB of spectra of 2,048 channels."""


def read_planned(recording: Recording) -> Planned:
    """Configuration, plan and photograph of a recording.

    Raises
    ------
    UsageError
        The scan ended before it was planned.
    IntegrityError
        The photograph is not the one that the plan was made from.
    """
    history = recording.history
    if not history.plan_json:
        raise UsageError(f"{recording.paths.folder}: this scan ended before it was planned: there is nothing to map")
    config = parse_scan_config(history.config_yaml, recording.paths.config)
    plan = plan_from_json(history.plan_json)
    return Planned(config, plan, sighting_of(recording.paths, history, config), history)


def portions(reader: JournalReader, after_seq: int = 0, *, at_most: int = _PORTION) -> Iterator[MeasuredArrays]:
    """The exposures behind a number, in portions of so many at most."""
    while len(portion := reader.measured_arrays(after_seq, at_most=at_most)):
        yield portion
        after_seq = portion.last_seq


@dataclass(frozen=True, slots=True, eq=False)
class FittedPart:
    """Some of a recording's spectra, fitted."""

    samples: Samples
    """Rates at the tube's output of the first visit to the standard, where it was visited."""
    live_s: NDArray[np.float64]
    """Live time behind each sample, shape (n,)."""
    indices: NDArray[np.int64]
    """Of the exposures, shape (n,)."""


@dataclass(frozen=True, slots=True, eq=False)
class FittedRecording:
    """Every spectrum of a recording, fitted."""

    model: SpectrumModel
    samples: Samples
    """Rates at the tube's output of the first visit to the standard, where it was visited."""
    live_s: NDArray[np.float64]
    """Live time behind each sample, shape (n,)."""
    held: Samples
    """Of the exposures that no map may know."""
    held_live_s: NDArray[np.float64]
    sum_counts: NDArray[np.float64]
    """All spectra added up, shape (channels,), those held out among them: scale, elements and background come from all.
    """
    following: Following
    """How scale and output went."""

    @classmethod
    def of(
        cls,
        parts: Sequence[FittedPart],
        fit: ScanFit,
        standard: StandardCourse,
        plan: ScanPlan,
        *,
        sum_counts: NDArray[np.float64],
    ) -> Self:
        """All parts of a recording, in their order."""
        samples, live_s = (
            Samples.joined([part.samples for part in parts]),
            np.concatenate([part.live_s for part in parts]),
        )
        is_fitted = fitted_exposures(np.concatenate([part.indices for part in parts]), plan)
        return cls(
            model=fit.model,
            samples=samples.picked(is_fitted),
            live_s=live_s[is_fitted],
            held=samples.picked(~is_fitted),
            held_live_s=live_s[~is_fitted],
            sum_counts=sum_counts,
            following=Following.of(fit, standard),
        )


def fit_recording(recording: Recording, planned: Planned) -> FittedRecording:
    """Fit every spectrum of a recording: once through for the sum, once through for the exposures."""
    blocks, lives = BlockSums(planned.config.instrument.detector.channels), list[float]()
    for batch in portions(recording.reader):
        blocks.add(batch.counts)
        lives += batch.telling().live_s.tolist()
    live_s = math.fsum(lives)
    if live_s == 0:
        raise UsageError(f"{recording.paths.folder}: holds no exposure yet: go on with --resume")
    standard = course_of(planned.history.visits, planned.config)
    fit = fit_of_scan(
        blocks, live_s, lambda total, seconds: spectrum_model(total, seconds, planned.config), standard.scale
    )
    parts: list[FittedPart] = []
    first = 0
    for batch in portions(recording.reader):
        parts.append(fitted_part(batch, fit, standard.output, planned.plan.grid, first=first))
        first += len(batch)
    return FittedRecording.of(parts, fit, standard, planned.plan, sum_counts=blocks.total())


def fitted_part(
    batch: MeasuredArrays, fit: ScanFit, output: TubeOutput | None, grid: ScanGrid, *, first: int
) -> FittedPart:
    """Fit what tells something among some exposures of a recording, before which ``first`` had been measured."""
    positions = first + np.arange(len(batch))
    rates = fit.fit(batch.counts, batch.live_s, positions=positions)
    if output is not None:
        rates = output.normalised(rates, positions)
    tells = batch.tells
    return FittedPart(_at_cells(batch, rates, grid).picked(tells), batch.live_s[tells], batch.indices[tells])


def spectrum_model(sum_counts: NDArray[np.float64], live_s: float, config: ScanConfig) -> SpectrumModel:
    """What the sum of all spectra says of energy scale, elements and background."""
    instrument = config.instrument
    return SpectrumModel.from_sum_spectrum(
        sum_counts, live_s, detector=instrument.detector, tube=instrument.tube, elements=config.elements
    )


def samples_of(batch: MeasuredArrays, fit: ScanFit, plan: ScanPlan, *, first: int) -> Samples:
    """Element rates of what tells something in a batch, at the cells where the beam was.

    ``first`` exposures had been measured before it.
    """
    positions = first + np.arange(len(batch))
    rates = fit.fit(batch.counts, batch.live_s, positions=positions)
    return _at_cells(batch, rates, plan.grid).picked(batch.tells)


def _at_cells(batch: MeasuredArrays, rates: ElementRates, grid: ScanGrid) -> Samples:
    cells = cells_of(batch, grid)
    ends = ends_in_cells(batch.starts_mm, batch.ends_mm, grid)
    return Samples(cells[:, 0], cells[:, 1], rates.values, rates.variance, ends)


def cells_of(batch: MeasuredArrays, grid: ScanGrid) -> NDArray[np.intp]:
    """Cell under the middle of each exposure as measured, shape (n, 2); rim exposures stay on the grid."""
    return counted_cells(batch.starts_mm, batch.ends_mm, grid)


def maps_of(
    samples: Samples,
    model: SpectrumModel,
    planned: Planned,
    live_s: NDArray[np.floating] | None = None,
    by: Asked | None = None,
) -> ElementMaps:
    """Full maps from what has been measured so far, with the live time behind each sample where that differs."""
    shape, elements = planned.plan.grid.shape, model.elements
    by = by or Asked(method_of(planned, lambda: merged(samples, shape, elements, live_s)))
    return reconstruct(
        samples,
        shape,
        elements=elements,
        rgb=planned.sighting.rgb,
        method=by.method,
        live_s=live_s,
        network=by.network,
    )


def method_of(planned: Planned, cells: Callable[[], MeasuredCells]) -> str:
    """How the maps are filled: as configured; `AUTOMATIC` where `reconstruct` is to choose by the measured cells."""
    method = planned.config.reconstruct.method
    return method_in_motion(cells()) if method == AUTOMATIC and planned.plan.way is not None else method


def results_of(recording: Recording, planned: Planned) -> Results:
    """The whole way from a recording to its maps, with the photograph where all exposures together say that it lies."""
    return results_from(fit_recording(recording, planned), planned)


def results_from(fitted: FittedRecording, planned: Planned, by: Asked | None = None) -> Results:
    """The way from fitted spectra on; maps by another method than the scan's where one is asked for."""
    model, samples = fitted.model, fitted.samples
    placing = placed_by_samples(samples, model.elements, planned.sighting, planned.config)
    planned = replace(planned, sighting=placing.sighting)
    once, live_s = by_live_time(samples, fitted.live_s, planned.plan.grid.shape)
    maps = with_visible(maps_of(once, model, planned, live_s, by), once, placing.sighting.rgb)
    allowed = allowed_cells(planned.config, planned.plan.grid)
    figure = judged(maps, fitted.held, fitted.held_live_s, planned, exposures=len(samples) + len(fitted.held))
    maps = limited_to(maps, allowed)
    return Results(model, samples, maps, fitted.sum_counts, placing, fitted.following, figure)


def judged(
    maps: ElementMaps, held: Samples, live_s: NDArray[np.float64], planned: Planned, *, exposures: int
) -> ErrorFigure | None:
    """What the exposures held out, with the live time of each, tell of maps; None where they are too few."""
    if not len(held):
        return None
    config, grid = planned.config, planned.plan.grid
    once, _ = by_live_time(held, live_s, grid.shape)
    ignored = ignored_elements(config.sampling.interest, maps.elements)
    return figure_of(maps, once, allowed_cells(config, grid), exposures=exposures, ignored=ignored)
