"""The look at the object that a running scan takes every so often, with the shutter closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from edge.faults import DeviceError, SafetyStop

if TYPE_CHECKING:
    from edge.intermissions import Standstill


class Look:
    """An intermission: the object must lie where it lay. What is against it pauses the scan.

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
        """Empty, or why the scan pauses."""
        try:
            self._confirm_place()
        except (SafetyStop, DeviceError) as reason:
            return str(reason)
        return ""
