"""Plans as files: told apart in words, scanned and replayed only where they belong, and never believed when damaged."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from edge import cli
from edge.configuration.config import load_scan_config
from edge.faults import IntegrityError, UsageError
from edge.grid import ScanGrid
from edge.motion.kinematics import StageModel
from edge.planning.diff import differences
from edge.planning.folder import read_plan, read_reviewed
from edge.planning.plan import make_plan, plan_from_json, plan_to_json
from edge.planning.scan_plan import frozen_table
from edge.planning.text import sealed
from models.sampling import SamplingMask
from tests.unit.desk.panel import Desk, configuration

USAGE, SAFETY, INTEGRITY = 2, 4, 5
DIFFERENT = 1


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, photograph: Path) -> Path:
    """The plan of the desk's configuration, made once."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "scan.yaml").write_text(yaml.safe_dump(configuration()))
    given = ("--photograph", str(photograph))
    assert cli.run(["plan", str(folder / "scan.yaml"), "--out", str(folder / "out"), *given]) == 0
    return folder / "out"


@pytest.fixture
def planned(desk: Desk, made: Path) -> Desk:
    """A desk with a plan in `out`."""
    shutil.copytree(made, desk.out)
    desk.write()
    return desk


def another(desk: Desk, name: str = "other") -> Path:
    """A second plan, by the configuration as it stands."""
    first, desk.out = desk.out, desk.folder / name
    assert desk.plan().code == 0
    second, desk.out = desk.out, first
    return second


def test_a_plan_compared_with_itself_is_the_same_and_ends_with_0(planned: Desk) -> None:
    said = planned.run("plan", "--diff", str(planned.out), str(planned.out / "plan.json"))
    assert said == (0, "The plans are the same\n", "")


def test_plans_of_the_same_picture_and_configuration_are_the_same(planned: Desk) -> None:
    first, second = another(planned, "first"), another(planned, "second")
    assert planned.run("plan", "--diff", str(first), str(second)).code == 0


def test_a_plan_by_another_photograph_differs_in_its_registration_alone(planned: Desk) -> None:
    said = planned.run("plan", "--diff", str(planned.out), str(another(planned)))
    assert said.code == DIFFERENT
    assert said.out.splitlines()[2:] == [
        "registration: planned by another photograph, or the same one placed otherwise"
    ]


def test_the_same_exposures_backwards_are_told_from_a_new_order() -> None:
    rng = np.random.default_rng(2)
    cells = rng.random((20, 30)) < 0.2
    plan = make_plan(
        grid=ScanGrid(0, 0, 1.0, 20, 30),
        mask=SamplingMask(cells, float(cells.mean()), "random", "none", 0),
        dwell_s=0.1,
        stage=StageModel(50, 500),
        registration_digest="ab" * 32,
    )
    backwards = sealed(replace(plan, table=frozen_table(plan.table[::-1])))
    shuffled = sealed(replace(plan, table=frozen_table(rng.permutation(plan.table))))
    assert differences(plan, backwards) == ("order: the same way, begun elsewhere or gone the other way round",)
    (said,) = differences(plan, shuffled)
    assert said.startswith("order: the same exposures in another order; ")
    assert differences(plan, plan) == ()


def test_a_plan_that_takes_no_time_is_compared_without_a_share_of_it() -> None:
    cells = np.eye(8, dtype=np.bool_)
    mask = SamplingMask(cells, float(cells.mean()), "random", "none", 0)
    plan = make_plan(
        grid=ScanGrid(0, 0, 1.0, 8, 8), mask=mask, dwell_s=0.1, stage=StageModel(50, 500), registration_digest="ab" * 32
    )
    bare = sealed(replace(plan, table=frozen_table(np.empty((0, 5))), predicted_s=0.0, travel_mm=0.0, beam_s=0.0))
    (said,) = (line for line in differences(bare, plan) if line.startswith("time: "))
    assert said.endswith(" s)")


