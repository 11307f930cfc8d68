"""The unfolded network computes Eq. 7 to 9, and its losses are Eq. 11 to 14."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models.training.faults import TrainingError, UnknownNetwork  # noqa: E402
from models.training.networks import build_network  # noqa: E402
from models.training.unfolding.discriminator import Discriminator  # noqa: E402
from models.training.unfolding.exposures import Exposures  # noqa: E402
from models.training.unfolding.lessons import Lesson, Taught  # noqa: E402
from models.training.unfolding.losses import fooling_error, pseudo_real, squared_error, telling_error  # noqa: E402
from models.training.unfolding.network import UnfoldedNetwork, UnfoldedOptions  # noqa: E402
from models.training.unfolding.patches import Patches, most_alike, turned_over  # noqa: E402


def _network(**options: object) -> UnfoldedNetwork:
    torch.manual_seed(0)
    return UnfoldedNetwork(UnfoldedOptions(**{"channels": 2, "inputs": 5, "atoms": 7, "layers": 3, **options}))  # type: ignore[arg-type]


def _lesson(side: int = 40) -> Lesson:
    random = np.random.default_rng(0)
    cells = side * side
    inputs = random.random((cells, 5)).astype(np.float32)
    blocks = np.arange(cells).reshape(side // 4, 4, side // 4, 4).transpose(0, 2, 1, 3).reshape(-1, 16)
    measured = inputs[blocks, :2].mean(1)
    first = np.arange(len(blocks) + 1) * 16
    weight = np.full(cells, 1 / 16, np.float32)
    return Lesson((side, side), inputs, inputs[:, 2:], first, blocks.ravel(), weight, measured, np.ones_like(measured))


def test_layers_are_those_of_equation_7_and_the_synthesis_that_of_equation_8() -> None:
    network, inputs = _network(), torch.rand(4, 5)
    found = torch.zeros(4, 7)
    for k in range(3):
        step = inputs @ network.analyses[k].weight.T - network.thresholds[k]
        if k:
            step = step + found - found @ network.mixings[k - 1].weight.T
        found = torch.sigmoid(step)
    wanted = torch.sigmoid(found @ network.dictionary.T - network.offset)
    torch.testing.assert_close(network(inputs), wanted)


def test_an_output_under_a_sigmoid_lies_between_zero_and_one() -> None:
    found = _network()(100 * torch.randn(50, 5)).detach()
    assert float(found.min()) >= 0
    assert float(found.max()) <= 1


def test_a_squared_dictionary_is_nowhere_negative() -> None:
    network = _network(dictionary="squared")
    assert float(network.dictionary.detach().min()) < 0
    assert float(network.atoms().detach().min()) >= 0


def test_a_correction_begins_as_the_interpolated_maps() -> None:
    network, inputs = _network(output="correction"), torch.rand(6, 5)
    torch.testing.assert_close(network(inputs)[:, :2], inputs[:, :2])


def test_a_linear_synthesis_learns_no_offset() -> None:
    network = _network(output="linear")
    network(torch.rand(3, 5)).square().sum().backward()
    assert network.offset.grad is None
    assert network.dictionary.grad is not None


def test_weights_are_brought_below_one_and_biases_are_not() -> None:
    network = _network()
    with torch.no_grad():
        network.dictionary.fill_(3)
        network.offset.fill_(3)
    network.keep_weights_below_one()
    assert float(network.dictionary.detach().max()) == 1
    assert float(network.offset.detach().max()) == 3


@pytest.mark.parametrize(
    "options", [{"activation": "relu"}, {"output": "tanh"}, {"dictionary": "cubed"}, {"atoms": 0}, {"inputs": 1}]
)
def test_a_form_that_cannot_be_is_refused_in_one_sentence(options: dict[str, object]) -> None:
    with pytest.raises(UnknownNetwork, match=r": (choose one of|give at least 1)"):
        _network(**options)


def test_a_checkpoint_names_the_unfolded_network_like_any_other() -> None:
    assert isinstance(build_network("unfolded", {"channels": 2, "inputs": 5}), UnfoldedNetwork)
    with pytest.raises(UnknownNetwork):
        build_network("unfolded", {"depth": 2})


def test_only_patches_that_the_discriminator_gets_wrong_count() -> None:
    answers = torch.tensor([2.0, 1.0, 0.0, -1.0])
    assert float(fooling_error(answers)) == pytest.approx((1 + 4) / 2)
    assert float(fooling_error(answers, "all")) == pytest.approx((1 + 0 + 1 + 4) / 4)
    made, real = torch.tensor([-2.0, 1.0]), torch.tensor([3.0, 0.5])
    assert float(telling_error(made, real)) == pytest.approx(4 + 0.25)


def test_patches_that_are_all_told_rightly_leave_no_loss_and_no_gradient() -> None:
    answers = torch.tensor([1.5, 2.0], requires_grad=True)
    loss = fooling_error(answers)
    loss.backward()
    assert float(loss.detach()) == 0
    assert float(answers.grad.abs().sum()) == 0


def test_measurements_count_by_their_trust() -> None:
    found, wanted = torch.tensor([[1.0], [2.0]]), torch.zeros(2, 1)
    assert float(squared_error(found, wanted, torch.tensor([[3.0], [0.0]]))) == pytest.approx(1)
    assert float(squared_error(found, wanted)) == pytest.approx(2.5)


def test_pseudo_real_patches_mix_maps_and_photograph() -> None:
    maps, colours = torch.ones(2, 1, 4, 4), torch.zeros(2, 1, 4, 4)
    found = pseudo_real(maps, colours, torch.tensor([0.0, 0.9]))
    assert float(found[0].mean()) == 0
    assert float(found[1].mean()) == pytest.approx(0.9)


def test_patches_turned_over_keep_their_values() -> None:
    patches = torch.from_numpy(np.random.default_rng(1).random((16, 1, 4, 4)))
    turned = turned_over(patches, np.random.default_rng(0))
    torch.testing.assert_close(turned.flatten(1).sort(1).values, patches.flatten(1).sort(1).values)
    assert not torch.equal(turned, patches)


def test_made_patches_see_what_was_measured_of_blocks_within_them() -> None:
    taught = Taught(_lesson())
    patches = Patches(taught)
    cells = torch.arange(40 * 40).reshape(40, 40)[4:36, 8:40].reshape(1, -1)
    made = patches.made(_network(), cells, torch.tensor([1])).detach()[0, 0]
    blocks = made.reshape(8, 4, 8, 4).mean((1, 3))
    torch.testing.assert_close(blocks, taught.measured[:, 1].reshape(10, 10)[1:9, 2:10], atol=1e-5, rtol=0)


def test_the_most_correlated_colour_is_the_one_that_a_channel_was_made_from() -> None:
    lesson = _lesson()
    inputs = lesson.inputs.copy()
    inputs[:, 0], inputs[:, 1] = inputs[:, 4], inputs[:, 3]
    made = Lesson(
        lesson.shape, inputs, lesson.colours, lesson.first, lesson.cell, lesson.weight, lesson.measured, lesson.trust
    )
    assert most_alike(Taught(made)).tolist() == [2, 1]


def test_a_grid_smaller_than_a_patch_has_no_patches() -> None:
    with pytest.raises(TrainingError, match="holds no patch of 32 x 32: leave the adversarial part out"):
        Patches(Taught(_lesson(side=16)))


def test_the_discriminator_gives_one_answer_to_each_patch() -> None:
    assert Discriminator()(torch.rand(3, 1, 32, 32)).shape == (3,)


def test_some_exposures_see_what_they_see_among_all() -> None:
    lesson = _lesson()
    exposures = Exposures.of(lesson.first, lesson.cell, lesson.weight)
    maps = torch.from_numpy(lesson.inputs)
    which = torch.tensor([7, 3, 50])
    some = exposures.only(which)
    torch.testing.assert_close(some.seen(maps[some.cell]), exposures.seen(maps[exposures.cell])[which])


def test_what_holds_no_number_is_not_learnt_from() -> None:
    lesson = _lesson()
    inputs = lesson.inputs.copy()
    inputs[5, 1] = np.nan
    with pytest.raises(TrainingError, match="not finite"):
        Lesson(
            lesson.shape,
            inputs,
            lesson.colours,
            lesson.first,
            lesson.cell,
            lesson.weight,
            lesson.measured,
            lesson.trust,
        )
