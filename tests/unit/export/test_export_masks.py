"""What images and tables say of cells, beside their maps."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from edge.export.layers import masks
from edge.imports.names import is_map
from edge.maps import ElementMaps


def contents_of(**said):
    maps = np.zeros((2, 3, 1), np.float32)
    found = ElementMaps(("Fe-K",), maps, maps, np.zeros((2, 3), np.bool_), "kriging", **said)
    return SimpleNamespace(maps=SimpleNamespace(element_maps=found))


def test_cells_that_a_mean_alone_was_measured_of_are_told_apart_and_passed_for_no_map():
    averaged = np.array([[1, 1, 0], [0, 0, 1]], np.bool_)
    said = dict(masks(contents_of(averaged=averaged)))
    assert list(said) == ["measured", "averaged"]
    assert np.array_equal(said["averaged"], averaged)
    assert not any(is_map(name) for name in said)


def test_a_scan_of_single_cells_says_nothing_of_means():
    assert list(dict(masks(contents_of()))) == ["measured"]
