"""The training loop: seeded, logged, resumed exactly, alone or as one of several processes."""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from models.training.checkpoint import NetworkDescription, load_network, load_state, save_checkpoint
from models.training.element_like import as_photographed, element_like
from models.training.faults import TrainingDiverged, UnusableCheckpoint
from models.training.log import TRAINING_LOG, VALIDATION_LOG, Log
from models.training.photographs import Crops

LAST, BEST = "last.pt", "best.pt"
_TRAINING_COLUMNS = ("step", "seconds", "learning_rate", "loss", "psnr_db")
_VALIDATION_COLUMNS = ("step", "target", "mask", "rate", "psnr_db")
NETWORK = "network"
"""Name of the trained network's own rows among those of a validation."""


PRECISIONS = ("automatic", "float32", "bfloat16")
"""bfloat16 needs no scaling of the loss; processors that have it train wide networks 1.8 times as fast in it."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast."""

    steps: int
    batch: int = 16
    """Crops per step and process."""
    learning_rate: float = 1e-3
    """After warming up; then it falls along a half cosine to a hundredth."""
    warm_up_steps: int = 100
    beta1: float = 0.9
    gradient_limit: float = 1.0
    """Longest gradient; a longer one is shortened. 0: never."""
    average_steps: int = 500
    """Weights are averaged over about so many steps; the average is what is validated and shipped. 0: none."""
    rates: tuple[float, float] = (0.03, 0.3)
    """Each crop's rate is drawn between these, evenly on a logarithmic scale."""
    element_like_share: float = 0.0
    """Of the steps, in which element-like maps are reconstructed in the photographs' place."""
    seed: int = 0
    precision: str = "automatic"
    """A name of `PRECISIONS`: what the objective computes in. ``automatic`` is bfloat16 on a GPU, float32 elsewhere."""
    log_every: int = 50
    validate_every: int = 1000
    patience: int = 5
    """Validations without a better score after which the training ends. 0: never."""


