"""`pointillist plan`: what it leaves and says with no instrument there, and one sentence for whatever it is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import yaml

from calibration.motion_calibration import KIND, MotionCalibration, MovedBy, motion_to_dict
from calibration.motion_legs import Motion
from calibration.stored import store
from edge import cli
from edge.cameras import BLANK_BELOW, open_camera
from edge.configuration.config import load_scan_config
from edge.console import duration_text
from edge.path import animation
from edge.path.drawing import CLOSED_RGB, KEEP_OUT_RGB, STRIP_PX
from edge.planning import check as plan_check
from edge.planning import figures as plan_figures
from edge.planning.plan import plan_from_json, plan_to_json
from edge.planning.review import course_of_plan
from edge.prepare import choose_cells, predicted_whole_s, sight
from tests.unit.desk.panel import Desk

USAGE, DEVICE, SAFETY = 2, 3, 4
PICTURES = {"review/density.png", "review/mask.png", "review/path.png"}
LEFT = {"plan.json", "photograph.json", "photograph.png", *PICTURES}
ANIMATED = {"review/path.html", "review/path-animation.png"}


def test_a_plan_its_photograph_and_three_pictures_are_left_without_an_instrument(desk: Desk) -> None:
    said = desk.plan()
    assert (said.code, said.err) == (0, "")
    assert desk.left() == LEFT
    text = (desk.out / "plan.json").read_text("utf-8")
    plan = plan_from_json(text)
    assert plan_to_json(plan) == text
    assert len(plan.exposures) == 384
    shapes = [cv2.imread(str(desk.out / "review" / name)).shape for name in ("mask.png", "density.png", "path.png")]
    shapes[2] = (shapes[2][0] - STRIP_PX, *shapes[2][1:])
    assert all(shape[1] * 64 == shape[0] * 96 for shape in shapes)


def test_the_picture_of_the_path_shows_it_from_its_dark_beginning_to_its_bright_end(desk: Desk) -> None:
    assert desk.plan().code == 0
    plan = plan_from_json((desk.out / "plan.json").read_text("utf-8"))
    picture = cv2.imread(str(desk.out / "review" / "path.png")).astype(int)
    picture = picture[:-STRIP_PX]
    scale = picture.shape[0] // plan.grid.rows
    middles = scale * (2 * plan.grid.cells_of(plan.table[[0, -1], :2]) + 1) // 2
    # halved and lifted by 96, the photograph is nowhere outside 96 to 223; inferno begins below and ends above
    around = [picture[row - 1 : row + 2, column - 1 : column + 2] for row, column in middles]
    assert around[0].min() < 96
    assert around[1].max() > 223
    drawn = (picture < 96) | (picture > 223)
    cells = drawn.any(axis=2).reshape(plan.grid.rows, scale, plan.grid.columns, scale).any(axis=(1, 3))
    assert cells[plan.mask.cells].mean() > 0.9


def test_the_cells_are_those_that_a_scan_of_the_photograph_chooses(desk: Desk) -> None:
    assert desk.plan().code == 0
    config = load_scan_config(desk.config)
    chosen = choose_cells(sight(open_camera(config.instrument.camera), config), config).mask
    plan = plan_from_json((desk.out / "plan.json").read_text("utf-8"))
    assert (plan.mask.cells == chosen.cells).all()
    assert (plan.mask.origin, plan.mask.seed) == (chosen.origin, 1)


def test_the_default_mask_is_the_shipped_networks_with_its_digest_said(desk: Desk) -> None:
    said = desk.plan()
    plan = plan_from_json((desk.out / "plan.json").read_text("utf-8"))
    name, _, digest = plan.mask.origin.partition(" ")
    assert name == "netm"
    assert f"  mask network {digest}\n" in said.out


def test_a_photograph_takes_the_cameras_place(desk: Desk) -> None:
    assert desk.plan().code == 0
    of_camera = plan_from_json((desk.out / "plan.json").read_text("utf-8"))
    picture = desk.frame.rename(desk.folder / "picture.png")
    desk.out = desk.folder / "again"
    assert desk.plan("--photograph", str(picture)).code == 0
    of_picture = plan_from_json((desk.out / "plan.json").read_text("utf-8"))
    assert (of_picture.mask.cells == of_camera.mask.cells).all()
    assert (of_picture.table == of_camera.table).all()


def test_the_figures_of_the_plan_are_said(desk: Desk) -> None:
    desk.scan["sampling"] |= {"mask": "grid"}
    said = desk.plan()
    plan = plan_from_json((desk.out / "plan.json").read_text("utf-8"))
    visited = np.argwhere(plan.mask.cells)
    every = np.argwhere(np.ones_like(plan.mask.cells))
    hole_mm = 0.5 * np.sqrt(((every[:, None] - visited[None]) ** 2).sum(-1).min(1).max())
    assert "Photograph registered: 8 fiducials" in said.out
    assert f"  384 exposures of 0.1 s, {plan.travel_mm / 1_000:.2f} m of travel, " in said.out
    assert "  384 of 6144 cells (6.2 %) by grid (lattice), seed 1\n" in said.out
    assert f"  widest hole: {hole_mm:.3g} mm from a cell" in said.out
    assert "  dose: at most 0.1 s live on a cell, 60 s allowed; beam on for " in said.out
    assert "24 h 00 min allowed; 38.4 s live in all" in said.out
    assert "mask network" not in said.out


def test_of_a_scan_that_listens_the_figures_are_those_of_the_whole(desk: Desk) -> None:
    desk.scan["sampling"] = {"rate": 0.2, "dwell_s": 0.1, "seed": 1}
    desk.scan["instrument"]["standard"] = {"x_mm": 100.0, "y_mm": 80.0, "every_minutes": 1}
    said = desk.plan()
    config = load_scan_config(desk.config)
    plan = plan_from_json((desk.out / "plan.json").read_text("utf-8"))
    whole_s = predicted_whole_s(plan, config)
    assert whole_s > 3 * plan.predicted_s
    assert f"m of travel, {duration_text(plan.predicted_s)}\n" in said.out
    assert (
        f"  839 more exposures follow, in batches chosen by what is measured: at most about {duration_text(whole_s)}"
        in said.out
    )
    assert (
        f"60 s allowed; beam on for {duration_text(whole_s)}, 24 h 00 min allowed; 39.0 s live in the first part"
        in said.out
    )
    assert f"  visits to the standard come on top: {2 + int(whole_s / 60)} of 20 s" in said.out


def test_a_plan_that_is_priced_by_a_calibration_says_so(desk: Desk) -> None:
    motion = Motion((39.0, 39.0), (305.0, 305.0), jerk_mm_s3=9_000.0, settle_s=0.013, overhead_s=0.021)
    made_by = MovedBy("twin", 50.0, 500.0)
    made_at = "2026-03-01T10:20:30+00:00"
    content = motion_to_dict(
        MotionCalibration(motion, {}, 1e-3, 0.0, 90, 0, 0.0, 1.0, None, None, made_by, "recording", made_at)
    )
    desk.scan["instrument"]["motion_calibration"] = str(store(desk.folder, KIND, content, made_at=made_at))
    said = desk.plan().out
    assert "Travel is priced at 39 mm/s and 305 mm/s2, by the motion calibration made at 2026-03-01T10:20:30" in said
    assert "as instrument.stage says" not in said
    assert "the defaults" not in said


def test_what_cells_received_earlier_is_part_of_the_dose_that_is_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier_s = np.full((64, 96), 2.5)
    for module in (plan_figures, plan_check):
        monkeypatch.setattr(module, "earlier_s_per_cell", lambda _folders, _grid: earlier_s)
    monkeypatch.setattr("edge.dose.earlier.earlier_s_per_cell", lambda _folders, _grid: earlier_s)
    desk.scan["dose"] = {"earlier": ["runs/before"]}
    assert "  dose: at most 2.6 s live on a cell, what dose.earlier tells included, 60 s allowed" in desk.plan().out


def test_what_only_the_controller_knows_is_said_to_be_unchecked(desk: Desk) -> None:
    said = desk.plan()
    assert "Not checked, since only the controller can tell: whether the stage's travel holds the area" in said.out
    assert "50 mm/s and 500 mm/s2, the defaults where instrument.stage says nothing" in said.out


def test_travel_is_priced_with_the_stage_of_the_configuration(desk: Desk) -> None:
    desk.scan["instrument"]["stage"] = {"speed_mm_s": 5.0, "acceleration_mm_s2": 40.0}
    said = desk.plan()
    assert "5 mm/s and 40 mm/s2, as instrument.stage says" in said.out
    stage = plan_from_json((desk.out / "plan.json").read_text("utf-8")).stage
    assert stage is not None
    assert (stage.speed_mm_s, stage.acceleration_mm_s2) == (5.0, 40.0)


def test_a_disk_too_full_for_the_recording_is_said_and_forbids_no_plan(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _path: SimpleNamespace(free=1))
    said = desk.plan()
    assert said.code == 0
    assert "pointillist: a scan recorded here would be refused: 0 MB free" in said.err


def test_a_missing_configuration_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.run(["plan", str(tmp_path / "nowhere.yaml"), "--out", str(tmp_path / "out")])
    assert code == USAGE
    assert "nowhere.yaml: no such file" in capsys.readouterr().err


def test_a_plan_without_a_configuration_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["plan"]) == USAGE
    assert "plan needs a configuration: pointillist plan CONFIG.yaml, or --diff" in capsys.readouterr().err


def test_a_plan_that_nobody_named_a_folder_for_goes_under_runs(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.scan["object"] = {"identifier": "Saint Anne, left"}
    desk.config.write_text(yaml.safe_dump(desk.scan))
    monkeypatch.chdir(desk.folder)
    assert cli.run(["plan", "scan.yaml"]) == 0
    (made,) = (desk.folder / "runs").iterdir()
    assert made.name.endswith("-Saint-Anne-left-plan")
    assert (made / "plan.json").is_file()


@pytest.fixture
def small_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """Moving pictures of the size that is packed soonest."""
    monkeypatch.setattr(animation, "_SIZES", ((320, 60),))


@pytest.mark.usefixtures("small_frames")
def test_a_dry_run_leaves_an_animation_and_a_page_besides(desk: Desk) -> None:
    said = desk.plan("--dry-run")
    assert (said.code, said.err) == (0, "")
    assert desk.left() == LEFT | ANIMATED
    assert "review/path.html" in said.out
    content = np.fromfile(desk.out / "review" / "path-animation.png", np.uint8)
    shown, moving = cv2.imdecodeanimation(content)
    assert shown
    assert len(moving.frames) > 50


def test_a_photograph_that_leaves_out_a_part_of_the_area_is_refused(desk: Desk) -> None:
    desk.scan["area"] |= {"x_mm": 20.0, "width_mm": 74.0}
    assert "the scan area leaves the picture (left edge by " in desk.refused(SAFETY)


def test_a_camera_that_is_not_there_is_named(desk: Desk) -> None:
    desk.scan["instrument"]["camera"]["path"] = "elsewhere"
    assert "elsewhere: no such folder: check instrument.camera.path" in desk.refused(DEVICE)


def test_a_photograph_that_is_not_there_is_named(desk: Desk) -> None:
    sentence = desk.refused(USAGE, "--photograph", str(desk.folder / "lost.png"))
    assert "lost.png: no such picture: give --photograph a file" in sentence


def test_a_photograph_that_is_no_picture_is_refused_as_the_cameras_would_be(desk: Desk) -> None:
    desk.frame.write_bytes(desk.frame.read_bytes()[:-500])
    assert "not a whole picture" in desk.refused(DEVICE, "--photograph", str(desk.frame))


def test_a_photograph_that_shows_nothing_is_refused(desk: Desk) -> None:
    assert cv2.imwrite(str(desk.frame), np.full((880, 1200, 3), round(200 * BLANK_BELOW), np.uint8))
    assert "the picture is black" in desk.refused(DEVICE, "--photograph", str(desk.frame))


def test_a_photograph_without_markers_cannot_be_placed(desk: Desk) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (880, 1200, 3), np.uint8)
    assert cv2.imwrite(str(desk.frame), noise)
    sentence = desk.refused(SAFETY, "--photograph", str(desk.frame))
    assert "the photograph cannot be placed on the stage" in sentence


@pytest.mark.parametrize(
    ("section", "key", "sentence"),
    [
        ("sampling", "mask", "sampling.mask: there is no 'telepathy': choose one of gradient"),
        ("sampling", "binariser", "sampling.binariser: there is no 'telepathy': choose one of"),
        ("reconstruct", "method", "reconstruct.method: there is no 'telepathy': choose one of automatic, kriging"),
    ],
)
def test_an_unknown_name_is_refused(desk: Desk, section: str, key: str, sentence: str) -> None:
    desk.scan.setdefault(section, {})[key] = "telepathy"
    assert sentence in desk.refused(USAGE)


def test_a_folder_that_is_in_use_is_refused(desk: Desk) -> None:
    assert desk.plan().code == 0
    assert "out: the folder holds something already: give a new one with --out" in desk.refused(USAGE)


def test_a_file_in_the_folders_place_is_refused(desk: Desk) -> None:
    desk.out.write_text("mine")
    assert "out: a file is in the way: give a new folder with --out" in desk.refused(USAGE)
    assert desk.out.read_text() == "mine"


def test_a_plan_above_the_dose_is_refused(desk: Desk) -> None:
    desk.scan["dose"] = {"max_beam_s": 5.0}
    assert "above dose.max_beam_s of 5 s" in desk.refused(SAFETY)


def test_a_hole_that_the_rate_cannot_keep_is_refused(desk: Desk) -> None:
    desk.scan["sampling"] |= {"max_hole_mm": 0.5}
    assert "sampling.max_hole_mm is 0.5, which no mask keeps" in desk.refused(USAGE)


def test_a_stage_without_its_gate_is_refused_as_by_a_scan(desk: Desk) -> None:
    desk.scan["instrument"]["controller"] = {
        "kind": "paired",
        "stage": {"kind": "grbl", "port": "nowhere"},
        "spectrometer": {"kind": "dp5", "port": "udp://192.0.2.1:10001"},
    }
    assert "gate: instrument.controller.stage.gate is left out" in desk.refused(USAGE)


@pytest.mark.usefixtures("small_frames")
def test_a_dry_run_shows_keep_outs_and_the_legs_that_are_closed_for_them(desk: Desk) -> None:
    corners = [[60.0, 50.0], [80.0, 50.0], [80.0, 65.0], [60.0, 65.0]]
    desk.scan["area"]["keep_out"] = [{"name": "wax seal", "polygon": corners}]
    desk.scan["sampling"] |= {"mask": "grid"}
    assert desk.plan("--dry-run").code == 0
    picture = cv2.imread(str(desk.out / "review" / "path.png"))[..., ::-1]
    assert (picture == KEEP_OUT_RGB).all(axis=-1).any()
    assert "kept out" in (desk.out / "review" / "path.html").read_text("utf-8")
    config = load_scan_config(desk.config)
    plan = plan_from_json((desk.out / "plan.json").read_text("utf-8"))
    course = course_of_plan(plan, config)
    assert course.total_s == pytest.approx(plan.predicted_s)
    assert (picture == CLOSED_RGB).all(axis=-1).any() == course.is_closed.any()
