"""The training of an unfolded network: seeded, judged by exposures that it never meets, resumed exactly."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.training.checkpoint import NetworkDescription, load_state, save_checkpoint
from models.training.faults import TrainingDiverged, TrainingError, UnusableCheckpoint
from models.training.log import TRAINING_LOG, Log
from models.training.unfolding.discriminator import Discriminator
from models.training.unfolding.lessons import Lesson, Taught, digest_of
from models.training.unfolding.losses import fooling_error, squared_error, telling_error
from models.training.unfolding.mixing import MixingNetwork
from models.training.unfolding.network import UnfoldedNetwork
from models.training.unfolding.patches import Patches
from models.training.unfolding.plans import Stage, TrainingPlan

LAST, BEST = "last.pt", "best.pt"
_COLUMNS = ("step", "stage", "seconds", "loss", "held_out_rmse")
_AT_ONCE = 65_536
"""Cells that are judged together."""
_FEWEST = 4
"""Exposures."""
_LEAST_ODDS = 0.01
"""Means nearer than this to 0 or 1 would leave a sigmoid without a slope."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a training stands."""

    step: int
    of: int
    stage: int
    loss: float
    held_out_rmse: float
    """On the scale of [0, 1], of what exposures that are held out measured; before any projection."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a training ended."""

    steps: tuple[int, ...]
    """That each stage took."""
    held_out_rmse: float
    held_out: int
    """Exposures that were held out."""
    seconds: float


