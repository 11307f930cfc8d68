"""Maps as they grow, left in a recording's folder: in parts for the page, at leisure as a picture and as a file."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from edge.maps import ElementMaps
    from edge.preview.shown_file import ShownWriter


class LiveFiles:
    """The files of one preview.

    Parameters
    ----------
    live
        Their folder.
    mask
        Cells that the plan visits, shape (rows, columns).
    rest
        Times what writing picture and file took, for which these are left as they are.
    """

    def __init__(self, live: Path, mask: NDArray[np.bool_], *, rest: float) -> None:
        self._live, self._mask, self._rest = live, mask, rest
        self._page: ShownWriter | None = None
        self._generation = 0
        self._waiting: tuple[ElementMaps, int] | None = None
        self._due_s = -math.inf

    def show(self, maps: ElementMaps, exposures: int, generation: int) -> None:
        """Leave maps of so many exposures, of one generation of the model; picture and file once they have rested.

        Raises
        ------
        OSError, UsageError
            The disk has no room.
        """
        self._show_on_page(maps, generation)
        self._waiting = maps, exposures
        self.file_late()

    def file_late(self) -> bool:
        """Write picture and file, where they are behind and have rested; whether that was done."""
        from edge.record.maps_file import write_maps
        from edge.report.figures import montage_png
        from edge.results import MAPS_UNIT

        began = time.monotonic()
        if self._waiting is None or began < self._due_s:
            return False
        (maps, exposures), live = self._waiting, self._live
        live.mkdir(exist_ok=True)
        replaced(live / "maps.png", montage_png(maps.maps, maps.elements, unit=MAPS_UNIT))
        attributes: dict[str, str | float] = {"unit": MAPS_UNIT, "exposures": exposures}
        write_maps(live / "maps.h5", maps, mask=self._mask, attributes=attributes)
        ended = time.monotonic()
        self._waiting, self._due_s = None, ended + self._rest * (ended - began)
        return True

    def close(self) -> None:
        """Let go of them."""
        if self._page is not None:
            self._page.close()
            self._page = None

    def _show_on_page(self, maps: ElementMaps, generation: int) -> None:
        from edge.preview.shown_file import ShownWriter
        from edge.results import MAPS_UNIT

        if self._page is None or generation != self._generation:
            self.close()
            rows, columns = maps.measured.shape
            self._page = ShownWriter(
                self._live, generation=generation, elements=maps.elements, shape=(rows, columns), unit=MAPS_UNIT
            )
            self._generation = generation
        self._page.show(maps)


def replaced(path: Path, content: bytes) -> None:
    """Whoever looks finds the old content or the new one, never half of one."""
    unfinished = path.with_suffix(".part")
    unfinished.write_bytes(content)
    unfinished.replace(path)
