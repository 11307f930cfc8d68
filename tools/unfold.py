"""Sharpen one scan by a network that learns from it alone: ``python -m tools.unfold CONFIG.yaml --out DIR [--resume]``.

Leaves ``network.onnx`` and its manifest, which ``pointillist reconstruct --method unfold --model`` takes for this scan.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge.faults import EdgeError, UsageError
from models.faults import ModelsError
from tools.unfold_config import UnfoldConfig, load_unfold_config, plan_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.training.unfolding.mixing import MixingNetwork
    from models.training.unfolding.network import UnfoldedNetwork
    from models.training.unfolding.plans import NamedPlan, TrainingPlan
    from models.training.unfolding.trainer import Ended, Standing, UnfoldingTrainer
    from models.unfolded import UnfoldedManifest
    from tools.unfold_lessons import Lessons

NETWORK = "network.onnx"
CONFIG_COPY = "config.yaml"
_LEAST_STEPS = 60
_CELLS_A_STEP = 10
"""Cells of a mask for each step: some fifty passes, each step taking 512 of them."""


def build_trainer(
    config: UnfoldConfig,
    named: NamedPlan,
    lessons: Lessons,
    folder: Path,
    observe: Callable[[Standing], None] = lambda standing: None,
) -> UnfoldingTrainer:
    """The training that a configuration asks for, in a folder.

    Raises
    ------
    ModelsError
        A scan that cannot be learnt from.
    """
    import torch

    from models.training.checkpoint import NetworkDescription
    from models.training.unfolding.trainer import UnfoldingTrainer

    torch.manual_seed(config.seed)
    network, options = _new_network(named, lessons)
    stated = config.model_dump()
    stated["scan"]["source"] = Path(config.scan.source).name
    training = {
        "plan": config.plan,
        "configuration": {**stated, "schedule": {"seed": config.seed}},
        "exposures": len(lessons.scaled),
        "torch": str(torch.__version__),
    }
    description = NetworkDescription(named.network, options, (1.0, 1.0), 0, training)
    plan = named.plan if named.network == "unfolded" else fewer_steps(named.plan, len(lessons.taught[0].measured))
    return UnfoldingTrainer(network, lessons.taught, lessons.judged, plan, folder, description, observe=observe)


def fewer_steps(plan: TrainingPlan, cells: int) -> TrainingPlan:
    """A plan that goes through few cells no oftener than through many: they would be learned by heart."""
    most = max(_LEAST_STEPS, cells // _CELLS_A_STEP)
    stages = tuple(replace(stage, steps=min(stage.steps, most)) for stage in plan.stages)
    return replace(plan, stages=stages)


def _new_network(named: NamedPlan, lessons: Lessons) -> tuple[UnfoldedNetwork | MixingNetwork, dict[str, Any]]:
    """A network of the plan's form, and its options."""
    import torch

    from edge.reconstruct.unfold.looks import look_count
    from models.training.unfolding.mixing import MixingNetwork, MixingOptions
    from models.training.unfolding.network import UnfoldedNetwork, UnfoldedOptions

    channels, inputs = lessons.scaled.elements, int(lessons.judged_inputs.shape[2])
    options: dict[str, Any] = {"channels": channels, "atoms": named.atoms, "layers": named.layers}
    if named.network == "mixed-looks":
        options |= {"looks": look_count(inputs, channels)}
        mixing = MixingNetwork(MixingOptions(**options))
        mixing.get_used_to(torch.from_numpy(lessons.taught[0].inputs))
        return mixing, options
    options |= {"inputs": inputs, "activation": named.activation}
    options |= {"output": named.output, "dictionary": named.dictionary}
    return UnfoldedNetwork(UnfoldedOptions(**options)), options


def train(config: UnfoldConfig, out: Path, *, resume: bool, bar: Any) -> tuple[Ended, UnfoldedManifest]:
    """Train, and write the network.

    Raises
    ------
    EdgeError, ModelsError
        A configuration, scan or checkpoint that cannot be used.
    """
    import torch

    from edge.reconstruct.unfold.photograph_said import said_of_photograph
    from models.training.checkpoint import load_network
    from models.training.unfolding.mixing import MixingNetwork
    from models.training.unfolding.network import UnfoldedNetwork
    from models.training.unfolding.trainer import BEST
    from tools.export_unfolded import export
    from tools.onnx_writing import training_of
    from tools.unfold_lessons import lessons_of
    from tools.unfold_scan import scan_to_learn

    if config.threads:
        torch.set_num_threads(config.threads)
    named = plan_of(config)
    task = bar.add_task("preparing inputs", total=None)
    cells, rgb = scan_to_learn(
        Path(config.scan.source),
        factor=config.scan.factor,
        sees=config.scan.sees,
        window=config.scan.window,
        mask=config.scan.mask,
        rate=config.scan.rate,
        seed=config.seed,
    )
    lessons = lessons_of(cells, rgb, named)

    def observe(standing: Standing) -> None:
        text = f"{config.plan}  stage {standing.stage + 1}  held-out error {standing.held_out_rmse:.4f}"
        bar.update(task, completed=standing.step, total=standing.of, description=text)

    ended = build_trainer(config, named, lessons, out, observe).run(resume=resume)
    bar.update(task, description="writing the network")
    network, description = load_network(out / BEST)
    assert isinstance(network, UnfoldedNetwork | MixingNetwork)
    exported = export(
        network,
        out / NETWORK,
        lessons=lessons,
        rgb=rgb,
        recipe=named.recipe,
        training=training_of(out / BEST, description),
        licence=config.licence,
        results={"held_out_rmse": ended.held_out_rmse, "held_out_exposures": ended.held_out},
        photograph=said_of_photograph(lessons.scaled, rgb, named.recipe),
    )
    return ended, exported.manifest


def _run(config_path: Path, out: Path, resume: bool, scan: Path | None) -> str:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    config = load_unfold_config(config_path, scan=scan)
    has_begun = (out / "last.pt").exists()
    if has_begun and not resume:
        raise UsageError(f"{out}: holds a training already: resume it with --resume, or choose another folder")
    if resume and not has_begun:
        raise UsageError(f"{out}: holds no training to go on with: leave --resume out, or give its folder")
    if not resume:
        out.mkdir(parents=True, exist_ok=True)
        (out / CONFIG_COPY).write_text(config_path.read_text("utf-8"), "utf-8")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn()) as bar:
        ended, manifest = train(config, out, resume=resume, bar=bar)
    rms = ", ".join(
        f"{name} {100 * error:.1f} %"
        for name, error in zip(manifest.scan.elements, manifest.calibration.rms, strict=True)
    )
    told = (
        f"{sum(ended.steps)} steps in {ended.seconds:.0f} s; error at {ended.held_out} exposures held out, of each "
        f"element's span: {rms}"
    )
    return "\n".join([told, *manifest.photograph, str(out / NETWORK)])


def main(
    config: Annotated[Path, typer.Argument(help="Configuration, as tools/configs/unfold.yaml.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoints, log and network.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the folder's last checkpoint.")] = False,
    scan: Annotated[Path | None, typer.Option(help="Recording or raster in place of the configuration's.")] = None,
) -> None:
    """Train a network that sharpens one scan."""
    try:
        typer.echo(_run(config, out, resume, scan))
    except EdgeError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except ModelsError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(UsageError.exit_code)
    except OSError as error:
        what = error.strerror or error
        typer.echo(
            f"error: {error.filename or out}: cannot be written ({what}): give another folder by --out", err=True
        )
        sys.exit(UsageError.exit_code)


if __name__ == "__main__":
    typer.run(main)
