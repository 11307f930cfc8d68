"""Other people's measurements on the easel: spectra are handed over unchanged, maps become rates."""

from __future__ import annotations

import numpy as np
import pytest

from edge.faults import UsageError
from edge.simulate.config import MapsConfig
from edge.simulate.recorded import load_cube, load_maps, map_group
from firmware_bridge.messages import StagePose

ORIGIN = StagePose(10.0, 20.0)


@pytest.fixture
def cube_files(tmp_path):
    """Two detectors, 4 x 6 cells, 16 channels, 3 s each."""
    paths = [tmp_path / "one.npz", tmp_path / "two.npz"]
    for seed, path in enumerate(paths):
        counts = np.random.default_rng(seed).integers(0, 50, (4, 6, 16)).astype(np.uint16)
        np.savez(path, counts=counts, real_time_s=np.full((4, 6), 3.0))
    return paths


@pytest.fixture
def maps_file(tmp_path):
    """Two elements on 20 x 30 cells: one flat, one a step."""
    maps = np.zeros((20, 30, 2), np.float32)
    maps[..., 0] = 0.5
    maps[:, 15:, 1] = 1.0
    rgb = np.zeros((20, 30, 3), np.uint8)
    rgb[:, 15:] = 200
    path = tmp_path / "maps.npz"
    np.savez(path, maps=maps, elements=np.array(["Ca", "Pb-LB"]), rgb=rgb)
    return path


def test_the_detectors_counts_are_summed_and_given_unchanged(cube_files):
    specimen = load_cube(cube_files, 0.5, None, ORIGIN)
    pose = StagePose(10.0 + 2.5 * 0.5, 20.0 + 1.5 * 0.5)
    recorded = specimen.at(pose, pose)
    expected = sum(np.load(path)["counts"][1, 2].astype(int) for path in cube_files)
    assert recorded.counts.tolist() == expected.tolist()
    assert recorded.live_s == 3.0


def test_a_stroke_over_a_cube_takes_the_cell_at_its_middle(cube_files):
    specimen = load_cube(cube_files, 1.0, 2.0, ORIGIN)
    stroke = specimen.at(StagePose(10.0, 20.5), StagePose(15.0, 20.5))
    assert stroke.counts.tolist() == specimen.counts[0, 2].tolist()
    assert stroke.live_s == 2.0


def test_outside_a_cube_the_nearest_border_cell_answers(cube_files):
    specimen = load_cube(cube_files, 1.0, None, ORIGIN)
    far = StagePose(-100.0, 500.0)
    assert specimen.at(far, far).counts.tolist() == specimen.counts[3, 0].tolist()


def test_a_cube_is_photographed_as_a_plain_board(cube_files):
    picture = load_cube(cube_files, 1.0, None, ORIGIN).photograph(0.5)
    assert picture.shape == (8, 12, 3)
    assert len(np.unique(picture)) == 1


def test_detectors_of_different_shapes_are_refused(cube_files, tmp_path):
    np.savez(tmp_path / "three.npz", counts=np.zeros((4, 5, 16), np.uint16))
    with pytest.raises(UsageError, match=r"three\.npz: shape \(4, 5, 16\) differs"):
        load_cube([cube_files[0], tmp_path / "three.npz"], 1.0, None, ORIGIN)


def test_a_cube_without_times_asks_for_them(tmp_path):
    np.savez(tmp_path / "bare.npz", counts=np.zeros((4, 5, 16), np.uint16))
    with pytest.raises(UsageError, match=r"give specimen\.live_s"):
        load_cube([tmp_path / "bare.npz"], 1.0, None, ORIGIN)


def test_a_missing_cube_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"gone\.npz: no such file"):
        load_cube([tmp_path / "gone.npz"], 1.0, None, ORIGIN)


def test_a_file_that_is_no_archive_is_named(tmp_path):
    (tmp_path / "text.npz").write_text("text")
    with pytest.raises(UsageError, match=r"text\.npz: not an \.npz of plain arrays"):
        load_cube([tmp_path / "text.npz"], 1.0, None, ORIGIN)


def test_maps_become_rates_of_their_elements_lines(maps_file):
    config = MapsConfig(file=str(maps_file), pitch_mm=1.0, rates_hz=1_000.0, matrix_rate_hz=300.0, beam_fwhm_mm=0.4)
    specimen = load_maps(maps_file, config, ORIGIN)
    pose = StagePose(10.0 + 25.0, 20.0 + 10.0)
    emission = specimen.at(pose, pose)
    lead = emission.energies_kev > 8
    assert emission.rates_hz[lead].sum() == pytest.approx(1_000.0, rel=1e-5)
    assert emission.rates_hz[~lead].sum() == pytest.approx(500.0, rel=1e-5)
    assert emission.matrix_rate_hz == 300.0


def test_the_maps_photograph_is_their_own(maps_file):
    config = MapsConfig(file=str(maps_file), pitch_mm=1.0)
    picture = load_maps(maps_file, config, ORIGIN).photograph(1.0)
    np.testing.assert_array_equal(picture, np.load(maps_file)["rgb"])


@pytest.mark.parametrize(
    ("label", "name"),
    [("Pb-LB", "Pb-L"), ("Zn-KB", "Zn-K"), ("Ca", "Ca-K"), ("Hg", "Hg-L"), ("S", "S-K"), ("Sn-L", "Sn-L")],
)
def test_labels_of_maps_name_line_groups(label, name):
    assert map_group(label).name == name


@pytest.mark.parametrize("label", ["lead", "Pb-X", "", "Xx"])
def test_a_label_that_names_nothing_is_refused(label):
    with pytest.raises(UsageError):
        map_group(label)


def test_maps_that_do_not_match_their_labels_are_refused(tmp_path):
    np.savez(tmp_path / "maps.npz", maps=np.zeros((3, 4, 2), np.float32), elements=np.array(["Ca"]))
    with pytest.raises(UsageError, match="one map each"):
        load_maps(tmp_path / "maps.npz", MapsConfig(file="maps.npz", pitch_mm=1.0), ORIGIN)


def test_the_real_hands_are_served_as_recorded(measurement_data):
    folder = measurement_data / "maxrf_hands"
    files = sorted(folder.glob("prova1_det*.npz"))
    specimen = load_cube(files, 1.0, None, ORIGIN)
    assert specimen.counts.shape == (60, 120, 1024)
    assert 2.5 < specimen.live_s < 3.5
    pose = StagePose(10.0 + 30.5, 20.0 + 40.5)
    expected = sum(int(np.load(path)["counts"][40, 30].sum()) for path in files)
    assert int(specimen.at(pose, pose).counts.sum()) == expected


def test_the_real_portrait_is_served_with_its_photograph(measurement_data):
    file = measurement_data / "maxrf_portrait" / "portrait_811x285.npz"
    specimen = load_maps(file, MapsConfig(file=str(file), pitch_mm=0.25), ORIGIN)
    assert [group.name for group in specimen.groups] == ["Ca-K", "Cr-K", "Hg-L", "Pb-L", "S-K", "Zn-K"]
    assert specimen.photograph(0.25).shape == (811, 285, 3)
    pose = StagePose(10.0 + 35.0, 20.0 + 100.0)
    assert specimen.at(pose, pose).rates_hz.sum() > 0
