"""The seam between the scan and any controller: one interface, one registry.

A controller owns its link's thread. Its methods may be called from one other thread at a time; ``acknowledge`` and
``abort`` from any. No method returns while leaving the shutter open by accident: an exception raised here means that
the controller was told to close it, or that its lease is running out.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Final, Protocol

from firmware_bridge.messages import (
    Capabilities,
    ControllerStatus,
    Exposure,
    ExposureDone,
    Observation,
    StagePose,
)

ATTENTION_S: Final = 5.0
"""Longest time without a call from the program that uses a controller before the shutter is left to close."""


class Controller(Protocol):
    """Stage, shutter and spectrometer as one instrument.

    Every method raises a `BridgeError` when the instrument cannot do what is asked.

    An open shutter has to be attended to: the link renews its lease only while this program calls `status`, `submit`,
    `next_done`, `acknowledge`, `open_shutter` or `resume`, or waits inside any method. When it has not done so for
    `ATTENTION_S`, because the disk hangs, say, the lease runs out, the shutter closes, and `submit` or `next_done`
    raises `LeaseExpired` when the program comes back; opening it again goes on.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What the controller said of itself on connecting."""
        ...

    def status(self) -> ControllerStatus:
        """Ask for a fresh snapshot."""
        ...

    def diagnose(self) -> tuple[Observation, ...]:
        """What can be found out with the shutter closed and nothing moving: buffers, round trips, clock, rates.

        Takes a few seconds at most.
        """
        ...

    def home(self) -> None:
        """Find the stage's origin; returns when it is found, shutter closed."""
        ...

    def move_to(self, pose: StagePose) -> None:
        """Travel with the shutter closed; returns when the pose is reached."""
        ...

    def open_shutter(self) -> None:
        """Open under lease; the link renews it until `close_shutter`, a fault, or until nobody attends to it."""
        ...

    def close_shutter(self) -> None:
        """Close and stop renewing; returns when the controller reports it closed."""
        ...

    def begin_scan(self, scan_id: int, recorded: Container[int]) -> int:
        """Name the scan that indices belong to from now on; the shutter must be closed.

        A controller keeps spectra until they are acknowledged, beyond the life of the program that asked for them.
        Those of this scan that are not among ``recorded`` come again through `next_done`, without a `submit`;
        submitting them as well is harmless. Those of another scan are dropped. A client that never names a scan gets
        one of its own, which nobody can resume.

        Parameters
        ----------
        scan_id
            0 to 2**64 - 1; the same after an interruption, different for every scan.
        recorded
            Indices that are durably recorded.

        Returns
        -------
        int
            How many spectra will come again.
        """
        ...

    def submit(self, exposures: Sequence[Exposure]) -> int:
        """Queue as many of the exposures, in order, as there is credit for; returns how many were taken.

        Never blocks on credit. Submitting an index again is harmless: it is measured once.
        """
        ...

    def next_done(self, timeout_s: float) -> ExposureDone | None:
        """The next finished exposure, or None when none came in time. Raises what the link's thread found wrong."""
        ...

    def acknowledge(self, index: int) -> None:
        """Let the controller forget this exposure's spectrum: it is durably recorded."""
        ...

    def pause(self) -> None:
        """Finish the exposure in progress, close the shutter, keep the queue; returns when paused."""
        ...

    def resume(self) -> None:
        """Go on with the queue; the shutter must be opened again first."""
        ...

    def abort(self) -> None:
        """Close the shutter and stop at once, dropping the queue; bypasses all flow control."""
        ...

    def close(self) -> None:
        """Close the shutter if it is open, then the port. Safe to call twice."""
        ...
