"""The beam on its way, as a moving picture that mails, browsers and viewers show: an animated PNG."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.console import duration_text
from edge.faults import UsageError
from edge.grid import ScanGrid
from edge.path.course import Course
from edge.path.drawing import (
    STRIP_PX,
    UNCONFINED,
    Confines,
    Ground,
    Image,
    draw_path,
    ground_of,
    path_picture,
    shades,
    with_strip,
    write,
)

MOST_BYTES = 3_000_000
"""An animation is made smaller until it is below this."""
_WHOLE_MS = 10_000
_LAST_MS = 3_000
_SIZES = ((900, 60), (640, 60), (450, 40), (320, 24), (240, 12))
"""Longer side in pixels, and pictures: the first that keeps to `MOST_BYTES`, as the last does whatever it shows."""
_SAMPLE = 4
"""So many pictures one after the other tell how large all will be."""


def animation_png(rgb: Image, grid: ScanGrid, course: Course, *, confines: Confines = UNCONFINED) -> bytes:
    """A path as it is gone along, at even steps of the predicted time, in some ten seconds.

    A viewer that shows no moving pictures shows the whole path.

    Parameters
    ----------
    rgb
        The photograph on the grid, shape (rows, columns, 3).

    Raises
    ------
    UsageError
        This OpenCV writes no moving pictures.
    """
    import cv2

    if not hasattr(cv2, "imencodeanimation"):
        raise UsageError(f"OpenCV {cv2.__version__} writes no moving pictures: install opencv-python 4.11 or later")
    content = b""
    for side_px, count in _SIZES:
        ground = ground_of(rgb, grid, longer_side_px=side_px, confines=confines)
        finished = path_picture(ground, course)
        frames = _frames(ground, course, count)
        is_last = (side_px, count) == _SIZES[-1]
        if not is_last and _expected_bytes(frames, finished) > MOST_BYTES:
            continue
        content = _encoded(frames, finished)
        if len(content) < MOST_BYTES:
            break
    return content


def _encoded(frames: list[Image], still: Image) -> bytes:
    import cv2

    moving = cv2.Animation()
    # with an opacity, pixels that stay are left out of what follows: a sixth of the bytes
    moving.frames = [cv2.cvtColor(frame, cv2.COLOR_RGB2BGRA) for frame in frames]
    moving.durations = [_WHOLE_MS // len(frames)] * (len(frames) - 1) + [_LAST_MS]
    moving.loop_count = 0
    moving.still_image = cv2.cvtColor(still, cv2.COLOR_RGB2BGRA)
    return bytes(cv2.imencodeanimation(".png", moving)[1])


def _expected_bytes(frames: list[Image], still: Image) -> float:
    """What the pictures will take together, by a few from their middle: to pack them all takes seconds."""
    middle = len(frames) // 2
    alone = len(_encoded(frames[middle : middle + 1], still))
    change = (len(_encoded(frames[middle : middle + 1 + _SAMPLE], still)) - alone) / _SAMPLE
    return alone + len(frames) * change


def _frames(ground: Ground, course: Course, count: int) -> list[Image]:
    """So many pictures at even steps of time, from nothing to the whole path."""
    blank = with_strip(ground.image, course, ground.confines)
    canvas, frames, drawn = ground.image.copy(), [], 0
    for at_s in np.linspace(0.0, course.total_s, count):
        reached = int(np.searchsorted(course.from_s, at_s, "right"))
        draw_path(canvas, ground, course, drawn, reached)
        drawn = max(drawn, reached)
        frame = blank.copy()
        frame[: canvas.shape[0], : canvas.shape[1]] = canvas
        _clock(frame, course, at_s)
        if reached:
            _beam(frame, ground.pixels(place_at(course, at_s)))
        frames.append(frame)
    return frames


def place_at(course: Course, at_s: float) -> NDArray[np.float64]:
    """Where the beam is at a time, in mm; along a leg or a run as if its speed were even."""
    k = int(np.clip(np.searchsorted(course.from_s, at_s, "right") - 1, 0, len(course) - 1))
    start, end = course.path_mm[k, 0:2], course.path_mm[k, 2:4]
    since_s, until_s = course.from_s[k], course.until_s[k]
    if at_s > until_s and k + 1 < len(course):
        start, end, since_s, until_s = end, course.path_mm[k + 1, 0:2], until_s, course.from_s[k + 1]
    share = np.clip((at_s - since_s) / max(until_s - since_s, 1e-12), 0.0, 1.0)
    return np.asarray(start + share * (end - start))


def _clock(frame: Image, course: Course, at_s: float) -> None:
    """Over the scale of time: how far it has come."""
    top = frame.shape[0] - STRIP_PX
    reached = 8 + round(100 * at_s / course.total_s)
    frame[top + 8 : top + 16, reached:108] = 235
    frame[top : top + 22, 112:] = 255
    write(frame, f"{duration_text(at_s)} of {duration_text(course.total_s)}, predicted", (116, top + 17))


def _beam(frame: Image, pixel: NDArray[np.intp]) -> None:
    import cv2

    cv2.circle(frame, pixel.tolist(), 7, (255, 255, 255), 4, cv2.LINE_AA)
    cv2.circle(frame, pixel.tolist(), 7, shades()[0].tolist(), 2, cv2.LINE_AA)