@dataclass(frozen=True, slots=True)
class ValidationRow:
    """PSNR of one mask at one rate, over real reconstructions."""

    target: str
    """What was reconstructed: ``photographs`` or ``element-like`` maps."""
    mask: str
    rate: float
    psnr_db: float


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training stands."""

    step: int
    loss: float
    """Mean since the last report."""
    psnr_db: float
    """Of the training's own reconstruction, mean since the last report."""
    validation: tuple[ValidationRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a training ended."""

    step: int
    best_db: float
    """Best mean of the network's rows; -inf without a validation."""
    stopped_early: bool


Validate = Callable[[nn.Module], list[ValidationRow]]


class Trainer:
    """One training in one folder; `run` it once."""

    def __init__(
        self,
        objective: nn.Module,
        crops: Crops,
        schedule: Schedule,
        folder: Path,
        description: NetworkDescription,
        *,
        validate: Validate | None = None,
        observe: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self._device = _device()
        self._rank, self._processes = _place()
        self._objective = objective.to(self._device)
        self._parallel = _parallel(self._objective, self._processes, self._device)
        self._average = copy.deepcopy(self._network).requires_grad_(False).eval()
        self._crops, self._schedule, self._folder, self._description = crops, schedule, folder, description
        self._validate, self._observe = validate, observe
        learned = [each for each in objective.parameters() if each.requires_grad]
        self._optimiser = torch.optim.Adam(learned, lr=schedule.learning_rate, betas=(schedule.beta1, 0.999))
        self._step, self._best_db, self._stale, self._seconds = 0, -math.inf, 0, 0.0

    def run(self, *, resume: bool = False, until: int | None = None) -> Outcome:
        """Train to the schedule's end, or to the step `until`, from the start or from the folder's last checkpoint.

        Raises
        ------
        UnusableCheckpoint
            There is nothing to resume from, or it is of another training.
        TrainingDiverged
            The loss is not finite; the last checkpoint stays as it was.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        if resume:
            self._restore(load_state(self._folder / LAST))
        is_writing = self._rank == 0
        losses: list[Tensor] = []
        started = time.monotonic() - self._seconds
        end = min(until or self._schedule.steps, self._schedule.steps)
        with (
            Log(self._folder / TRAINING_LOG, _TRAINING_COLUMNS, self._step, active=is_writing) as training_log,
            Log(self._folder / VALIDATION_LOG, _VALIDATION_COLUMNS, self._step, active=is_writing) as validation_log,
        ):
            if self._step == 0:
                # what the start is worth: a training that never beats it ships it
                self._judge(validation_log)
            while self._step < end and not self._is_exhausted():
                losses.append(self._one_step())
                is_last, is_judged = self._step == end, self._step % self._schedule.validate_every == 0
                if self._step % self._schedule.log_every == 0 or is_judged or is_last:
                    self._seconds = time.monotonic() - started
                    self._report(torch.stack(losses), training_log)
                    losses.clear()
                if is_judged or self._step == self._schedule.steps:
                    self._judge(validation_log)
                if is_writing and (is_judged or is_last):
                    save_checkpoint(self._folder / LAST, self._average, self._described(), self._state())
        return Outcome(self._step, self._best_db, self._step < end)

    @property
    def _network(self) -> nn.Module:
        network: nn.Module = self._objective.network  # type: ignore[assignment]
        return network

    def _one_step(self) -> Tensor:
        """Loss and squared error of one step, on the device: reading them would wait for it."""
        schedule = self._schedule
        random = np.random.default_rng((schedule.seed, 3, self._rank, self._step))
        rgb = self._crops.batch(self._step, schedule.batch, rank=self._rank)
        target = rgb
        if random.random() < schedule.element_like_share:
            target, rgb = element_like(rgb, random), as_photographed(rgb, random)
        low, high = np.log(schedule.rates)
        rate = np.exp(random.uniform(low, high, schedule.batch)).astype(np.float32)
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate(schedule, self._step)
        self._objective.train()
        self._optimiser.zero_grad(set_to_none=True)
        with _precision(self._device, schedule.precision):
            loss, error = self._parallel(self._placed(rgb), self._placed(target), self._placed(rate), random)
        loss.backward()
        if schedule.gradient_limit:
            nn.utils.clip_grad_norm_(self._objective.parameters(), schedule.gradient_limit)
        self._optimiser.step()
        self._step += 1
        self._follow()
        return torch.stack((loss.detach(), error))

    def _placed(self, array: np.ndarray[Any, Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device, non_blocking=True)

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the averaged weights; buffers are taken as they are."""
        steps = min(self._schedule.average_steps, self._step)
        share = 1 / max(steps, 1)
        for mean, now in zip(self._average.parameters(), self._network.parameters(), strict=True):
            mean.lerp_(now, share)
        for kept, current in zip(self._average.buffers(), self._network.buffers(), strict=True):
            kept.copy_(current)

    def _report(self, losses: Tensor, log: Log) -> None:
        loss, error = losses.mean(0).tolist()
        if not math.isfinite(loss):
            raise TrainingDiverged(
                f"the loss is {loss} before step {self._step}: lower the learning rate and resume from {LAST}"
            )
        progress = Progress(self._step, loss, -10 * math.log10(max(error, 1e-15)))
        rate = learning_rate(self._schedule, self._step - 1)
        log.write(self._step, f"{self._seconds:.1f}", f"{rate:.4g}", f"{loss:.6g}", f"{progress.psnr_db:.4f}")
        self._observe(progress)

    def _judge(self, log: Log) -> None:
        if self._validate is None:
            return
        score = -math.inf
        if self._rank == 0:
            rows = self._validate(self._average)
            for row in rows:
                log.write(self._step, row.target, row.mask, f"{row.rate:g}", f"{row.psnr_db:.4f}")
            score = float(np.mean([row.psnr_db for row in rows if row.mask == NETWORK]))
            self._observe(Progress(self._step, math.nan, score, tuple(rows)))
        if self._processes > 1:
            shared = torch.tensor([score], device=self._device)
            torch.distributed.broadcast(shared, 0)
            score = float(shared)
        if score > self._best_db:
            self._best_db, self._stale = score, 0
            if self._rank == 0:
                save_checkpoint(self._folder / BEST, self._average, self._described())
        else:
            self._stale += 1

    def _is_exhausted(self) -> bool:
        return 0 < self._schedule.patience <= self._stale

    def _described(self) -> NetworkDescription:
        training = {**self._description.training, "best_psnr_db": self._best_db, "seconds": round(self._seconds, 1)}
        plain = asdict(self._description)
        return NetworkDescription(**{**plain, "step": self._step, "training": training})

    def _state(self) -> dict[str, Any]:
        return {
            "step": self._step,
            "best_db": self._best_db,
            "stale": self._stale,
            "seconds": self._seconds,
            "schedule": _plain(self._schedule),
            "objective": self._objective.state_dict(),
            "optimiser": self._optimiser.state_dict(),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        if state.get("schedule") != _plain(self._schedule):
            raise UnusableCheckpoint(
                f"{self._folder / LAST}: written under another schedule: resume with the configuration of its start"
            )
        self._objective.load_state_dict(state["objective"])
        self._optimiser.load_state_dict(state["optimiser"])
        averaged, _ = load_network(self._folder / LAST)
        self._average.load_state_dict(averaged.state_dict())
        self._step, self._best_db, self._stale = state["step"], state["best_db"], state["stale"]
        self._seconds = state["seconds"]


def learning_rate(schedule: Schedule, step: int) -> float:
    """Learning rate of a step, from 0: a rise, then half a cosine down to a hundredth."""
    if step < schedule.warm_up_steps:
        return schedule.learning_rate * (step + 1) / schedule.warm_up_steps
    left = max(schedule.steps - schedule.warm_up_steps, 1)
    share = 0.5 * (1 + math.cos(math.pi * (step - schedule.warm_up_steps) / left))
    return schedule.learning_rate * (0.01 + 0.99 * share)


def _plain(schedule: Schedule) -> dict[str, Any]:
    return {**asdict(schedule), "rates": list(schedule.rates)}


def _place() -> tuple[int, int]:
    """Rank and number of processes, as torchrun states them."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if processes > 1 and not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return int(os.environ.get("RANK", "0")), processes


def _device() -> torch.device:
    if not torch.cuda.is_available():
        return torch.device("cpu")
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(device)
    return device


def _parallel(objective: nn.Module, processes: int, device: torch.device) -> nn.Module:
    if processes == 1:
        return objective
    return DistributedDataParallel(objective, device_ids=[device.index] if device.type == "cuda" else None)


def _precision(device: torch.device, precision: str) -> Any:
    is_mixed = precision == "bfloat16" or (precision == "automatic" and device.type == "cuda")
    return torch.autocast(device.type, torch.bfloat16) if is_mixed else nullcontext()
