"""Whether a device's clock and counters go on from one answer to the next as they must."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from firmware_bridge.faults import ClockJumped, ControllerFault
from firmware_bridge.scpi.answers import Counters

_TOLERANCE_S: Final = 0.25
_RELATIVE: Final = 0.01
"""Clock and real time may be kept by two devices, and need not be read at one moment."""
_ROUNDING_S: Final = 0.001


class Continuity:
    """Compares each answer with the one before it on the same connection.

    Parameters
    ----------
    name
        What the operator calls the device.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._last: Counters | None = None
        self._is_same_spectrum = False

    def begun(self) -> None:
        """A spectrum was begun by order: the next answer is of a new one."""
        self._is_same_spectrum = False

    def cleared(self, counters: Counters) -> None:
        """An answer handed its spectrum over and began the next one at once."""
        self._last = replace(counters, number=counters.number + 1, real_s=0.0, live_s=0.0)

    def check(self, counters: Counters) -> None:
        """Take an answer.

        Raises
        ------
        ClockJumped
            The device's clock ran back, or it and the real time don't go on alike.
        ControllerFault
            Somebody else began another spectrum.
        """
        last, self._last = self._last, counters
        is_same, self._is_same_spectrum = self._is_same_spectrum, True
        if last is None:
            return
        if counters.clock_s < last.clock_s:
            raise ClockJumped(
                f"the clock of {self._name} ran back from {last.clock_s:.3f} to {counters.clock_s:.3f} s: it has "
                "restarted, or its server uses a clock that can be set; measure again"
            )
        if counters.number != last.number if is_same else counters.number <= last.number:
            raise ControllerFault(
                f"{self._name} counts spectrum {counters.number} after spectrum {last.number}: it has restarted, or "
                "another program uses it; measure again"
            )
        elapsed_s = counters.clock_s - last.clock_s
        if is_same:
            is_steady = last.is_counting and counters.is_counting
            self._check_real_time(counters.real_s - last.real_s, elapsed_s, is_steady=is_steady)
        else:
            self._check_real_time(counters.real_s, elapsed_s, is_steady=False)

    def _check_real_time(self, counted_s: float, elapsed_s: float, *, is_steady: bool) -> None:
        """Real time never exceeds the clock; where it counted all the while, the two agree."""
        tolerance_s = _TOLERANCE_S + _RELATIVE * elapsed_s
        is_short = is_steady and counted_s < elapsed_s - tolerance_s
        if counted_s < -_ROUNDING_S or counted_s > elapsed_s + tolerance_s or is_short:
            raise ClockJumped(
                f"the clock of {self._name} went on by {elapsed_s:.3f} s while it counted for {counted_s:.3f} s: one "
                "of the two has jumped; its server has to use a clock that nobody sets"
            )
