"""What a device's clock and counters may do from one answer to the next, and what is a fault."""

from __future__ import annotations

import pytest

from firmware_bridge.faults import ClockJumped, ControllerFault
from firmware_bridge.scpi.answers import Counters
from firmware_bridge.scpi.continuity import Continuity
from firmware_bridge.scpi.vocabulary import Condition

COUNTING, IDLE = Condition.MEASURING, Condition.PRESET_REACHED


def counters(number: int, clock_s: float, real_s: float, condition: Condition = COUNTING) -> Counters:
    return Counters(number, clock_s, real_s, real_s, 0, 0, condition)


@pytest.fixture
def continuity() -> Continuity:
    """After one answer: spectrum 3, counting for 2 s when the clock showed 100 s."""
    found = Continuity("the port")
    found.check(counters(3, 100.0, 2.0))
    return found


@pytest.mark.parametrize(
    "answer",
    [
        counters(3, 110.0, 12.0),
        counters(3, 110.0, 12.2),
        counters(3, 100.0, 2.0),
        counters(3, 4_000.0, 3_880.0),
        counters(3, 110.0, 5.0, IDLE),
        counters(3, 110.0, 2.0, IDLE),
    ],
)
def test_the_same_spectrum_goes_on_with_the_clock(continuity: Continuity, answer: Counters) -> None:
    continuity.check(answer)
    continuity.check(answer)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (counters(3, 99.0, 1.0), "ran back from 100.000 to 99.000 s"),
        (counters(3, 110.0, 3.0), "went on by 10.000 s while it counted for 1.000 s"),
        (counters(3, 101.0, 13.0, IDLE), "went on by 1.000 s while it counted for 11.000 s"),
        (counters(3, 101.0, 1.0, IDLE), "counted for -1.000 s"),
        (counters(4, 101.0, 0.5), "spectrum 4 after spectrum 3"),
        (counters(2, 101.0, 3.0), "spectrum 2 after spectrum 3"),
    ],
)
def test_what_a_spectrum_cannot_do_is_a_named_fault(continuity: Continuity, answer: Counters, sentence: str) -> None:
    with pytest.raises((ClockJumped, ControllerFault), match=rf"the port.*{sentence}.*;"):
        continuity.check(answer)


def test_a_new_spectrum_cannot_have_counted_for_longer_than_since_the_last_answer(continuity: Continuity) -> None:
    continuity.begun()
    with pytest.raises(ClockJumped, match=r"counted for 3\.000 s"):
        continuity.check(counters(4, 101.0, 3.0))


def test_a_new_spectrum_may_have_begun_long_after_the_last_answer(continuity: Continuity) -> None:
    continuity.begun()
    continuity.check(counters(4, 500.0, 0.1))


def test_an_order_that_began_nothing_is_noticed(continuity: Continuity) -> None:
    continuity.begun()
    with pytest.raises(ControllerFault, match="spectrum 3 after spectrum 3"):
        continuity.check(counters(3, 101.0, 3.0))


def test_a_spectrum_begun_by_clearing_has_counted_since_then(continuity: Continuity) -> None:
    continuity.cleared(counters(3, 100.0, 2.0))
    continuity.check(counters(4, 107.0, 7.0))
    continuity.cleared(counters(4, 107.0, 7.0))
    with pytest.raises(ClockJumped, match=r"went on by 3\.000 s while it counted for 1\.000 s"):
        continuity.check(counters(5, 110.0, 1.0))
