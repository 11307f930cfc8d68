"""A bound on what reading a file may take, kept by the operating system.

Libraries ask for what a file says that it needs: of HDF5, a text of a few letters may declare four gigabytes, in a
place that nothing but HDF5 can look at. Linux keeps such bounds; elsewhere there is none.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def at_most(more: int) -> Iterator[None]:
    """Whatever asks for more bytes than that beyond what the process has, gets none; `allow` moves the bound meanwhile.

    For what one thread does while no other one works.
    """
    before = resource.getrlimit(resource.RLIMIT_AS)
    allow(more)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def allow(more: int) -> None:
    """The same, from now on, or to the end of `at_most`."""
    if sys.platform != "linux":
        return
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    wanted, hard = pages * resource.getpagesize() + more, resource.getrlimit(resource.RLIMIT_AS)[1]
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
