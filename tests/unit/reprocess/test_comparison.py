"""New maps held against old ones."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from edge.maps import ElementMaps
from edge.record.maps_file import write_maps
from edge.reprocess.comparison import compared

MAPS = np.random.default_rng(0).random((9, 7, 2)).astype(np.float32)


def file_of(path: Path, elements: tuple[str, ...], maps: np.ndarray, method: str = "kriging") -> Path:
    error = np.full(maps.shape, 0.5, np.float32)
    write_maps(path, ElementMaps(elements, maps.astype(np.float32), error, np.ones(maps.shape[:2], np.bool_), method))
    return path


def test_maps_that_did_not_change_are_said_to_be_the_same_cells_without_value_included(tmp_path):
    maps = MAPS.copy()
    maps[3] = np.nan
    one, other = (file_of(tmp_path / name, ("Ca-K", "Fe-K"), maps) for name in ("old.h5", "new.h5"))
    assert compared(one, other).words == "The same as before, to the bit"


def test_elements_that_came_and_went_methods_and_the_largest_change_are_told(tmp_path):
    old = file_of(tmp_path / "old.h5", ("Ca-K", "Fe-K"), MAPS, "nearest")
    new = file_of(tmp_path / "new.h5", ("Zn-K", "Ca-K"), np.stack([MAPS[..., 1], MAPS[..., 0] + 1], axis=2))
    found = compared(old, new)
    assert not found.is_same
    assert (found.came, found.went, found.method_before) == (["Zn-K"], ["Fe-K"], "nearest")
    assert found.shifts == {"Ca-K": pytest.approx(2.0)}
    assert found.words == (
        "Zn-K new; Fe-K gone; made by nearest before; Ca-K changed most, by 2 standard errors (root mean square)"
    )


@pytest.mark.parametrize("kind", ["missing", "torn", "foreign", "bomb", "another grid"])
def test_what_cannot_be_compared_with_is_said_and_nothing_more(kind: str, tmp_path):
    new, old = file_of(tmp_path / "new.h5", ("Ca-K", "Fe-K"), MAPS), tmp_path / "old.h5"
    match kind:
        case "torn":
            old.write_bytes(new.read_bytes()[:700])
        case "foreign":
            with h5py.File(old, "w") as file:
                file["maps"] = MAPS
        case "bomb":
            file_of(old, ("Ca-K", "Fe-K"), MAPS)
            with h5py.File(old, "a") as file:
                del file["maps"]
                file.create_dataset("maps", (9, 7, 10**9), "<f4", chunks=(1, 1, 1000), compression="gzip")
        case "another grid":
            file_of(old, ("Ca-K", "Fe-K"), MAPS[:, :5])
    found = compared(old, new)
    assert found.reason
    assert found.words == found.reason
