"""Printed sheets: read back from the PDF's own numbers, they are the board at true scale."""

from __future__ import annotations

import re

import numpy as np
import pytest

from calibration.board_detection import detect_board
from calibration.boards import UnknownBoard, parse_board
from calibration.fiducials import detect_fiducials
from calibration.pdf import POINTS_PER_MM, Page, Text, pdf_document
from calibration.sheets import DoesNotFit, FiducialSet, parse_sheet, sheet

PX_PER_MM = 8


def drawn(document: bytes) -> np.ndarray:
    """The first page, rectangles alone, as a program that shows PDF would fill them."""
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", document)
    assert box
    width, height = (float(value) / POINTS_PER_MM for value in box.groups())
    picture = np.full((round(height * PX_PER_MM), round(width * PX_PER_MM), 3), 255, np.uint8)
    stream = document[document.index(b"stream\n") : document.index(b"endstream")]
    for found in re.findall(rb"^([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+) re$", stream, flags=re.MULTILINE):
        x, y, wide, high = (float(value) / POINTS_PER_MM for value in found)
        left, right = (round(edge * PX_PER_MM) for edge in (x, x + wide))
        upper, lower = (round((height - edge) * PX_PER_MM) for edge in (y + high, y))
        picture[upper:lower, left:right] = 0
    return picture


@pytest.mark.parametrize(
    "text", ["chessboard:9x6:20mm", "charuco:7x5:30mm:22mm:DICT_4X4_50", "aruco:4x3:30mm:8mm:DICT_5X5_50"]
)
def test_a_board_is_printed_at_true_scale(text):
    board = parse_sheet(text)
    picture = drawn(pdf_document(sheet(board, paper="A4"), title=text))
    view = detect_board(picture, board)
    assert view is not None
    assert view.ids.size == len(board.points_mm)
    placed_mm = view.points_px / PX_PER_MM
    shift = placed_mm.mean(axis=0) - board.points_mm.mean(axis=0)
    # edges are drawn at whole pixels, so each point is off by up to half of one beside what detection adds
    assert np.abs(placed_mm - shift - board.points_mm).max() < 1.5 / PX_PER_MM


def test_fiducials_are_printed_upright_in_their_order_at_true_scale():
    picture = drawn(pdf_document(sheet(parse_sheet("fiducials:3-8:20mm:DICT_4X4_50"), paper="A4"), title="x"))
    found = detect_fiducials(picture, "DICT_4X4_50", range(50))
    assert sorted(found) == [3, 4, 5, 6, 7, 8]
    for corners in found.values():
        assert np.linalg.norm(corners[1] - corners[0]) == pytest.approx(20 * PX_PER_MM, abs=1.5)
        assert corners[0, 1] < corners[3, 1]


def test_the_rulers_are_as_long_as_they_say():
    (page,) = sheet(parse_board("chessboard:9x6:20mm"), paper="A4")
    assert sorted(page.rectangles_mm[:, 2].round(6))[-1] == 100.0
    assert sorted(page.rectangles_mm[:, 3].round(6))[-1] == 100.0
    assert any("Both rulers must measure 100 mm" in text.text for text in page.texts)


def test_the_rulers_ticks_lie_at_whole_centimetres():
    (page,) = sheet(parse_board("chessboard:9x6:20mm"), paper="A4")
    across = page.rectangles_mm[(page.rectangles_mm[:, 3] == 2.0) & (page.rectangles_mm[:, 2] < 1)]
    (line,) = page.rectangles_mm[page.rectangles_mm[:, 2] == 100.0]
    left, right = across[:, 0] - line[0], across[:, 0] + across[:, 2] - line[0]
    assert left[0] == pytest.approx(0)
    assert right[-1] == pytest.approx(100)
    assert (left + right)[1:-1] / 2 == pytest.approx(np.arange(10, 100, 10))


def test_everything_lies_on_the_paper():
    for text in ("chessboard:9x6:25mm", "fiducials:0-40:15mm:DICT_4X4_50"):
        for page in sheet(parse_sheet(text), paper="A4"):
            x, y, width, height = page.rectangles_mm.T
            assert (x >= 5).all()
            assert (y >= 5).all()
            assert (x + width <= page.width_mm - 5).all()
            assert (y + height <= page.height_mm - 5).all()


def test_many_fiducials_take_several_pages():
    pages = sheet(FiducialSet(tuple(range(50)), 40.0, "DICT_4X4_50"), paper="A4")
    assert len(pages) > 1
    assert sum(len(page.texts) - 2 for page in pages) == 50


def test_the_table_of_a_pdf_points_at_its_objects():
    document = pdf_document(
        [Page(50.0, 40.0, np.zeros((0, 4)), (Text(5, 5, 3, r"a (b) \c"),)), Page(50.0, 40.0, np.ones((1, 4)), ())],
        title="x",
    )
    start = int(document.rsplit(b"startxref\n", 1)[1].split()[0])
    offsets = [int(line.split()[0]) for line in document[start:].split(b"\n")[3:] if line.endswith(b"n ")]
    assert len(offsets) == 8
    for number, offset in enumerate(offsets, start=1):
        assert document[offset:].startswith(b"%d 0 obj" % number)
    for length, stream in re.findall(rb"/Length (\d+) >>\nstream\n(.*?)\nendstream", document, flags=re.DOTALL):
        assert len(stream) == int(length)
    assert rb"(a \(b\) \\c) Tj" in document


@pytest.mark.parametrize(
    ("text", "paper", "sentence"),
    [
        ("chessboard:9x6:40mm", "A4", r"400 x 280 mm does not fit on A4 .* use larger paper"),
        ("chessboard:9x6:25mm", "A9", r"'A9' is no paper known here: choose one of A4, A3"),
        ("fiducials:0-3:250mm:DICT_4X4_50", "A4", r"does not fit on A4"),
    ],
)
def test_what_does_not_fit_is_refused(text, paper, sentence):
    with pytest.raises(DoesNotFit, match=sentence):
        sheet(parse_sheet(text), paper=paper)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("fiducials:0-7:10:DICT_4X4_50", "write fiducials:FIRST-LAST:SIDE:DICTIONARY"),
        ("fiducials:7-0:10mm:DICT_4X4_50", "DICT_4X4_50 has markers 0 to 49"),
        ("fiducials:0-50:10mm:DICT_4X4_50", "DICT_4X4_50 has markers 0 to 49"),
        ("fiducials:0-5:10mm:NONE", "'NONE' is no marker dictionary"),
        ("circles:4x5:10mm", "is not understood"),
    ],
)
def test_what_names_no_sheet_is_refused(text, sentence):
    with pytest.raises(UnknownBoard, match=sentence):
        parse_sheet(text)
