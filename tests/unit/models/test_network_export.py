"""Export and runtime agree: any size, any rate, the reach that was stated, and what eight bits cost."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.faults import ModelsError
from models.manifest import manifest_path, read_manifest
from models.network import open_network
from models.onnx_file import opset_of
from tests.unit.models.tiny_onnx import edges_network, manifest_of
from tools import export_onnx
from tools.export_onnx import OPSET, ExportRefused, export

pytestmark = pytest.mark.skipif(find_spec("onnxscript") is None, reason="exporting needs the extra `train`")
TRAINING = manifest_of(edges_network()).training


class Small(torch.nn.Module):
    """Blocks of four cells, one convolution over them: a reach of seven cells."""

    alignment = 4

    def __init__(self, reach: int | None = 7, width: int = 8) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.reach = reach
        self.first = torch.nn.Conv2d(3 * 16 + 1, width, 3, padding=1)
        self.last = torch.nn.Conv2d(width, 16, 1)

    def forward(self, rgb: Any, rate: Any) -> Any:
        blocks = torch.nn.functional.pixel_unshuffle(rgb, 4)
        asked = rate.view(-1, 1, 1, 1).expand(-1, 1, blocks.shape[2], blocks.shape[3])
        found = torch.nn.functional.leaky_relu(self.first(torch.cat((blocks, asked), 1)), 0.1)
        return torch.exp(torch.nn.functional.pixel_shuffle(self.last(found), 4))


class Whole(torch.nn.Module):
    """Statistics over the image, as the published networks take them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.only = torch.nn.Conv2d(3, 1, 3, padding=1)
        self.norm = torch.nn.InstanceNorm2d(1)

    def forward(self, rgb: Any, rate: Any) -> Any:
        return torch.sigmoid(self.norm(self.only(rgb))) + rate.view(-1, 1, 1, 1)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Any:
    out = tmp_path_factory.mktemp("exported") / "small.onnx"
    return export(Small(), out, training=TRAINING, rates=(0.02, 0.4), licence="made by a test", results={"psnr_db": 24})


@pytest.mark.parametrize(("rows", "columns"), [(16, 16), (20, 52), (64, 48), (132, 92)])
@pytest.mark.parametrize("rate", [0.02, 0.037, 0.4])
def test_the_runtime_answers_as_torch_does(exported: Any, rows: int, columns: int, rate: float) -> None:
    rgb = np.random.default_rng(1).random((rows, columns, 3), np.float32)
    with torch.inference_mode():
        wanted = Small()(torch.from_numpy(rgb).permute(2, 0, 1)[None], torch.tensor([rate]))[0, 0].numpy()
    found = open_network(exported.model, threads=1).importance(rgb, rate)
    # float32 sums of 441 products, in another order
    assert found == pytest.approx(wanted, rel=1e-4)


def test_the_manifest_states_the_file_and_what_was_measured(exported: Any) -> None:
    manifest = read_manifest(exported.model)
    assert manifest == exported.manifest
    assert manifest.opset == OPSET == opset_of(exported.model.read_bytes(), "small")
    assert (manifest.alignment, manifest.reach_cells, manifest.rates) == (4, 7, [0.02, 0.4])
    assert 0 <= manifest.parity.largest_difference < 1e-4
    assert manifest.parity.cases == 13
    # two operations for each of (49 x 9 + 16) x 8 weights, once for sixteen cells
    assert manifest.flop_per_cell == pytest.approx(2 * (49 * 9 + 16) * 8 / 16)
    assert manifest.bytes_per_cell > 12
    assert manifest.licence == "made by a test"
    assert manifest.results == {"psnr_db": 24}


def test_a_network_without_a_reach_is_exported_for_whole_images(tmp_path: Path) -> None:
    written = export(Whole(), tmp_path / "whole.onnx", training=TRAINING, rates=(0.1, 0.1))
    assert written.manifest.reach_cells is None
    assert written.manifest.alignment == 1
    assert open_network(written.model).importance(np.full((37, 21, 3), 0.5, np.float32), 0.1).shape == (37, 21)


