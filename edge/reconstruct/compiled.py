"""Compilation of the inner loops, with the machine code kept on disk where a folder is writable."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def compiled(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Compile a loop over arrays; it runs without Python's lock, so the link's thread goes on beside it.

    Machine code is cached beside the source, or in the user's cache folder where the installation is read-only.
    Where neither can be written, each program start compiles anew.
    """
    try:
        loop: Callable[Arguments, Result] = numba.njit(function, cache=True, fastmath=True, nogil=True)
    except RuntimeError:
        loop = numba.njit(function, fastmath=True, nogil=True)
    return loop
