"""What an operator should know of a registration and a plan, in lines of text."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from calibration.registration import Registration
from edge.configuration.config import ScanConfig
from edge.console import Console, duration_text
from edge.dose.earlier import earlier_s_per_cell
from edge.dose.limits import photons_per_mm2
from edge.dose.path import planned_leg_s_per_cell
from edge.motion.stage_known import stage_of
from edge.photography.camera_lens import UNDISTORTED_BY
from edge.photography.mosaic_placing import is_mosaic
from edge.photography.stage_placing import PLACED_BY
from edge.planning.area import allowed_cells
from edge.planning.area_figures import area_sentences
from edge.planning.passage import passage_of
from edge.planning.plan import ScanPlan, live_s_per_cell
from edge.prepare import budget_of, predicted_whole_s, uncovered_mm
from models.coverage import widest_hole
from models.masks.network import network_digest

_ALL = 0.95
"""Part of a time that counts as all of it."""
_WORTH_SAYING = 0.01
"""Share of a pitch that whole cells may leave of the area before it is said."""


def tell_registration(registration: Registration, console: Console) -> None:
    """Say how well the photograph's place on the stage is known, and what is odd about it."""
    residual = f"residual {registration.rms_mm * 1_000:.0f} um rms"
    if is_mosaic(registration):
        console.say(f"Mosaic placed by the stage's positions: {residual} between its frames")
    elif not registration.fiducials:
        console.say(f"Photograph placed by the stage's calibration: {residual}")
    else:
        console.say(f"Photograph registered: {len(registration.fiducials)} fiducials, {residual}")
    for note in registration.notes:
        if note.startswith((PLACED_BY, UNDISTORTED_BY)):
            console.say(f"{note[:1].upper()}{note[1:]}")
        else:
            console.warn(note)


def tell_plan(plan: ScanPlan, config: ScanConfig, console: Console) -> None:
    """Say what is planned, what visits to a standard add, and what whole cells leave of the area."""
    console.say(
        f"Planned {len(plan.exposures)} exposures on {plan.grid.rows} x {plan.grid.columns} cells "
        f"({100 * plan.mask.rate:.1f} %, {_method(plan)}): {duration_text(plan.predicted_s)} predicted"
    )
    if coarse := coarse_sentence(config):
        console.say(coarse)
    if more := more_to_come(plan, config):
        console.say(more)
    if held_out := held_out_sentence(plan):
        console.say(held_out)
    for sentence in area_sentences(plan, config):
        console.say(sentence)
    if added := visits_sentence(plan, config):
        console.say(added)
    right_mm, far_mm = uncovered_mm(config.area, plan.grid)
    if max(right_mm, far_mm) > _WORTH_SAYING * plan.grid.pitch_mm:
        console.say(
            f"Whole cells leave {right_mm:.3g} mm of the area's width and {far_mm:.3g} mm of its height unscanned, "
            "at the ends of larger x and y"
        )


def more_to_come(plan: ScanPlan, config: ScanConfig) -> str:
    """What will come to a plan while it is carried out, empty where nothing will."""
    whole = duration_text(predicted_whole_s(plan, config))
    if plan.way is not None:
        return (
            f"The rest of {whole} follows, where what is measured says"
            if plan.predicted_s < _ALL * plan.way.budget_s
            else ""
        )
    if config.listens and (further := budget_of(config, plan.grid) - int(plan.mask.cells.sum())) > 0:
        return f"{further} more exposures follow, in batches chosen by what is measured: at most about {whole} in all"
    return ""


def coarse_sentence(config: ScanConfig) -> str:
    """What each exposure of a coarse raster sees; empty of other scans."""
    coarse = config.sampling.coarse
    if coarse is None:
        return ""
    block = f"each block of {coarse.factor} x {coarse.factor} cells"
    if coarse.exposures == "points":
        return f"Coarse raster: one cell in the middle of {block}; the others are inferred"
    return f"Coarse raster: one stroke through the middle of {block}, a mean over its {coarse.factor} cells"


def held_out_sentence(plan: ScanPlan) -> str:
    """How many exposures no map will know; empty where there are none."""
    if plan.held_out is None:
        return ""
    return f"{int(plan.held_out.sum())} of the exposures, drawn by lot, are held out of the maps and tell their error"


