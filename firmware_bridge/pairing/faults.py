"""What goes wrong between the two devices of a pair, and within it; `firmware_bridge.faults` has what ends a scan.

A scan's journal may name them all the same, and whoever reads it knows them from here.
"""

from __future__ import annotations

from firmware_bridge.faults import ControllerFault


class ReadLate(ControllerFault):
    """The spectrometer was not read in step with the flight."""


class Withdrawn(ControllerFault):
    """Leave was taken back: what was under way is measured again."""
