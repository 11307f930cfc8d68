"""A look before the beam: density, mask and path as pictures, the plan in figures, and a question."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.config import ScanConfig
from edge.console import Console
from edge.correction import as_planned
from edge.faults import ScanStopped
from edge.plan import ScanPlan
from edge.plan_figures import figures
from edge.prepare import Sighting, density_of_plan
from edge.record.folder import RecordingPaths, open_recording
from edge.report.figures import colour_limits, map_png, overlay_mask
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
    """Write density (where the mask that made it is still there), mask and path of a plan; gives their files.

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


def _pictures(sighting: Sighting, plan: ScanPlan, config: ScanConfig) -> dict[str, bytes]:
    density = density_of_plan(as_planned(sighting, config), config, plan)
    rgb = sighting.display
    of_density = {} if density is None else {"density.png": map_png(density, "viridis", colour_limits(density))}
    return of_density | {
        "mask.png": _png(overlay_mask(rgb, plan.mask.cells)),
        "path.png": _png(_path_over(rgb, plan)),
    }


def _path_over(rgb: NDArray[np.uint8], plan: ScanPlan) -> NDArray[np.uint8]:
    """The beam's way over the photograph, from dark to bright."""
    import cv2

    grid = plan.grid
    scale = max(1, round(_LONGER_SIDE_PX / max(grid.shape)))
    canvas = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST) // 2 + 96
    ends = np.array([[(e.start.x_mm, e.start.y_mm), (e.end.x_mm, e.end.y_mm)] for e in plan.exposures]).reshape(-1, 2)
    points = ((ends - (grid.origin_x_mm, grid.origin_y_mm)) / grid.pitch_mm * scale).astype(int)
    # a column, since what becomes of a bare row of values differs between versions of OpenCV
    ramp = np.linspace(0, 255, len(points) - 1).astype(np.uint8)[:, None]
    shades = cv2.applyColorMap(ramp, cv2.COLORMAP_INFERNO)[:, 0, ::-1]
    for start, end, shade in zip(points[:-1].tolist(), points[1:].tolist(), shades.tolist(), strict=True):
        cv2.line(canvas, start, end, shade, 1, cv2.LINE_AA)
    return np.asarray(canvas, dtype=np.uint8)


def _png(picture: NDArray[np.uint8]) -> bytes:
    import cv2

    return bytes(cv2.imencode(".png", picture[..., ::-1])[1])
