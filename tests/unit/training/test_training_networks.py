"""Mask networks: any size, any rate, and nothing that depends on the whole image."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from models.gradient import laplacian_importance
from models.training.checkpoint import NetworkDescription, load_network, save_checkpoint
from models.training.faults import UnknownNetwork, UnusableCheckpoint
from models.training.networks import LeanNet, build_network
from models.training.published import NetE

SMALL = {"width": 4, "blocks": 1}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def stirred(network: nn.Module) -> nn.Module:
    """With no weight left at zero, so that everything that is connected matters."""
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.1 * torch.randn(weight.shape))
    return network.eval()


@pytest.mark.parametrize("name", ["lean", "netm-printed", "netm-code"])
@pytest.mark.parametrize("shape", [(16, 16), (17, 33), (50, 23)])
def test_every_mask_network_gives_one_positive_importance_per_cell(name: str, shape: tuple[int, int]) -> None:
    network = build_network(name, SMALL).eval()
    importance = network(torch.rand(2, 3, *shape), torch.tensor([0.037, 1.0]))
    assert importance.shape == (2, 1, *shape)
    assert bool((importance > 0).all())


def test_the_lean_network_is_small() -> None:
    assert sum(weight.numel() for weight in LeanNet().parameters()) < 300_000


def test_the_lean_network_starts_close_to_the_laplacian_density() -> None:
    rgb = torch.rand(1, 3, 64, 64)
    rgb = nn.functional.avg_pool2d(nn.functional.pad(rgb, (4, 4, 4, 4), mode="reflect"), 9, stride=1)
    ours = LeanNet()(rgb, torch.tensor([0.1])).detach().flatten()
    theirs = torch.from_numpy(laplacian_importance(rgb[0].permute(1, 2, 0).contiguous().numpy())).flatten()
    # that formula works in L*a*b*, at one scale and without a floor: the same tendency, not the same numbers
    assert float(torch.corrcoef(torch.stack((ours.log(), theirs.log())))[0, 1]) > 0.5


def test_mixed_precision_leaves_the_formula_alone() -> None:
    network, rgb, rate = LeanNet(**SMALL), torch.rand(1, 3, 32, 32), torch.tensor([0.1])
    with torch.autocast("cpu", torch.bfloat16):
        mixed = network(rgb, rate)
    # untrained, the formula is all there is
    torch.testing.assert_close(mixed, network(rgb, rate), rtol=1e-6, atol=0)


def test_the_lean_network_listens_to_the_rate() -> None:
    network = stirred(LeanNet(**SMALL))
    rgb = torch.rand(1, 3, 32, 32).expand(2, -1, -1, -1)
    sparse, dense = network(rgb, torch.tensor([0.05, 0.2]))
    assert not torch.allclose(sparse / sparse.mean(), dense / dense.mean(), rtol=1e-3)


@pytest.mark.parametrize(("levels", "blocks"), [(2, 1), (3, 1), (2, 2)])
def test_nothing_beyond_the_reach_influences_a_cell(levels: int, blocks: int) -> None:
    network = LeanNet(width=4, levels=levels, blocks=blocks)
    stirred(network)
    side = 2 * (network.reach + 2 * network.alignment)
    rgb = torch.rand(1, 3, side, side, requires_grad=True)
    cell = side // 2
    network(rgb, torch.tensor([0.1]))[0, 0, cell, cell].backward()
    assert rgb.grad is not None
    touched = rgb.grad[0].abs().amax(0).nonzero() - cell
    assert int(touched.abs().max()) <= network.reach


def test_a_tile_with_its_surroundings_agrees_with_the_whole_image() -> None:
    network = LeanNet(width=4, levels=2)
    stirred(network)
    step = network.alignment
    margin = -(-network.reach // step) * step
    rgb, rate = torch.rand(1, 3, 3 * margin + 6 * step, 2 * margin + 24), torch.tensor([0.1])
    with torch.no_grad():
        whole = network(rgb, rate)
        tile = network(rgb[:, :, step : step + 2 * margin + 8], rate)
    inside = slice(margin, margin + 8)
    # the same sums, which a library may order by the image's size
    torch.testing.assert_close(tile[:, :, inside], whole[:, :, step:][:, :, inside], rtol=1e-4, atol=1e-6)


def test_nete_mixes_each_map_by_a_layer_of_its_own() -> None:
    network = NetE(width=2)
    network.eval()
    code = torch.zeros(1, 16, 4, 4)
    code[0, 5] = torch.rand(4, 4)
    plain = network.channel_wise(torch.zeros(1, 256, 1))
    changed = (network.channel_wise(code.reshape(1, 256, 1)) - plain).reshape(16, 16).abs().amax(1)
    assert changed.nonzero().flatten().tolist() == [5]
    assert network(torch.rand(2, 3, 64, 64)).shape == (2, 3, 64, 64)


def test_the_channel_wise_layer_has_the_published_size() -> None:
    layer = NetE().channel_wise
    assert sum(weight.numel() for weight in layer.parameters()) == 512 * (16 * 16 + 16)


def test_a_checkpoint_gives_back_the_network_and_what_is_said_of_it(tmp_path: Path) -> None:
    network = stirred(LeanNet(**SMALL))
    description = NetworkDescription("lean", SMALL, (0.05, 0.2), 7, {"seed": 1})
    save_checkpoint(tmp_path / "a.pt", network, description)
    loaded, stated = load_network(tmp_path / "a.pt")
    rgb, rate = torch.rand(1, 3, 20, 20), torch.tensor([0.1])
    assert stated == description
    assert torch.equal(loaded(rgb, rate), network(rgb, rate))


def test_what_is_no_checkpoint_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UnusableCheckpoint, match="no such file"):
        load_network(tmp_path / "absent.pt")
    (tmp_path / "text.pt").write_text("not weights")
    with pytest.raises(UnusableCheckpoint, match=r"text\.pt: not a checkpoint"):
        load_network(tmp_path / "text.pt")
    torch.save({"format": 99}, tmp_path / "other.pt")
    with pytest.raises(UnusableCheckpoint, match="format 1"):
        load_network(tmp_path / "other.pt")


def test_a_truncated_checkpoint_is_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "a.pt", LeanNet(**SMALL), NetworkDescription("lean", SMALL, (0.05, 0.2)))
    whole = (tmp_path / "a.pt").read_bytes()
    (tmp_path / "a.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnusableCheckpoint, match="damaged"):
        load_network(tmp_path / "a.pt")


def test_weights_that_do_not_fit_their_description_are_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "a.pt", LeanNet(**SMALL), NetworkDescription("lean", {"width": 8}, (0.05, 0.2)))
    with pytest.raises(UnusableCheckpoint, match="do not fit"):
        load_network(tmp_path / "a.pt")


def test_an_unknown_network_or_option_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownNetwork, match="choose one of lean"):
        build_network("leaner")
    with pytest.raises(UnknownNetwork, match="depth"):
        build_network("lean", {"depth": 3})
