"""A list of points that is none is refused in one sentence, however it is broken."""

from __future__ import annotations

import pytest

from edge.calibrate.named_points import read_points
from edge.faults import UsageError


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("deep.yaml", 100_000 * "[", "not YAML: write a list of mappings"),
        ("date.yaml", "- {column_px: 2026-13-45}", "not YAML: write a list of mappings"),
        ("long.csv", 200_000 * "1", "not CSV: write column_px, row_px, x_mm, y_mm"),
        ("huge.yaml", "- {column_px: 1, row_px: 1, x_mm: 1, y_mm: 1" + 400 * "0" + "}", "is not a finite number"),
    ],
)
def test_a_list_that_no_reader_takes_is_one_sentence(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=words):
        read_points(tmp_path / name, width_px=800, height_px=600)
