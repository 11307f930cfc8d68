"""Printed calibration boards: their kinds, true dimensions, and how they are named on the command line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.fiducials import UnknownDictionary, marker_dictionary

GRAMMAR = (
    "chessboard:COLUMNSxROWS:SQUARE (inner corners), charuco:COLUMNSxROWS:SQUARE:MARKER:DICTIONARY (squares), or "
    "aruco:COLUMNSxROWS:SIDE:GAP:DICTIONARY (markers); lengths as 25mm"
)
_MOST_A_SIDE = 100


class UnknownBoard(ValueError):
    """A board's description that cannot be used; the text is one sentence with the remedy."""


@dataclass(frozen=True, slots=True)
class Chessboard:
    """Black and white squares; its points are the inner corners, row by row."""

    columns: int
    """Inner corners along a row: one less than squares."""
    rows: int
    square_mm: float

    @property
    def name(self) -> str:
        return f"chessboard:{self.columns}x{self.rows}:{self.square_mm:.10g}mm"

    @property
    def points_mm(self) -> NDArray[np.float64]:
        """Shape (columns * rows, 2); the first inner corner is the origin."""
        return _lattice(self.columns, self.rows) * self.square_mm

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height of the printed pattern."""
        return (self.columns + 1) * self.square_mm, (self.rows + 1) * self.square_mm

    @property
    def spacing_mm(self) -> float:
        """Distance of neighbouring edges."""
        return self.square_mm

    @property
    def clear_mm(self) -> float:
        """Width of plain ink and paper on both sides of an edge."""
        return self.square_mm / 2


@dataclass(frozen=True, slots=True)
class CharucoBoard:
    """A chessboard whose white squares hold markers, so that a part of it is enough; its points are inner corners."""

    columns: int
    """Squares along a row."""
    rows: int
    square_mm: float
    marker_mm: float
    dictionary: str

    @property
    def name(self) -> str:
        return f"charuco:{self.columns}x{self.rows}:{self.square_mm:.10g}mm:{self.marker_mm:.10g}mm:{self.dictionary}"

    @property
    def points_mm(self) -> NDArray[np.float64]:
        """Shape ((columns - 1) * (rows - 1), 2); the outer corner of the first square is the origin."""
        return (_lattice(self.columns - 1, self.rows - 1) + 1) * self.square_mm

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height of the printed pattern."""
        return self.columns * self.square_mm, self.rows * self.square_mm

    @property
    def spacing_mm(self) -> float:
        """Distance of neighbouring edges."""
        return self.square_mm

    @property
    def clear_mm(self) -> float:
        """Width of plain ink and paper on both sides of an edge."""
        return (self.square_mm - self.marker_mm) / 2

    def opencv(self, *, is_legacy: bool = False) -> Any:
        """OpenCV's own; in the legacy pattern of boards with an even number of rows, black and white are swapped."""
        board = cv2.aruco.CharucoBoard(
            (self.columns, self.rows), self.square_mm, self.marker_mm, marker_dictionary(self.dictionary)
        )
        board.setLegacyPattern(is_legacy)
        return board


@dataclass(frozen=True, slots=True)
class ArucoGrid:
    """Markers in rows, identities counted from 0 row by row, so that a part of it is enough; its points are corners."""

    columns: int
    """Markers along a row."""
    rows: int
    marker_mm: float
    gap_mm: float
    dictionary: str

    @property
    def name(self) -> str:
        return f"aruco:{self.columns}x{self.rows}:{self.marker_mm:.10g}mm:{self.gap_mm:.10g}mm:{self.dictionary}"

    @property
    def points_mm(self) -> NDArray[np.float64]:
        """Shape (columns * rows * 4, 2): four corners of each marker, from the upper left one on, clockwise."""
        upper_left = _lattice(self.columns, self.rows) * (self.marker_mm + self.gap_mm)
        around = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]) * self.marker_mm
        return np.asarray((upper_left[:, None, :] + around).reshape(-1, 2))

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height of the printed pattern."""
        step = self.marker_mm + self.gap_mm
        return self.columns * step - self.gap_mm, self.rows * step - self.gap_mm

    @property
    def spacing_mm(self) -> float:
        """Distance of neighbouring edges."""
        return min(self.marker_mm, self.gap_mm)

    @property
    def clear_mm(self) -> float:
        """Width of plain ink and paper on both sides of an edge."""
        modules = int(marker_dictionary(self.dictionary).markerSize) + 2
        return min(self.marker_mm / modules, self.gap_mm)


Board = Chessboard | CharucoBoard | ArucoGrid


def parse_board(text: str) -> Board:
    """The board that a description such as ``chessboard:9x6:25mm`` names; `GRAMMAR` has all of them.

    Raises
    ------
    UnknownBoard
        It is not of that form, or describes no board that can be printed.
    """
    kind, *parts = text.split(":")
    try:
        match kind, parts:
            case "chessboard", [counts, square]:
                columns, rows = _counts(counts, least=3)
                return Chessboard(columns, rows, _millimetres(square))
            case "charuco", [counts, square, marker, dictionary]:
                columns, rows = _counts(counts, least=3)
                square_mm, marker_mm = _millimetres(square), _millimetres(marker)
                if not marker_mm < square_mm:
                    raise UnknownBoard("its markers are not smaller than its squares")
                _require_markers(dictionary, columns * rows // 2)
                return CharucoBoard(columns, rows, square_mm, marker_mm, dictionary)
            case "aruco", [counts, side, gap, dictionary]:
                columns, rows = _counts(counts, least=1)
                _require_markers(dictionary, columns * rows)
                return ArucoGrid(columns, rows, _millimetres(side), _millimetres(gap), dictionary)
    except (UnknownBoard, UnknownDictionary) as error:
        raise UnknownBoard(f"board '{text}': {error}: write {GRAMMAR}") from None
    raise UnknownBoard(f"board '{text}' is not understood: write {GRAMMAR}")


def _lattice(columns: int, rows: int) -> NDArray[np.float64]:
    x, y = np.meshgrid(np.arange(columns, dtype=np.float64), np.arange(rows, dtype=np.float64))
    return np.column_stack([x.ravel(), y.ravel()])


def _counts(text: str, *, least: int) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,3})x(\d{1,3})", text)
    if not found:
        raise UnknownBoard(f"'{text}' is no count such as 9x6")
    columns, rows = int(found[1]), int(found[2])
    if not least <= min(columns, rows) or not max(columns, rows) <= _MOST_A_SIDE or columns * rows < 2:
        raise UnknownBoard(f"{columns} x {rows} is no size for a board (from {least} to {_MOST_A_SIDE} a side)")
    return columns, rows


def _millimetres(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)mm", text)
    if not found or not 0.1 <= float(found[1]) <= 2000:
        raise UnknownBoard(f"'{text}' is no length such as 25mm")
    return float(found[1])


def _require_markers(dictionary: str, count: int) -> None:
    available = int(marker_dictionary(dictionary).bytesList.shape[0])
    if count > available:
        raise UnknownBoard(f"it needs {count} markers and {dictionary} has {available}")
