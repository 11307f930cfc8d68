"""Compilation of the inner loops, with the machine code kept on disk where a folder is writable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numba

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_OPTIONS: dict[str, Any] = {"fastmath": True, "nogil": True, "error_model": "numpy", "forceinline": True}
"""numpy's error model: a check for division by zero in a loop would keep it from vector instructions. A loop that
another one calls becomes part of it: called by its name it may be another copy, which adds up in another order, in a
process that compiles than in one that finds machine code on the disk."""


def compiled(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Compile a loop over arrays; it runs without Python's lock, so the link's thread goes on beside it.

    Machine code is cached beside the source, or in the user's cache folder where the installation is read-only.
    Where neither can be written, each program start compiles anew.
    """
    try:
        loop: Any = numba.njit(function, cache=True, **_OPTIONS)
    except RuntimeError:
        loop = numba.njit(function, **_OPTIONS)
    return loop  # type: ignore[no-any-return]
