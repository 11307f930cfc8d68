"""The report's section on exposures held out."""

from __future__ import annotations

import re

from edge.report.held_out import held_out_section
from edge.report.page import render
from edge.stopping.figure import ErrorFigure, Estimate
from edge.stopping.judgement import Judgement

OVERALL = Estimate(0.041, 0.036, 0.046, 0.02)
FIGURE = ErrorFigure(900, 40, OVERALL, (("Fe", Estimate(0.03, 0.02, 0.04, 0.01)), ("Pb-L", OVERALL)), 0.7, 0.94)


def judgement(figure: ErrorFigure | None = FIGURE, concluded: str = "", why_none: str = "") -> Judgement:
    course = ((300, Estimate(0.09, 0.08, 0.1, 0.02)), (600, Estimate(0.06, 0.05, 0.07, 0.02)), (900, OVERALL))
    return Judgement(figure, course, 0.05, (("Pb", 0.06),), concluded, why_none)


def test_the_final_error_stands_with_its_range_and_the_coverage_of_the_error_bars(make_report):
    page = held_out_section(make_report(judgement=judgement()))
    assert "0.041 (0.036 to 0.046)" in page
    assert re.search(r"70.0?.?%", page)
    assert re.search(r"94.0?.?%", page)
    assert page.count("<circle") == 3


def test_what_was_asked_of_an_element_stands_beside_its_line_group(make_report):
    page = held_out_section(make_report(judgement=judgement()))
    row = next(row for row in page.split("<tr>") if ">Pb-L<" in row)
    assert "0.06" in row


def test_why_the_scan_stopped_stands_in_the_section_and_in_the_head(make_report):
    page = render(make_report(judgement=judgement(concluded="the time that was given is spent")))
    assert page.count("the time that was given is spent") == 2


def test_a_report_without_held_out_exposures_says_why(make_report):
    page = held_out_section(make_report(judgement=judgement(None, why_none="the configuration holds out none")))
    assert "the configuration holds out none" in page
    assert "No exposures were held out" in held_out_section(make_report())


def test_an_error_told_by_few_exposures_is_called_an_order_of_magnitude(make_report):
    few = ErrorFigure(100, 9, OVERALL, FIGURE.elements, 0.7, 0.94)
    assert "order of magnitude" in held_out_section(make_report(judgement=judgement(few)))
    assert "order of magnitude" not in held_out_section(make_report(judgement=judgement()))


def test_a_scan_that_had_enough_is_not_compared_with_the_whole_plan(make_report):
    whole, stopped = (render(make_report(judgement=judgement(concluded=why))) for why in ("", "enough"))
    assert "The scan did not run to its end" not in whole
    assert "The scan did not run to its end" in stopped