class UnfoldingTrainer:
    """One training in one folder; `run` it once."""

    def __init__(
        self,
        network: UnfoldedNetwork | MixingNetwork,
        lessons: Sequence[Lesson],
        judged: Lesson,
        plan: TrainingPlan,
        folder: Path,
        description: NetworkDescription,
        *,
        observe: Callable[[Standing], None] = lambda standing: None,
    ) -> None:
        """The first lesson is the scan itself, of which patches are made; no step meets what is judged.

        Raises
        ------
        TrainingError
            The scan has too few exposures, or the grid is too small for patches that the plan asks for.
        """
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._plan, self._folder, self._description, self._observe = plan, folder, description, observe
        self._network = network.to(self._device)
        self._lessons = [Taught(lesson, self._device) for lesson in lessons]
        if len(lessons[0].measured) < _FEWEST:
            raise TrainingError(f"{len(lessons[0].measured)} exposures are too few to learn from: measure more")
        self._judged = Taught(judged, self._device)
        self._scan_sha256 = digest_of([*lessons, judged])
        is_adversarial = any(stage.adversarial_weight for stage in plan.stages)
        self._patches = Patches(self._lessons[0], project=plan.adversary.projects) if is_adversarial else None
        torch.manual_seed(plan.seed)
        self._discriminator = Discriminator().to(self._device)
        self._telling = torch.optim.Adam(self._discriminator.parameters(), lr=plan.adversary.learning_rate)
        self._begin_at_mean()
        self._stage, self._step, self._taken = 0, 0, 0
        self._stale, self._best, self._seconds = 0, math.inf, 0.0
        self._best_weights = copy.deepcopy(self._network.state_dict())
        self._ended: list[int] = []
        self._optimiser = self._new_optimiser()
        self._bound()

    def run(self, *, resume: bool = False, until: int | None = None) -> Ended:
        """Train through all stages, or up to a number of steps, from the start or from the folder's checkpoint.

        Raises
        ------
        UnusableCheckpoint
            There is nothing to resume from, or it is of another training.
        TrainingDiverged
            The loss is not finite.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        if resume:
            self._restore(load_state(self._folder / LAST))
        started = time.monotonic() - self._seconds
        with Log(self._folder / TRAINING_LOG, _COLUMNS, self._taken) as log:
            if self._taken == 0:
                # what the start is worth: a training that never beats it ends with it
                self._judge(math.nan, log)
            while self._stage < len(self._plan.stages) and (until is None or self._taken < until):
                stage = self._plan.stages[self._stage]
                loss = self._one_step(stage)
                is_last = self._step == stage.steps
                if self._step % self._plan.judge_every == 0 or is_last:
                    self._seconds = time.monotonic() - started
                    self._judge(float(loss), log)
                    if is_last or 0 < self._plan.patience <= self._stale:
                        self._next_stage()
                    save_checkpoint(self._folder / LAST, self._network, self._described(), self._state())
        self._network.load_state_dict(self._best_weights)
        save_checkpoint(self._folder / BEST, self._network, self._described())
        return Ended(tuple(self._ended), self._best, len(self._judged.measured), self._seconds)

    def held_out_error(self) -> Tensor:
        """Error of each exposure held out as the network stands, shape (exposures, channels)."""
        judged = self._judged
        exposures, inputs = judged.exposures, judged.inputs[judged.exposures.cell]
        with torch.no_grad():
            parts = [self._maps(inputs[at : at + _AT_ONCE]) for at in range(0, len(inputs), _AT_ONCE)]
        return exposures.seen(torch.cat(parts)) - judged.measured

    def _begin_at_mean(self) -> None:
        """Let the synthesis layer's offset give the means: a sigmoid far from them would hardly move."""
        if not isinstance(self._network, UnfoldedNetwork) or self._network.options.output != "sigmoid":
            return
        first = self._lessons[0]
        mean = torch.cat([first.measured.mean(0), first.colours.mean(0)]).clamp(_LEAST_ODDS, 1 - _LEAST_ODDS)
        is_first_bounded = self._plan.stages[0].is_output_bounded
        with torch.no_grad():
            middle = self._network.atoms().sum(1) / 2
            self._network.offset.copy_(middle - (torch.logit(mean) if is_first_bounded else mean))

    def _one_step(self, stage: Stage) -> Tensor:
        random = np.random.default_rng((self._plan.seed, 3, self._taken))
        for group in self._optimiser.param_groups:
            group["lr"] = _fallen(stage.learning_rate, self._step / stage.steps)
        lessons = self._lessons if stage.uses_coarser_lessons else self._lessons[:1]
        loss = torch.stack([self._error(stage, lesson, random) for lesson in lessons]).mean()
        if stage.adversarial_weight and self._patches is not None:
            loss = loss + stage.adversarial_weight * self._contest(self._patches, random)
        self._optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self._optimiser.step()
        if stage.is_weight_bounded and isinstance(self._network, UnfoldedNetwork):
            self._network.keep_weights_below_one()
        self._step += 1
        self._taken += 1
        return loss.detach()

    def _error(self, stage: Stage, lesson: Taught, random: np.random.Generator) -> Tensor:
        """L_c1 and L_c2 of Eq. 11 over some exposures."""
        count = len(lesson.measured)
        chosen = random.choice(count, min(stage.exposures, count), replace=False)
        which = torch.as_tensor(np.sort(chosen), device=self._device)
        exposures, measured, trust, inputs = lesson.at(which)
        found = self._network(inputs)
        maps, colours = found[:, : lesson.channels], found[:, lesson.channels :]
        error: Tensor = stage.measurement_weight * squared_error(exposures.seen(maps), measured, trust)
        if stage.colour_weight:
            error = error + stage.colour_weight * squared_error(colours, lesson.colours[exposures.cell])
        return error

    def _contest(self, patches: Patches, random: np.random.Generator) -> Tensor:
        """One step of the discriminator, Eq. 13, and then how far it is from being fooled, Eq. 12."""
        adversary = self._plan.adversary
        cells, channels = patches.drawn(adversary.patches, random)
        made = patches.made(self._network, cells, channels)
        real = patches.pseudo_real(adversary.patches, random)
        told = telling_error(self._discriminator(made.detach()), self._discriminator(real), adversary.counted)
        self._telling.zero_grad(set_to_none=True)
        torch.autograd.backward(told)
        self._telling.step()
        return fooling_error(self._discriminator(made), adversary.counted)

    def _maps(self, inputs: Tensor) -> Tensor:
        maps: Tensor = self._network(inputs)[:, : self._lessons[0].channels]
        return maps

    def _judge(self, loss: float, log: Log) -> None:
        if self._taken and not math.isfinite(loss):
            raise TrainingDiverged(f"the loss is {loss} at step {self._taken}: lower the learning rate and begin anew")
        rmse = float(self.held_out_error().square().mean().sqrt())
        log.write(self._taken, self._stage, f"{self._seconds:.1f}", f"{loss:.6g}", f"{rmse:.6g}")
        if rmse < self._best:
            self._best, self._stale = rmse, 0
            self._best_weights = copy.deepcopy(self._network.state_dict())
        else:
            self._stale += 1
        total = sum(self._ended) + sum(stage.steps for stage in self._plan.stages[self._stage :])
        self._observe(Standing(self._taken, total, self._stage, loss, rmse))

    def _next_stage(self) -> None:
        """Go on from the best weights so far; another stage may bound the output, so that its best counts anew."""
        self._ended.append(self._step)
        stages = self._plan.stages
        self._stage, self._step, self._stale = self._stage + 1, 0, 0
        if self._stage < len(stages):
            self._network.load_state_dict(self._best_weights)
            if stages[self._stage].is_output_bounded != stages[self._stage - 1].is_output_bounded:
                self._carry_to_sigmoid()
                self._best, self._best_weights = math.inf, copy.deepcopy(self._network.state_dict())
        self._optimiser = self._new_optimiser()
        self._bound()

    def _bound(self) -> None:
        """Apply the last sigmoid as the stage has it, and after the last one as the network does."""
        is_over = self._stage >= len(self._plan.stages)
        is_bounded = is_over or self._plan.stages[self._stage].is_output_bounded
        self._network.is_output_bounded = is_bounded and self._network.options.output == "sigmoid"

    @torch.no_grad()
    def _carry_to_sigmoid(self) -> None:
        """Carry a linear output over to a sigmoid: of the same value and slope where it is one half."""
        if not isinstance(self._network, UnfoldedNetwork) or self._network.options.output != "sigmoid":
            return
        factor = 2.0 if self._network.options.dictionary == "squared" else 4.0
        self._network.dictionary.mul_(factor)
        self._network.offset.mul_(4.0).add_(2.0)

    def _new_optimiser(self) -> torch.optim.Adam:
        return torch.optim.Adam([each for each in self._network.parameters() if each.requires_grad])

    def _described(self) -> NetworkDescription:
        stated = {
            **self._description.training,
            "held_out_rmse": self._best if math.isfinite(self._best) else None,
            "held_out_exposures": len(self._judged.measured),
            "steps_of_stages": [*self._ended, *([self._step] if self._step else [])],
            "seconds": round(self._seconds, 1),
        }
        return replace(self._description, step=self._taken, training=stated)

    def _state(self) -> dict[str, Any]:
        return {
            "plan": repr(self._plan),
            "scan_sha256": self._scan_sha256,
            "place": [self._stage, self._step, self._taken, self._stale],
            "best": self._best,
            "seconds": self._seconds,
            "ended": list(self._ended),
            "best_weights": self._best_weights,
            **{name: part.state_dict() for name, part in self._parts().items()},
        }

    def _parts(self) -> dict[str, Any]:
        return {
            "network": self._network,
            "discriminator": self._discriminator,
            "telling": self._telling,
            "optimiser": self._optimiser,
        }

    def _restore(self, state: dict[str, Any]) -> None:
        if state.get("plan") != repr(self._plan):
            raise UnusableCheckpoint(
                f"{self._folder / LAST}: written under another plan: resume with the configuration of its start"
            )
        if state.get("scan_sha256") != self._scan_sha256:
            raise UnusableCheckpoint(
                f"{self._folder / LAST}: learned from another scan or photograph: train in another folder"
            )
        try:
            for name, part in self._parts().items():
                part.load_state_dict(state[name])
            self._stage, self._step, self._taken, self._stale = state["place"]
            self._best, self._seconds, self._ended = state["best"], state["seconds"], list(state["ended"])
            self._best_weights = state["best_weights"]
        except (KeyError, TypeError, ValueError, RuntimeError):
            raise UnusableCheckpoint(
                f"{self._folder / LAST}: lacks something that this version needs: train in another folder"
            ) from None
        self._bound()


def _fallen(rate: float, share: float) -> float:
    """The learning rate after a share of a stage."""
    return rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(share, 1.0))))