def figures(plan: ScanPlan, config: ScanConfig) -> Iterator[str]:
    """A plan that holds exposures, in figures: time, cells, where they come from, the widest hole, and the dose."""
    mask, grid, more = plan.mask, plan.grid, more_to_come(plan, config)
    yield (
        f"{len(plan.exposures)} exposures of {live_times(plan)}, "
        f"{plan.travel_mm / 1_000:.2f} m of travel, {duration_text(plan.predicted_s)}{'' if more else ' in all'}"
    )
    if more:
        yield f"{more[0].lower()}{more[1:]}"
    how = _method(plan) if mask.binariser == "none" else f"{_method(plan)} ({mask.binariser})"
    allowed = allowed_cells(config, grid)
    yield f"{int(mask.cells.sum())} of {int(allowed.sum())} cells ({100 * mask.rate:.1f} %) by {how}, seed {mask.seed}"
    if coarse := coarse_sentence(config):
        yield f"{coarse[0].lower()}{coarse[1:]}"
    if held_out := held_out_sentence(plan):
        yield held_out
    for sentence in area_sentences(plan, config):
        yield f"{sentence[0].lower()}{sentence[1:]}"
    if digest := network_digest(mask.origin):
        yield f"mask network {digest}"
    hole_mm = widest_hole(mask.cells, allowed) * grid.pitch_mm
    yield f"widest hole: {hole_mm:.3g} mm from a cell to the nearest visited one"
    yield _dose_sentence(plan, config)
    if photons := _photons_sentence(plan, config):
        yield photons
    if added := visits_sentence(plan, config):
        yield f"{added[0].lower()}{added[1:]}"


def live_times(plan: ScanPlan) -> str:
    """How long a plan's exposures count."""
    low_s, high_s = plan.table[:, 4].min(initial=np.inf), plan.table[:, 4].max(initial=0.0)
    return f"{high_s:.4g} s" if low_s >= high_s else f"{low_s:.4g} to {high_s:.4g} s"


def _dose_sentence(plan: ScanPlan, config: ScanConfig) -> str:
    """Live time on a cell, earlier recordings' included, and time with the beam on, what will come to it included."""
    dose, is_part = config.dose, bool(more_to_come(plan, config))
    live_s, earlier = live_s_per_cell(plan.table, plan.grid), ""
    if dose.earlier:
        live_s = np.where(live_s > 0, live_s + earlier_s_per_cell(dose.earlier, plan.grid), 0.0)
        earlier = ", what dose.earlier tells included"
    whole_s = predicted_whole_s(plan, config) if is_part else plan.predicted_s
    return (
        f"dose: at most {float(live_s.max()):.4g} s live on a cell{earlier}, {dose.max_live_s_per_cell:g} s allowed; "
        f"beam on for {duration_text(whole_s)}, {duration_text(dose.max_beam_s)} allowed; "
        f"{duration_text(plan.beam_s)} live in {'the first part' if is_part else 'all'}"
    )


def _photons_sentence(plan: ScanPlan, config: ScanConfig) -> str:
    """The most photons that a place receives, the way between exposures included; empty where the flux is unknown."""
    beam, grid, most = config.instrument.beam, plan.grid, config.dose.max_photons_per_mm2
    if beam.flux_per_s is None or beam.fwhm_mm is None:
        return ""
    stage = plan.stage or stage_of(config)
    closed = passage_of(config, stage).closed_legs(plan.table)
    way_s = planned_leg_s_per_cell(plan.table, stage, grid, closed=closed)
    photons = photons_per_mm2(live_s_per_cell(plan.table, grid) + way_s, grid, beam)
    assert photons is not None
    allowed = "not limited" if most is None else f"{most:.3g} allowed"
    return (
        f"photons: at most {float(photons.max()):.3g} photons/mm2, {allowed}; {float(way_s.sum()):.3g} s of the open "
        "beam's way lie over the area"
    )


def visits_sentence(plan: ScanPlan, config: ScanConfig) -> str:
    """What visits to the standard add to a plan's time, empty where none are wanted."""
    standard = config.instrument.standard
    if standard is None:
        return ""
    stage, grid = plan.stage or stage_of(config), plan.grid
    x_mm, y_mm = grid.origin_x_mm + grid.width_mm / 2, grid.origin_y_mm + grid.height_mm / 2
    way_mm = np.array(math.hypot(standard.x_mm - x_mm, standard.y_mm - y_mm))
    visits = 2 + int(predicted_whole_s(plan, config) / (60 * standard.every_minutes))
    added_s = visits * (standard.live_s + stage.settle_s + 2 * float(stage.move_s(way_mm)))
    return (
        f"Visits to the standard come on top: {visits} of {standard.live_s:g} s, {duration_text(added_s)} with the way "
        "there and back, no dose of the object"
    )


def _method(plan: ScanPlan) -> str:
    """What chose the cells, without the digest of a network."""
    return plan.mask.origin.partition(" ")[0]
