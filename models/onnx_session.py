"""Opening a network's file: is it the one that its manifest means, and does it take and give what it should?"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

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


class Stated(Protocol):
    """What every manifest says of its network's file."""

    @property
    def sha256(self) -> str: ...
    @property
    def opset(self) -> int: ...
    @property
    def inputs(self) -> list[Port]: ...
    @property
    def outputs(self) -> list[Port]: ...


def open_session(content: bytes, stated: Stated, kind: NetworkKind, *, name: str, threads: int) -> Any:
    """An onnxruntime session on the processor, on so many threads; `name` is what complaints call the file.

    Raises
    ------
    UnusableModel
        The content is not what its manifest states, or onnxruntime cannot load it.
    """
    _require_agreement(content, stated, kind, name)
    session = _session(content, kind, name, threads)
    _require_ports(session.get_inputs(), stated.inputs, kind, name)
    _require_ports(session.get_outputs(), stated.outputs, kind, name)
    return session


def answer(session: Any, given: Mapping[str, NDArray[np.float32]], kind: NetworkKind, *, name: str) -> Any:
    """What a network of one output makes of its inputs.

    Raises
    ------
    UnusableModel
        It fails.
    """
    try:
        (found,) = session.run(None, given)
    except Exception as error:  # onnxruntime's exceptions have no common root but this one
        raise UnusableModel(
            f"{name}: the network fails ({first_line(error)}): export it again with {kind.exporter}"
        ) from None
    return found


def _require_agreement(content: bytes, stated: Stated, kind: NetworkKind, name: str) -> None:
    digest = hashlib.sha256(content).hexdigest()
    if digest != stated.sha256:
        raise UnusableModel(
            f"{name}: its SHA-256 is {digest[:12]}... and its manifest says {stated.sha256[:12]}...: "
            "the file was changed or damaged; take network and manifest from one place again"
        )
    found = opset_of(content, name)
    if found != stated.opset:
        raise UnusableModel(
            f"{name}: written for opset {found} and its manifest says {stated.opset}: "
            f"export it again with {kind.exporter}"
        )


def _session(content: bytes, kind: NetworkKind, name: str, threads: int) -> Any:
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


def _require_ports(found: Any, wanted: Sequence[Port], kind: NetworkKind, name: str) -> None:
    """The session's own word on inputs or outputs must be the contract's."""
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
