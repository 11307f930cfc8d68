"""Boards and fiducials laid out on paper at true scale, with lengths to check the print by."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.board_ink import board_ink, marker_ink
from calibration.boards import GRAMMAR, Board, UnknownBoard, parse_board
from calibration.fiducials import UnknownDictionary, marker_dictionary
from calibration.pdf import Page, Text

PAPERS: dict[str, tuple[float, float]] = {
    "A4": (210.0, 297.0),
    "A3": (297.0, 420.0),
    "A2": (420.0, 594.0),
    "A1": (594.0, 841.0),
    "A0": (841.0, 1189.0),
    "letter": (215.9, 279.4),
    "tabloid": (279.4, 431.8),
}
"""Width and height in mm."""
_MARGIN_MM = 8.0
"""What printers leave white."""
_STRIP_MM = 10.0
"""For a ruler at the left edge."""
_FOOT_MM = 16.0
"""For a ruler and two lines of text at the lower edge."""
_LINE_MM = 0.25
_TEXT_MM = 2.8
_QUIET = 0.25
"""White rim that stays around a fiducial when it is cut out, as a share of its side."""
_LABEL_MM = 4.0


class DoesNotFit(ValueError):
    """What is to be printed is larger than the paper; the text is one sentence with the remedy."""


@dataclass(frozen=True, slots=True)
class FiducialSet:
    """Markers to cut out and place around an object."""

    ids: tuple[int, ...]
    side_mm: float
    dictionary: str


def parse_sheet(text: str) -> Board | FiducialSet:
    """What ``fiducials:0-7:10mm:DICT_4X4_50`` or a board's description names.

    Raises
    ------
    UnknownBoard
        It names neither.
    """
    if not text.startswith("fiducials:"):
        return parse_board(text)
    found = re.fullmatch(r"fiducials:(\d{1,4})-(\d{1,4}):(\d+(?:\.\d+)?)mm:(\w+)", text)
    if not found:
        raise UnknownBoard(
            f"'{text}' is not understood: write fiducials:FIRST-LAST:SIDE:DICTIONARY, such as "
            f"fiducials:0-7:10mm:DICT_4X4_50, or a board: {GRAMMAR}"
        )
    first, last, side_mm, dictionary = int(found[1]), int(found[2]), float(found[3]), found[4]
    try:
        available = int(marker_dictionary(dictionary).bytesList.shape[0])
    except UnknownDictionary as error:
        raise UnknownBoard(str(error)) from None
    if not first <= last < available or not 1 <= side_mm <= 1000:
        raise UnknownBoard(
            f"'{text}' cannot be printed: {dictionary} has markers 0 to {available - 1}, give FIRST-LAST in that order "
            "and a side from 1mm to 1000mm"
        )
    return FiducialSet(tuple(range(first, last + 1)), side_mm, dictionary)


def sheet(wanted: Board | FiducialSet, *, paper: str) -> list[Page]:
    """Pages that hold a board, or markers with their identities below, so that they can be placed upright.

    Raises
    ------
    DoesNotFit
        It is larger than the paper, whichever way round; or there is no such paper.
    """
    if paper not in PAPERS:
        raise DoesNotFit(f"'{paper}' is no paper known here: choose one of {', '.join(PAPERS)}")
    if isinstance(wanted, FiducialSet):
        return _fiducial_pages(wanted, paper)
    width, height = wanted.size_mm
    across, down = _turned(width, height, paper)
    left, upper, right, lower = _usable(across, down)
    ink = board_ink(wanted)
    ink[:, 0] += (left + right - width) / 2
    ink[:, 1] += (upper + lower - height) / 2
    return [_page(across, down, ink, (), f"pointillist calibrate camera --board {wanted.name}")]


def _turned(width_mm: float, height_mm: float, paper: str) -> tuple[float, float]:
    """The paper's width and height, turned so that the pattern fits."""
    for across, down in (PAPERS[paper], PAPERS[paper][::-1]):
        left, upper, right, lower = _usable(across, down)
        if width_mm <= right - left and height_mm <= lower - upper:
            return across, down
    raise DoesNotFit(
        f"{width_mm:g} x {height_mm:g} mm does not fit on {paper} beside margins and rulers: use larger paper "
        "(--paper) or a smaller pattern"
    )


