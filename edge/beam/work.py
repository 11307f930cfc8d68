"""What a run has still to do: exposures that are lacking, those that will come, and what of them must not be made."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from edge.beam.intake import Intake, Source
from firmware_bridge.messages import Exposure


class Work:
    """The exposures of a plan, of one that may grow.

    Parameters
    ----------
    planned
        Exposures in the whole plan.
    budget
        Exposures in all once a plan that grows is whole.
    source
        Where further exposures come from; None: from nowhere.
    refused
        Of those that are lacking, in travel order: what is not to be made, with the reason.
    warn
        Tells the operator.
    """

    def __init__(
        self,
        intake: Intake,
        *,
        planned: int,
        budget: int,
        source: Source | None,
        refused: Callable[[Collection[int]], Mapping[int, str]],
        warn: Callable[[str], None],
    ) -> None:
        self._intake = intake
        self._planned = planned
        self.budget = budget
        self._source = source
        self._refused = refused
        self._warn = warn

    @property
    def is_lacking(self) -> bool:
        """Whether something that is planned is not recorded in full."""
        return bool(self._intake.lacking)

    @property
    def is_more_to_come(self) -> bool:
        """Whether the plan will grow."""
        return self._source is not None and not self._source.is_whole

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to do."""
        return not self.is_lacking and not self.is_more_to_come

    @property
    def is_cut_short(self) -> bool:
        """Whether a limit forbade what was still to come."""
        return self._source is not None and self._source.is_cut_short

    @property
    def measured(self) -> int:
        """Exposures of the plan so far that are settled."""
        return self._planned - len(self._intake.lacking)

    @property
    def left(self) -> int:
        """Exposures that are still to be made, as far as can be told."""
        return self.budget - self.measured

    @property
    def recorded(self) -> frozenset[int]:
        """Indices that a controller need not keep, visits to the standard among them."""
        return (frozenset(range(self._planned)) - self._intake.lacking.keys()) | self._intake.visits

    def leave_out(self, drop_queue: Callable[[], None]) -> None:
        """Give up, before the shutter opens, what would give its place more than it may receive."""
        if self._refused(self._intake.lacking):
            drop_queue()
            refused = self._refused(self._intake.lacking)
            self._intake.leave_out(refused)
            for reason in refused.values():
                self._warn(reason)

    def look(self) -> None:
        """Take up what has come to the plan, mostly nothing; takes no time."""
        if self._source is not None:
            self._take_up(self._source.look(len(self._intake.lacking)))

    def wait(self, is_wanted_elsewhere: Callable[[], bool]) -> None:
        """Take up what comes next, waited for unless somebody asks for something else meanwhile."""
        assert self._source is not None
        self._take_up(self._source.wait(is_wanted_elsewhere))

    def _take_up(self, exposures: Sequence[Exposure]) -> None:
        self._intake.extend(exposures)
        self._planned += len(exposures)