@pytest.mark.parametrize("reach", [0, 6])
def test_a_reach_that_is_stated_too_short_is_refused(tmp_path: Path, reach: int) -> None:
    with pytest.raises(ExportRefused, match=f"reach of {reach} cells and a cell 7 away has influence"):
        export(Small(reach=reach), tmp_path / "small.onnx", training=TRAINING, rates=(0.02, 0.4))
    assert list(tmp_path.iterdir()) == []


def test_a_network_too_large_to_ship_is_refused(exported: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = exported.model.read_bytes()
    monkeypatch.setattr(export_onnx, "_onnx_of", lambda *_: content)
    monkeypatch.setattr(export_onnx, "MOST_BYTES", 5_000)
    with pytest.raises(ExportRefused, match="above 5000: train a narrower network"):
        export(Small(), tmp_path / "small.onnx", training=TRAINING, rates=(0.02, 0.4))
    assert list(tmp_path.iterdir()) == []


def test_eight_bits_are_smaller_and_state_their_loss(tmp_path: Path) -> None:
    photographs = [np.random.default_rng(seed).random((40, 50, 3), np.float32) for seed in range(3)]
    floats = Small(width=64)
    eight = export(floats, tmp_path / "eight.onnx", training=TRAINING, rates=(0.02, 0.4), photographs=photographs)
    assert eight.size_bytes < 0.5 * sum(each.numel() * each.element_size() for each in floats.parameters())
    assert eight.manifest.precision == "int8"
    loss = eight.manifest.quantisation
    assert loss is not None
    assert loss.photographs == 3
    assert 0 < loss.rms_difference < loss.largest_difference
    rgb = np.ascontiguousarray(photographs[0][:, :48])
    with torch.inference_mode():
        wanted = floats(torch.from_numpy(rgb).permute(2, 0, 1)[None], torch.tensor([0.1]))[0, 0].numpy()
    difference = np.abs(open_network(eight.model).importance(rgb, 0.1) - wanted)
    assert difference.max() <= loss.largest_difference * 1.5 * wanted.mean()


def test_one_command_exports_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from models.training.checkpoint import NetworkDescription, save_checkpoint
    from models.training.networks import build_network

    torch.manual_seed(4)
    options = {"width": 4, "levels": 1}
    configuration = {"schedule": {"seed": 4, "steps": 3}, "validation": {"importance_floor": 0.03}}
    stated = {"configuration": configuration, "photographs_sha256": "ab" * 32, "best_psnr_db": float("-inf")}
    checkpoint = tmp_path / "trained.pt"
    save_checkpoint(
        checkpoint,
        build_network("lean", options),
        NetworkDescription("lean", options, (0.05, 0.2), step=3, training=stated),
    )
    out = tmp_path / "netm.onnx"
    export_onnx.main([str(checkpoint), "--out", str(out), "--licence", "BSD-3-Clause"])
    manifest = open_network(out, threads=1).manifest
    assert (manifest.training.network, manifest.training.seed, manifest.training.step) == ("lean", 4, 3)
    assert manifest.training.stated == {**stated, "best_psnr_db": None}
    assert manifest.floor == 0.03
    assert manifest.results == {"best_psnr_db": None}
    assert manifest.licence == "BSD-3-Clause"
    assert manifest.sha256 in capsys.readouterr().out
    assert json.loads(manifest_path(out).read_text("utf-8"))["training"]["configuration_sha256"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["gone.pt", "--out", "netm.onnx"], "no such file"),
        (["gone.pt", "--out", "netm.pt"], "must end in .onnx"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_a_sentence(
    arguments: list[str],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        export_onnx.main(arguments)
    assert reason in f"{end.value} {capsys.readouterr().err}"


def test_no_photographs_to_learn_ranges_from_are_refused(tmp_path: Path) -> None:
    from tools.quantise_onnx import read_photographs

    (tmp_path / "broken.png").write_bytes(b"not a picture")
    with pytest.raises(ModelsError, match="no photograph that can be read"):
        read_photographs(tmp_path)


def test_without_the_exporter_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ExportRefused, match=r"pip install -e '\.\[train\]'"):
        export(Small(), tmp_path / "small.onnx", training=TRAINING, rates=(0.02, 0.4))
