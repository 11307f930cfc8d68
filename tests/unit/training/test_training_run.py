"""A training from its configuration to its checkpoints: it learns, it resumes exactly, and it says what is wrong."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import typer
import yaml
from torch import Tensor
from typer.testing import CliRunner

from edge.faults import UsageError
from models.training.checkpoint import load_network
from models.training.faults import TrainingDiverged, UnusableCheckpoint
from models.training.networks import build_network
from models.training.objective import MaskLoss, MaskObjective
from models.training.trainer import BEST, LAST, Schedule, Trainer, learning_rate
from tools.train_netm import build_trainer, main
from tools.training_config import load_training_config

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs of discs on gradients: edges to find, and nothing elsewhere."""
    folder = tmp_path_factory.mktemp("drawings")
    random = np.random.default_rng(0)
    for n in range(12):
        ramp = np.linspace(0, 80, 48)[None, :, None] + random.integers(0, 100, 3)
        drawing = np.broadcast_to(ramp, (48, 48, 3)).astype(np.uint8).copy()
        for _ in range(4):
            centre = tuple(int(each) for each in random.integers(0, 48, 2))
            colour = tuple(int(each) for each in random.integers(0, 256, 3))
            cv2.circle(drawing, centre, int(random.integers(3, 9)), colour, -1)
        cv2.imwrite(str(folder / f"{n:02}.png"), drawing)
    return folder


def written(folder: Path, drawings: Path, **changes: dict[str, Any]) -> Path:
    document: dict[str, dict[str, Any]] = {
        "network": {"name": "lean", "options": {"width": 4, "levels": 2}},
        "photographs": {"train": str(drawings), "validation": str(drawings), "side": 32},
        "loss": {},
        "schedule": {
            **{"steps": 6, "batch": 2, "warm_up_steps": 2, "average_steps": 3},
            **{"log_every": 2, "validate_every": 2},
        },
        "validation": {"crops": 2, "rates": [0.1], "rivals": ["random", "laplacian"]},
    }
    for section, values in changes.items():
        document.setdefault(section, {}).update(values)
    path = folder / "training.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def trainer(folder: Path, drawings: Path, name: str = "out", **changes: dict[str, Any]) -> Trainer:
    return build_trainer(load_training_config(written(folder, drawings, **changes)), folder / name)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


@pytest.mark.parametrize("binarisation", [pytest.param("expected", marks=pytest.mark.campaign), "error-diffusion"])
def test_a_short_training_lowers_the_loss(tmp_path: Path, drawings: Path, binarisation: str) -> None:
    schedule = {"steps": 60, "batch": 8, "warm_up_steps": 5, "log_every": 20, "validate_every": 60, "seed": 1}
    run = trainer(
        tmp_path,
        drawings,
        # it starts at random, without a formula that is good already
        network={"name": "netm-printed", "options": {"width": 8, "blocks": 1}},
        loss={"binarisation": binarisation},
        schedule={**schedule, "rates": [0.1, 0.1], "learning_rate": 3e-3},
    )
    assert run.run().step == 60
    losses = [float(row["loss"]) for row in rows(tmp_path / "out" / "training.csv")]
    # in decibels; its noise between means of 160 crops is about 0.3
    assert losses[-1] < losses[0] - 1


@pytest.mark.parametrize("name", ["lean", "netm-code"])
def test_a_resumed_training_equals_one_that_was_never_interrupted(tmp_path: Path, drawings: Path, name: str) -> None:
    options = {"width": 4, "levels": 2} if name == "lean" else {"width": 4, "blocks": 1}
    network = {"network": {"name": name, "options": options}}
    trainer(tmp_path, drawings, "whole", **network).run()
    trainer(tmp_path, drawings, "parts", **network).run(until=4)
    trainer(tmp_path, drawings, "parts", **network).run(resume=True)
    for log in ("training.csv", "validation.csv"):
        assert rows(tmp_path / "parts" / log) == rows(tmp_path / "whole" / log)
    for checkpoint in (LAST, BEST):
        weights = [load_network(tmp_path / run / checkpoint)[0].state_dict() for run in ("whole", "parts")]
        assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_rows_that_the_resumed_checkpoint_never_saw_leave_the_log(tmp_path: Path, drawings: Path) -> None:
    trainer(tmp_path, drawings).run(until=2)
    log = tmp_path / "out" / "training.csv"
    log.write_text(log.read_text() + "4,9.0,0.001,-1,1\n")
    trainer(tmp_path, drawings).run(resume=True, until=4)
    assert [row["step"] for row in rows(log)] == ["2", "4"]
    assert rows(log)[-1]["loss"] != "-1"


