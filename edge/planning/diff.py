"""What two plans differ in, in words and in a picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.console import duration_text
from edge.motion.kinematics import ExposureTable, run_starts
from edge.path.difference import difference_picture
from edge.path.drawing import png_of
from edge.planning.figures import live_times
from edge.planning.folder import picture_on_grid, read_plan, refuse_in_use
from edge.planning.plan import ScanPlan, live_s_per_cell
from models.masks.network import named_shortly

PICTURE_NAME = "difference.png"
_SHORT = 12
"""Of a digest, so many digits are enough to tell it from another one."""


def tell_difference(first: Path, second: Path, *, out: Path | None) -> list[str]:
    """Compare the plans in two files, folders or recordings; lines for the reader, none when they are the same.

    Parameters
    ----------
    out
        Folder for a picture of both, new or empty; made when they differ. None: no picture.

    Raises
    ------
    UsageError
        A plan is missing, or the folder is in use.
    IntegrityError
        A plan is damaged or too new.
    """
    if out is not None:
        refuse_in_use(out)
    a, b = read_plan(first), read_plan(second)
    if a.digest == b.digest:
        return []
    said = [f"A {first}: {_named(a)}", f"B {second}: {_named(b)}", *differences(a, b)]
    if out is not None:
        rgb = picture_on_grid(first, a)
        if rgb is None and a.grid == b.grid:
            rgb = picture_on_grid(second, b)
        out.mkdir(parents=True, exist_ok=True)
        (out / PICTURE_NAME).write_bytes(png_of(difference_picture((a.grid, a.table), (b.grid, b.table), rgb)))
        said.append(f"Both are drawn in {out / PICTURE_NAME}")
    return said


def differences(a: ScanPlan, b: ScanPlan) -> tuple[str, ...]:
    """What two plans differ in, one sentence each; none when they are the same."""
    if a.digest == b.digest:
        return ()
    told = tuple(_told(a, b))
    return told or ("something that this version has no words for: compare the texts",)


def _told(a: ScanPlan, b: ScanPlan) -> Iterator[str]:
    if a.grid != b.grid:
        yield f"grid: {a.grid.words} in A, {b.grid.words} in B; cells and order are not compared"
    else:
        yield from _of_cells(a, b)
    yield from _of_exposures(a, b)
    yield from _of_costs(a, b)
    yield from _of_origin(a, b)
    if a.way != b.way:
        yield f"mode: {_way(a)} in A, {_way(b)} in B"
    yield from _of_stage(a, b)
    if a.registration_digest != b.registration_digest:
        yield "registration: planned by another photograph, or the same one placed otherwise"


def _of_cells(a: ScanPlan, b: ScanPlan) -> Iterator[str]:
    of_a, of_b = a.mask.cells, b.mask.cells
    added, removed, kept = (int(cells.sum()) for cells in (of_b & ~of_a, of_a & ~of_b, of_a & of_b))
    if added or removed:
        yield f"cells: {added:,} added, {removed:,} removed, {kept:,} in both"
    held_a, held_b = (np.zeros(of_a.shape, np.bool_) if p.held_out is None else p.held_out for p in (a, b))
    if (held_a != held_b).any():
        both = int((held_a & held_b).sum())
        yield f"held out by lot: {held_a.sum():,} cells in A, {held_b.sum():,} in B, {both:,} in both"


def _of_exposures(a: ScanPlan, b: ScanPlan) -> Iterator[str]:
    if _kinds(a) != _kinds(b):
        yield f"exposures: {_kinds(a)} in A, {_kinds(b)} in B"
    if live_times(a) != live_times(b):
        yield f"live time of an exposure: {live_times(a)} in A, {live_times(b)} in B"
    shared, of_a, of_b = _shared(_places(a.table), _places(b.table))
    legs, in_a, in_b = _shared(_legs(a.table), _legs(b.table))
    if shared == of_a == of_b:
        if legs < in_a:
            yield f"order: the same exposures in another order; {legs:,} of {in_a:,} legs are in both"
        elif not np.array_equal(a.table[:, 0:4], b.table[:, 0:4]):
            yield "order: the same way, begun elsewhere or gone the other way round"
    elif a.grid == b.grid and shared:
        yield f"order: {legs:,} legs are in both, of {in_a:,} in A and {in_b:,} in B"


def _of_costs(a: ScanPlan, b: ScanPlan) -> Iterator[str]:
    if abs(b.predicted_s - a.predicted_s) > 1e-6 * max(a.predicted_s, b.predicted_s):
        more_s = b.predicted_s - a.predicted_s
        share = f", {100 * more_s / a.predicted_s:+.1f} %" if a.predicted_s > 0 else ""
        yield (
            f"time: {duration_text(a.predicted_s)} in A, {duration_text(b.predicted_s)} in B "
            f"({'+' if more_s > 0 else '-'}{duration_text(abs(more_s))}{share})"
        )
    if abs(b.travel_mm - a.travel_mm) > 0.5e-3 * max(a.travel_mm, b.travel_mm):
        yield f"travel: {a.travel_mm / 1_000:.3f} m in A, {b.travel_mm / 1_000:.3f} m in B"
    doses = [float(live_s_per_cell(plan.table, plan.grid).max(initial=0.0)) for plan in (a, b)]
    if abs(doses[1] - doses[0]) > 1e-6:
        yield f"dose: at most {doses[0]:.4g} s live on a cell in A, {doses[1]:.4g} s in B"
    if abs(b.beam_s - a.beam_s) > 1e-6 * max(a.beam_s, b.beam_s):
        yield f"live time in all: {duration_text(a.beam_s)} in A, {duration_text(b.beam_s)} in B"


def _of_origin(a: ScanPlan, b: ScanPlan) -> Iterator[str]:
    for name, of_a, of_b in (
        ("cells chosen by", named_shortly(a.mask.origin), named_shortly(b.mask.origin)),
        ("binarised by", a.mask.binariser, b.mask.binariser),
        ("seed", a.mask.seed, b.mask.seed),
    ):
        if of_a != of_b:
            yield f"{name}: {of_a} in A, {of_b} in B"


def _of_stage(a: ScanPlan, b: ScanPlan) -> Iterator[str]:
    if a.stage is None or b.stage is None:
        if a.stage is not b.stage:
            silent = "A" if a.stage is None else "B"
            yield f"stage: {silent} does not say what its travel was priced with"
        return
    for field in fields(a.stage):
        of_a, of_b = getattr(a.stage, field.name), getattr(b.stage, field.name)
        if of_a != of_b:
            yield f"stage.{field.name}: {_value(of_a)} in A, {_value(of_b)} in B"


def _named(plan: ScanPlan) -> str:
    return f"{len(plan.table):,} exposures, {duration_text(plan.predicted_s)}, plan {plan.digest[:_SHORT]}"


def _way(plan: ScanPlan) -> str:
    return "none" if plan.way is None else f"{plan.way.mode}, {duration_text(plan.way.budget_s)} for all"


def _kinds(plan: ScanPlan) -> str:
    moves = int((plan.table[:, 0:2] != plan.table[:, 2:4]).any(axis=1).sum())
    rests = len(plan.table) - moves
    if not moves:
        return f"{rests:,} dwells"
    runs = int(run_starts(plan.table, plan.stage).sum()) - rests
    in_motion = f"{moves:,} strokes in {runs:,} runs"
    return f"{rests:,} dwells and {in_motion}" if rests else in_motion


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _places(table: ExposureTable) -> NDArray[np.float64]:
    """Where each exposure is counted, its ends in an order that is the same either way."""
    first_is_low = (table[:, 0] < table[:, 2]) | ((table[:, 0] == table[:, 2]) & (table[:, 1] <= table[:, 3]))
    return np.where(first_is_low[:, None], table[:, 0:4], table[:, [2, 3, 0, 1]])


def _legs(table: ExposureTable) -> NDArray[np.float64]:
    """Each way from one exposure to the next, the same in either direction; within a run there is none."""
    legs = np.column_stack([table[:-1, 2:4], table[1:, 0:2]])
    is_way = (legs[:, 0:2] != legs[:, 2:4]).any(axis=1)
    return _places(np.column_stack([legs, np.zeros(len(legs))])[is_way])


def _shared(of_a: NDArray[np.float64], of_b: NDArray[np.float64]) -> tuple[int, int, int]:
    """How many different rows are in both, in the first, in the second."""
    a, b = np.unique(of_a, axis=0), np.unique(of_b, axis=0)
    return len(a) + len(b) - len(np.unique(np.vstack([a, b]), axis=0)), len(a), len(b)
