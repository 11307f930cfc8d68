"""`tools.unfold` trains on one scan, and what it writes sharpens that scan and no other."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")

from edge.faults import UsageError
from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.exposure_operator import strokes
from edge.reconstruct.reconstruction import Reconstruction
from edge.reconstruct.unfold.inputs import bilinear, refined
from edge.reconstruct.unfold.method import unfolded
from models.faults import MissingModel, ModelsError, UnusableManifest, UnusableModel, UnusableRequest
from models.training.unfolding.lessons import Lesson
from models.training.unfolding.plans import PLANS
from models.unfolded import open_unfolded
from tools.bench.painted import painted_panel
from tools.unfold import main as unfold
from tools.unfold_config import load_unfold_config, plan_of
from tools.unfold_lessons import _of_seen_cells, lessons_of
from tools.unfold_scan import coarsely_measured, scan_to_learn

SIDE, FACTOR, ELEMENTS = 48, 4, 3
Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    maps, rgb = painted_panel(SIDE, SIDE, ELEMENTS)
    path = tmp_path_factory.mktemp("panel") / "panel.npz"
    np.savez(path, maps=maps, rgb=rgb, elements=np.array(["Ca", "Fe", "Pb"]))
    return path


@pytest.fixture(scope="module")
def scan(panel: Path) -> tuple[MeasuredCells, Floats]:
    return scan_to_learn(panel, factor=FACTOR)


@pytest.fixture(scope="module")
def trained(panel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unfold")
    config = folder / "config.yaml"
    config.write_text(f"scan: {{source: {panel}, factor: {FACTOR}}}\nsteps: [40]\nexposures: 20\nthreads: 1\n")
    unfold(config, folder / "out")
    return folder / "out" / "network.onnx"


@pytest.fixture(scope="module")
def found(trained: Path, scan: tuple[MeasuredCells, Floats]) -> Reconstruction:
    return unfolded(*scan, trained)


@pytest.fixture
def copied(trained: Path, tmp_path: Path) -> Path:
    for path in (trained, trained.with_suffix(".json")):
        shutil.copy(path, tmp_path)
    return tmp_path / trained.name


def test_every_exposure_sees_of_the_maps_what_it_measured(
    found: Reconstruction, scan: tuple[MeasuredCells, Floats]
) -> None:
    cells, _ = scan
    np.testing.assert_allclose(cells.seen_by().seen(found.maps), cells.values, atol=1e-5 * cells.values.max())


def test_maps_are_nowhere_below_zero(found: Reconstruction) -> None:
    assert found.maps.min() >= 0


def test_maps_are_nearer_to_the_truth_than_bilinear_ones_that_agree_as_well(
    found: Reconstruction, scan: tuple[MeasuredCells, Floats], panel: Path
) -> None:
    truth, (cells, _) = np.load(panel)["maps"], scan
    plain = refined(bilinear(cells.seen_by(), cells.values), cells.seen_by(), cells.values)
    assert np.square(found.maps - truth).mean() < 0.9 * np.square(plain - truth).mean()


def test_the_standard_error_is_that_of_exposures_left_out(found: Reconstruction) -> None:
    assert found.left_out is not None
    assert found.left_out.exposures == 7  # a twentieth of 144
    assert (found.standard_error > 0).all()
    assert (found.left_out.within_one >= 4 / 7).all()


def test_the_maps_say_what_made_them(found: Reconstruction, trained: Path) -> None:
    made, *of_photograph = found.remarks
    assert "learned from this scan alone, in 40 steps" in made
    assert "7 exposures that it had not seen" in made
    assert of_photograph == open_unfolded(trained).manifest.photograph


def test_the_manifest_says_how_the_network_was_trained(trained: Path) -> None:
    stated = open_unfolded(trained).manifest
    assert stated.training.stated["plan"] == "pointillist"
    assert stated.recipe == "kriged"
    assert stated.largest_difference <= 1e-4
    assert stated.scan.elements == ["Ca", "Fe", "Pb"]
    assert stated.licence.startswith("not stated")
    assert stated.training.stated["configuration"]["scan"]["source"] == "panel.npz"


def test_a_training_that_is_there_is_not_overwritten(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        unfold(trained.parent / "config.yaml", trained.parent)
    assert ended.value.code == UsageError.exit_code
    assert "holds a training already: resume it with --resume" in capsys.readouterr().err


def test_the_application_sharpens_without_torch(trained: Path, panel: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from edge.reconstruct.unfold.method import unfolded\nfrom tools.unfold_scan import scan_to_learn\n"
        "cells, rgb = scan_to_learn(Path(sys.argv[1]), factor=4)\n"
        "print(unfolded(cells, rgb, Path(sys.argv[2])).maps.shape, 'torch' in sys.modules)\n"
    )
    call = [sys.executable, "-c", program, str(panel), str(trained)]
    told = subprocess.run(call, check=True, capture_output=True, text=True).stdout
    assert told == f"({SIDE}, {SIDE}, {ELEMENTS}) False\n"


def _other_elements(cells: MeasuredCells) -> MeasuredCells:
    return replace(cells, names=("Ca", "Fe", "Hg"))


def _fewer_elements(cells: MeasuredCells) -> MeasuredCells:
    return replace(cells, names=cells.names[:2], values=cells.values[:, :2], variance=cells.variance[:, :2])


def _other_values(cells: MeasuredCells) -> MeasuredCells:
    return replace(cells, values=cells.values[::-1] * np.float32(0.7))


def _fewer_exposures(cells: MeasuredCells) -> MeasuredCells:
    return cells.without(np.array([3]))


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (_other_elements, "was trained on Ca, Fe, Pb and this scan has Ca, Fe, Hg"),
        (_fewer_elements, "was trained on Ca, Fe, Pb and this scan has Ca, Fe"),
        (_other_values, "was trained on other measurements than this scan's"),
        (_fewer_exposures, "was trained on other exposures than this scan's"),
    ],
)
def test_a_network_is_of_no_use_for_another_scan(
    trained: Path, scan: tuple[MeasuredCells, Floats], other: object, sentence: str
) -> None:
    cells, rgb = scan
    with pytest.raises(UnusableRequest, match=f"{sentence}.*: train one on this scan with tools.unfold"):
        unfolded(other(cells), rgb, trained)  # type: ignore[operator]


def test_another_photograph_is_told_apart(trained: Path, scan: tuple[MeasuredCells, Floats]) -> None:
    cells, rgb = scan
    with pytest.raises(UnusableRequest, match="was trained with another photograph"):
        unfolded(cells, rgb[::-1].copy(), trained)


def test_without_a_photograph_there_is_one_sentence(trained: Path, scan: tuple[MeasuredCells, Floats]) -> None:
    with pytest.raises(UsageError, match="needs the scan's photograph, and there is none: choose another"):
        unfolded(scan[0], None, trained)


def test_spectra_fitted_again_are_the_same_scan(trained: Path, scan: tuple[MeasuredCells, Floats]) -> None:
    cells, rgb = scan
    noise = np.random.default_rng(0).normal(0, 0.01, cells.values.shape).astype(np.float32)
    again = replace(cells, values=np.maximum(cells.values * (1 + noise), 0))
    assert unfolded(again, rgb, trained).maps.shape == (SIDE, SIDE, ELEMENTS)


def test_a_missing_network_or_manifest_is_named(copied: Path, scan: tuple[MeasuredCells, Floats]) -> None:
    with pytest.raises(MissingModel, match="there is no unfolded network"):
        unfolded(*scan, copied.with_name("other.onnx"))
    copied.with_suffix(".json").unlink()
    with pytest.raises(MissingModel, match="the manifest of the unfolded network"):
        unfolded(*scan, copied)


def test_a_damaged_network_is_refused(copied: Path, scan: tuple[MeasuredCells, Floats]) -> None:
    content = bytearray(copied.read_bytes())
    content[len(content) // 2] ^= 1
    copied.write_bytes(bytes(content))
    with pytest.raises(UnusableModel, match="the file was changed or damaged"):
        unfolded(*scan, copied)


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [("recipe", "guessed", UsageError), ("span", [1.0], UnusableManifest), ("outputs", [], UnusableManifest)],
)
def test_a_manifest_of_another_contract_is_refused(
    copied: Path, scan: tuple[MeasuredCells, Floats], key: str, value: object, error: type[Exception]
) -> None:
    manifest = copied.with_suffix(".json")
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), key: value}))
    with pytest.raises(error):
        unfolded(*scan, copied)


@pytest.mark.parametrize(
    ("part", "key", "sentence"),
    [("calibration", "floor", "one figure for each element"), ("scan", "sketch", "means for each element")],
)
def test_a_manifest_that_says_too_little_of_its_elements_is_refused(
    copied: Path, scan: tuple[MeasuredCells, Floats], part: str, key: str, sentence: str
) -> None:
    manifest = copied.with_suffix(".json")
    told = json.loads(manifest.read_text())
    told[part][key] = told[part][key][:-1]
    manifest.write_text(json.dumps(told))
    with pytest.raises(UnusableManifest, match=sentence):
        unfolded(*scan, copied)


def test_inputs_of_another_number_or_without_a_number_are_refused(trained: Path) -> None:
    network = open_unfolded(trained)
    width = network.manifest.inputs[0].shape[1]
    assert isinstance(width, int)
    with pytest.raises(UnusableRequest, match="takes"):
        network.synthesised(np.zeros((4, width + 1), np.float32))
    with pytest.raises(UnusableRequest, match="not finite"):
        network.synthesised(np.full((4, width), np.nan, np.float32))


def test_maps_that_are_no_whole_blocks_are_refused_with_the_size_that_would_do(panel: Path) -> None:
    with pytest.raises(UsageError, match=r"48 x 48 cells are no whole blocks of 5 x 5: crop .* to 45 x 45"):
        scan_to_learn(panel, factor=5)


def test_blocks_larger_than_the_raster_are_refused(panel: Path) -> None:
    with pytest.raises(UsageError, match="factor 49 has blocks larger than the grid's 48 x 48 cells: give at most 48"):
        scan_to_learn(panel, factor=49)


@pytest.mark.parametrize("channels", [1, 4])
def test_a_photograph_without_three_colours_is_refused(panel: Path, tmp_path: Path, channels: int) -> None:
    arrays = dict(np.load(panel))
    arrays["rgb"] = np.resize(arrays["rgb"], (SIDE, SIDE, channels))
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(UsageError, match=rf"rgb has shape \(48, 48, {channels}\).*three colours"):
        scan_to_learn(tmp_path / "other.npz", factor=FACTOR)


def test_a_photograph_on_another_grid_is_refused(panel: Path, tmp_path: Path) -> None:
    arrays = dict(np.load(panel))
    np.savez(tmp_path / "other.npz", **{**arrays, "rgb": arrays["rgb"][:-4]})
    with pytest.raises(UsageError, match=r"rgb has shape \(44, 48, 3\), the maps ask for \(48, 48, 3\)"):
        scan_to_learn(tmp_path / "other.npz", factor=FACTOR)


def test_a_raster_needs_a_factor_and_a_photograph(panel: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"say by scan\.factor"):
        scan_to_learn(panel, factor=None)
    bare = tmp_path / "bare.npz"
    np.savez(bare, maps=np.load(panel)["maps"], elements=np.array(["Ca", "Fe", "Pb"]))
    with pytest.raises(UsageError, match="holds no photograph"):
        scan_to_learn(bare, factor=4)


def test_a_recording_says_itself_what_its_exposures_saw(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").touch()
    with pytest.raises(UsageError, match=r"leave scan\.factor, scan\.mask and scan\.window out"):
        scan_to_learn(tmp_path, factor=4)


def test_values_without_a_number_are_refused() -> None:
    maps = np.ones((8, 8, 1), np.float32)
    maps[3, 3] = np.nan
    with pytest.raises(UsageError, match="not finite: mark such cells as not known"):
        coarsely_measured(maps, np.ones((8, 8), np.bool_), ("Ca",), factor=2)


def test_a_window_beyond_the_raster_is_refused(panel: Path) -> None:
    with pytest.raises(UsageError, match="reaches beyond the 48 x 48 cells"):
        scan_to_learn(panel, factor=4, window=[40, 0, 16, 16])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("plan: dreamt", "'dreamt' is not known: choose one of verinaz-jadan-2024, verinaz-jadan-2025, pointillist"),
        ("steps: [5, 5]", "the plan pointillist has 1 stages: give as many numbers of steps"),
        ("seed: 99999999999999999999", "seed: input should be less than 9223372036854775808"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"scan: {{source: scan}}\n{text}\n")
    with pytest.raises(UsageError) as raised:
        plan_of(load_unfold_config(path))
    assert sentence in str(raised.value)


@pytest.mark.parametrize(
    ("stated", "sentence"),
    [
        ("mask: random, sees: block", "sees says what is seen of the blocks of a factor, and none is given: leave"),
        ("sees: middle", "sees says what is seen of the blocks of a factor, and none is given: leave it out"),
        ("factor: 4, rate: 0.1", "rate says how many cells a mask measures, and none is given: leave it out"),
    ],
)
def test_what_would_change_nothing_is_refused(tmp_path: Path, stated: str, sentence: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"scan: {{source: scan, {stated}}}\n")
    with pytest.raises(UsageError, match=sentence):
        load_unfold_config(path)


@pytest.mark.parametrize("path", sorted(Path("tools/configs").glob("unfold*.yaml")), ids=lambda path: path.stem)
def test_shipped_configurations_are_of_the_schema(path: Path) -> None:
    assert plan_of(load_unfold_config(path)).plan.stages


def test_no_lesson_holds_what_is_held_out(scan: tuple[MeasuredCells, Floats]) -> None:
    cells, rgb = scan
    named = PLANS["verinaz-jadan-2025"]
    changed = cells.values.copy()
    held = lessons_of(cells, rgb, named).held
    changed[held] = changed[held] * np.float32(0.5)
    for before, after in zip(
        lessons_of(cells, rgb, named).taught,
        lessons_of(replace(cells, values=changed), rgb, named).taught,
        strict=True,
    ):
        np.testing.assert_array_equal(before.measured, after.measured)
        np.testing.assert_array_equal(before.inputs, after.inputs)


def test_parts_of_the_exposures_keep_inputs_of_no_cell_twice(scan: tuple[MeasuredCells, Floats]) -> None:
    cells, rgb = scan
    lessons = lessons_of(cells, rgb, PLANS["pointillist"])
    assert len(lessons.taught) == 5
    # blocks tile the grid, and those held out are in no part
    assert sum(len(one.inputs) for one in lessons.taught) == SIDE**2 - FACTOR**2 * len(lessons.held)


def test_exposures_see_the_same_of_the_cells_that_they_saw_alone() -> None:
    random = np.random.default_rng(0)
    inputs, rgb = (random.random((12, 10, channels), np.float32) for channels in (7, 3))
    operator = strokes((12, 10), np.array([[1.0, 0.5], [7.0, 8.0]]), np.array([[1.0, 5.5], [9.5, 2.0]]))
    whole = Lesson(
        (12, 10), inputs.reshape(-1, 7), rgb.reshape(-1, 3), operator.first, operator.cell, operator.weight,
        np.ones((2, 2), np.float32), np.ones((2, 2), np.float32),
    )  # fmt: skip
    part = _of_seen_cells(whole)
    assert len(part.inputs) == len(np.unique(operator.cell)) < 120
    for before, after in ((whole.inputs, part.inputs), (whole.colours, part.colours)):
        np.testing.assert_array_equal(before[whole.cell], after[part.cell])


def test_a_scan_is_coarsened_once_more_as_it_was_coarsened_before(scan: tuple[MeasuredCells, Floats]) -> None:
    cells, rgb = scan
    _, coarser = lessons_of(cells, rgb, PLANS["verinaz-jadan-2024"]).taught
    assert coarser.shape == (SIDE // FACTOR, SIDE // FACTOR)
    assert coarser.inputs.shape == ((SIDE // FACTOR) ** 2, ELEMENTS + 3)


def test_refusals_of_a_network_are_of_the_models_room() -> None:
    assert issubclass(UnusableRequest, ModelsError)
