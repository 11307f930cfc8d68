"""Masks: seconds from a photograph on the grid to its cells, a network's beside what its arithmetic allows."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.density import cells_for_rate
from models.manifest import read_manifest
from models.masks import MASKS, MaskRequest, make_mask
from models.masks.network import NAME, SHIPPED
from models.network import THREADS, MaskNetwork, open_network
from tools.bench.painted import painted_panel
from tools.bench.table import Row

RATE = 0.1
SHAPE = (680, 580)
SMALLER = {"pixel-exchange": (64, 64)}
"""Masks that would take minutes or more at that size, or refuse it."""
TARGET_S = 0.05
PUBLISHED_S = 0.26
"""Dai et al. (2017) on a graphics processor, at 680 x 580."""
UNTRAINED: dict[str, dict[str, Any]] = {"lean": {}, "netm-printed": {}}
"""Networks of `models.training.networks.NETWORKS` whose speed, which no training changes, is measured."""
NOTES = (
    "Seconds by the clock, the fastest of the repeats; what takes over 5 s runs once. A mask is `make_mask()` whole: "
    "from an 8-bit photograph on the scan grid to the exact count of cells, a network's file read again.",
    f"Networks run on {THREADS} threads. Opening is reading, verifying, building the session and warming up.",
    "The limit is the network's floating-point operations over the rate of onnxruntime's float32 matrix product on one "
    "core, the fastest measured in this run, times the threads. It is the network's alone: binarising comes on top.",
    f"{PUBLISHED_S} s is what the paper states for a graphics processor; the target is for two cores.",
    "Untrained networks have random weights and are there for their speed: their masks mean nothing. They are "
    "exported in this run and need the extra `train`.",
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network's file, and what the table calls it."""

    name: str
    path: Path


def measure(repeats: int) -> list[Row]:
    """The masks without a network, the shipped network, and untrained ones of each form where they can be exported."""
    _, photograph = painted_panel(*SHAPE, 1)
    size = _size(SHAPE)
    rows = []
    for name in MASKS:
        if name != NAME:
            shape = SMALLER.get(name, SHAPE)
            part = photograph[: shape[0], : shape[1]]
            request = MaskRequest(shape, cells_for_rate(RATE, shape[0] * shape[1]), part)
            rows.append(Row(name, _size(shape), fastest_s(partial(make_mask, name, request), repeats), "s"))
    flop_per_s = matrix_product_flop_per_s()
    rows.append(Row("matrix product, one core", "512 and 1024", flop_per_s / 1e9, "GFLOP/s"))
    with tempfile.TemporaryDirectory() as folder:
        for candidate in candidates(Path(folder)):
            rows += rows_of(candidate, photograph, size, flop_per_s, repeats)
    return rows


def _size(shape: tuple[int, int]) -> str:
    return f"{shape[0]} x {shape[1]}, {RATE:.0%}"


def rows_of(
    candidate: Candidate, photograph: NDArray[np.uint8], size: str, flop_per_s: float, repeats: int
) -> list[Row]:
    """Opening, the network alone on one thread and on all, and the whole mask."""
    manifest = read_manifest(candidate.path)
    content = candidate.path.read_bytes()
    cells = SHAPE[0] * SHAPE[1]
    limit_s = manifest.flop_per_cell * cells / flop_per_s
    rgb = photograph.astype(np.float32) / np.float32(255)

    def opened(threads: int = THREADS) -> MaskNetwork:
        network = MaskNetwork(content, manifest, name=candidate.name, threads=threads)
        network.warm_up()
        return network

    rows = [Row(f"{candidate.name}: opening", f"{len(content) / 1e6:.2f} MB", fastest_s(opened, repeats), "s")]
    for threads in (1, THREADS):
        network = opened(threads)
        seconds = fastest_s(partial(network.importance, rgb, RATE), repeats)
        what = f"{candidate.name}: network alone, {threads} thread{'s' if threads > 1 else ''}"
        rows.append(Row(what, size, seconds, "s", limit=limit_s / threads))
    request = MaskRequest(SHAPE, cells_for_rate(RATE, cells), photograph, model=candidate.path)
    open_network(candidate.path)
    seconds = fastest_s(partial(make_mask, NAME, request), repeats)
    rows.append(Row(f"{candidate.name}: mask", size, seconds, "s", PUBLISHED_S, limit_s / THREADS, TARGET_S))
    return rows


def fastest_s(run: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest run, after one that does not count unless it takes over 5 s."""
    seconds: list[float] = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
        if seconds[0] > 5:
            return seconds[0]
    return min(seconds[1:])


def candidates(folder: Path) -> Iterator[Candidate]:
    """The shipped network, if there is one, and what can be exported."""
    if SHIPPED.is_file():
        yield Candidate("shipped", SHIPPED)
    if find_spec("torch") is None or find_spec("onnxscript") is None:
        return
    from models.manifest import Training
    from models.training.networks import build_network
    from tools.export_onnx import export

    for name, options in UNTRAINED.items():
        path = folder / f"{name}.onnx"
        training = Training(
            network=name,
            options=options,
            step=0,
            seed=None,
            configuration_sha256=None,
            checkpoint_sha256="0" * 64,
            commit=None,
            stated={},
        )
        try:
            network = build_network(name, options)
        except ImportError:
            continue
        export(network, path, training=training, rates=(0.02, 0.4))
        yield Candidate(f"{name}, untrained", path)


_PRODUCT = (
    b'\x08\x08:^\n\x11\n\x01a\n\x01b\x12\x01c"\x06MatMul\x12\x04only'
    b"Z\x15\n\x01a\x12\x10\n\x0e\x08\x01\x12\n\n\x03\x12\x01n\n\x03\x12\x01k"
    b"Z\x15\n\x01b\x12\x10\n\x0e\x08\x01\x12\n\n\x03\x12\x01k\n\x03\x12\x01m"
    b"b\x15\n\x01c\x12\x10\n\x0e\x08\x01\x12\n\n\x03\x12\x01n\n\x03\x12\x01m"
    b"B\x04\n\x00\x10\x12"
)
"""An ONNX file whose only node is c = a b: numpy's own product is slower than onnxruntime's on some processors."""


def matrix_product_flop_per_s() -> float:
    """Floating-point operations a second of onnxruntime's matrix product on one thread, the fastest of many."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(_PRODUCT, options, providers=["CPUExecutionProvider"])
    rates = []
    for side, products in ((512, 40), (1024, 20)):
        a = np.random.default_rng(0).random((side, side), np.float32)
        for _ in range(products):
            start = time.perf_counter()
            session.run(None, {"a": a, "b": a})
            rates.append(2 * side**3 / (time.perf_counter() - start))
    return max(rates)