def test_plans_that_differ_are_told_apart_in_words_and_end_with_1(planned: Desk) -> None:
    planned.scan["sampling"] |= {"rate": 0.07, "seed": 2}
    planned.scan["instrument"]["stage"] = {"speed_mm_s": 20.0}
    second = another(planned)
    said = planned.run("plan", "--diff", str(planned.out), str(second))
    assert said.code == DIFFERENT
    assert "exposures: 384 dwells in A, 430 dwells in B\n" in said.out
    assert re.search(r"^cells: \d+ added, \d+ removed, \d+ in both$", said.out, re.MULTILINE)
    assert re.search(r"^time: .* in A, .* in B \(\+.*\)$", said.out, re.MULTILINE)
    assert "seed: 1 in A, 2 in B\n" in said.out
    assert "stage.speed_mm_s: 50 in A, 20 in B\n" in said.out
    assert "dose" not in said.out


def test_plans_of_another_dwell_differ_in_time_and_dose_and_not_in_cells(planned: Desk) -> None:
    planned.scan["sampling"] |= {"dwell_s": 0.2}
    said = planned.run("plan", "--diff", str(planned.out), str(another(planned)))
    assert "live time of an exposure: 0.1 s in A, 0.2 s in B\n" in said.out
    assert "dose: at most 0.1 s live on a cell in A, 0.2 s in B\n" in said.out
    assert "cells:" not in said.out


def test_both_plans_are_drawn_on_one_picture_when_a_folder_is_given(planned: Desk) -> None:
    planned.scan["sampling"] |= {"seed": 2, "mask": "random"}
    said = planned.run(
        "plan", "--diff", str(planned.out), str(another(planned)), "--out", str(planned.folder / "difference")
    )
    assert said.code == DIFFERENT
    picture = cv2.imread(str(planned.folder / "difference" / "difference.png"))
    assert picture.shape[1] == 96 * 12
    # the panel lies below: more than the two colours of the paths and the words
    assert len(np.unique(picture[: 64 * 12].reshape(-1, 3), axis=0)) > 1_000


def test_plans_of_different_areas_are_compared_as_far_as_that_goes(planned: Desk) -> None:
    planned.scan["area"] |= {"width_mm": 40.0}
    said = planned.run("plan", "--diff", str(planned.out), str(another(planned)), "--out", str(planned.folder / "d"))
    assert "grid: 64 x 96 cells of 0.5 mm from (46, 43) mm in A, 64 x 80 cells" in said.out
    assert "order" not in said.out.replace("cells and order are not compared", "")
    assert (planned.folder / "d" / "difference.png").is_file()


def test_a_comparison_takes_no_configuration(planned: Desk) -> None:
    said = planned.run("plan", str(planned.config), "--diff", str(planned.out), str(planned.out))
    assert said.code == USAGE
    assert "leave configuration and other options out" in said.err


def edited(path: Path, change: Callable[[str], str]) -> None:
    path.write_text(change(path.read_text("utf-8")), encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda file: file.write_bytes(b"\xff\xfe\x00"), "is no text, and so no plan"),
        (lambda file: file.write_text("[]"), "this is no plan of a scan, whatever else it is"),
        (lambda file: file.write_text('{"format": "gcode"}'), "this is no plan of a scan, whatever else it is"),
        (lambda file: edited(file, lambda text: text[:-200]), "the plan cannot be read"),
        (lambda file: edited(file, lambda text: text.replace('"version": 1', '"version": 99', 1)), "of version 99"),
        (lambda file: edited(file, lambda text: text.replace("0.1]", "9.5]", 1)), "changed since it was written"),
        (lambda file: edited(file, lambda text: text.replace('"rows": 64', '"rows": 65', 1)), "64 x 96|65 x 96"),
    ],
    ids=["binary", "a list", "another format", "cut off", "too new", "a dwell", "the grid"],
)
def test_a_plan_that_is_damaged_foreign_or_too_new_is_refused_with_its_name(
    planned: Desk, damage: Callable[[Path], object], sentence: str
) -> None:
    damage(planned.out / "plan.json")
    for arguments in (
        ("plan", "--diff", str(planned.out), str(planned.out)),
        ("scan", str(planned.config), "--plan", str(planned.out), "--out", str(planned.folder / "recording")),
    ):
        said = planned.run(*arguments)
        assert said.code == INTEGRITY, said
        assert re.search(sentence, said.err)
        assert "plan.json: " in said.err
        assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize("name", ["nowhere", "frames"])
def test_a_plan_that_is_not_there_is_named(planned: Desk, name: str) -> None:
    said = planned.run("plan", "--diff", str(planned.folder / name), str(planned.out))
    assert said.code == USAGE
    assert f"{name}: " in said.err
    assert "give the plan.json that pointillist plan left" in said.err


