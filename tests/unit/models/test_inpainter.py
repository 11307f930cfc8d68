"""NetE through ONNX: as torch computes it, held against its manifest, and for nothing but 64 x 64 photographs."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from models.faults import MissingModel, UnusableManifest, UnusableModel, UnusableRequest
from models.inpainter import inpaint, open_inpainter
from models.manifest import manifest_path
from models.training.checkpoint import NetworkDescription, save_checkpoint
from models.training.published import NetE
from tests.unit.models.tiny_onnx import edges_network, manifest_of, write_network
from tools import export_nete
from tools.export_nete import ExportedInpainter, export

pytestmark = pytest.mark.skipif(find_spec("onnxscript") is None, reason="exporting needs the extra `train`")
TRAINING = manifest_of(edges_network()).training
PICTURE = np.random.default_rng(0).random((64, 64, 3), np.float32)
MASK = np.random.default_rng(1).random((64, 64)) < 0.1


def untrained() -> NetE:
    torch.manual_seed(0)
    network = NetE(width=8)
    # statistics that are not the neutral ones, as training leaves them
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean, 0.0, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
    return network.eval()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> ExportedInpainter:
    out = tmp_path_factory.mktemp("nete") / "nete.onnx"
    return export(untrained(), out, training=TRAINING, rates=(0.1, 0.1), licence="made by a test")


@pytest.fixture
def copied(exported: ExportedInpainter, tmp_path: Path) -> Path:
    for file in (exported.model, manifest_path(exported.model)):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path / exported.model.name


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.2, 1.0])
def test_the_runtime_restores_as_torch_does(exported: ExportedInpainter, rate: float) -> None:
    mask = np.random.default_rng(2).random((64, 64)) < rate
    with torch.inference_mode():
        rgb = torch.from_numpy(PICTURE).permute(2, 0, 1)[None]
        wanted = untrained().inpaint(rgb, torch.from_numpy(mask)[None, None].float())[0].permute(1, 2, 0).numpy()
    # float32 sums of up to 1,024 products in another order, through nine layers
    np.testing.assert_allclose(inpaint(exported.model, PICTURE, mask), wanted, atol=1e-5)


def test_what_was_not_sampled_is_not_looked_at(exported: ExportedInpainter) -> None:
    elsewhere = np.where(MASK[:, :, None], PICTURE, np.nan).astype(np.float32)
    np.testing.assert_array_equal(inpaint(exported.model, elsewhere, MASK), inpaint(exported.model, PICTURE, MASK))


def test_the_manifest_states_the_file_and_how_far_it_is_from_torch(exported: ExportedInpainter) -> None:
    manifest = open_inpainter(exported.model).manifest
    assert manifest == exported.manifest
    assert manifest.rates == [0.1, 0.1]
    assert 0 <= manifest.largest_difference < 1e-4


@pytest.mark.parametrize(
    "rgb",
    [np.zeros((64, 65, 3), np.float32), np.zeros((128, 128, 3), np.float32), np.zeros((64, 64, 6), np.float32)],
    ids=["one column more", "larger", "six channels"],
)
def test_another_size_or_number_of_channels_is_refused(exported: ExportedInpainter, rgb: NDArray[np.float32]) -> None:
    with pytest.raises(UnusableRequest, match=re.escape("NetE takes photographs of (64, 64, 3)")):
        inpaint(exported.model, rgb, np.ones(rgb.shape[:2], np.bool_))


def test_a_sampled_colour_out_of_range_is_refused(exported: ExportedInpainter) -> None:
    for colour in (255.0, -0.1, float("nan")):
        with pytest.raises(UnusableRequest, match="not finite or outside"):
            inpaint(exported.model, np.full((64, 64, 3), colour, np.float32), MASK)


def test_a_mask_that_samples_nothing_is_refused(exported: ExportedInpainter) -> None:
    with pytest.raises(UnusableRequest, match="mark at least one cell"):
        inpaint(exported.model, PICTURE, np.zeros((64, 64), np.bool_))


def test_a_damaged_network_is_refused_by_its_digest(copied: Path) -> None:
    inpaint(copied, PICTURE, MASK)
    content = bytearray(copied.read_bytes())
    content[len(content) // 2] ^= 1
    copied.write_bytes(content)
    with pytest.raises(UnusableModel, match="its SHA-256 is"):
        inpaint(copied, PICTURE, MASK)


def test_a_missing_network_or_manifest_is_named(copied: Path) -> None:
    with pytest.raises(MissingModel, match=r"gone\.onnx: there is no inpainting network"):
        inpaint(copied.with_name("gone.onnx"), PICTURE, MASK)
    manifest_path(copied).unlink()
    with pytest.raises(MissingModel, match=r"nete\.json: the manifest of the inpainting network"):
        inpaint(copied, PICTURE, MASK)


def test_a_mask_network_is_no_inpainter(tmp_path: Path) -> None:
    with pytest.raises(UnusableManifest, match=r"tiny\.json: .*tools\.export_nete"):
        inpaint(write_network(tmp_path), PICTURE, MASK)


def test_a_network_of_other_ports_is_refused_even_with_a_manifest_of_its_own(copied: Path) -> None:
    stated = json.loads(manifest_path(copied).read_text("utf-8"))
    foreign = edges_network()
    copied.write_bytes(foreign)
    stated["sha256"] = manifest_of(foreign).sha256
    manifest_path(copied).write_text(json.dumps(stated), "utf-8")
    with pytest.raises(UnusableModel, match=r"takes or gives .* where an inpainting network has"):
        inpaint(copied, PICTURE, MASK)


def test_a_checkpoint_is_exported_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    description = NetworkDescription("nete", {"width": 8}, (0.05, 0.2), step=7, training={"best_psnr_db": 21.5})
    save_checkpoint(tmp_path / "nete.pt", untrained(), description)
    out = tmp_path / "nete.onnx"
    export_nete.main([str(tmp_path / "nete.pt"), "--out", str(out), "--licence", "CC0-1.0"])
    manifest = open_inpainter(out).manifest
    assert manifest.sha256 in capsys.readouterr().out
    assert (manifest.rates, manifest.licence, manifest.results) == ([0.05, 0.2], "CC0-1.0", {"best_psnr_db": 21.5})
    assert (manifest.training.network, manifest.training.step) == ("nete", 7)


def test_a_mask_networks_checkpoint_is_refused_by_the_command(tmp_path: Path) -> None:
    from models.training.networks import build_network

    description = NetworkDescription("netm-printed", {"width": 4, "blocks": 1}, (0.1, 0.1))
    save_checkpoint(tmp_path / "m.pt", build_network("netm-printed", {"width": 4, "blocks": 1}), description)
    with pytest.raises(SystemExit, match="does not inpaint"):
        export_nete.main([str(tmp_path / "m.pt"), "--out", str(tmp_path / "m.onnx")])
    assert not (tmp_path / "m.onnx").exists()