def test_the_validation_sets_the_network_beside_its_rivals(tmp_path: Path, drawings: Path) -> None:
    trainer(tmp_path, drawings).run(until=2)
    logged = rows(tmp_path / "out" / "validation.csv")
    assert [row["step"] for row in logged] == ["0", "0", "0", "2", "2", "2"], "the start is judged too"
    found = {row["mask"]: float(row["psnr_db"]) for row in logged}
    assert found.keys() == {"network", "random", "laplacian"}
    assert found["laplacian"] > found["random"]


def test_a_training_that_no_longer_improves_ends_early(tmp_path: Path, drawings: Path) -> None:
    # a learning rate this small changes no mask
    schedule = {"schedule": {"steps": 50, "learning_rate": 1e-12, "patience": 2}}
    outcome = trainer(tmp_path, drawings, **schedule).run()
    assert outcome.stopped_early
    assert outcome.step == 4


@pytest.mark.parametrize("loss", ["bernoulli", "relaxed", "error-diffusion"])
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_every_binarisation_and_target_can_be_trained_with(
    tmp_path: Path, drawings: Path, loss: str, share: float
) -> None:
    run = trainer(tmp_path, drawings, loss={"binarisation": loss}, schedule={"element_like_share": share})
    assert run.run(until=2).step == 2
    judged = {row["target"] for row in rows(tmp_path / "out" / "validation.csv")}
    assert judged == {"element-like"} | ({"photographs"} if share < 1 else set())


def test_a_training_on_expected_errors_lowers_the_loss_and_resumes_exactly(tmp_path: Path, drawings: Path) -> None:
    schedule = {"steps": 60, "batch": 4, "warm_up_steps": 3, "log_every": 20, "validate_every": 30}
    changes = {
        "network": {"name": "netm-printed", "options": {"width": 8, "blocks": 1}},
        "loss": {"measure": "expected-error"},
        "schedule": {**schedule, "learning_rate": 3e-2, "element_like_share": 1.0},
    }
    trainer(tmp_path, drawings, "whole", **changes).run()
    trainer(tmp_path, drawings, "parts", **changes).run(until=30)
    trainer(tmp_path, drawings, "parts", **changes).run(resume=True)
    losses = [float(row["loss"]) for row in rows(tmp_path / "whole" / "training.csv")]
    # a logarithm of squared errors; what the crops of a mean happen to hold moves it by some tenths
    assert losses[-1] < losses[0] - 0.7
    assert rows(tmp_path / "parts" / "training.csv") == rows(tmp_path / "whole" / "training.csv")


def test_crops_in_a_group_share_one_budget() -> None:
    objective = MaskObjective(build_network("netm-printed", {"width": 4, "blocks": 1}), MaskLoss(groups=(2,)))
    seen: list[Tensor] = []
    objective._binarise = lambda density, random: seen.append(density.detach()) or density
    rgb = torch.rand(4, 3, 32, 32)
    rgb[1] = 0.5
    objective(rgb, rgb, torch.tensor([0.1, 0.3, 0.2, 0.2]), np.random.default_rng(0))
    means = seen[0].mean((1, 2, 3))
    # the first crop's rate is that of its group
    torch.testing.assert_close(means[:2].mean(), torch.tensor(0.1))
    torch.testing.assert_close(means[2:].mean(), torch.tensor(0.2))
    assert abs(float(means[0] - means[1])) > 1e-4


