"""Full rasters of few photons: how photons are divided, how denoisers see them, and what stands on the page."""

import csv

import numpy as np
import pytest

from tools.reproduce import starved
from tools.reproduce.__main__ import main
from tools.reproduce.denoisers import expected_counts, stabilised, variants
from tools.reproduce.photon_budget import divided, read_raster, some_cells, thinned

SHAPE = (24, 30)
WINDOWS = ((5, 9), (20, 26))


@pytest.fixture
def folder(tmp_path):
    """Two detectors' spectra of 40 channels, and the counts of two windows of both together."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    amount = 1 + (np.hypot(rows - 12, columns - 15) < 8)
    spectra = [random.poisson(30 * amount[:, :, None] * np.ones(40)).astype(np.uint16) for _ in range(2)]
    place = tmp_path / "maxrf_hands"
    place.mkdir()
    for name, counts in zip(("10264", "19511"), spectra, strict=True):
        np.savez(place / f"prova1_det{name}.npz", counts=counts)
    both = spectra[0].astype(np.float32) + spectra[1]
    gross = np.stack([both[:, :, start:end].sum(axis=2) for start, end in WINDOWS], axis=2)
    np.savez(place / "prova1_maps.npz", gross=gross, lines=np.array(["Fe_Ka", "Pb_La"]))
    return tmp_path


def test_the_rest_of_each_spectrum_is_what_no_window_holds(folder):
    raster = read_raster(folder)
    with np.load(folder / "maxrf_hands" / "prova1_det10264.npz") as one:
        first = one["counts"].astype(int)
    with np.load(folder / "maxrf_hands" / "prova1_det19511.npz") as other:
        both = first + other["counts"]
    assert raster.elements == ("Fe Ka", "Pb La")
    np.testing.assert_array_equal(raster.rest.sum(axis=2) + raster.counts.sum(axis=2), both.sum(axis=2))


def test_the_halves_share_no_photon_and_lose_none(folder):
    raster = read_raster(folder)
    parted = divided(raster, 3)
    np.testing.assert_array_equal(parted.kept + parted.truth / 2, raster.counts)
    assert np.array_equal(parted.kept, divided(raster, 3).kept)
    assert not np.array_equal(parted.kept, divided(raster, 4).kept)


def test_a_share_is_of_all_photons_and_drawn_from_one_half(folder):
    raster = read_raster(folder)
    parted = divided(raster, 0)
    seen = thinned(parted.kept, 0.1, 0)
    assert (seen <= parted.kept).all()
    # half a million photons, of which a tenth are known to 0.4 %
    assert seen.sum() == pytest.approx(0.1 * raster.counts.sum(), rel=0.02)


def test_some_cells_share_the_budget_and_take_no_more_than_their_half(folder):
    parted = divided(read_raster(folder), 0)
    tenth = some_cells(parted.kept, 0.1, 0.1, 0, ["a", "b"])
    assert len(tenth) == round(0.1 * SHAPE[0] * SHAPE[1])
    np.testing.assert_allclose(tenth.values, parted.kept[tenth.rows, tenth.columns] / 0.5)
    third = some_cells(parted.kept, 0.03, 0.3, 0, ["a", "b"])
    np.testing.assert_allclose(third.variance, third.values / 0.1, rtol=1e-6)


@pytest.mark.parametrize("mean", [1.0, 4.0, 20.0])
def test_counts_come_back_from_their_transform_without_bias(mean):
    counts = np.random.default_rng(1).poisson(mean, 200_000)
    # of so many counts the mean is known to a quarter of a percent; the closed form errs by as much as 2 % near one
    assert expected_counts(np.array([stabilised(counts).mean()]))[0] == pytest.approx(mean, rel=0.025)


def test_every_setting_of_every_denoiser_takes_noise_off():
    pytest.importorskip("pywt")
    maps = np.random.default_rng(2).normal(8, 1, (20, 24, 2))
    for settings in variants().values():
        for denoiser in settings.values():
            assert denoiser(maps).std() < maps.std()


def test_the_page_holds_every_way_to_spend_the_photons(folder, tmp_path):
    assert main(["starved", "--data", str(folder), "--seeds", "1", "--budgets", "0.01", "--out", str(tmp_path)]) == 0
    page = (tmp_path / "starved.md").read_text("utf-8")
    with (tmp_path / "starved.csv").open(encoding="utf-8", newline="") as file:
        db = {row["method"]: float(row["psnr_db"]) for row in csv.DictReader(file)}
    assert db["every cell, photon-starved"] > db["every cell, raw counts"] + 3
    assert {"10 % of the cells, kriging", "30 % of the cells, kriging", "the same, from whole spectra"} <= db.keys()
    assert "| within two |" in page


def test_denoisers_that_cannot_be_had_are_named(folder, tmp_path, monkeypatch):
    def missing():
        raise ImportError

    monkeypatch.setattr(starved, "variants", missing)
    assert main(["starved", "--data", str(folder), "--seeds", "1", "--budgets", "0.01", "--out", str(tmp_path)]) == 0
    page = (tmp_path / "starved.md").read_text("utf-8")
    assert "- denoisers of scikit-image: scikit-image is not installed: install the extra `rivals`." in page


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--budgets", "0.7"], "--budgets 0.7: give shares above 0 and up to 0.5"),
        (["--seeds", "0"], "--seeds 0: give a whole number from 1"),
        (["--data", "nowhere"], "nowhere: no raster of counts"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(options, sentence, tmp_path, capsys):
    assert main(["starved", *options, "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
