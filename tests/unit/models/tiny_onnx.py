"""Tiny ONNX files and their manifests, written byte by byte: no exporter is needed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.manifest import INPUTS, OUTPUTS, Manifest, Parity, Training, manifest_path, manifest_text

FLOAT, INT64 = 1, 7
Axis = int | str
KERNEL = np.random.default_rng(3).normal(size=(1, 3, 3, 3)).astype(np.float32)
IMAGE = ("rgb", FLOAT, (1, 3, "rows", "columns"))
RATE = ("rate", FLOAT, (1,))
IMPORTANCE = ("importance", FLOAT, (1, 1, "rows", "columns"))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _message(field: int, content: bytes | str) -> bytes:
    content = content.encode() if isinstance(content, str) else content
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _tensor(name: str, values: NDArray[Any]) -> bytes:
    kind = FLOAT if values.dtype == np.float32 else INT64
    dims = b"".join(_number(1, length) for length in values.shape)
    return dims + _number(2, kind) + _message(8, name) + _message(9, values.tobytes())


def _port(name: str, kind: int, shape: Sequence[Axis]) -> bytes:
    axes = b"".join(_message(1, _number(1, a) if isinstance(a, int) else _message(2, a)) for a in shape)
    return _message(1, name) + _message(2, _message(1, _number(1, kind) + _message(2, axes)))


def node(operator: str, inputs: Sequence[str], output: str, **attributes: int | Sequence[int]) -> bytes:
    """One node with integer attributes."""
    content = b"".join(_message(1, name) for name in inputs) + _message(2, output) + _message(4, operator)
    for name, value in attributes.items():
        if isinstance(value, int):
            stated = _number(3, value) + _number(20, 2)
        else:
            stated = b"".join(_number(8, one) for one in value) + _number(20, 7)
        content += _message(5, _message(1, name) + stated)
    return _message(1, content)


def onnx_model(
    nodes: Sequence[bytes],
    constants: dict[str, NDArray[Any]],
    *,
    inputs: Sequence[tuple[str, int, Sequence[Axis]]] = (IMAGE, RATE),
    outputs: Sequence[tuple[str, int, Sequence[Axis]]] = (IMPORTANCE,),
    opset: int = 18,
) -> bytes:
    """A whole model file."""
    graph = b"".join(nodes) + _message(2, "tiny")
    graph += b"".join(_message(5, _tensor(name, values)) for name, values in constants.items())
    graph += b"".join(_message(11, _port(*port)) for port in inputs)
    graph += b"".join(_message(12, _port(*port)) for port in outputs)
    return _number(1, 8) + _message(7, graph) + _message(8, _message(1, "") + _number(2, opset))


def edges_network(*, opset: int = 18, last: str = "Abs", **ports: Any) -> bytes:
    """One 3 x 3 convolution, `last`, and the rate as a factor: a reach of one cell."""
    nodes = [
        node("Conv", ["rgb", "kernel"], "edges", kernel_shape=(3, 3), pads=(1, 1, 1, 1)),
        node(last, ["edges"], "strength"),
        node("Mul", ["strength", "rate"], "importance"),
    ]
    return onnx_model(nodes, {"kernel": KERNEL}, opset=opset, **ports)


def blocks_network(side: int = 8) -> bytes:
    """Mean of squares over blocks of `side` cells, spread over them again: takes multiples of `side` alone."""
    nodes = [
        node("Mul", ["rgb", "rgb"], "squares"),
        node("Conv", ["squares", "ones"], "blocks", kernel_shape=(side, side), strides=(side, side)),
        node("DepthToSpace", ["blocks"], "spread", blocksize=side),
        node("Mul", ["spread", "rate"], "importance"),
    ]
    return onnx_model(nodes, {"ones": np.full((side * side, 3, side, side), 1 / (3 * side**2), np.float32)})


def whole_image_network() -> bytes:
    """The first channel over its mean: every cell influences every importance."""
    nodes = [
        node("Conv", ["rgb", "first"], "red", kernel_shape=(1, 1)),
        node("GlobalAveragePool", ["red"], "mean"),
        node("Div", ["red", "mean"], "relative"),
        node("Mul", ["relative", "rate"], "importance"),
    ]
    return onnx_model(nodes, {"first": np.array([1, 0, 0], np.float32).reshape(1, 3, 1, 1)})


def manifest_of(content: bytes, **changes: Any) -> Manifest:
    """A manifest that fits, with changes."""
    fitting: dict[str, Any] = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "opset": 18,
        "inputs": INPUTS,
        "outputs": OUTPUTS,
        "alignment": 1,
        "reach_cells": 1,
        "rates": [0.02, 0.5],
        "floor": 0.1,
        "flop_per_cell": 56.0,
        "bytes_per_cell": 24.0,
        "precision": "float32",
        "parity": Parity(largest_difference=0.0, cases=1),
        "training": Training(
            network="tiny",
            options={},
            step=0,
            seed=None,
            configuration_sha256=None,
            checkpoint_sha256="0" * 64,
            commit=None,
            stated={},
        ),
        "licence": "none: made by a test",
        "results": {},
    }
    return Manifest.model_validate({**fitting, **changes})


def write_network(folder: Path, content: bytes | None = None, **changes: Any) -> Path:
    """Network and manifest in a folder."""
    content = edges_network() if content is None else content
    path = folder / "tiny.onnx"
    path.write_bytes(content)
    manifest_path(path).write_text(manifest_text(manifest_of(content, **changes)), encoding="utf-8")
    return path