def test_the_published_sequence_trains_nete_and_then_netm_against_it(tmp_path: Path, drawings: Path) -> None:
    nete = {"network": {"name": "nete", "options": {"width": 2}}, "photographs": {"side": 64}}
    trainer(tmp_path, drawings, "nete", **nete).run(until=2)
    netm = {
        "network": {"name": "netm-code", "options": {"width": 4, "blocks": 1}},
        "photographs": {"side": 64},
        "loss": {"binarisation": "expected", "measure": "mean-squared-error"},
        "inpainter": {"checkpoint": "nete/last.pt"},
    }
    before = load_network(tmp_path / "nete" / LAST)[0].state_dict()
    run = trainer(tmp_path, drawings, "netm", **netm)
    run.run(until=2)
    state = torch.load(tmp_path / "netm" / LAST, weights_only=True)["state"]["objective"]
    assert all(torch.equal(state[f"inpainter.{key}"], weight) for key, weight in before.items())


def test_a_joint_training_changes_nete_too(tmp_path: Path, drawings: Path) -> None:
    joint = {
        "network": {"name": "netm-printed", "options": {"width": 4, "blocks": 1}},
        "photographs": {"side": 64},
        "loss": {"binarisation": "expected"},
        "inpainter": {"joint": True},
    }
    states = []
    for name, until in (("one", 1), ("two", 2)):
        trainer(tmp_path, drawings, name, **joint).run(until=until)
        states.append(torch.load(tmp_path / name / LAST, weights_only=True)["state"]["objective"])
    key = "inpainter.channel_wise.weight"
    assert not torch.equal(states[0][key], states[1][key])


def test_a_loss_that_is_no_number_ends_the_training_and_keeps_the_last_checkpoint(
    tmp_path: Path, drawings: Path
) -> None:
    trainer(tmp_path, drawings).run(until=2)
    before = (tmp_path / "out" / LAST).read_bytes()
    run = trainer(tmp_path, drawings)
    run._objective.register_forward_hook(lambda module, given, result: (result[0] * float("nan"), result[1]))
    with pytest.raises(TrainingDiverged, match="lower the learning rate"):
        run.run(resume=True)
    assert (tmp_path / "out" / LAST).read_bytes() == before


def test_a_checkpoint_of_another_schedule_is_not_resumed(tmp_path: Path, drawings: Path) -> None:
    trainer(tmp_path, drawings).run(until=2)
    with pytest.raises(UnusableCheckpoint, match="another schedule"):
        trainer(tmp_path, drawings, schedule={"batch": 3}).run(resume=True)


def test_the_checkpoint_says_what_it_was_trained_on_and_no_place_of_the_machine(tmp_path: Path, drawings: Path) -> None:
    trainer(tmp_path, drawings).run(until=2)
    _, description = load_network(tmp_path / "out" / LAST)
    assert description.step == 2
    assert description.training["photographs"] == 12
    assert len(description.training["photographs_sha256"]) == 64
    assert str(tmp_path) not in str(description)
    assert str(drawings.parent) not in str(description)


