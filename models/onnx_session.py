"""Opening a network's file: is it the one that its manifest means, and does it take and give what it should?"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.faults import MissingModel, UnusableModel
from models.manifest import Port
from models.onnx_file import opset_of


@dataclass(frozen=True, slots=True)
class NetworkKind:
    """What complaints call a network, and what to do about it."""

    noun: str
    article: str
    exporter: str
    """The tool that writes such files."""
    instead: str
    """What to choose where none can be had."""


def file_content(path: Path, kind: NetworkKind, *, most_bytes: int) -> bytes:
    """A network's file whole.

    Raises
    ------
    MissingModel
        Not there, or cannot be read.
    UnusableModel
        Larger than any network of this kind.
    """
    try:
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
    except FileNotFoundError:
        raise MissingModel(f"{path}: there is no {kind.noun}: give the path of one, or {kind.instead}") from None
    except OSError as error:
        raise MissingModel(f"{path}: cannot be read ({error.strerror}): give the path of a network's file") from None
    if len(content) > most_bytes:
        raise UnusableModel(f"{path}: larger than any {kind.noun} ({most_bytes} bytes): give the right file")
    return content


def require_agreement(content: bytes, kind: NetworkKind, *, name: str, sha256: str, opset: int) -> None:
    """The content must have the digest and the operator set that its manifest states; `name` is its file's.

    Raises
    ------
    UnusableModel
        It has not, or is no ONNX model.
    """
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise UnusableModel(
            f"{name}: its SHA-256 is {digest[:12]}... and its manifest says {sha256[:12]}...: "
            "the file was changed or damaged; take network and manifest from one place again"
        )
    found = opset_of(content, name)
    if found != opset:
        raise UnusableModel(
            f"{name}: written for opset {found} and its manifest says {opset}: export it again with {kind.exporter}"
        )


def open_session(content: bytes, kind: NetworkKind, *, name: str, threads: int) -> Any:
    """An onnxruntime session on the processor, with a stated number of threads.

    Raises
    ------
    UnusableModel
        onnxruntime cannot load it.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # threads that wait by spinning take the cores from whatever else runs: 1.7 times as slow on a busy machine
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no common root but this one
        raise UnusableModel(
            f"{name}: onnxruntime cannot load it ({first_line(error)}): export it again with {kind.exporter}"
        ) from None


def require_ports(found: Any, wanted: Sequence[Port], kind: NetworkKind, *, name: str) -> None:
    """The session's own word on inputs or outputs must be the contract's.

    Raises
    ------
    UnusableModel
        It is another.
    """
    stated = {port.name: port for port in found}
    fits = stated.keys() == {port.name for port in wanted} and all(
        stated[port.name].type == "tensor(float)" and _fits(stated[port.name].shape, port.shape) for port in wanted
    )
    if not fits:
        has = ", ".join(f"{port.name} {port.type} {port.shape}" for port in found)
        needs = ", ".join(f"{port.name} tensor(float) {port.shape}" for port in wanted)
        raise UnusableModel(
            f"{name}: takes or gives {has or 'nothing'} where {kind.article} {kind.noun} has {needs}: "
            f"give a network that {kind.exporter} wrote"
        )


def first_line(error: Exception) -> str:
    """What an exception says, short enough for a sentence."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _fits(shape: list[int | str | None], wanted: list[int | str]) -> bool:
    return len(shape) == len(wanted) and all(
        length == want if isinstance(want, int) else not isinstance(length, int)
        for length, want in zip(shape, wanted, strict=True)
    )