def reviewed(desk: Desk) -> None:
    read_reviewed(desk.out, load_scan_config(desk.config))


def test_a_plan_is_read_back_with_its_photograph_where_that_lay(planned: Desk) -> None:
    found = read_reviewed(planned.out / "plan.json", load_scan_config(planned.config))
    assert plan_to_json(found.plan) == (planned.out / "plan.json").read_text("utf-8")
    assert found.sighting.registration.digest == found.plan.registration_digest
    assert (found.sighting.frame.image == cv2.imread(str(planned.frame))[..., ::-1]).all()
    assert found.is_given


def test_a_plan_without_its_photograph_cannot_be_scanned_and_can_be_compared(planned: Desk) -> None:
    (planned.out / "photograph.json").unlink()
    with pytest.raises(UsageError, match="the photograph that the plan was made from does not lie beside it"):
        reviewed(planned)
    assert planned.run("plan", "--diff", str(planned.out), str(planned.out)).code == 0


def test_a_photograph_that_was_exchanged_is_noticed(planned: Desk) -> None:
    picture = cv2.imread(str(planned.out / "photograph.png"))
    picture[0, 0] ^= 1
    assert cv2.imwrite(str(planned.out / "photograph.png"), picture)
    with pytest.raises(IntegrityError, match=r"photograph\.png: is not the photograph that the plan was made from"):
        reviewed(planned)


def test_a_photograph_of_another_plan_is_noticed(planned: Desk) -> None:
    planned.scan["sampling"] |= {"seed": 5, "mask": "random"}
    shutil.copy(another(planned) / "plan.json", planned.out / "plan.json")
    with pytest.raises(IntegrityError, match="belongs to another plan"):
        reviewed(planned)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is damaged, no JSON"),
        ("[" * 100_000, "is damaged, no JSON"),
        ('{"format": "else"}', "is not what pointillist plan leaves"),
        ('{"format": "pointillist-plan-photograph", "version": 2}', "later version of the program"),
        ('{"format": "pointillist-plan-photograph", "version": 1}', r"is damaged \(plan\)"),
    ],
)
def test_what_lies_beside_a_plan_is_not_believed_when_damaged(planned: Desk, text: str, sentence: str) -> None:
    (planned.out / "photograph.json").write_text(text)
    with pytest.raises(IntegrityError, match=sentence):
        reviewed(planned)


def test_a_registration_that_was_edited_is_noticed(planned: Desk) -> None:
    record = json.loads((planned.out / "photograph.json").read_text())
    record["registration"]["stage_from_camera"][0][2] += 1.0
    (planned.out / "photograph.json").write_text(json.dumps(record))
    with pytest.raises(IntegrityError, match=r"photograph\.json: the registration's record does not match"):
        reviewed(planned)


def refused_scan(desk: Desk) -> tuple[int, str]:
    """How a scan of the plan in `out` is refused before anything is connected."""
    desk.write()
    recording = desk.folder / "recording"
    said = desk.run("scan", str(desk.config), "--plan", str(desk.out), "--out", str(recording))
    assert not recording.exists()
    return said.code, said.err


def test_a_plan_of_another_grid_is_refused_before_anything_is_connected(planned: Desk) -> None:
    planned.scan["area"] |= {"width_mm": 40.0}
    code, sentence = refused_scan(planned)
    assert code == USAGE
    assert (
        "the plan is of 64 x 96 cells of 0.5 mm from (46, 43) mm, the configuration's area of 64 x 80 cells" in sentence
    )


def test_a_plan_above_the_configurations_dose_is_refused_before_anything_is_connected(planned: Desk) -> None:
    planned.scan["dose"] = {"max_beam_s": 5.0}
    code, sentence = refused_scan(planned)
    assert code == SAFETY
    assert "above dose.max_beam_s of 5 s" in sentence


def test_a_plan_in_a_keep_out_that_came_later_is_refused_before_anything_is_connected(planned: Desk) -> None:
    corners = [[60.0, 50.0], [80.0, 50.0], [80.0, 65.0], [60.0, 65.0]]
    planned.scan["area"]["keep_out"] = [{"name": "wax seal", "polygon": corners}]
    code, sentence = refused_scan(planned)
    assert code == SAFETY
    assert "wax seal" in sentence


