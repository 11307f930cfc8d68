"""Which code a result came from: a digest over everything of the project that a function reaches."""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
LIBRARIES = ("numpy", "scipy", "numba", "opencv-python", "onnxruntime")
"""Their versions are part of every digest."""


def code_version(function: Callable[..., Any]) -> str:
    """12 hexadecimal digits that change with the function's module, or any module of the project that it imports.

    Comments, docstrings, layout and imports for type checkers do not count. Of a function in a package's
    ``__init__.py``, which imports much that has nothing to do with it, its own body counts.
    """
    while isinstance(function, partial):
        function = function.func
    module = sys.modules[function.__module__]
    if Path(str(module.__file__)).name == "__init__.py":
        start = _stripped(ast.parse(textwrap.dedent(inspect.getsource(function))))
    else:
        start = _tree(module.__name__)
    texts = {function.__qualname__: ast.dump(start)}
    waiting = list(_imported(start))
    while waiting:
        name = waiting.pop()
        if name not in texts:
            tree = _tree(name)
            texts[name] = ast.dump(tree)
            waiting += _imported(tree)
    whole = "\n".join([*(f"{name} {texts[name]}" for name in sorted(texts)), sys.version.split()[0], *_libraries()])
    return hashlib.sha256(whole.encode()).hexdigest()[:12]


def bodies_version(*functions: Callable[..., Any]) -> str:
    """8 hexadecimal digits that change with the bodies of these functions alone: what calls the code of a version."""
    trees = [_stripped(ast.parse(textwrap.dedent(inspect.getsource(function)))) for function in functions]
    return hashlib.sha256("\n".join(map(ast.dump, trees)).encode()).hexdigest()[:8]


def _libraries() -> list[str]:
    return [f"{name} {version(name)}" for name in LIBRARIES]


@cache
def _file(name: str) -> Path | None:
    """The file of a module of the project; None for anybody else's."""
    place = CHECKOUT.joinpath(*name.split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


@cache
def _tree(name: str) -> ast.Module:
    file = _file(name)
    if file is None:
        file = Path(str(sys.modules[name].__file__))
    return _stripped(ast.parse(file.read_text("utf-8")))


class _WithoutWords(ast.NodeTransformer):
    """Leaves out docstrings, and what only type checkers import."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else node

    def visit_If(self, node: ast.If) -> ast.AST | None:
        for_checkers = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        return None if for_checkers else self.generic_visit(node)


def _stripped(tree: ast.Module) -> ast.Module:
    stripped = _WithoutWords().visit(tree)
    assert isinstance(stripped, ast.Module)
    return stripped


def _imported(tree: ast.Module) -> Iterator[str]:
    """Modules of the project that a tree names in imports, wherever in it they stand."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                candidates = [alias.name for alias in names]
            case ast.ImportFrom(module=str(module), names=names):
                inside = [f"{module}.{alias.name}" for alias in names]
                found = [name for name in inside if _file(name)]
                candidates = found if len(found) == len(inside) else [*found, module]
            case _:
                continue
        yield from (name for name in candidates if _file(name))
