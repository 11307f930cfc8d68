"""Which software makes the results: the source that they can depend on, and the libraries that decide a figure."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

_ROOMS = ("calibration", "edge", "firmware_bridge", "models")
_FIRST = "edge.reprocess.recipe"
"""It names every function that a task can be."""
_TABLES = (".csv", ".css")
"""What modules read that lies beside them: line energies, the page's looks."""
_LIBRARIES = ("numpy", "scipy", "numba", "opencv-python", "h5py")


@cache
def software_digest() -> str:
    """SHA-256 over the source that results can depend on and the versions of its libraries, hexadecimal.

    A version number alone would call two states of a checkout the same. What no task imports, commands, exports and
    what drives instruments among it, makes no archive out of date.
    """
    digest = hashlib.sha256()
    root = Path(__file__).resolve().parents[2]
    for path in source_of(_FIRST, root):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    for name in _LIBRARIES:
        digest.update(f"{name} {version(name)}\n".encode())
    return digest.hexdigest()


def source_of(module: str, root: Path) -> list[Path]:
    """Files of a module, of everything of ours that it imports, in functions too, and tables beside them; sorted."""
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = None if name in found or name.partition(".")[0] not in _ROOMS else _file_of(name, root)
        if path is None:
            continue
        found[name] = path
        waiting += [name.rpartition(".")[0], *_imported(path)]
    tables = {each for path in found.values() for each in path.parent.iterdir() if each.suffix in _TABLES}
    return sorted({*found.values(), *tables})


def _file_of(name: str, root: Path) -> Path | None:
    """Of a module or package; None for what only stands in one."""
    path = root.joinpath(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _imported(path: Path) -> Iterator[str]:
    """Names that a file imports, whether of modules or of what stands in them."""
    for node in _statements(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)


def _statements(block: ast.AST) -> Iterator[ast.AST]:
    """Every statement of a block and of the blocks within; expressions, most of a file, import nothing."""
    for part in ("body", "handlers", "orelse", "finalbody", "cases"):
        for statement in getattr(block, part, ()):
            yield statement
            yield from _statements(statement)
