"""Plans of modes that this program does not have."""

from __future__ import annotations

import pytest

from edge.faults import UsageError
from edge.modes.registry import MODES
from edge.planning.growth import require_known_way
from edge.planning.scan_plan import Way


@pytest.mark.parametrize("mode", sorted(MODES))
def test_every_mode_that_there_is_may_be_carried_out(mode: str) -> None:
    require_known_way(Way(mode, 60.0))


def test_a_plan_of_an_unknown_mode_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(UsageError, match=r"the mode 'zigzag', which this program does not have \(but grid, points"):
        require_known_way(Way("zigzag", 60.0))
