"""A scan's plan while it is carried out: what may come to it, and what of it must not be made any more."""

from __future__ import annotations

from collections.abc import Callable, Collection
from collections.abc import Set as AbstractSet

from edge.adaptive.growth import ByCells, Growth
from edge.adaptive.scanning import GrowingPlan
from edge.beam.session import Session, utc_now
from edge.configuration.config import ScanConfig
from edge.console import Console
from edge.dose.earlier import earlier_s_per_cell
from edge.dose.limits import check_dose, refused_repeats, with_repeats
from edge.events import Planned
from edge.faults import UsageError
from edge.motion.stage_known import slowest_to_stop, stage_of
from edge.planning.area import allowed_cells
from edge.planning.passage import Passage, passage_of
from edge.planning.plan import ScanPlan, check_plan, check_rest, plan_to_json
from edge.planning.scan_plan import Way
from edge.prepare import Sighting, batches_of, budget_of
from edge.record.folder import RecordingPaths
from firmware_bridge.messages import Capabilities


class PlanGrowth:
    """Growth of one scan's plan, within its limits.

    Parameters
    ----------
    sighted
        Gives the object as the plan's photograph showed it.
    """

    def __init__(
        self,
        config: ScanConfig,
        capabilities: Capabilities,
        session: Session,
        paths: RecordingPaths,
        console: Console,
        *,
        sighted: Callable[[], Sighting],
    ) -> None:
        self._config = config
        self._capabilities = capabilities
        self._session = session
        self._paths = paths
        self._console = console
        self._sighted = sighted

    def growing(self, plan: ScanPlan) -> GrowingPlan | None:
        """The plan as it grows; None of a scan that knows all beforehand.

        Raises
        ------
        UsageError
            The plan is of a mode that is not known.
        """
        growth = self._growth(plan)
        if growth is None:
            return None
        return GrowingPlan(
            plan,
            growth,
            self._paths,
            queue_length=self._capabilities.queue_length,
            adopt=self._adopt,
            warn=self._console.warn,
        )

    def refused(self, plan: ScanPlan, lacking: Collection[int]) -> dict[int, str]:
        """What is not to be made any more, for what its cell has received."""
        return refused_repeats(
            plan.table,
            lacking,
            self._session.received,
            grid=plan.grid,
            config=self._config,
            stage=plan.stage or stage_of(self._config),
            earlier_s=earlier_s_per_cell(self._config.dose.earlier, plan.grid),
        )

    def check_rest(self, plan: ScanPlan, done: AbstractSet[int]) -> None:
        """Refuse to go on where the beam would be on for too long in all; raises `SafetyStop` then."""
        stage = plan.stage or stage_of(self._config)
        check_rest(plan, done, self._session.beam.received_s, self._config.dose, stage, self.passage(plan))

    def passage(self, plan: ScanPlan) -> Passage:
        """Where the open beam may go on a plan, on the stage that is connected."""
        planned = plan.stage or stage_of(self._config)
        return passage_of(self._config, slowest_to_stop(planned, self._config, self._capabilities))

    def _growth(self, plan: ScanPlan) -> Growth | None:
        """What comes to a plan."""
        passage = self.passage(plan)
        if plan.way is not None:
            from edge.modes.growth import ByTime
            from edge.modes.of_scan import setting_of
            from edge.modes.registry import MODES

            require_known_way(plan.way)
            setting = setting_of(self._sighted(), self._config, plan.stage or stage_of(self._config))
            return ByTime(MODES[plan.way.mode], setting, plan.way.budget_s, passage)
        if not self._config.listens:
            return None
        allowed = allowed_cells(self._config, plan.grid)
        return ByCells(budget_of(self._config, plan.grid), batches_of(self._config), allowed=allowed, passage=passage)

    def _adopt(self, plan: ScanPlan, before: int) -> None:
        """Write down a plan that has grown, once it is known to break no limit, with all that was received so far."""
        check_plan(plan, self._config, self._capabilities)
        check_dose(
            with_repeats(plan.table, self._session.received.settled()),
            plan.grid,
            self._config.dose,
            received_s_per_cell=earlier_s_per_cell(self._config.dose.earlier, plan.grid),
        )
        self.check_rest(plan, frozenset(range(before)))
        self._session.record(Planned(utc_now(), plan_to_json(plan), plan.digest))


def require_known_way(way: Way) -> None:
    """Refuse a plan of a mode that this program does not have.

    Raises
    ------
    UsageError
        It has not; the text names those that it has.
    """
    from edge.modes.registry import MODES

    if way.mode not in MODES:
        raise UsageError(
            f"the plan spends its time in the mode {way.mode!r}, which this program does not have (but "
            f"{', '.join(MODES)}): update the program, or make the plan anew"
        )
