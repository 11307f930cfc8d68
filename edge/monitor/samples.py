"""What the elements are at each exposure, as the preview fits them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge.monitor.wire import Floats


class Samples:
    """Values by exposure, in the order of recording; none as yet."""

    def __init__(self, live: Path) -> None:
        self._live = live
        self.count = 0
        """Exposures whose values are known: the first so many."""

    def refresh(self) -> bool:
        """Take in what was fitted meanwhile; whether anything was."""
        return False

    def values(self, first: int, last: int, elements: Sequence[int]) -> Floats:
        """Of some exposures, shape (last - first, elements); NaN where nothing is known yet."""
        return np.full((last - first, len(elements)), np.nan, np.float32)