def test_the_learning_rate_rises_and_then_falls_to_a_hundredth() -> None:
    schedule = Schedule(steps=100, warm_up_steps=10, learning_rate=1.0)
    rates = [learning_rate(schedule, step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[10] == 1.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.01, rel=0.1)


@pytest.mark.parametrize(("precision", "runs_in"), [("automatic", torch.float32), ("bfloat16", torch.bfloat16)])
def test_a_network_computes_in_the_precision_that_its_schedule_names(
    tmp_path: Path, drawings: Path, precision: str, runs_in: torch.dtype
) -> None:
    if torch.cuda.is_available():
        pytest.skip("on a GPU automatic is bfloat16")
    network = {"name": "netm-code", "options": {"width": 4, "blocks": 1}}
    run = trainer(tmp_path, drawings, network=network, schedule={"precision": precision})
    seen = []
    with torch.nn.modules.module.register_module_forward_hook(
        lambda module, given, found: seen.append(found.dtype) if isinstance(module, torch.nn.Conv2d) else None
    ):
        run.run(until=1)
    assert runs_in in seen
    assert (torch.bfloat16 in seen) == (precision == "bfloat16")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schedule": {"stepss": 3}}, "stepss: unknown key"),
        ({"schedule": {"rates": [0.3, 0.1]}}, "the rates fall"),
        ({"network": {"name": "lena"}}, "network.name"),
        ({"inpainter": {"joint": False}}, "a frozen NetE at random"),
        ({"loss": {"groups": [1, 4]}}, "a batch of 2 is no multiple of a group of 4"),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_refused_with_its_line(
    tmp_path: Path, drawings: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=rf"training\.yaml:\d+:\d+: .*{words}"):
        load_training_config(written(tmp_path, drawings, **changes))


def test_nete_refuses_crops_of_another_size(tmp_path: Path, drawings: Path) -> None:
    with pytest.raises(UsageError, match=r"set photographs\.side to 64"):
        trainer(tmp_path, drawings, network={"name": "nete", "options": {}})


def console() -> typer.Typer:
    app = typer.Typer()
    app.command()(main)
    return app


def test_the_command_trains_and_refuses_to_overwrite_a_training(tmp_path: Path, drawings: Path) -> None:
    config = written(tmp_path, drawings, schedule={"steps": 2})
    command = [str(config), "--out", str(tmp_path / "run")]
    first = CliRunner().invoke(console(), command)
    assert first.exit_code == 0, first.output
    assert "best validation" in first.output
    ended = json.loads((tmp_path / "run" / "ended.json").read_text())
    assert ended["best_checkpoint_sha256"] == hashlib.sha256((tmp_path / "run" / BEST).read_bytes()).hexdigest()
    assert (tmp_path / "run" / "config.yaml").read_text() == config.read_text()
    second = CliRunner().invoke(console(), command)
    assert second.exit_code == UsageError.exit_code
    assert "--resume" in second.output


def test_the_command_says_which_photographs_are_missing(tmp_path: Path, drawings: Path) -> None:
    command = [str(written(tmp_path, drawings)), "--out", str(tmp_path / "run"), "--train", str(tmp_path / "absent")]
    result = CliRunner().invoke(console(), command)
    assert result.exit_code == UsageError.exit_code
    assert "no such folder or archive" in result.output


@pytest.mark.parametrize("path", sorted((CHECKOUT / "tools" / "configs").glob("net*.yaml")), ids=lambda path: path.name)
def test_every_shipped_configuration_is_valid(path: Path) -> None:
    assert load_training_config(path).schedule.steps > 0


def test_photographs_may_lie_in_the_folder_of_measurement_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POINTILLIST_DATA", "/measurements")
    shipped = load_training_config(CHECKOUT / "tools" / "configs" / "netm.yaml")
    assert str(shipped.photographs.train) == "/measurements/photos_train/train_30000.tar"


@pytest.mark.campaign
@pytest.mark.slow
def test_two_processes_train_one_network_and_one_of_them_writes(tmp_path: Path, drawings: Path) -> None:
    config = written(tmp_path, drawings, schedule={"steps": 2}, validation={"rivals": []})
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    train = ["-m", "tools.train_netm", str(config), "--out", str(tmp_path / "out")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(CHECKOUT)}
    result = subprocess.run(
        [*launch, *train], capture_output=True, text=True, check=False, cwd=CHECKOUT, env=environment
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("best validation") == 1
    trainer(tmp_path, drawings, "alone", schedule={"steps": 2}, validation={"rivals": []}).run()
    # the same crops and more: another network than that of the first process alone
    together, alone = (load_network(tmp_path / name / LAST)[0].state_dict() for name in ("out", "alone"))
    assert not all(torch.equal(together[key], alone[key]) for key in alone)
    assert [row["step"] for row in rows(tmp_path / "out" / "training.csv")] == ["2"]
