"""How the preview draws: maps that follow the exposures where the method can, all of them again where it cannot."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.maps import ElementMaps, Samples
from edge.reconstruct.choice import AUTOMATIC
from edge.reconstruct.progressive import ProgressiveMaps
from edge.results import Planned, maps_of
from edge.spectra.model import SpectrumModel
from edge.strokes import is_long

_DRAWING_S = 0.2
"""Part of a period that goes into drawing; what is left over comes with the next preview."""
Seconds = NDArray[np.float64]


class Drawing(Protocol):
    """Maps that are added to."""

    def add(self, samples: Samples, live_s: Seconds) -> None:
        """Take in exposures, with the live time of each, shape (n,)."""
        ...

    def drawn(self) -> tuple[ElementMaps, bool]:
        """The maps, and whether they know all exposures."""
        ...

    def close(self) -> None:
        """Let go of what is held."""
        ...


def drawing_of(model: SpectrumModel, planned: Planned) -> Drawing:
    """Maps that follow the exposures, or those of a method that knows no updates.

    A raster of few photons shows kriging while it grows: until its end it is not one. What was flown over is estimated
    together, and so are means over several cells; that knows no updates.
    """
    method, plan = planned.config.reconstruct.method, planned.plan
    follows = method == "kriging" or (method == AUTOMATIC and plan.way is None)
    follows = follows and not is_long(plan.table[:, :2], plan.table[:, 2:4], plan.grid).any()
    return Followed(model, planned) if follows else Anew(model, planned)


class Anew:
    """All maps again, each time."""

    def __init__(self, model: SpectrumModel, planned: Planned) -> None:
        self._model, self._planned = model, planned
        self._samples: list[Samples] = []
        self._live_s: list[Seconds] = []

    def add(self, samples: Samples, live_s: Seconds) -> None:
        """Take in exposures; those of one cell count by their live time, as in the final maps."""
        self._samples.append(samples)
        self._live_s.append(live_s)

    def drawn(self) -> tuple[ElementMaps, bool]:
        """The maps of all exposures."""
        return maps_of(
            Samples.joined(self._samples), self._model, self._planned, live_s=np.concatenate(self._live_s)
        ), True

    def close(self) -> None:
        """Nothing is held."""


class Followed:
    """Maps that follow the exposures, all of one dwell."""

    def __init__(self, model: SpectrumModel, planned: Planned) -> None:
        self._maps = ProgressiveMaps(planned.plan.grid.shape, model.elements, planned.sighting.rgb)

    def add(self, samples: Samples, live_s: Seconds) -> None:
        """Take in exposures."""
        self._maps.add(samples)

    def drawn(self) -> tuple[ElementMaps, bool]:
        """The maps as far as they could be drawn in `_DRAWING_S`, and whether that is all."""
        freshness = self._maps.refresh(_DRAWING_S)
        return self._maps.current(), freshness.is_current

    def close(self) -> None:
        """End the threads."""
        self._maps.close()
