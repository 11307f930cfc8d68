"""A training of the unfolded network learns, is judged by exposures held out, and goes on exactly where it stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models.training.checkpoint import NetworkDescription, load_network  # noqa: E402
from models.training.faults import TrainingError, UnusableCheckpoint  # noqa: E402
from models.training.unfolding.lessons import Lesson  # noqa: E402
from models.training.unfolding.network import UnfoldedNetwork, UnfoldedOptions  # noqa: E402
from models.training.unfolding.plans import PLANS, Adversary, Stage, TrainingPlan  # noqa: E402
from models.training.unfolding.trainer import BEST, Ended, Standing, UnfoldingTrainer  # noqa: E402

SIDE, FACTOR = 40, 4
FORM = {"channels": 2, "inputs": 5, "atoms": 8, "layers": 2}
PLAN = TrainingPlan(
    (
        Stage(steps=40, learning_rate=1e-2, exposures=40, is_output_bounded=False),
        Stage(steps=4, learning_rate=1e-3, exposures=40, adversarial_weight=1e-3),
    ),
    adversary=Adversary(patches=2),
    judge_every=10,
    patience=0,
)


def _lesson(side: int = SIDE) -> Lesson:
    """Maps that follow the photograph alone: what a network of cells can learn."""
    random = np.random.default_rng(0)
    colours = random.random((side, side, 3)).astype(np.float32)
    maps = np.stack([0.8 * colours[..., 0], 0.3 + 0.5 * colours[..., 1] * colours[..., 2]], 2)
    blocks = np.arange(side * side).reshape(side // FACTOR, FACTOR, side // FACTOR, FACTOR).transpose(0, 2, 1, 3)
    cell = blocks.reshape(-1)
    measured = maps.reshape(-1, 2)[cell].reshape(-1, FACTOR**2, 2).mean(1)
    coarse = measured.reshape(side // FACTOR, side // FACTOR, 2).repeat(FACTOR, 0).repeat(FACTOR, 1)
    inputs = np.concatenate([coarse, colours], 2).reshape(-1, 5).astype(np.float32)
    return Lesson(
        (side, side),
        inputs,
        colours.reshape(-1, 3),
        np.arange(len(measured) + 1) * FACTOR**2,
        cell,
        np.full(side * side, 1 / FACTOR**2, np.float32),
        measured.astype(np.float32),
        np.ones_like(measured, np.float32),
    )


def _parted() -> tuple[list[Lesson], Lesson]:
    """The lesson without five of its exposures, and with these alone."""
    whole = _lesson()
    return [_of(whole, 5, None)], _of(whole, 0, 5)


def _of(lesson: Lesson, begin: int, end: int | None) -> Lesson:
    some = slice(begin * FACTOR**2, None if end is None else end * FACTOR**2)
    measured = lesson.measured[begin:end]
    first = np.arange(len(measured) + 1) * FACTOR**2
    cell, weight = lesson.cell[some], lesson.weight[some]
    return replace(lesson, first=first, cell=cell, weight=weight, measured=measured, trust=lesson.trust[begin:end])


def _trained(folder: Path, plan: TrainingPlan = PLAN, *, until: int | None = None, resume: bool = False) -> Ended:
    return _trainer(folder, plan).run(until=until, resume=resume)


def _trainer(folder: Path, plan: TrainingPlan = PLAN) -> UnfoldingTrainer:
    torch.manual_seed(1)
    network = UnfoldedNetwork(UnfoldedOptions(**FORM))
    return UnfoldingTrainer(network, *_parted(), plan, folder, NetworkDescription("unfolded", dict(FORM), (1, 1)))


def _weights(path: Path) -> dict[str, torch.Tensor]:
    return load_network(path)[0].state_dict()


def test_exposures_that_no_step_met_are_predicted_better_at_the_end(tmp_path: Path) -> None:
    trainer = _trainer(tmp_path)
    before = float(trainer.held_out_error().square().mean().sqrt())
    ended = trainer.run()
    assert ended.held_out == 5
    assert ended.held_out_rmse < 0.5 * before
    assert ended.steps == (40, 4)


def test_a_resumed_training_ends_where_an_uninterrupted_one_does(tmp_path: Path) -> None:
    _trained(tmp_path / "whole")
    _trained(tmp_path / "parts", until=20)
    _trained(tmp_path / "parts", resume=True)
    whole, parts = _weights(tmp_path / "whole" / BEST), _weights(tmp_path / "parts" / BEST)
    for name, weight in whole.items():
        torch.testing.assert_close(parts[name], weight, rtol=0, atol=0)


def test_a_training_under_another_plan_is_not_resumed(tmp_path: Path) -> None:
    _trained(tmp_path, until=20)
    with pytest.raises(UnusableCheckpoint, match="written under another plan"):
        _trained(tmp_path, replace(PLAN, seed=1), resume=True)


@pytest.mark.parametrize("what", ["measured", "colours", "cell"])
def test_a_training_on_another_scan_or_photograph_is_not_resumed(tmp_path: Path, what: str) -> None:
    _trained(tmp_path, until=10)
    lessons, judged = _parted()
    other = replace(lessons[0], **{what: getattr(lessons[0], what)[::-1].copy()})
    network = UnfoldedNetwork(UnfoldedOptions(**FORM))
    described = NetworkDescription("unfolded", dict(FORM), (1, 1))
    with pytest.raises(UnusableCheckpoint, match="learned from another scan or photograph: train in another folder"):
        UnfoldingTrainer(network, [other], judged, PLAN, tmp_path, described).run(resume=True)


def test_a_checkpoint_that_lacks_something_is_refused_in_a_sentence(tmp_path: Path) -> None:
    _trained(tmp_path, until=10)
    kept = torch.load(tmp_path / "last.pt", weights_only=True)
    del kept["state"]["telling"]
    torch.save(kept, tmp_path / "last.pt")
    with pytest.raises(UnusableCheckpoint, match="lacks something that this version needs"):
        _trained(tmp_path, resume=True)


def test_a_stage_that_no_longer_improves_ends_early(tmp_path: Path) -> None:
    stage = Stage(steps=100, learning_rate=1e-12, exposures=10)
    ended = _trained(tmp_path, TrainingPlan((stage,), judge_every=1, patience=3))
    assert ended.steps[0] < 100


def test_the_checkpoint_states_how_it_was_judged(tmp_path: Path) -> None:
    ended = _trained(tmp_path)
    _, description = load_network(tmp_path / BEST)
    assert description.training["held_out_rmse"] == pytest.approx(ended.held_out_rmse)
    assert description.training["steps_of_stages"] == [40, 4]


def test_progress_counts_to_the_end(tmp_path: Path) -> None:
    seen: list[Standing] = []
    torch.manual_seed(1)
    network = UnfoldedNetwork(UnfoldedOptions(**FORM))
    described = NetworkDescription("unfolded", dict(FORM), (1, 1))
    UnfoldingTrainer(network, *_parted(), PLAN, tmp_path, described, observe=seen.append).run()
    assert [standing.step for standing in seen] == [0, 10, 20, 30, 40, 44]
    assert {standing.of for standing in seen} == {44}


def test_too_few_exposures_are_refused(tmp_path: Path) -> None:
    lesson = _lesson()
    few = Lesson(
        lesson.shape,
        lesson.inputs,
        lesson.colours,
        lesson.first[:3],
        lesson.cell[:32],
        lesson.weight[:32],
        lesson.measured[:2],
        lesson.trust[:2],
    )
    network = UnfoldedNetwork(UnfoldedOptions(**FORM))
    with pytest.raises(TrainingError, match="2 exposures are too few to learn from: measure more"):
        UnfoldingTrainer(network, [few], few, PLAN, tmp_path, NetworkDescription("unfolded", dict(FORM), (1, 1)))


def test_both_papers_are_named_with_what_they_print() -> None:
    earlier, later = PLANS["verinaz-jadan-2024"], PLANS["verinaz-jadan-2025"]
    assert (earlier.atoms, earlier.layers, earlier.dictionary) == (64, 5, "squared")
    assert (later.atoms, later.layers, later.dictionary) == (64, 5, "free")
    assert earlier.is_coarsened_too
    assert earlier.plan.stages[0].is_weight_bounded
    assert not earlier.plan.stages[0].is_output_bounded
    for plan in (earlier.plan, later.plan):
        assert [stage.colour_weight for stage in plan.stages] == [0.003, 0.003]
        assert [stage.adversarial_weight for stage in plan.stages] == [0, 0.5e-6]
        assert plan.stages[1].learning_rate == 3e-4
        assert plan.adversary.learning_rate == 3e-6
        assert plan.adversary.patches == 32
