"""The look at the object that a running scan takes every so often, with the shutter closed."""

from __future__ import annotations

from collections.abc import Callable

from edge.beam.intermissions import BrokenOff, Standstill
from edge.faults import DeviceError, SafetyStop


class Look:
    """An intermission: the object must lie where it lay. What is against it pauses the scan, as does not knowing it.

    Parameters
    ----------
    confirm_place
        Takes a photograph and compares; raises `SafetyStop` when something moved, `DeviceError` without a photograph.
    """

    reason = "look at the object"

    def __init__(self, confirm_place: Callable[[], None], *, every_s: float) -> None:
        self._confirm_place = confirm_place
        self.every_s = every_s
        self.first_after_s = every_s

    def carry_out(self, standstill: Standstill) -> str:
        """Empty, or why the scan pauses; a photograph that was not to be had is asked for once more.

        Raises
        ------
        KeyboardInterrupt
            Somebody wants to abort: the shutter is closed, and a camera may take minutes.
        BrokenOff
            No photograph, and something is asked of the run.
        """
        with standstill.finishing():
            try:
                self._confirm_place()
            except SafetyStop as reason:
                return str(reason)
            except DeviceError as reason:
                if standstill.request() is not None:
                    raise BrokenOff(str(reason)) from reason
                return self._look_again()
        return ""

    def _look_again(self) -> str:
        try:
            self._confirm_place()
        except (SafetyStop, DeviceError) as reason:
            return str(reason)
        return ""

    def give_up(self, standstill: Standstill, fault: Exception) -> str:
        """Nobody knows where the object lies now."""
        return f"the object could not be looked at ({fault}): see that it lies where it lay, then go on"
