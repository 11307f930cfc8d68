"""Is an exported mask network what it was in training, and what does it cost: parity, reach, arithmetic, memory."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.faults import ModelsError
from models.manifest import Parity
from models.network import MaskNetwork

TOLERANCE = 1e-3
"""Largest difference between torch and onnxruntime, as `relative_difference` has it."""
_SHAPES = ((16, 16), (64, 64), (80, 176), (203, 37))
_FLOP_CELLS = 128
_MEMORY_CELLS = (128, 512)


class ExportRefused(ModelsError):
    """A network that cannot be exported, or would not be at run time what it was in training."""


def parity_of(network: nn.Module, runtime: MaskNetwork, alignment: int, rates: tuple[float, float]) -> Parity:
    """onnxruntime against torch over sizes and rates, and tiles against the whole image."""
    largest, cases = 0.0, 0
    for seed, (rows, columns) in enumerate(_SHAPES):
        rgb = example_image(aligned(rows, alignment), aligned(columns, alignment), seed)
        for rate in (rates[0], float(np.sqrt(rates[0] * rates[1])), rates[1]):
            with torch.inference_mode():
                wanted = network(rgb, torch.tensor([rate]))[0, 0].numpy()
            found = runtime.importance(np.ascontiguousarray(rgb[0].permute(1, 2, 0).numpy()), rate)
            largest = max(largest, relative_difference(found, wanted))
            cases += 1
    if runtime.manifest.reach_cells is not None:
        side = aligned(2 * runtime.manifest.reach_cells + 64, alignment)
        rgb_last = np.random.default_rng(9).random((side + 3 * alignment, 2 * side, 3), np.float32)
        whole = runtime.importance(rgb_last, rates[0], tile_cells=10 * side)
        largest = max(largest, relative_difference(runtime.importance(rgb_last, rates[0], tile_cells=side), whole))
        cases += 1
    if not largest <= TOLERANCE:
        raise ExportRefused(
            f"onnxruntime differs from torch by {largest:.2g} of an importance or of the mean, "
            f"more than {TOLERANCE:g}: report it with the checkpoint; nothing was written"
        )
    return Parity(largest_difference=largest, cases=cases)


def relative_difference(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    """Largest difference between two importances, as a fraction of the second one or of its mean, whichever is larger.

    Both round in proportion to an importance; what is small beside the mean moves no sample.
    """
    return float((np.abs(found - wanted) / np.maximum(wanted, wanted.mean())).max())


def require_reach(network: nn.Module, alignment: int, reach: int, rates: tuple[float, float]) -> None:
    """Whether one cell that is not a number spoils none beyond the stated reach: it spreads through every path.

    The first and the last cell of an aligned block are tried: of the block's cells, they are heard furthest away.
    """
    side = aligned(2 * reach + 8 * alignment, alignment)
    first = side // 2 // alignment * alignment
    furthest = -1
    for cell in {first, first + alignment - 1}:
        rgb = example_image(side, side, 1)
        rgb[:, :, cell, cell] = float("nan")
        with torch.inference_mode():
            spoilt = np.argwhere(~np.isfinite(network(rgb, torch.tensor([rates[0]]))[0, 0].numpy()))
        furthest = max(furthest, int(np.abs(spoilt - cell).max(initial=-1)))
    if furthest < 0:
        raise ExportRefused("the network hides what is not a number, so its reach cannot be checked: do not state it")
    if furthest > reach:
        raise ExportRefused(
            f"the network states a reach of {reach} cells and a cell {furthest} away has influence: mend its reach"
        )


def flop_per_cell(network: nn.Module, alignment: int, rates: tuple[float, float]) -> float:
    from torch.utils.flop_counter import FlopCounterMode

    side = aligned(_FLOP_CELLS, alignment)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(example_image(side, side, 2), torch.tensor([rates[0]]))
    return float(counter.get_total_flops()) / side**2


_MEASURE = """
import sys
import numpy as np, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
for side in map(int, sys.argv[2:]):
    session.run(None, {"rgb": np.zeros((1, 3, side, side), np.float32), "rate": np.array([0.1], np.float32)})
    print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def bytes_per_cell(content: bytes) -> float:
    """Growth of a fresh process's largest memory from a small image to a larger one, per cell."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        path.write_bytes(content)
        sides = [str(side) for side in _MEMORY_CELLS]
        run = subprocess.run(
            [sys.executable, "-c", _MEASURE, str(path), *sides], capture_output=True, text=True, check=True
        )
    small_kb, large_kb = map(int, run.stdout.split())
    return (large_kb - small_kb) * 1024 / (_MEMORY_CELLS[1] ** 2 - _MEMORY_CELLS[0] ** 2)


def example_image(rows: int, columns: int, seed: int) -> torch.Tensor:
    """Noise over soft stripes, so that neither flat nor busy places are missed."""
    random = np.random.default_rng(seed)
    stripes = 0.5 + 0.4 * np.sin(np.arange(columns) / 7 + np.arange(3)[:, None, None])
    noise = random.random((3, rows, columns))
    return torch.from_numpy((0.7 * stripes + 0.3 * noise).clip(0, 1).astype(np.float32))[None]


def aligned(length: int, alignment: int) -> int:
    return -(-length // alignment) * alignment
