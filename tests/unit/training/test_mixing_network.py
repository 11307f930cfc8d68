"""The network of a mask weighs looks, element by element with the same weights, and begins as kriging."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models.training.faults import UnknownNetwork  # noqa: E402
from models.training.networks import build_network  # noqa: E402
from models.training.unfolding.mixing import MixingNetwork, MixingOptions  # noqa: E402

CHANNELS, LOOKS = 2, 3
OPTIONS = MixingOptions(CHANNELS, LOOKS, atoms=5, layers=3)


def _inputs(cells: int = 50) -> torch.Tensor:
    return torch.rand(cells, OPTIONS.inputs, generator=torch.Generator().manual_seed(0))


def _network() -> MixingNetwork:
    torch.manual_seed(1)
    network = MixingNetwork(OPTIONS)
    network.get_used_to(_inputs())
    with torch.no_grad():
        network.dictionary.normal_()
        network.offset.normal_()
    network.belief.fill_(1.0)
    return network.eval()


def test_before_it_has_learned_its_maps_are_krigings_and_the_photograph_is_as_it_came():
    inputs = _inputs()
    found = MixingNetwork(OPTIONS)(inputs)
    torch.testing.assert_close(found, inputs[:, : CHANNELS + 3])


def test_looks_that_agree_leave_krigings_maps_whatever_was_learned():
    inputs = _inputs()
    for look in range(1, LOOKS):
        start = CHANNELS * look + 3
        inputs[:, start : start + CHANNELS] = inputs[:, :CHANNELS]
    torch.testing.assert_close(_network()(inputs)[:, :CHANNELS], inputs[:, :CHANNELS])


def test_maps_are_krigings_and_weights_times_differences_of_the_looks():
    inputs, network = _inputs(), _network()
    kriged, differences, error, steepness = network._parts(inputs)
    described = (network._described(kriged, differences, error, steepness) - network.centre) / network.spread
    features = torch.cat([described, torch.eye(CHANNELS).expand(len(inputs), -1, -1)], 2)
    found = torch.zeros(len(inputs), CHANNELS, 5)
    for k in range(3):
        step = features @ network.analyses[k].weight.T - network.thresholds[k]
        if k:
            step = step + found - found @ network.mixings[k - 1].weight.T
        found = torch.sigmoid(step)
    weights = found @ network.dictionary.T - network.offset
    looks = torch.stack([inputs[:, 5:7], inputs[:, 7:9]], 2)
    within = ((looks - kriged[..., None]) / error[..., None]).clamp(-8, 8)
    torch.testing.assert_close(network(inputs)[:, :CHANNELS], kriged + error * (weights * within).sum(2))


def test_a_network_at_work_believes_its_corrections_by_the_number_of_cells_that_it_learned_from():
    inputs, network = _inputs(), _network()
    network.get_used_to(_inputs(1000))
    kriged = inputs[:, :CHANNELS]
    cautious = network(inputs)[:, :CHANNELS] - kriged
    torch.testing.assert_close(cautious, 0.5 * (network.train()(inputs)[:, :CHANNELS] - kriged))


def test_elements_that_know_the_same_are_told_apart_by_their_own_share_alone():
    network, inputs = _network(), _inputs()
    first, second = inputs.clone(), inputs.clone()
    for start in (0, *(CHANNELS * look + 3 for look in range(1, LOOKS + 2))):
        first[:, start + 1] = first[:, start]
        second[:, start] = second[:, start + 1] = inputs[:, start]
    network.level.fill_(0.5)
    network.deviation.fill_(0.3)
    with torch.no_grad():
        for layer in network.analyses:
            layer.weight[:, -1] = layer.weight[:, -2]
    found = network(first)
    torch.testing.assert_close(found[:, 0], found[:, 1])


def test_features_beyond_what_was_learned_from_are_clipped():
    network, inputs = _network(), _inputs()
    error = slice(CHANNELS * LOOKS + 3, CHANNELS * (LOOKS + 1) + 3)
    steep = slice(CHANNELS * (LOOKS + 1) + 3, None)
    assert inputs[:, steep].shape[1] == CHANNELS
    far, farther = inputs.clone(), inputs.clone()
    far[:, steep], farther[:, steep] = 1e3, 1e6
    assert bool((inputs[:, error] > 0).all())
    torch.testing.assert_close(network(far), network(farther))


@pytest.mark.parametrize("wrong", [{"channels": 0, "looks": 3}, {"channels": 1, "looks": 1}])
def test_a_network_that_cannot_be_is_refused(wrong):
    with pytest.raises(UnknownNetwork, match="cannot be: give at least 1 of each, and 2 looks"):
        build_network("mixed-looks", wrong)


def test_an_unknown_option_is_refused_in_one_sentence():
    with pytest.raises(UnknownNetwork, match="mixed-looks cannot be built"):
        build_network("mixed-looks", {"channels": 2, "looks": 3, "colour": "red"})


def test_a_checkpoint_names_it():
    network = build_network("mixed-looks", {"channels": 2, "looks": 3})
    assert isinstance(network, MixingNetwork)
    assert np.prod(network.dictionary.shape) == 2 * 32