def _usable(across: float, down: float) -> tuple[float, float, float, float]:
    """Left, upper, right and lower end of what is free for the pattern."""
    return _MARGIN_MM + _STRIP_MM, _MARGIN_MM, across - _MARGIN_MM, down - _MARGIN_MM - _FOOT_MM


def _fiducial_pages(wanted: FiducialSet, paper: str) -> list[Page]:
    cell = wanted.side_mm * (1 + 2 * _QUIET)
    across, down = _turned(cell, cell + _LABEL_MM, paper)
    left, upper, right, lower = _usable(across, down)
    columns, rows = int((right - left) // (cell + 1)) or 1, int((lower - upper) // (cell + _LABEL_MM + 1)) or 1
    pages = []
    for start in range(0, len(wanted.ids), columns * rows):
        ink: list[NDArray[np.float64]] = []
        labels = []
        for place, marker in enumerate(wanted.ids[start : start + columns * rows]):
            x = left + (place % columns) * (cell + 1)
            y = upper + (place // columns) * (cell + _LABEL_MM + 1)
            black = marker_ink(wanted.dictionary, marker, wanted.side_mm)
            black[:, :2] += [x + _QUIET * wanted.side_mm, y + _QUIET * wanted.side_mm]
            ink += [black, _cut_marks(x, y, cell, cell + _LABEL_MM)]
            labels.append(Text(x + 0.5, y + cell + _LABEL_MM - 1.2, min(_TEXT_MM, 0.28 * cell), f"{marker}"))
        what = f"fiducials of {wanted.dictionary}, side_mm: {wanted.side_mm:g}; upright when the number stands below"
        pages.append(_page(across, down, np.concatenate(ink), tuple(labels), what))
    return pages


def _cut_marks(x: float, y: float, width: float, height: float) -> NDArray[np.float64]:
    """Short thin lines at the four corners."""
    reach = 1.5
    marks = []
    for corner_x, into_x in ((x, 0.0), (x + width, -reach)):
        for corner_y, into_y in ((y, 0.0), (y + height, -reach)):
            marks.append((corner_x + into_x, corner_y, reach, 0.1))
            marks.append((corner_x, corner_y + into_y, 0.1, reach))
    return np.array(marks)


def _page(across: float, down: float, ink: NDArray[np.float64], texts: tuple[Text, ...], what: str) -> Page:
    """The pattern with rulers along the lower and the left edge, and what to do with them."""
    length = 100.0 if min(across, down) > 150 else 50.0
    x, y = _MARGIN_MM + _STRIP_MM, down - _MARGIN_MM - 9.5
    across_ruler, down_ruler = _ruler(length), _ruler(length)[:, [1, 0, 3, 2]]
    across_ruler[:, :2] += [x, y]
    down_ruler[:, :2] += [_MARGIN_MM + 2, 20]
    said = (
        Text(x, down - _MARGIN_MM, _TEXT_MM, what),
        Text(
            x,
            down - _MARGIN_MM - 4.2,
            _TEXT_MM,
            f"Print at 100 %, glue flat. Both rulers must measure {length:g} mm from end to end; else measure the "
            "pattern and state what you measured.",
        ),
    )
    return Page(across, down, np.concatenate([ink, across_ruler, down_ruler]), (*texts, *said))


def _ruler(length_mm: float) -> NDArray[np.float64]:
    """A line along x: outer edges of its end ticks, and middles of the ticks between, lie at whole centimetres."""
    ticks = np.clip(np.arange(0, length_mm + 1, 10) - _LINE_MM / 2, 0, length_mm - _LINE_MM)
    line = [(0.0, 0.0, length_mm, _LINE_MM)]
    return np.array(line + [(tick, -2.0, _LINE_MM, 2.0) for tick in ticks.tolist()])
