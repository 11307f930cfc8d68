"""What a power loss may leave of a folder, told from what a program asked of the kernel (``power_loss.c``).

Synced bytes are there; of the rest, each 512-byte sector and each folder entry by chance.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HEAD = struct.Struct("=qqqq")
SECTOR = 512


@dataclass
class Operation:
    """One thing that a program asked of the kernel."""

    kind: str
    path: str
    offset: int
    content: bytes


@dataclass
class Medium:
    """What certainly lies on the medium, and what may."""

    synced: dict[int, bytearray] = field(default_factory=dict)
    """Content by file: a number that a file keeps when it is renamed."""
    pending: dict[int, list[Operation]] = field(default_factory=dict)
    entries: dict[str, int] = field(default_factory=dict)
    """What the folder names for certain."""
    named: dict[str, int] = field(default_factory=dict)
    """What the folder names as the running system sees it."""
    durable: list[int] = field(default_factory=list)
    """Indices that the writer has reported."""

    def apply(self, operation: Operation, root: str) -> None:
        path = operation.path
        match operation.kind:
            case "A":
                self.durable += [int(line) for line in operation.content.split()]
            case "W" | "T":
                file = self.named.setdefault(path, len(self.synced))
                self.synced.setdefault(file, bytearray())
                self.pending.setdefault(file, []).append(operation)
            case "S" if path == root:
                self.entries = dict(self.named)
            case "S" if path in self.named:
                file = self.named[path]
                for earlier in self.pending.pop(file, []):
                    _write(self.synced[file], earlier)
            case "U":
                self.named.pop(path, None)
            case "R" if path in self.named:
                self.named[operation.content.decode()] = self.named.pop(path)

    def after_power_loss(self, chance: random.Random) -> dict[str, bytes]:
        """The folder as it may be found, by path."""
        names = dict(self.entries)
        for path in sorted({*self.named, *self.entries}):
            if self.named.get(path) != self.entries.get(path) and chance.random() < 0.5:
                names.pop(path, None)
                if path in self.named:
                    names[path] = self.named[path]
        found = {}
        for path, file in names.items():
            content = bytearray(self.synced[file])
            for operation in self.pending.get(file, []):
                for part in _sectors(operation):
                    if chance.random() < 0.5:
                        _write(content, part)
            found[path] = bytes(content)
        return found


def operations_in(log: bytes) -> list[Operation]:
    """What the shim noted; the index of a log, which is made anew, left out."""
    operations = []
    at = 0
    while at < len(log):
        kind, path_length, offset, count = HEAD.unpack_from(log, at)
        at += HEAD.size
        path, content = log[at : at + path_length], log[at + path_length : at + path_length + count]
        at += path_length + count
        operations.append(Operation(chr(kind), path.decode(), offset, content))
    return [operation for operation in operations if not operation.path.endswith("-shm")]


def put(found: dict[str, bytes], folder: Path) -> None:
    """Make a folder hold what was found, and nothing else of its files."""
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        if path.is_file():
            path.unlink()
    for name, content in found.items():
        (folder / Path(name).name).write_bytes(content)


def _write(content: bytearray, operation: Operation) -> None:
    if operation.kind == "T":
        del content[operation.offset :]
    end = operation.offset + len(operation.content)
    content.extend(bytes(max(0, end - len(content))))
    content[operation.offset : end] = operation.content


def _sectors(operation: Operation) -> Iterator[Operation]:
    if operation.kind == "T":
        yield operation
    end = operation.offset + len(operation.content)
    offset = operation.offset
    while offset < end:
        behind = min(end, (offset // SECTOR + 1) * SECTOR)
        content = operation.content[offset - operation.offset : behind - operation.offset]
        yield Operation("W", operation.path, offset, content)
        offset = behind
