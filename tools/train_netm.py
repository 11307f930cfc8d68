"""Train a mask network: ``python -m tools.train_netm CONFIG.yaml --out DIR [--resume]``.

Alone on a processor or a GPU, or as several processes: ``torchrun --nproc-per-node N -m tools.train_netm ...``.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge.faults import EdgeError, UsageError
from models.faults import ModelsError
from tools.training_config import TrainingConfig, load_training_config

if TYPE_CHECKING:
    from torch import nn

    from models.training.trainer import Outcome, Trainer, Validate
    from models.training.trainer import Progress as Standing

CONFIG_COPY = "config.yaml"
ENDED = "ended.json"
"""How a training ended, and the digest of its best checkpoint: what a shipped network is held against."""
_APART = 1_000_003
"""Between the seeds of training and validation crops."""


def build_trainer(config: TrainingConfig, folder: Path, observe: Any = lambda progress: None) -> Trainer:
    """The training that a configuration asks for, in a folder.

    Raises
    ------
    ModelsError
        A network, checkpoint or collection of photographs that cannot be used.
    """
    import torch

    from models.training.checkpoint import NetworkDescription
    from models.training.networks import build_network
    from models.training.photographs import AUGMENTATIONS, Crops, open_photographs
    from models.training.trainer import Schedule, Trainer

    torch.manual_seed(config.schedule.seed)
    network = build_network(config.network.name, dict(config.network.options))
    photographs = open_photographs(Path(config.photographs.train))
    augment = tuple(AUGMENTATIONS[name] for name in config.photographs.augment)
    crops = Crops(photographs, config.photographs.side, config.schedule.seed, augment)
    low, high = config.schedule.rates
    schedule = Schedule(**{**config.schedule.model_dump(), "rates": (low, high)})
    training = {
        "configuration": _portable(config),
        "photographs": len(photographs),
        "photographs_sha256": photographs.digest(),
        "parameters": sum(each.numel() for each in network.parameters()),
        "torch": str(torch.__version__),
    }
    description = NetworkDescription(config.network.name, dict(config.network.options), (low, high), 0, training)
    objective, validate = _objective(config, network), _validation(config)
    return Trainer(objective, crops, schedule, folder, description, validate=validate, observe=observe)


def _objective(config: TrainingConfig, network: nn.Module) -> nn.Module:
    from models.training.checkpoint import load_network
    from models.training.networks import build_network
    from models.training.objective import ExpectedErrorObjective, InpaintingObjective, MaskLoss, MaskObjective
    from models.training.published import NET_E_SIDE, NetE

    needs_side = config.inpainter is not None or config.network.name == "nete"
    if needs_side and config.photographs.side != NET_E_SIDE:
        raise UsageError(f"NetE takes crops of {NET_E_SIDE} cells: set photographs.side to {NET_E_SIDE}")
    if config.network.name == "nete":
        return InpaintingObjective(network)
    loss = MaskLoss(**{**config.loss.model_dump(), "groups": tuple(config.loss.groups)})
    if loss.measure == "expected-error":
        return ExpectedErrorObjective(network, loss)
    if config.inpainter is None:
        return MaskObjective(network, loss)
    given = config.inpainter.checkpoint
    inpainter = load_network(Path(given))[0] if given else build_network("nete")
    if not isinstance(inpainter, NetE):
        raise UsageError(f"{given}: not an inpainting network: give the checkpoint of a training of nete")
    return MaskObjective(network, loss, inpainter=inpainter, joint=config.inpainter.joint)


def _validation(config: TrainingConfig) -> Validate:
    from models.training.photographs import Crops, open_photographs
    from tools.mask_validation import InpaintingValidation, MaskValidation, scenes

    asked = config.validation
    photographs = open_photographs(Path(config.photographs.validation))
    crops = Crops(photographs, config.photographs.side, config.schedule.seed + _APART).fixed(asked.crops)
    if config.network.name == "nete":
        return InpaintingValidation(crops, tuple(asked.rates))
    judged = scenes(crops, config.schedule.element_like_share)
    return MaskValidation(judged, tuple(asked.rates), tuple(asked.rivals), asked.importance_floor)


def _portable(config: TrainingConfig) -> dict[str, Any]:
    """The configuration without the places of this machine."""
    plain = config.model_dump()
    for section, key in (("photographs", "train"), ("photographs", "validation"), ("inpainter", "checkpoint")):
        if plain.get(section):
            plain[section][key] = Path(plain[section][key]).name
    return plain


def _run(config_path: Path, out: Path, resume: bool, train: Path | None, validation: Path | None) -> str:
    import torch
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    config = load_training_config(config_path, train=train, validation=validation)
    if (out / "last.pt").exists() and not resume:
        raise UsageError(f"{out}: holds a training already: resume it with --resume, or choose another folder")
    if config.threads:
        torch.set_num_threads(config.threads)
    is_first = _is_first()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), disable=not is_first) as bar:
        task = bar.add_task(config.network.name, total=config.schedule.steps)

        def observe(progress: Standing) -> None:
            if progress.validation:
                bar.console.print(validation_line(progress))
            else:
                text = f"{config.network.name}  loss {progress.loss:.4f}  {progress.psnr_db:.2f} dB"
                bar.update(task, completed=progress.step, description=text)

        trainer = build_trainer(config, out, observe)
        if is_first:
            out.mkdir(parents=True, exist_ok=True)
            (out / CONFIG_COPY).write_text(config_path.read_text("utf-8"), "utf-8")
        outcome = trainer.run(resume=resume)
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    if is_first:
        _write_ended(out, outcome)
    ended = "stopped early at" if outcome.stopped_early else "ended at"
    return f"{ended} step {outcome.step}; best validation {outcome.best_db:.2f} dB: {out / 'best.pt'}"


def _write_ended(out: Path, outcome: Outcome) -> None:
    from models.training.trainer import BEST

    best = hashlib.sha256((out / BEST).read_bytes()).hexdigest()
    stated = {"step": outcome.step, "best_psnr_db": round(outcome.best_db, 4), "best_checkpoint_sha256": best}
    (out / ENDED).write_text(json.dumps(stated, indent=2) + "\n", "utf-8")


def _is_first() -> bool:
    """Whether this process is the one of a distributed training that writes and speaks."""
    return os.environ.get("RANK", "0") == "0"


def validation_line(progress: Standing) -> str:
    """One line for each target of a validation: each mask with its PSNR at the rates in order."""
    figures: dict[str, dict[str, list[str]]] = {}
    for row in progress.validation:
        figures.setdefault(row.target, {}).setdefault(row.mask, []).append(f"{row.psnr_db:.2f}")
    listed = {
        target: "  ".join(f"{name} {' / '.join(found)}" for name, found in masks.items())
        for target, masks in figures.items()
    }
    return "\n".join(f"step {progress.step}, {target}: {masks} dB" for target, masks in listed.items())


def main(
    config: Annotated[Path, typer.Argument(help="Configuration, as in tools/configs.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoints and logs.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the folder's last checkpoint.")] = False,
    train: Annotated[Path | None, typer.Option(help="Photographs in place of the configuration's.")] = None,
    validation: Annotated[Path | None, typer.Option(help="Validation photographs, likewise.")] = None,
) -> None:
    """Train a mask network."""
    try:
        ended = _run(config, out, resume, train, validation)
        if _is_first():
            typer.echo(ended)
    except EdgeError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except ModelsError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(UsageError.exit_code)


if __name__ == "__main__":
    typer.run(main)