def test_a_plan_of_more_cells_than_the_whole_budget_of_listening_is_refused(planned: Desk) -> None:
    planned.scan["sampling"] |= {"mask": "adaptive", "rate": 0.01}
    code, sentence = refused_scan(planned)
    assert code == USAGE
    assert "the plan holds 384 cells, and the whole budget of this scan that listens is 61" in sentence


def test_a_resumed_scan_takes_no_plan(planned: Desk) -> None:
    said = planned.run("scan", "--resume", str(planned.out), "--plan", str(planned.out))
    assert said.code == USAGE
    assert "--plan" in said.err
    assert "the recording holds its own" in said.err


@pytest.fixture
def raster(planned: Desk) -> Path:
    """A raster of the plan's grid of which a corner is unknown."""
    row, column = np.mgrid[:64, :96].astype(float)
    maps = np.stack([np.hypot(row - 30, column - 40), row], axis=2).astype(np.float32)
    valid = np.ones((64, 96), bool)
    valid[:20, :20] = False
    np.savez(planned.folder / "raster.npz", maps=maps, elements=["Pb", "Hg"], valid=valid)
    return planned.folder / "raster.npz"


def test_a_replay_of_a_plan_measures_its_cells(planned: Desk, raster: Path) -> None:
    out = planned.folder / "replay"
    said = planned.run("replay", str(raster), "--plan", str(planned.out), "--reconstruct", "linear", "--out", str(out))
    assert said.code == 0, said
    plan = read_plan(planned.out)
    lacking = int(plan.mask.cells[:20, :20].sum())
    report = json.loads((out / "report.json").read_text())
    assert report["plan"] == {"digest": plan.digest, "cells_left_out": lacking}
    assert report["samples"] == 384 - lacking
    assert report["asked_rate"] is None
    assert report["mask"] == plan.mask.origin
    assert f"{lacking} of the plan's left out" in said.out


def test_a_replay_on_another_grid_is_refused(planned: Desk) -> None:
    maps = np.ones((30, 40, 1), np.float32)
    np.savez(planned.folder / "small.npz", maps=maps, elements=["Pb"])
    source = planned.folder / "small.npz"
    said = planned.run("replay", str(source), "--plan", str(planned.out), "--out", str(planned.folder / "replay"))
    assert said.code == USAGE
    assert "the plan is of 64 x 96 cells" in said.err
    assert "has 30 x 40: replay a plan of its grid" in said.err


def test_a_replay_of_a_plan_takes_no_rate_beside_it(planned: Desk, raster: Path) -> None:
    said = planned.run(
        "replay", str(raster), "--plan", str(planned.out), "--rate", "0.1", "--out", str(planned.folder / "replay")
    )
    assert said.code == USAGE
    assert "--plan names the cells" in said.err


def test_a_replay_where_source_and_plan_have_no_cell_in_common_is_refused(planned: Desk) -> None:
    valid = ~read_plan(planned.out).mask.cells
    np.savez(planned.folder / "rest.npz", maps=np.ones((64, 96, 1), np.float32), elements=["Pb"], valid=valid)
    source = planned.folder / "rest.npz"
    said = planned.run("replay", str(source), "--plan", str(planned.out), "--out", str(planned.folder / "replay"))
    assert said.code == USAGE
    assert "rest.npz: holds none of the plan's 384 cells" in said.err


def test_a_plan_that_visits_nothing_is_refused_everywhere(planned: Desk, raster: Path) -> None:
    plan = read_plan(planned.out)
    nothing = SamplingMask(np.zeros_like(plan.mask.cells), 0.0, "random", "none", 0)
    bare = sealed(replace(plan, mask=nothing, table=np.empty((0, 5)), beam_s=0.0))
    record = json.loads((planned.out / "photograph.json").read_text()) | {"plan": bare.digest}
    (planned.out / "photograph.json").write_text(json.dumps(record))
    (planned.out / "plan.json").write_text(plan_to_json(bare))
    assert plan_from_json(plan_to_json(bare)).digest == bare.digest
    assert "the plan holds no exposure" in refused_scan(planned)[1]
    said = planned.run("replay", str(raster), "--plan", str(planned.out), "--out", str(planned.folder / "replay"))
    assert said.code == USAGE
    assert "the plan visits no cell" in said.err
    assert planned.run("plan", "--diff", str(planned.out), str(another(planned))).code == DIFFERENT
