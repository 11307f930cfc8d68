"""What the operator reads of an error at the end."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from edge.finish import error_lines
from edge.stopping.figure import ErrorFigure, Estimate
from tests.unit.stopping.scans import config_of


@pytest.mark.parametrize(("held_out", "is_rough"), [(2, True), (15, True), (16, False), (200, False)])
def test_an_error_told_by_few_is_called_an_order_of_magnitude_on_the_terminal_too(held_out, is_rough):
    figure = ErrorFigure(900, held_out, Estimate(0.041, 0.036, 0.046, 0.02), (), 0.7, 0.94)
    results = SimpleNamespace(figure=figure, maps=SimpleNamespace(elements=("Fe",)))
    (line,) = error_lines(results, SimpleNamespace(config=config_of()))
    assert line.startswith(f"Error, by {held_out} exposures held out: 0.041 (0.036 to 0.046)")
    assert ("order of magnitude" in line) is is_rough
