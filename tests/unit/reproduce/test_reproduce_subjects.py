"""What is sampled and how it is scored: crops, paintings, element maps, and who samples them."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.replay_matrix.learner import learner_cells
from models.coverage import widest_hole
from models.inpainter import INPUTS, OUTPUTS, InpainterManifest
from models.manifest import manifest_path, manifest_text
from models.masks.network import HOLE_SPACINGS
from tests.unit.models.tiny_onnx import FLOAT, edges_network, manifest_of, node, onnx_model, write_network
from tools.mask_validation import reconstruction_db
from tools.reproduce.estimators import Estimator, estimators
from tools.reproduce.faults import ReproductionError
from tools.reproduce.masks import Absent, mask_candidates
from tools.reproduce.subjects import Subject, crop_subjects, painting_subjects, portrait_subjects


def photographs(folder, count, size=80):
    import cv2

    folder.mkdir(exist_ok=True)
    for index in range(count):
        pixels = np.random.default_rng(index).integers(0, 256, (size, size + 16, 3), np.uint8)
        cv2.imwrite(str(folder / f"{index}.png"), pixels)
    return folder


def smooth_subject(seed=1, side=64):
    y, x = np.mgrid[:side, :side].astype(np.float32) / side
    rgb = np.stack([x, y, 0.5 + 0.4 * np.sin(9 * x + seed)], axis=2).astype(np.float32)
    return Subject("smooth", rgb, rgb, np.ones((side, side), np.bool_), seed, "colours")


def test_the_first_crops_are_the_same_however_many_are_asked(tmp_path):
    folder = photographs(tmp_path / "photographs", 5)
    few, many = (crop_subjects(folder, count=count, side=64, seed=0) for count in (2, 5))
    assert [one.digest for one in few] == [one.digest for one in many[:2]]


def test_another_seed_places_the_crops_elsewhere(tmp_path):
    folder = photographs(tmp_path / "photographs", 2)
    here, there = (crop_subjects(folder, count=2, side=64, seed=seed) for seed in (0, 1))
    assert here[0].digest != there[0].digest


def test_fewer_photographs_than_asked_are_said_in_one_sentence(tmp_path):
    with pytest.raises(ReproductionError, match="2 photographs can be read and 3 are asked: give fewer as --images"):
        crop_subjects(photographs(tmp_path / "photographs", 2), count=3, side=64, seed=0)


def test_paintings_that_cannot_be_read_are_named_and_the_others_resized(tmp_path):
    folder = photographs(tmp_path / "paintings", 2)
    (folder / "1 damaged.jpg").write_bytes(b"no picture")
    subjects, unread = painting_subjects(folder, longer_side=48, count=None)
    assert [one.shape for one in subjects] == [(40, 48), (40, 48)]
    assert unread == ["1 damaged.jpg"]


@pytest.fixture
def no_folder_may_be_read(monkeypatch):
    def refuse(*_arguments, **_more):
        raise PermissionError(13, "Permission denied")

    for name in ("iterdir", "rglob"):
        monkeypatch.setattr(Path, name, refuse)


@pytest.mark.usefixtures("no_folder_may_be_read")
def test_folders_that_may_not_be_read_are_said_in_one_sentence(tmp_path):
    with pytest.raises(
        ReproductionError, match=r"cannot be read \(Permission denied\): allow it, or give another place"
    ):
        painting_subjects(tmp_path, longer_side=48, count=None)
    with pytest.raises(
        ReproductionError, match=r"cannot be read \(Permission denied\): allow it, or give another place"
    ):
        crop_subjects(tmp_path, count=1, side=64, seed=0)


def test_a_painting_that_may_not_be_read_is_named_and_the_others_taken(tmp_path, monkeypatch):
    folder = photographs(tmp_path / "paintings", 2)
    read = np.fromfile

    def refuse_the_first(path, *rest):
        if path.name == "0.png":
            raise PermissionError(13, "Permission denied")
        return read(path, *rest)

    monkeypatch.setattr(np, "fromfile", refuse_the_first)
    subjects, unread = painting_subjects(folder, longer_side=48, count=None)
    assert [one.name for one in subjects] == ["1.png"]
    assert unread == ["0.png"]


def test_a_folder_without_paintings_is_said_in_one_sentence(tmp_path):
    with pytest.raises(ReproductionError, match="no painting in it can be read"):
        painting_subjects(tmp_path, longer_side=48, count=None)


def test_colours_are_scored_over_all_channels_clipped_to_the_range():
    one = smooth_subject()
    off = one.values + np.float32(0.1)
    error = np.square(np.minimum(off, 1) - one.values.astype(np.float64)).mean()
    # an error of float32 against its like in float64
    assert one.figures(off).db == pytest.approx(-10 * math.log10(error), abs=1e-4)


def test_elements_are_scored_each_by_its_true_percentile_clipped_at_zero_on_allowed_cells():
    random = np.random.default_rng(3)
    truth = (random.random((20, 30, 2)) * [1, 50]).astype(np.float32)
    estimate = truth + random.normal(0, [0.5, 2], truth.shape).astype(np.float32)
    allowed = random.random((20, 30)) < 0.8
    one = Subject("maps", np.zeros((20, 30, 3), np.uint8), truth, allowed, 0, "elements")
    scale = np.percentile(truth[allowed].astype(np.float64), 99.9, axis=0)
    error = (np.maximum(estimate, 0)[allowed] - truth[allowed]) / scale
    expected = np.mean(-10 * np.log10(np.square(error, dtype=np.float64).mean(axis=0)))
    # float32 differences in another order
    assert one.figures(estimate).db == pytest.approx(expected, abs=1e-4)


def test_the_harmonic_column_is_converged_as_the_trainings_validation_is():
    one = smooth_subject()
    cells = np.random.default_rng(5).random(one.shape) < 0.1
    (harmonic,) = estimators(["harmonic"])
    ours = one.figures(harmonic.estimate(one, cells)).db
    theirs = reconstruction_db(one.rgb.transpose(2, 0, 1), cells)
    # ten cycles divide a start's error of some 0.1 by five each time: below 1e-7 of the range in both
    assert ours == pytest.approx(theirs, abs=0.01)


def test_a_photograph_is_withheld_from_the_crops_tables_and_used_on_element_maps():
    stripes = np.repeat((np.indices((64, 64)).sum(axis=0) // 9 % 2)[:, :, None], 3, axis=2).astype(np.float32)
    one = Subject("stripes", stripes, stripes, np.ones((64, 64), np.bool_), 0, "colours")
    cells = np.random.default_rng(5).random(one.shape) < 0.1
    (blind,), (guided,) = estimators(["kriging"]), estimators(["kriging"], photograph="used")
    assert blind.version != guided.version
    # the photograph is the truth itself here
    assert one.figures(guided.estimate(one, cells)).db > one.figures(blind.estimate(one, cells)).db


def test_names_that_this_version_does_not_have_are_absent_with_the_reason():
    candidates = mask_candidates(["random", "telepathy", "netm-code"], {}, published_forms=["netm-code"])
    columns = estimators(["linear", "telepathy"])
    absent = [one for one in [*candidates, *columns] if isinstance(one, Absent)]
    assert [one.name for one in absent] == ["telepathy", "netm-code", "telepathy"]
    assert "--network netm-code=FILE.onnx" in absent[1].reason
    assert isinstance(columns[0], Estimator)


def test_a_networks_row_carries_its_digest_and_another_network_is_another_version(tmp_path):
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    first = write_network(tmp_path / "first")
    second = write_network(tmp_path / "second", edges_network(last="Exp"))
    one, diffused = mask_candidates(["ours", "ours-diffused"], {"ours": first})
    (other,) = mask_candidates(["ours"], {"ours": second})
    assert one.network.sha256[:16] in one.version
    assert len({one.version, diffused.version, other.version}) == 3


def test_a_network_draws_by_chance_as_published_and_diffuses_under_the_other_name(tmp_path):
    rows = mask_candidates(["ours", "ours-diffused"], {"ours": write_network(tmp_path)})
    subject = smooth_subject()
    drawn, diffused = (row.choose(subject, 400) for row in rows)
    assert drawn.sum() == diffused.sum() == 400
    assert not np.array_equal(drawn, diffused)


def test_a_network_as_published_keeps_the_holes_of_its_draw_and_says_so_in_its_version(tmp_path):
    subject = smooth_subject()
    # one dark half: the network sees edges alone, and without a floor asks for next to nothing there
    half = subject.rgb * (np.arange(64) < 32)[None, :, None].astype(np.float32)
    one = replace(subject, rgb=half)
    rows = mask_candidates(["ours", "ours-diffused"], {"ours": write_network(tmp_path, floor=0.0)})
    published, diffused = (widest_hole(row.choose(one, 400), one.allowed) for row in rows)
    # mean spacing of 400 samples in 64 x 64 cells
    floor = HOLE_SPACINGS * 64 / math.sqrt(400)
    assert published > floor >= diffused
    assert [row.version.endswith("-inf") for row in rows] == [True, False]


def passing_inpainter(folder):
    """A network of NetE's ports that gives back what it is given."""
    shape = (1, 3, 64, 64)
    content = onnx_model(
        [node("Identity", ["sampled"], "restored")],
        {},
        inputs=[("sampled", FLOAT, shape)],
        outputs=[("restored", FLOAT, shape)],
    )
    like = manifest_of(content)
    manifest = InpainterManifest(
        sha256=like.sha256,
        opset=like.opset,
        inputs=INPUTS,
        outputs=OUTPUTS,
        rates=[0.1, 0.1],
        largest_difference=0.0,
        training=like.training,
        licence=like.licence,
        results={},
    )
    path = folder / "nete.onnx"
    path.write_bytes(content)
    manifest_path(path).write_text(manifest_text(manifest), encoding="utf-8")
    return path


