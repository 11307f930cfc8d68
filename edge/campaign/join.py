"""`pointillist join`: all placements of a campaign as one map in the object's frame, where they agree."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.placing import Placed
from edge.campaign.overlap import LEAST_CELLS, Comparison, compare, factors_of, refusal
from edge.campaign.whole import Whole, load_whole, placed_in
from edge.campaign.window import cells_in
from edge.faults import IntegrityError, UsageError
from edge.grid import ScanGrid
from edge.maps import ElementMaps, Samples, limited_to
from edge.photography.correction import placed_by_samples
from edge.planning.area import cells_clear_of, keep_outs_of
from edge.planning.keep_outs import KeepOuts
from edge.reconstruct import reconstruct
from edge.reconstruct.cells import MeasuredCells, checked_photograph, merged
from edge.reconstruct.visible import with_visible
from edge.record.folder import RecordingPaths, open_recording, refuse_taken
from edge.record.maps_file import write_maps
from edge.report.contents import CountTotals, Effort, JoinedPlacement, ScannedObject, ScanReport
from edge.report.page import write_report
from edge.results import MAPS_UNIT, fit_recording, portions, read_planned

_SURE = 0.1
"""Relative standard error above which a placement's intensity counts as unknown."""


@dataclass(frozen=True, slots=True, eq=False)
class PlacedScan:
    """One placement's exposures in the object's frame."""

    name: str
    placed: Placed
    elements: tuple[str, ...]
    samples: Samples
    """At cells of the object's grid; exposures beyond it are left out."""
    planned: int
    counts: int
    median_counts: float
    live_s: float
    real_s: float
    started_at: str
    finished_at: str
    plan_digest: str
    allowed: NDArray[np.bool_]
    """The object's cells that lie in none of this placement's keep-outs, shape (rows, columns)."""


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """All placements as one."""

    maps: ElementMaps
    factors: NDArray[np.float64]
    """Intensity of each placement against the first; its rates were divided by it."""
    deviations: NDArray[np.float64]
    comparisons: tuple[Comparison, ...]


def join_campaign(path: Path, *, out: Path, say: Callable[[str], None]) -> None:
    """Write ``maps.h5`` and ``report.html`` of a campaign into a new folder.

    Raises
    ------
    UsageError
        The campaign, or a recording of it, cannot be used.
    IntegrityError
        The placements contradict each other in the cells that several have visited.
    SafetyStop
        A photograph cannot be placed.
    """
    refuse_taken(out)
    whole = load_whole(path)
    scans = [read_placement(whole, Path(one.recording), one.name) for one in whole.config.placements]
    for scan in scans:
        turn, (x, y) = scan.placed.turn_deg, scan.placed.shift_mm
        say(
            f"{scan.name}: {len(scan.samples)} exposures, turned by {turn:+.2f} degrees, stage origin at "
            f"({x:.2f}, {y:.2f}) mm of the object, photographs agree within {scan.placed.rms_mm * 1_000:.0f} um"
        )
    joined = join(whole, scans)
    for line in account(joined, scans, whole.grid.pitch_mm):
        say(line)
    out.mkdir(parents=True, exist_ok=True)
    paths = RecordingPaths(out)
    attributes: dict[str, str | float] = {"unit": MAPS_UNIT, "campaign": path.name}
    write_maps(paths.maps, joined.maps, mask=whole.mask().cells, rgb=whole.rgb, grid=whole.grid, attributes=attributes)
    write_report(paths.report, report_of(whole, scans, joined))
    say(f"Report: {paths.report}")
    say(f"Maps:   {paths.maps}")


def read_placement(whole: Whole, folder: Path, name: str) -> PlacedScan:
    """A placement's exposures at the object's cells under their measured positions."""
    with open_recording(folder) as recording:
        planned = read_planned(recording)
        part = planned.config.placement
        if part is None or part.name != name:
            raise UsageError(f"{folder}: is no recording of the placement {name!r}: give the one that was made for it")
        fitted = fit_recording(recording, planned)
        middles: list[NDArray[np.float64]] = []
        sums: list[NDArray[np.int64]] = []
        for batch in (portion.telling() for portion in portions(recording.reader)):
            middles.append((batch.starts_mm + batch.ends_mm) / 2)
            sums.append(batch.counts.sum(axis=1, dtype=np.int64))
    placing = placed_by_samples(fitted.samples, fitted.model.elements, planned.sighting, planned.config)
    placed = placed_in(whole, placing.sighting, name)
    middles_mm, counts = np.concatenate(middles), np.concatenate(sums)
    cells, inside = cells_in(whole.grid, placed.whole_from_part(middles_mm))
    samples = fitted.samples
    history = recording.history
    return PlacedScan(
        name=name,
        placed=placed,
        elements=fitted.model.elements,
        samples=Samples(cells[inside, 0], cells[inside, 1], samples.values[inside], samples.variance[inside]),
        planned=len(planned.plan.exposures),
        counts=int(counts.sum()),
        median_counts=float(np.median(counts)),
        live_s=history.live_s,
        real_s=history.real_s,
        started_at=history.started_at,
        finished_at=history.last_at,
        plan_digest=planned.plan.digest,
        allowed=_kept_off(whole.grid, placed, keep_outs_of(planned.config)),
    )


