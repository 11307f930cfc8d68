"""What a run has still to submit, in travel order, and how far the open beam may go on with it."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable, Sequence

from edge.planning.passage import Passage
from firmware_bridge.messages import Exposure


class Itinerary:
    """Exposures on their way to the controller.

    Parameters
    ----------
    exposures
        In travel order; the stage is brought to the first of them before the shutter opens.
    passage
        Says before which exposures the shutter has to be closed; None: before none.
    """

    def __init__(self, exposures: Iterable[Exposure], passage: Passage | None = None) -> None:
        self._passage = passage
        self.begin_again(exposures)

    def begin_again(self, exposures: Iterable[Exposure]) -> None:
        """Nothing is under way: these are to be submitted, and the stage will stand at the first of them."""
        self._waiting = deque(exposures)
        self._cleared: deque[Exposure] = deque()
        """May be submitted: no closed way lies before them."""
        self._last: Exposure | None = None
        self._under_way: set[int] = set()
        self._is_blocked = False

    def extend(self, exposures: Iterable[Exposure]) -> None:
        """These come after everything else."""
        self._waiting.extend(exposures)

    @property
    def is_under_way(self) -> bool:
        """Whether the controller may hold exposures that it has not finished."""
        return bool(self._under_way)

    @property
    def is_held(self) -> bool:
        """Whether everything submitted is done, and what comes next lies beyond a way with the shutter closed."""
        return self._is_blocked and not self._under_way

    def upcoming(self, lacking: Container[int], at_most: int) -> Sequence[Exposure]:
        """What may be submitted next, of what is still lacking."""
        if any(exposure.index not in lacking for exposure in self._cleared):
            # Whoever leaves one out goes another way than the one that was looked at.
            self._waiting.extendleft(reversed(self._cleared))
            self._cleared.clear()
        if len(self._cleared) < at_most:
            self._clear(lacking, at_most - len(self._cleared))
        return list(self._cleared)

    def took(self, count: int) -> None:
        """So many of the `upcoming` were submitted."""
        for _ in range(count):
            self._last = self._cleared.popleft()
            self._under_way.add(self._last.index)

    def done(self, index: int) -> None:
        """This one is finished, or will never be."""
        self._under_way.discard(index)

    def _clear(self, lacking: Container[int], at_most: int) -> None:
        """So many more, as far as the open beam may go on."""
        ahead: list[Exposure] = []
        while self._waiting and len(ahead) < at_most:
            exposure = self._waiting.popleft()
            if exposure.index in lacking:
                ahead.append(exposure)
        last = self._cleared[-1] if self._cleared else self._last
        reach = len(ahead) if self._passage is None else self._passage.reach(last, ahead)
        self._waiting.extendleft(reversed(ahead[reach:]))
        self._cleared.extend(ahead[:reach])
        self._is_blocked = bool(ahead) and not self._cleared
