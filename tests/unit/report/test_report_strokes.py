"""A report of a scan in strokes shows where these went, though no cell was visited alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from edge.report.contents import ScanReport
from edge.report.page import render

MakeReport = Callable[..., ScanReport]


@pytest.mark.parametrize("alone", [0, 3])
def test_the_picture_marks_the_cells_that_strokes_went_along(make_report: MakeReport, alone: int) -> None:
    whole = make_report()
    averaged = np.zeros(whole.maps.measured.shape, np.bool_)
    averaged[2::4] = True
    measured = np.zeros_like(averaged)
    measured[5, :alone] = True
    maps = dataclasses.replace(whole.maps, measured=measured, averaged=averaged)
    page = render(dataclasses.replace(whole, maps=maps, mask=averaged | measured))
    share = "23.3 %"  # of 30 rows every fourth, from the third on
    words = f"with the {averaged.sum()} cells that strokes went along, {share}, in orange"
    assert words + (", and those that were visited alone." if alone else ".") in page
    assert 'id="along"' in page
    assert "planned but not visited" not in page


def test_a_report_of_cells_alone_says_nothing_of_strokes(make_report: MakeReport) -> None:
    page = render(make_report())
    assert "strokes went along" not in page
    assert 'id="along"' not in page
