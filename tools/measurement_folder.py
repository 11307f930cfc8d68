"""Where measurements and photographs by others lie that the repository does not contain."""

from __future__ import annotations

import os
from pathlib import Path


def measurement_folder() -> Path:
    """The folder that POINTILLIST_DATA names; without it, ``shared/data`` beside the checkout."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("POINTILLIST_DATA", beside))
