"""A full raster, replayed sparsely: the same code as a scan, scored against what is known."""

from __future__ import annotations

import json
import os

import h5py
import numpy as np
import pytest

from edge import cli
from edge.faults import UsageError
from edge.replaying.replay import replay_source
from edge.replaying.sources import load_stack

ROWS, COLUMNS = 32, 44


@pytest.fixture
def stack(tmp_path):
    """A smooth scene of two elements whose photograph shows one of them."""
    row, column = np.mgrid[:ROWS, :COLUMNS].astype(float)
    shown = 1.0 / (1 + np.exp((np.hypot(row - 16, column - 20) - 10) / 1.5))
    hidden = np.exp(-((column - 32) ** 2 + (row - 9) ** 2) / 40)
    rgb = np.repeat((40 + 180 * shown)[..., None], 3, axis=2).astype(np.uint8)
    valid = np.ones((ROWS, COLUMNS), bool)
    valid[:6, :10] = False
    maps = np.stack([100 * shown, 30 * hidden], axis=2).astype(np.float32)
    path = tmp_path / "scene.npz"
    np.savez(path, maps=maps, elements=["Pb", "Hg"], rgb=rgb, valid=valid)
    return path


def changed(path, **arrays):
    """The same stack with some arrays replaced (or, with None, left out)."""
    with np.load(path) as archive:
        kept = {name: archive[name] for name in archive.files} | arrays
    other = path.with_name("changed.npz")
    np.savez(other, **{name: array for name, array in kept.items() if array is not None})
    return other


def replayed(source, out, **options):
    given = {"rate": 0.1, "mask": None, "method": "kriging", "seed": 0} | options
    return replay_source(source, out=out, **given)


def test_the_report_and_the_maps_say_what_was_done(stack, tmp_path):
    result = replayed(stack, tmp_path / "out")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    known = ROWS * COLUMNS - 60
    assert report["samples"] == round(0.1 * known)
    assert report["asked_rate"] == 0.1
    assert report["rate_of_known"] == report["samples"] / known
    assert report["rate_of_grid"] == report["samples"] / (ROWS * COLUMNS)
    assert report["scored_on"] == "all valid cells"
    assert report["scored_cells"] == known
    assert set(report["elements"]) == {"Pb", "Hg"}
    mean_db = np.mean([one["psnr_db"] for one in report["elements"].values()])
    assert report["overall"]["psnr_db"] == pytest.approx(mean_db)
    assert set(report["seconds"]) == {"load", "mask", "reconstruct", "visible", "score"}
    with h5py.File(tmp_path / "out" / "maps.h5") as file:
        assert file["maps"].shape == (ROWS, COLUMNS, 2)
        assert file["maps"].dtype == np.float32
        assert file["standard_error"].shape == (ROWS, COLUMNS, 2)
        assert file["visible"].shape == (ROWS, COLUMNS, 2)
        assert int(file["mask"][()].sum()) == report["samples"]
        assert list(file["elements"].asstr()) == ["Pb", "Hg"]
    assert not result.mask.cells[:6, :10].any(), "cells that are not valid are not visited"


def test_the_scores_are_those_of_the_written_maps(stack, tmp_path):
    replayed(stack, tmp_path / "out")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    with np.load(stack) as archive, h5py.File(tmp_path / "out" / "maps.h5") as file:
        truth, valid, estimate = archive["maps"].astype(float), archive["valid"], file["maps"][()].astype(float)
    for i, name in enumerate(("Pb", "Hg")):
        top = np.percentile(truth[valid][:, i], 99.9)
        rmse = np.sqrt(np.mean(((estimate - truth)[valid][:, i] / top) ** 2))
        assert report["elements"][name]["rmse"] == pytest.approx(rmse, rel=1e-4)
        assert report["elements"][name]["psnr_db"] == pytest.approx(20 * np.log10(1 / rmse), abs=1e-3)


