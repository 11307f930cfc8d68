"""A coarse raster of a source: the blocks of a scan, scored like any other replay."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge import cli
from edge.maps import ElementMaps
from edge.record.maps_file import read_maps, write_maps

ROWS, COLUMNS, USAGE = 46, 63, 2


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """A smooth disc of one element, with a corner that is not valid."""
    row, column = np.mgrid[:ROWS, :COLUMNS].astype(float)
    disc = 1.0 / (1 + np.exp((np.hypot(row - 24, column - 30) - 14) / 1.5))
    valid = np.ones((ROWS, COLUMNS), bool)
    valid[:6, :10] = False
    maps = (100 * disc[:, :, None]).astype(np.float32)
    maps[:6, :10] = np.nan
    path = tmp_path / "scene.npz"
    np.savez(path, maps=maps, elements=["Pb"], valid=valid)
    return path


def replayed(stack: Path, raster: str) -> tuple[dict, Path]:
    out = stack.parent / raster.replace(",", "-")
    code = cli.run(["replay", str(stack), "--coarse", raster, "--reconstruct", "kriging", "--out", str(out)])
    assert code == 0
    return json.loads((out / "report.json").read_text()), out


def test_strokes_are_means_of_valid_cells_and_none_of_their_cells_passes_for_measured(stack: Path) -> None:
    report, out = replayed(stack, "4,strokes")
    assert report["mask"] == "coarse-4-strokes"
    assert report["asked_rate"] is None
    assert report["scored_cells"] == ROWS * COLUMNS - 60
    maps = read_maps(out / "maps.h5").element_maps
    assert not maps.measured.any()
    expected = np.zeros((ROWS, COLUMNS), np.bool_)
    expected[[*range(2, ROWS, 4), ROWS - 1]] = True
    expected[2, :10] = False
    assert np.array_equal(maps.averaged, expected)


def test_points_are_the_middle_cells_of_blocks(stack: Path) -> None:
    report, out = replayed(stack, "5")
    maps = read_maps(out / "maps.h5").element_maps
    assert maps.averaged is None
    assert report["samples"] == maps.measured.sum() == 10 * 13 - 1 * 2
    assert maps.measured[7, 2]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--coarse", "four"], "--coarse four: write FACTOR or FACTOR,strokes"),
        (["--coarse", "4,areas"], "--coarse 4,areas: write FACTOR or FACTOR,strokes"),
        (["--coarse", "1"], "factor 1 has no blocks of several cells"),
        (["--coarse", "0"], "factor 0 has no blocks of several cells"),
        (["--coarse", "47"], "larger than the grid's 46 x 63 cells"),
        (["--coarse", "4", "--rate", "0.1"], "--coarse measures every block"),
    ],
)
def test_what_is_no_raster_is_refused_in_a_sentence(
    stack: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    assert cli.run(["replay", str(stack), *arguments, "--out", str(stack.parent / "out")]) == USAGE
    (said,) = capsys.readouterr().err.splitlines()
    assert sentence in said


def test_of_a_sparse_source_no_cell_that_a_stroke_saw_passes_for_left_out(stack: Path, tmp_path: Path) -> None:
    maps = np.nan_to_num(np.load(stack)["maps"])
    measured = np.zeros((ROWS, COLUMNS), np.bool_)
    measured[1::4] = measured[2::4] = True
    sparse = tmp_path / "sparse.h5"
    write_maps(sparse, ElementMaps(("Pb",), maps, np.ones_like(maps), measured, "linear"), mask=measured)
    report, _ = replayed(sparse, "4,strokes")
    # strokes go along the third row of every four, and along the last one of all: the second is left to score on
    assert report["scored_on"] == "exposures left out"
    assert report["scored_cells"] == ROWS // 4 * COLUMNS
