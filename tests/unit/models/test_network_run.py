"""A mask network at any size and with any photograph: the right importance, the exact count, or a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import correlate2d

from models.faults import UnusableModel, UnusablePhotograph, UnusableRequest
from models.masks import MaskRequest, make_mask
from models.masks.network import netm_mask, network_digest
from models.network import TILE_CELLS, MaskNetwork
from tests.unit.models.tiny_onnx import (
    KERNEL,
    blocks_network,
    edges_network,
    manifest_of,
    whole_image_network,
    write_network,
)

ROUNDING = 1e-5
"""Sums of 27 products of numbers about one, in another order."""


def network_of(content: bytes, **changes: Any) -> MaskNetwork:
    return MaskNetwork(content, manifest_of(content, **changes), name="tiny.onnx", threads=1)


EDGES = network_of(edges_network())
BLOCKS = network_of(blocks_network(), alignment=8, reach_cells=7)
WHOLE = network_of(whole_image_network(), reach_cells=None)


def photograph(rows: int, columns: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((rows, columns, 3), np.float32)


def edges_by_hand(rgb: NDArray[np.float32], rate: float) -> NDArray[np.float64]:
    """What `edges_network` computes, on the image mirrored to 16 cells."""
    grow = [max(0, 16 - length) for length in rgb.shape[:2]]
    padded = np.pad(rgb.astype(float), ((0, grow[0]), (0, grow[1]), (0, 0)), mode="reflect")
    total = sum(correlate2d(padded[..., channel], KERNEL[0, channel], mode="same") for channel in range(3))
    strength: NDArray[np.float64] = np.abs(total)[: rgb.shape[0], : rgb.shape[1]] * rate
    return strength


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 5), (16, 16), (33, 47), (130, 17)])
def test_an_image_of_any_size_gets_the_importance_that_the_network_computes(shape: tuple[int, int]) -> None:
    rgb = photograph(*shape)
    assert EDGES.importance(rgb, 0.1) == pytest.approx(edges_by_hand(rgb, 0.1), abs=ROUNDING)


@pytest.mark.parametrize("shape", [(1, 1), (7, 9), (16, 24), (41, 63)])
def test_a_network_that_takes_multiples_of_eight_gets_the_image_mirrored_up_to_one(shape: tuple[int, int]) -> None:
    rgb = photograph(*shape)
    grow = [-(-max(length, 16) // 8) * 8 - length for length in shape]
    padded = np.pad(rgb, ((0, grow[0]), (0, grow[1]), (0, 0)), mode="reflect")
    blocks = np.square(padded).reshape(padded.shape[0] // 8, 8, padded.shape[1] // 8, 8, 3).mean((1, 3, 4))
    wanted = 0.1 * np.kron(blocks, np.ones((8, 8)))[: shape[0], : shape[1]]
    assert BLOCKS.importance(rgb, 0.1) == pytest.approx(wanted, abs=ROUNDING)


@settings(max_examples=25)
@given(st.sampled_from([EDGES, BLOCKS]), st.integers(1, 150), st.integers(1, 150), st.integers(16, 90))
def test_tiles_give_what_the_whole_image_gives(network: MaskNetwork, rows: int, columns: int, tile: int) -> None:
    rgb = photograph(rows, columns)
    whole = network.importance(rgb, 0.1, tile_cells=1_000)
    assert network.importance(rgb, 0.1, tile_cells=tile) == pytest.approx(whole, abs=ROUNDING)


def test_a_network_that_looks_at_the_whole_image_is_never_tiled() -> None:
    rgb = photograph(90, 70)
    assert WHOLE.importance(rgb, 0.1, tile_cells=16) == pytest.approx(0.1 * rgb[..., 0] / rgb[..., 0].mean(), rel=1e-4)


def test_an_image_larger_than_a_tile_is_run_in_tiles_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    sides: list[int] = []
    network = network_of(edges_network())
    run = network._run

    def watched(rgb: NDArray[np.float32], rate: NDArray[np.float32]) -> NDArray[np.float32]:
        sides.append(max(rgb.shape[:2]))
        return run(rgb, rate)

    monkeypatch.setattr(network, "_run", watched)
    rgb = photograph(40, 2 * TILE_CELLS + 100)
    assert network.importance(rgb, 0.1) == pytest.approx(edges_by_hand(rgb, 0.1), abs=ROUNDING)
    assert len(sides) == 3
    assert max(sides) <= TILE_CELLS


def test_a_whole_image_that_takes_too_much_memory_is_refused_with_the_remedy() -> None:
    heavy = network_of(whole_image_network(), reach_cells=None, bytes_per_cell=1_000_000.0)
    with pytest.raises(UnusableRequest, match=r"50 x 60 cells at once.* 3\.0 GB, above 2 GB: widen the pitch"):
        heavy.importance(photograph(50, 60), 0.1)


def test_a_reach_beyond_all_memory_is_refused_before_it_is_run() -> None:
    far = network_of(edges_network(), reach_cells=60_000)
    with pytest.raises(UnusableRequest, match="network of short reach"):
        far.importance(photograph(40, 60), 0.1, tile_cells=32)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_session_uses_the_stated_number_of_threads(threads: int) -> None:
    content = edges_network()
    network = MaskNetwork(content, manifest_of(content), name="tiny.onnx", threads=threads)
    options = network._session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (threads, 1)


@pytest.mark.parametrize(("asked", "given_"), [(0.037, 0.037), (1.0, 0.5), (0.001, 0.02)])
def test_the_network_is_asked_for_the_nearest_rate_that_it_was_trained_for(asked: float, given_: float) -> None:
    rgb = photograph(20, 20)
    assert EDGES.importance(rgb, asked) == pytest.approx(edges_by_hand(rgb, given_), abs=ROUNDING)


@pytest.mark.parametrize("rate", [0.0, -0.1, 1.1, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(UnusableRequest, match="not above 0 and at most 1"):
        EDGES.importance(photograph(20, 20), rate)


@pytest.mark.parametrize(
    "rgb",
    [
        np.full((20, 20, 3), np.nan, np.float32),
        np.full((20, 20, 3), 1.5, np.float32),
        np.full((20, 20, 3), -0.5, np.float32),
        np.zeros((20, 20, 3), np.float64),
        np.zeros((20, 20), np.float32),
        np.zeros((20, 20, 4), np.float32),
        np.zeros((0, 20, 3), np.float32),
    ],
    ids=["NaN", "above 1", "below 0", "float64", "grey", "alpha", "empty"],
)
def test_what_is_no_image_is_refused(rgb: NDArray[Any]) -> None:
    with pytest.raises(UnusableRequest, match="photograph_rgb"):
        EDGES.importance(rgb, 0.1)


def test_an_importance_below_zero_is_refused() -> None:
    with pytest.raises(
        UnusableModel, match=r"tiny\.onnx: the network gives \d+ of 400 cells .* negative or not finite"
    ):
        network_of(edges_network(last="Neg")).importance(photograph(20, 20), 0.1)


def test_an_importance_that_is_not_finite_is_refused() -> None:
    with pytest.raises(UnusableModel, match="gives 400 of 400 cells"):
        WHOLE.importance(np.zeros((20, 20, 3), np.float32), 0.1)


def test_a_network_that_fails_on_an_image_is_refused_without_its_words() -> None:
    # blocks of eight, and a manifest that does not say so
    with pytest.raises(UnusableModel, match=r"tiny\.onnx: .*20 x 20 cells.*the gradient mask"):
        network_of(blocks_network()).importance(photograph(20, 20), 0.1)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_network(tmp_path_factory.mktemp("networks"))


COLOURS = np.random.default_rng(5).integers(0, 256, (31, 22, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "same",
    [
        COLOURS.astype(np.uint16) * 257,
        COLOURS / 255.0,
        np.dstack([COLOURS, np.full((31, 22), 17, np.uint8)]),
    ],
    ids=["16-bit", "float64", "alpha"],
)
def test_depth_and_alpha_do_not_change_the_mask(model: Path, same: NDArray[Any]) -> None:
    request = MaskRequest((31, 22), 68, COLOURS, model=model)
    other = MaskRequest((31, 22), 68, same, model=model)
    assert (netm_mask(other).mask.cells == netm_mask(request).mask.cells).all()


@pytest.mark.parametrize(
    ("shape", "rgb"),
    [
        ((31, 22), COLOURS[..., 0]),
        ((31, 22), np.full((31, 22, 3), 128, np.uint8)),
        ((31, 22), np.zeros((31, 22, 3), np.uint8)),
        ((1, 1), COLOURS[:1, :1]),
        ((2, 3), COLOURS[:2, :3]),
        ((1, 22), COLOURS[:1]),
    ],
    ids=["grey", "constant", "black", "one cell", "six cells", "one row"],
)
@pytest.mark.parametrize("rate", [0.037, 0.1, 1.0])
def test_an_unusual_photograph_gets_the_exact_count(
    model: Path, shape: tuple[int, int], rgb: NDArray[Any], rate: float
) -> None:
    count = max(1, round(rate * shape[0] * shape[1]))
    assert np.count_nonzero(netm_mask(MaskRequest(shape, count, rgb, model=model)).mask.cells) == count


@settings(max_examples=25)
@given(st.integers(1, 30), st.integers(1, 30), st.floats(0.01, 1), st.integers(0, 99))
def test_the_count_is_exact_and_the_seed_decides(model: Path, rows: int, columns: int, rate: float, seed: int) -> None:
    count = max(1, round(rate * rows * columns))
    request = MaskRequest((rows, columns), count, photograph(rows, columns, seed), seed=seed, model=model)
    result = make_mask("netm", request)
    assert np.count_nonzero(result.mask.cells) == count
    assert result.density.values.mean(dtype=np.float64) == pytest.approx(count / (rows * columns), rel=1e-5)
    assert (make_mask("netm", request).mask.cells == result.mask.cells).all()


def test_samples_gather_where_the_network_says(model: Path) -> None:
    rgb = np.zeros((60, 60, 3), np.uint8)
    rgb[:, 30:] = 255
    importance = edges_by_hand(rgb.astype(np.float32) / 255, 0.1)
    cells = netm_mask(MaskRequest((60, 60), 360, rgb, model=model)).mask.cells
    important = importance > np.median(importance)
    assert cells[important].mean() > 3 * cells[~important].mean()
    assert cells[~important].any()


def test_only_allowed_cells_are_visited(model: Path) -> None:
    allowed = np.zeros((31, 22), np.bool_)
    allowed[4:20, 3:15] = True
    cells = netm_mask(MaskRequest((31, 22), 50, COLOURS, allowed, model=model)).mask.cells
    assert np.count_nonzero(cells) == 50
    assert not (cells & ~allowed).any()


def test_the_origin_of_density_and_mask_holds_the_networks_digest(model: Path) -> None:
    result = netm_mask(MaskRequest((31, 22), 68, COLOURS, model=model))
    assert result.mask.origin == result.density.origin
    assert network_digest(result.mask.origin) == manifest_of(edges_network()).sha256


def test_no_other_origin_holds_a_digest() -> None:
    assert [network_digest(origin) for origin in ("gradient", "blue-noise", "netm", "")] == [None] * 4


@pytest.mark.parametrize(
    ("rgb", "reason"),
    [
        (np.full((31, 22, 3), np.nan), "not finite"),
        (np.full((31, 22, 3), 200.0), "white level"),
        (np.zeros((22, 31, 3), np.uint8), "resample it"),
        (np.zeros((31, 22, 2), np.uint8), "neither grey"),
    ],
    ids=["NaN", "no unit range", "other shape", "two channels"],
)
def test_an_unusable_photograph_is_refused(model: Path, rgb: NDArray[Any], reason: str) -> None:
    with pytest.raises(UnusablePhotograph, match=reason):
        netm_mask(MaskRequest((31, 22), 68, rgb, model=model))


def test_no_photograph_and_no_cells_are_refused(model: Path) -> None:
    with pytest.raises(UnusableRequest, match="the netm mask needs a photograph"):
        netm_mask(MaskRequest((31, 22), 68, model=model))
    with pytest.raises(UnusableRequest, match="0 cells are asked"):
        netm_mask(MaskRequest((31, 22), 0, COLOURS, model=model))
