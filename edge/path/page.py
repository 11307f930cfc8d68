"""The path as a page to look at closely: one file that asks for nothing outside itself."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from edge.console import duration_text
from edge.grid import ScanGrid
from edge.path.course import Course
from edge.path.drawing import (
    CLOSED_RGB,
    KEEP_OUT_RGB,
    UNCONFINED,
    Confines,
    Image,
    ground_of,
    pale,
    path_picture,
    shades,
)
from edge.report.wording import escaped

MOST_PIECES = 60_000
"""More dwells and runs than that are thinned out, which the page then says."""
_PHOTO_PX, _STILL_PX = 1_200, 900
_JPEG_QUALITY = 82
_SPEEDS = (
    ("10", "the whole in 10 s"),
    ("60", "the whole in a minute"),
    ("600", "the whole in 10 min"),
    ("real", "as it will be"),
)


def path_page(
    title: str,
    facts: dict[str, str],
    rgb: Image,
    grid: ScanGrid,
    course: Course,
    *,
    confines: Confines = UNCONFINED,
) -> str:
    """The page, below 3 MB whatever the plan.

    Without scripts it shows the whole path as a picture. Nothing moves before somebody asks; where the system says
    that motion is unwelcome, it goes by steps.

    Parameters
    ----------
    title
        Of the object.
    facts
        What stands below, name and text.
    rgb
        The photograph on the grid, shape (rows, columns, 3).
    """
    thin = course.thinned(MOST_PIECES)
    ground = ground_of(rgb, grid, longer_side_px=_STILL_PX, confines=confines)
    photo = pale(rgb, min(1.0, _PHOTO_PX / max(grid.shape)))
    style, script = (_part(name) for name in ("page.css", "page.js"))
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    known = json.dumps(_known(thin, course, grid, confines))
    return "".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f"<title>{escaped(title)} · path of the beam</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n",
            f"<h1>{escaped(title)}: path of the beam</h1>\n",
            f"<p>{escaped(_summary(course))}</p>\n",
            f'<p class="quiet">{escaped(_honesty(thin))}</p>\n',
            _figure(_jpeg(path_picture(ground, course)), _jpeg(photo), course, bool(confines.keep_outs_mm)),
            "<dl>" + "".join(f"<dt>{escaped(a)}</dt><dd>{escaped(b)}</dd>" for a, b in facts.items()) + "</dl>\n",
            # templates are neither shown nor run
            f'<template id="facts">{escaped(known)}</template>\n',
            f'<template id="pieces">{_packed(thin, grid)}</template>\n',
            f"<script>{script}</script>\n</main>\n</body>\n</html>\n",
        ]
    )


def _summary(course: Course) -> str:
    exposures, runs = int(course.exposures[-1]), int(course.is_run.sum())
    dwells = len(course) - runs
    parts = [f"{dwells:,} dwells"] * bool(dwells) + [f"{runs:,} runs in motion"] * bool(runs)
    closed = int(course.is_closed.sum())
    on_closed = f", {closed:,} leg{'s' * (closed > 1)} with the shutter closed" if closed else ""
    return (
        f"{exposures:,} exposures: {' and '.join(parts)}{on_closed}. Predicted to take {duration_text(course.total_s)}."
    )


def _honesty(thin: Course) -> str:
    said = "Times are those that the stage's model predicts; along a leg the beam is shown at even speed."
    if thin.every > 1:
        said += (
            f" Of every {thin.every} dwells and runs one is drawn, joined by straight lines; times and numbers of "
            "exposures are those of the whole plan."
        )
    return said


def _figure(still: str, photo: str, course: Course, has_keep_outs: bool) -> str:
    speeds = "".join(f'<option value="{value}">{name}</option>' for value, name in _SPEEDS)
    zooms = "".join(f'<option value="{times}">{times} ×</option>' for times in (1, 2, 4, 8, 16))
    return (
        f'<figure>\n<img class="still" src="{still}" alt="The whole path over the photograph, dark at its beginning">\n'
        '<canvas class="plain" id="way" role="img" aria-label="The path over the photograph up to the time that is '
        'set, and a ring where the beam is then" aria-describedby="said"></canvas>\n'
        f'<img id="photo" hidden src="{photo}" alt="">\n'
        '<input class="time plain" id="time" type="range" min="0" max="10000" step="1" value="10000" '
        'aria-label="Time">\n'
        '<div class="row plain"><button id="play" type="button">Play</button>'
        '<button id="back" type="button">Back one</button><button id="on" type="button">On one</button>'
        f'<label>Speed <select id="speed">{speeds}</select></label>'
        f'<label>Zoom, about the beam <select id="zoom">{zooms}</select></label>'
        '<label><input id="legs" type="checkbox" checked> legs</label></div>\n'
        '<p class="plain"><output id="said" for="time" aria-live="off"></output></p>\n'
        f"{_key(course, has_keep_outs)}</figure>\n"
    )


def _key(course: Course, has_keep_outs: bool) -> str:
    """What the marks mean, those that there are."""
    begin, middle, end = ("rgb({},{},{})".format(*shades()[k]) for k in (0, 128, 255))
    swatch = '<svg width="26" height="12" aria-hidden="true">{}</svg>'
    line = '<line x1="1" y1="6" x2="25" y2="6" stroke="{}" stroke-width="{}"{}/>'
    ramp = (
        f'<defs><linearGradient id="ramp"><stop offset="0" stop-color="{begin}"/><stop offset="0.5" '
        f'stop-color="{middle}"/><stop offset="1" stop-color="{end}"/></linearGradient></defs>'
        '<rect width="26" height="12" fill="url(#ramp)"/>'
    )
    marks = [(ramp, "beginning to end")]
    if not course.is_run.all():
        marks.append(('<circle cx="13" cy="6" r="4.5"/>', "dwell"))
    if course.is_run.any():
        marks.append((line.format("#000", 5, ""), "run: counted in motion"))
    marks.append((line.format("#000", 1, ""), "leg between them"))
    if course.is_closed.any():
        marks.append((line.format(_css(CLOSED_RGB), 2, ' stroke-dasharray="6 5"'), "leg, shutter closed"))
    if has_keep_outs:
        rim = f'<rect x="2" y="1" width="22" height="10" fill="none" stroke="{_css(KEEP_OUT_RGB)}" stroke-width="2"/>'
        marks.append((rim, "kept out"))
    return '<ul class="key">' + "".join(f"<li>{swatch.format(mark)}{text}</li>" for mark, text in marks) + "</ul>\n"


def _known(thin: Course, course: Course, grid: ScanGrid, confines: Confines) -> dict[str, object]:
    origin = grid.origin_x_mm, grid.origin_y_mm
    boundary = () if confines.boundary_mm is None else (confines.boundary_mm,)
    return {
        "pieces": len(thin),
        "exposures": int(course.exposures[-1]),
        "total_s": course.total_s,
        "shape": grid.shape,
        "origin_mm": origin,
        "pitch_mm": grid.pitch_mm,
        "shades": [_css(shade) for shade in shades().tolist()],
        "closed": _css(CLOSED_RGB),
        "kept_out": _css(KEEP_OUT_RGB),
        "keep_outs": [_in_cells(polygon, grid) for polygon in confines.keep_outs_mm],
        "boundary": [_in_cells(polygon, grid) for polygon in boundary],
    }


def _in_cells(polygon_mm: NDArray[np.float64], grid: ScanGrid) -> list[list[float]]:
    corners: list[list[float]] = ((polygon_mm - (grid.origin_x_mm, grid.origin_y_mm)) / grid.pitch_mm).round(3).tolist()
    return corners


def _packed(course: Course, grid: ScanGrid) -> str:
    """Positions in 65535ths of the grid, times, exposures done and kinds, one array behind another, base64."""
    ends = course.path_mm.reshape(-1, 2, 2) - (grid.origin_x_mm, grid.origin_y_mm)
    share = np.clip(ends / (grid.width_mm, grid.height_mm), 0, 1)
    parts = (
        np.rint(65_535 * share).astype("<u2"),
        np.column_stack([course.from_s, course.until_s]).astype("<f4"),
        course.exposures.astype("<u4"),
        (course.is_run + 2 * course.is_closed).astype(np.uint8),
    )
    return base64.b64encode(b"".join(part.tobytes() for part in parts)).decode("ascii")


def _jpeg(picture: Image) -> str:
    import cv2

    content = bytes(cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1])
    return "data:image/jpeg;base64," + base64.b64encode(content).decode("ascii")


def _css(rgb: tuple[int, int, int] | list[int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def _part(name: str) -> str:
    return resources.files("edge.path").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