def _kept_off(grid: ScanGrid, placed: Placed, keep_outs: KeepOuts) -> NDArray[np.bool_]:
    """Which of the object's cells lie in no keep-out of a placement, shape (rows, columns)."""
    if not keep_outs:
        return np.ones(grid.shape, np.bool_)
    rows, columns = np.indices(grid.shape).reshape(2, -1)
    return keep_outs.clear(placed.part_from_whole(grid.centres_mm(rows, columns))).reshape(grid.shape)


def join(whole: Whole, scans: list[PlacedScan]) -> Joined:
    """Compare the placements where they overlap, even out their intensities, and map them together.

    Raises
    ------
    IntegrityError
        They contradict each other, or share too few cells to tell.
    """
    shape, elements = whole.grid.shape, scans[0].elements
    if odd := next((scan.name for scan in scans if scan.elements != elements), None):
        raise IntegrityError(
            f"the placement {odd!r} has other element maps than {scans[0].name!r}: scan all with one list of elements"
        )
    cells = [merged(scan.samples, shape, elements) for scan in scans]
    rgb = checked_photograph(whole.rgb, shape)
    comparisons = _compared(cells, rgb)
    names = [scan.name for scan in scans]
    found = factors_of(len(scans), [pair for pair in comparisons if pair.deviation < _SURE])
    if found is None:
        raise IntegrityError(
            f"the placements {', '.join(names)} do not hang together by {LEAST_CELLS} shared cells each that show an "
            "element: let their areas overlap more, or raise check_share, and scan again"
        )
    factors, deviations = found
    if reason := refusal(names, comparisons, factors, whole.grid.pitch_mm):
        raise IntegrityError(reason)
    evened = [
        replace(
            scan.samples,
            values=(scan.samples.values / factor).astype(np.float32),
            variance=(scan.samples.variance / factor**2).astype(np.float32),
        )
        for scan, factor in zip(scans, factors, strict=True)
    ]
    samples = Samples.joined(evened)
    maps = reconstruct(samples, shape, elements=elements, rgb=whole.rgb, method=whole.config.reconstruct.method)
    scanned = cells_clear_of(KeepOuts(), whole.grid, whole.config.area)
    for scan in scans:
        scanned = scanned & scan.allowed
    return Joined(limited_to(with_visible(maps, samples, whole.rgb), scanned), factors, deviations, tuple(comparisons))


def _compared(cells: list[MeasuredCells], rgb: NDArray[np.float32]) -> list[Comparison]:
    pairs = (compare(cells, first, second, rgb) for first, second in itertools.combinations(range(len(cells)), 2))
    return [pair for pair in pairs if pair is not None]


def account(joined: Joined, scans: list[PlacedScan], pitch_mm: float) -> list[str]:
    """What the operator reads of the comparison."""
    lines = []
    for scan, factor, deviation in list(zip(scans, joined.factors, joined.deviations, strict=True))[1:]:
        lines.append(f"{scan.name}: {factor:.3f} +- {deviation:.3f} times as intense as {scans[0].name}, evened out")
    for pair in joined.comparisons:
        offset = pair.offset
        if offset:
            down, right = offset.deviation
            where = (
                f"{offset.right * pitch_mm:+.2f} +- {right * pitch_mm:.2f} mm in x and "
                f"{offset.down * pitch_mm:+.2f} +- {down * pitch_mm:.2f} mm in y apart"
            )
        else:
            where = f"their distance is not told: {offset.reason}"
        lines.append(f"{scans[pair.first].name} and {scans[pair.second].name}: {pair.cells} cells shared, {where}")
    return lines


def report_of(whole: Whole, scans: list[PlacedScan], joined: Joined) -> ScanReport:
    """Everything that the report says of a campaign; dose and course stand in the placements' own reports."""
    subject = whole.config.object
    real_s, live_s = sum(scan.real_s for scan in scans), sum(scan.live_s for scan in scans)
    counts = sum(scan.counts for scan in scans)
    dead = 1 - live_s / max(real_s, 1e-9)
    placements = [
        JoinedPlacement(
            name=scan.name,
            exposures=len(scan.samples),
            turn_deg=scan.placed.turn_deg,
            shift_mm=scan.placed.shift_mm,
            rms_mm=scan.placed.rms_mm,
            intensity=float(factor),
            intensity_error=float(deviation),
        )
        for scan, factor, deviation in zip(scans, joined.factors, joined.deviations, strict=True)
    ]
    return ScanReport(
        subject=ScannedObject(subject.title, subject.identifier, subject.operator),
        started_at=min(datetime.fromisoformat(scan.started_at) for scan in scans),
        finished_at=max(datetime.fromisoformat(scan.finished_at) for scan in scans),
        outcome="joined",
        grid=whole.grid,
        mask=whole.mask().cells,
        maps=joined.maps,
        maps_unit=MAPS_UNIT,
        effort=Effort(
            exposures_planned=sum(scan.planned for scan in scans),
            exposures_measured=sum(len(scan.samples) for scan in scans),
            counting_s=real_s,
        ),
        rgb=whole.rgb,
        counts=CountTotals(
            counts,
            float(np.average([scan.median_counts for scan in scans], weights=[len(scan.samples) for scan in scans])),
            float(np.clip(dead, 0, 1)) if math.isfinite(dead) else 0.0,
        ),
        registration=whole.registration,
        placements=tuple(placements),
        overlaps=tuple(account(joined, scans, whole.grid.pitch_mm)),
        digests={"photograph": whole.frame_sha256} | {f"plan, {scan.name}": scan.plan_digest for scan in scans},
    )
