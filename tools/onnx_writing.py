"""What every exported network needs: its ONNX content, where its weights come from, files written whole."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import subprocess
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn

from models.manifest import Port, Training
from tools.export_checks import ExportRefused

OPSET = 18
NOT_STATED = "not stated: ask whoever trained it before passing it on"


def onnx_bytes(
    network: nn.Module,
    example: tuple[torch.Tensor, ...],
    *,
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    dynamic_shapes: tuple[Any, ...] | None = None,
) -> bytes:
    """A network as the content of an ONNX file.

    Parameters
    ----------
    dynamic_shapes
        As `torch.export` takes them; None where every length is fixed.

    Raises
    ------
    ExportRefused
        The packages are missing, or torch cannot export the network.
    """
    try:
        import_module("onnxscript")
    except ImportError:
        raise ExportRefused("onnx and onnxscript are not installed: pip install -e '.[train]'") from None
    with _quiet(), tempfile.TemporaryDirectory() as folder:
        try:
            program = torch.onnx.export(
                network,
                example,
                dynamo=True,
                opset_version=OPSET,
                input_names=[port.name for port in inputs],
                output_names=[port.name for port in outputs],
                dynamic_shapes=dynamic_shapes,
                external_data=False,
                verbose=False,
            )
        except Exception as error:  # the exporter's exceptions have no common root but this one
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise ExportRefused(f"torch cannot export the network ({first}): train one of another form") from None
        if program is None:
            raise ExportRefused("torch exported nothing: train a network of another form")
        path = Path(folder) / "network.onnx"
        program.save(path, external_data=False)
        return path.read_bytes()


def training_of(checkpoint: Path, description: Any) -> Training:
    """What a checkpoint's description states, as the manifest holds it; nothing is filled in that nobody stated.

    Raises
    ------
    ExportRefused
        It states what JSON cannot hold.
    """
    stated = plain(description.training)
    configuration, seed = stated.get("configuration"), stated_under(stated, "configuration", "schedule", "seed")
    canonical = json.dumps(configuration, sort_keys=True, separators=(",", ":"))
    return Training(
        network=description.network,
        options=plain(description.options),
        step=description.step,
        seed=seed if isinstance(seed, int) else None,
        configuration_sha256=None if configuration is None else hashlib.sha256(canonical.encode()).hexdigest(),
        checkpoint_sha256=hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
        commit=_commit(),
        stated=stated,
    )


def results_from(path: Path | None, training: Training) -> dict[str, Any]:
    """Measured quality from a file, or the training's own best figure."""
    if path is None:
        return {key: training.stated[key] for key in ("best_psnr_db",) if key in training.stated}
    try:
        results = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ExportRefused(f"{path}: not JSON ({error}): give a file of results") from None
    stated = plain(results)
    return stated if isinstance(stated, dict) else {"results": stated}


def stated_under(stated: Any, *keys: str) -> Any:
    """What stands under nested keys; None where one is missing."""
    for key in keys:
        stated = stated.get(key) if isinstance(stated, Mapping) else None
    return stated


def plain(value: Any) -> Any:
    """A copy that JSON can hold: a figure that is not finite, such as the best of no validation, is None."""
    match value:
        case float() if not math.isfinite(value):
            return None
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            return {str(key): plain(one) for key, one in value.items()}
        case list() | tuple():
            return [plain(one) for one in value]
    raise ExportRefused(f"the checkpoint or the results state a {type(value).__name__}: a manifest holds plain values")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    partial.replace(path)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks on packages that nobody needs here."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _commit() -> str | None:
    """The checkout's commit; None outside of one."""
    try:
        run = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return run.stdout.strip() or None