def test_the_nete_column_is_the_networks_own_answer_and_carries_its_digest(tmp_path):
    one = smooth_subject()
    cells = np.random.default_rng(5).random(one.shape) < 0.1
    (nete,) = estimators(["nete"], nete=passing_inpainter(tmp_path))
    # what the network is not given is the middle of its range; half a float32 of rounding to it and back
    assert np.allclose(nete.estimate(one, cells), np.where(cells[:, :, None], one.rgb, 0.5), atol=1e-6)
    assert nete.network.sha256[:16] in nete.version


def test_without_a_network_nete_is_absent():
    assert estimators(["nete"]) == [Absent("nete", "no network was given: `--nete FILE.onnx`")]


def raised_patch(allowed):
    random = np.random.default_rng(0)
    maps = random.random((30, 40, 2)).astype(np.float32) * 0.01
    maps[10:20, 10:30] += 1
    return Subject("maps", np.zeros((30, 40, 3), np.uint8), maps, allowed, 0, "elements")


def test_learner2d_takes_the_count_from_allowed_cells_alone():
    pytest.importorskip("adaptive", reason="the extra `rivals` is not installed")
    allowed = np.ones((30, 40), np.bool_)
    allowed[:6, :6] = False
    cells = learner_cells(raised_patch(allowed).values, allowed, 150)
    assert cells.sum() == 150
    assert not (cells & ~allowed).any()


def test_listening_takes_the_count_from_allowed_cells_alone_and_without_a_photograph():
    allowed = np.ones((30, 40), np.bool_)
    allowed[:6, :6] = False
    (candidate,) = mask_candidates(["adaptive"], {})
    cells = candidate.choose(raised_patch(allowed), 150)
    assert cells.sum() == 150
    assert not (cells & ~allowed).any()


def test_the_portrait_is_one_subject_for_each_seed(measurement_data):
    subjects = portrait_subjects(measurement_data / "maxrf_portrait" / "portrait_811x285.npz", seeds=range(2))
    assert [one.shape for one in subjects] == [(811, 285)] * 2
    assert subjects[0].digest != subjects[1].digest


def test_an_estimate_is_held_against_a_truth_of_its_own_where_there_is_one():
    one = smooth_subject()
    other = replace(one, truth=one.values[::-1].copy())
    assert other.digest != one.digest
    assert other.figures(other.truth).rmse < 1e-6 < other.figures(one.values).rmse
