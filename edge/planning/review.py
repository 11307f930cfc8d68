"""A look before the beam: density, mask and path as pictures, the plan in figures, and a question."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.configuration.area import corners_of
from edge.configuration.config import ScanConfig
from edge.console import Console
from edge.faults import ScanStopped
from edge.motion.stage_known import stage_of
from edge.path.animation import animation_png
from edge.path.course import Course, course_of
from edge.path.drawing import Confines, ground_of, path_picture, png_of
from edge.path.page import path_page
from edge.photography.correction import as_planned
from edge.planning.area import allowed_cells, keep_outs_of
from edge.planning.concentration import concentration
from edge.planning.figures import figures
from edge.planning.passage import passage_of
from edge.planning.plan import ScanPlan
from edge.prepare import Sighting, density_of_plan
from edge.record.folder import RecordingPaths, open_recording
from edge.report.figures import NO_VALUE_RGB, ColourLimits, colour_limits, map_png, overlay_mask
from edge.results import read_planned

_LONGER_SIDE_PX = 1_200


def ask_before_beam(plan: ScanPlan, paths: RecordingPaths, config: ScanConfig, console: Console) -> None:
    """Write the plan's pictures beside the recording, show its figures, and ask.

    Raises
    ------
    ScanStopped
        The operator does not agree, or nobody is there to ask.
    """
    with open_recording(paths.folder) as recording:
        planned = read_planned(recording)
    console.say("Before the shutter opens, look at")
    for picture in write_pictures(paths.folder / "review", planned.sighting, plan, config):
        console.say(f"  {picture}")
    for line in figures(plan, config):
        console.say(f"  {line}")
    resume = f"go on with: pointillist scan --resume {paths.folder}"
    if not console.can_ask:
        raise ScanStopped(f"--review needs somebody at a terminal to ask; {resume}")
    if console.ask("Open the shutter?", ("yes", "no")) == "no":
        raise ScanStopped(f"stopped before the shutter opened; {resume}")


def write_pictures(folder: Path, sighting: Sighting, plan: ScanPlan, config: ScanConfig) -> list[Path]:
    """Write density, mask and path of a plan; gives their files.

    Where no density made the plan, or none is there any more, where its time is spent is written in its place.

    Raises
    ------
    OSError
        The folder or a file in it cannot be written.
    """
    folder.mkdir(exist_ok=True)
    written = []
    for name, picture in _pictures(sighting, plan, config).items():
        (folder / name).write_bytes(picture)
        written.append(folder / name)
    return written


def write_animation(folder: Path, sighting: Sighting, plan: ScanPlan, config: ScanConfig) -> list[Path]:
    """Write the path as it is gone along: a moving picture, and a page to look at closely; gives their files.

    Raises
    ------
    UsageError
        This OpenCV writes no moving pictures.
    OSError
        The folder or a file in it cannot be written.
    """
    folder.mkdir(exist_ok=True)
    course, confines = course_of_plan(plan, config), confines_of(config)
    title = config.object.title or config.object.identifier or "Untitled object"
    facts = {name: text for name, text in (("Plan", plan.digest), ("Cells", plan.mask.origin)) if text}
    page = path_page(title, facts, sighting.display, plan.grid, course, confines=confines)
    moving = animation_png(sighting.display, plan.grid, course, confines=confines)
    written = [(folder / "path.html", page.encode()), (folder / "path-animation.png", moving)]
    for path, content in written:
        path.write_bytes(content)
    return [path for path, _ in written]


def course_of_plan(plan: ScanPlan, config: ScanConfig) -> Course:
    """Where the beam of a plan is when, as it was priced, and on which legs the shutter is closed."""
    stage = plan.stage or stage_of(config)
    return course_of(plan.table, stage, is_closed=passage_of(config, stage).closed_legs(plan.table))


def confines_of(config: ScanConfig) -> Confines:
    """What a configuration says of where the beam may be."""
    polygon = config.area.polygon
    boundary = None if polygon is None else np.array(corners_of(polygon), np.float64)
    return Confines(keep_outs_of(config).outlines, boundary)


def _without_left_out(rgb: NDArray[np.uint8], allowed: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The photograph, faint in the colour of cells without a value where nothing may be visited."""
    faint = rgb // 4 + 3 * (np.array(NO_VALUE_RGB, np.uint8) // 4)
    return np.where(allowed[:, :, None], rgb, faint)


def _pictures(sighting: Sighting, plan: ScanPlan, config: ScanConfig) -> dict[str, bytes]:
    density = density_of_plan(as_planned(sighting, config), config, plan)
    rgb = sighting.display
    if density is None:
        spent = concentration(plan)
        # from nothing at all, so that a raster is as even as it is
        limits = ColourLimits(0.0, max(1.0, colour_limits(spent).high))
        of_density = {"concentration.png": map_png(spent, "viridis", limits)}
    else:
        of_density = {"density.png": map_png(density, "viridis", colour_limits(density))}
    ground = ground_of(rgb, plan.grid, longer_side_px=_LONGER_SIDE_PX, confines=confines_of(config))
    return of_density | {
        "mask.png": png_of(overlay_mask(_without_left_out(rgb, allowed_cells(config, plan.grid)), plan.mask.cells)),
        "path.png": png_of(path_picture(ground, course_of_plan(plan, config))),
    }
