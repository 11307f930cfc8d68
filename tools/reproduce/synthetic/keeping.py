"""Outcomes kept from one run to the next, each by the code, scene and options that it came from."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path

import numpy as np

from tools.reproduce.code_version import code_version
from tools.reproduce.faults import ReproductionError
from tools.reproduce.synthetic.scene import Scene
from tools.reproduce.synthetic.ways import Outcome, Request, outcome


def outcome_of(name: str, seen: Scene, request: Request, folder: Path) -> Outcome:
    """A row, from the folder where it was kept, else measured and kept there.

    Raises
    ------
    ReproductionError
        The folder cannot be written.
    """
    path = place(name, seen, request, folder)
    if path.is_file():
        with np.load(path) as kept:
            return Outcome(**{key: value.item() if value.ndim == 0 else value for key, value in kept.items()})
    found = outcome(name, seen, request)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, allow_pickle=False, **asdict(found))
    except OSError as error:
        raise ReproductionError(f"{path.parent}: cannot be written ({error.strerror}): give another --cache") from None
    return found


def place(name: str, seen: Scene, request: Request, folder: Path) -> Path:
    """The file of a row."""
    told = f"{name} {request} {seen.cells.shape} {len(seen.cells)} {seen.cells.elements} {code_version(outcome)}"
    return folder / "ssr-synthetic" / f"{name}-{hashlib.sha256(told.encode()).hexdigest()[:12]}.npz"
