"""The configuration of a training: a closed schema, and the parts of `models.training` that it asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from edge.configuration.schema import Closed, validate_yaml
from tools.measurement_folder import measurement_folder

Rate = Annotated[float, Field(gt=0, lt=1)]
PositiveInt = Annotated[int, Field(ge=1)]
Augmentation = Literal["turned", "relit", "enlarged"]
Rival = Literal["random", "grid", "blue-noise", "gradient", "laplacian"]
NotNegative = Annotated[float, Field(ge=0)]


def _usual_augmentations() -> list[Augmentation]:
    return ["turned"]


def _usual_rivals() -> list[Rival]:
    return ["random", "gradient", "laplacian"]


class NetworkConfig(Closed):
    """Which network, with its keywords."""

    name: Literal["lean", "netm-printed", "netm-code", "nete"] = "lean"
    options: dict[str, int] = Field(default_factory=dict)


class PhotographsConfig(Closed):
    """Folders or plain tars of photographs; paths are relative to the configuration's folder."""

    train: str
    validation: str
    side: Annotated[int, Field(ge=16, le=1024)] = 64
    augment: list[Augmentation] = Field(default_factory=_usual_augmentations)


class LossConfig(Closed):
    """See `models.training.objective.MaskLoss`."""

    measure: Literal["mean-squared-error", "decibel", "expected-error"] = "decibel"
    binarisation: Literal["expected", "bernoulli", "relaxed", "error-diffusion"] = "expected"
    cycles: Annotated[int, Field(ge=1, le=50)] = 4
    groups: list[PositiveInt] = Field(default_factory=lambda: [1], min_length=1)
    """Each must divide the batch."""
    power: Annotated[float, Field(gt=0, le=1)] = 0.7
    coverage_weight: NotNegative = 1.0
    coverage_share: Annotated[float, Field(ge=0, lt=1)] = 0.2
    coverage_radius: PositiveInt = 8


class InpainterConfig(Closed):
    """NetE in the place of the harmonic reconstruction."""

    checkpoint: str = ""
    """Of a trained NetE, relative to the configuration's folder; empty: initialised at random."""
    joint: bool = False
    """Trained along with the mask network, rather than frozen."""

    @model_validator(mode="after")
    def _frozen_needs_training(self) -> InpainterConfig:
        if not self.checkpoint and not self.joint:
            raise ValueError("a frozen NetE at random teaches nothing: give its checkpoint, or train it jointly")
        return self


class ScheduleConfig(Closed):
    """See `models.training.trainer.Schedule`."""

    steps: PositiveInt
    batch: PositiveInt = 16
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 1e-3
    warm_up_steps: Annotated[int, Field(ge=0)] = 100
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    gradient_limit: NotNegative = 1.0
    average_steps: Annotated[int, Field(ge=0)] = 500
    rates: list[Rate] = Field(default_factory=lambda: [0.03, 0.3], min_length=2, max_length=2)
    element_like_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    seed: Annotated[int, Field(ge=0)] = 0
    precision: Literal["automatic", "float32", "bfloat16"] = "automatic"
    log_every: PositiveInt = 50
    validate_every: PositiveInt = 1000
    patience: Annotated[int, Field(ge=0)] = 5

    @model_validator(mode="after")
    def _rates_rise(self) -> ScheduleConfig:
        if self.rates[0] > self.rates[1]:
            raise ValueError("the rates fall: give the smaller one first")
        return self


class ValidationConfig(Closed):
    """Masks as a scan makes them, reconstructed as the application does."""

    crops: PositiveInt = 64
    rates: list[Rate] = Field(default_factory=lambda: [0.05, 0.1, 0.2], min_length=1)
    rivals: list[Rival] = Field(default_factory=_usual_rivals)
    importance_floor: NotNegative = 0.0
    """Share of the mean importance that is added to the network's everywhere."""


class TrainingConfig(Closed):
    """One training."""

    network: NetworkConfig = NetworkConfig()
    photographs: PhotographsConfig
    loss: LossConfig = LossConfig()
    inpainter: InpainterConfig | None = None
    schedule: ScheduleConfig
    validation: ValidationConfig = ValidationConfig()
    threads: Annotated[int, Field(ge=0, le=256)] = 0
    """Of the processor; 0: as many as torch takes."""

    @model_validator(mode="after")
    def _groups_fill_the_batch(self) -> TrainingConfig:
        for together in self.loss.groups:
            if self.schedule.batch % together:
                raise ValueError(f"a batch of {self.schedule.batch} is no multiple of a group of {together}")
        return self


_DATA = "$POINTILLIST_DATA/"
"""A path that begins so lies in the folder of measurement data; others are taken from the configuration's folder."""


def load_training_config(path: Path, *, train: Path | None = None, validation: Path | None = None) -> TrainingConfig:
    """Read a configuration; `train` and `validation` take the place of its photographs.

    Raises
    ------
    UsageError
        Not there, not YAML, or against the schema; the text names the line.
    """

    def resolve(document: dict[str, Any], folder: Path) -> dict[str, Any]:
        photographs, inpainter = document.get("photographs"), document.get("inpainter")
        if isinstance(photographs, dict):
            for key, given in (("train", train), ("validation", validation)):
                _place(photographs, key, folder)
                if given is not None:
                    photographs[key] = str(given)
        if isinstance(inpainter, dict):
            _place(inpainter, "checkpoint", folder)
        return document

    return validate_yaml(TrainingConfig, path, resolve)


def _place(section: dict[str, Any], key: str, folder: Path) -> None:
    stated = section.get(key)
    if not isinstance(stated, str) or not stated:
        return
    of_measurements = stated.removeprefix(_DATA)
    section[key] = str(folder / stated if of_measurements == stated else measurement_folder() / of_measurements)