def test_the_same_seed_gives_the_same_maps_and_another_one_others(stack, tmp_path):
    first, again, other = (
        replayed(stack, tmp_path / name, mask="random", method="linear", seed=seed)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert np.array_equal(first.maps.maps, again.maps.maps)
    assert not np.array_equal(first.mask.cells, other.mask.cells)


def test_a_replay_listens_unless_a_mask_is_named(stack, tmp_path):
    assert replayed(changed(stack, rgb=None), tmp_path / "out").mask.origin == "adaptive after blue-noise"


def test_more_samples_bring_the_maps_nearer_to_the_truth(stack, tmp_path):
    scores = [
        # kriging is perfect to a thousandth on this scene without noise, and no longer gains
        replayed(stack, tmp_path / str(rate), rate=rate, mask="blue-noise", method="harmonic").scores.psnr_db
        for rate in (0.03, 0.1, 0.3)
    ]
    assert scores == sorted(scores)


@pytest.mark.parametrize("method", ["harmonic", "kriging", "linear", "nearest"])
def test_every_method_fills_every_cell(stack, tmp_path, method):
    maps = replayed(stack, tmp_path / "out", mask="blue-noise", method=method).maps
    assert np.isfinite(maps.maps).all()
    assert np.isfinite(maps.standard_error).all()
    assert maps.method == method


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"maps": None}, "has no array 'maps'"),
        ({"elements": None}, "has no array 'elements'"),
        ({"maps": np.zeros((4, 4), np.float32)}, "give rows x columns x elements"),
        ({"elements": np.array(["Pb"])}, "2 maps but 1 element names"),
        ({"rgb": np.zeros((4, 4, 3), np.uint8)}, r"rgb has shape \(4, 4, 3\)"),
        ({"rgb": np.zeros((ROWS, COLUMNS, 3), np.float32)}, "give 8-bit sRGB"),
        ({"valid": np.zeros((ROWS, COLUMNS), bool)}, "no cell is valid"),
        ({"maps": np.array([object()])}, "not an .npz of plain arrays"),
    ],
)
def test_a_stack_that_cannot_be_used_is_refused_with_a_reason(stack, tmp_path, arrays, sentence):
    with pytest.raises(UsageError, match=sentence):
        replayed(changed(stack, **arrays), tmp_path / "out")


@pytest.mark.parametrize("rate", [0.0, -0.1, 1.01])
def test_a_rate_that_is_no_fraction_is_refused(stack, tmp_path, rate):
    with pytest.raises(UsageError, match="is no fraction of the cells"):
        replayed(stack, tmp_path / "out", rate=rate)


def test_something_that_is_no_archive_is_refused(tmp_path):
    path = tmp_path / "maps.npz"
    path.write_bytes(b"not an archive")
    with pytest.raises(UsageError, match=r"not an \.npz of plain arrays"):
        replayed(path, tmp_path / "out")


def test_the_command_prints_a_line_and_what_became_of_the_photograph_and_ends_with_0(stack, tmp_path, capsys):
    assert cli.run(["replay", str(stack), "--rate", "0.05", "--mask", "grid", "--out", str(tmp_path / "out")]) == 0
    words = capsys.readouterr()
    line, *remarks = words.out.splitlines()
    assert "(grid, kriging): PSNR" in line
    assert any("photograph" in remark for remark in remarks)
    assert remarks == json.loads((tmp_path / "out" / "report.json").read_text())["remarks"]
    assert words.err == ""


def test_an_unknown_mask_is_refused_by_name(stack, tmp_path, capsys):
    assert cli.run(["replay", str(stack), "--mask", "telepathy", "--out", str(tmp_path / "out")]) == 2
    assert "telepathy" in capsys.readouterr().err


def test_the_portrait_is_replayed_better_than_a_grid_with_linear_interpolation(measurement_data, tmp_path):
    source = tmp_path / "face.npz"
    with np.load(measurement_data / "maxrf_portrait" / "portrait_811x285.npz") as whole:
        rows = slice(380, 460)
        np.savez(source, elements=whole["elements"], **{name: whole[name][rows] for name in ("maps", "rgb", "valid")})
    ours = replayed(source, tmp_path / "ours").scores.psnr_db
    usual = replayed(source, tmp_path / "usual", mask="grid", method="linear").scores.psnr_db
    assert ours > usual + 2, f"{ours:.1f} dB against {usual:.1f} dB"


def test_a_pipe_is_refused_before_anything_waits_for_it(tmp_path):
    os.mkfifo(tmp_path / "raster.h5")
    with pytest.raises(UsageError, match="neither a file nor a folder"):
        load_stack(tmp_path / "raster.h5")
