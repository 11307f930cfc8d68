"""Reading a spectrometer in step with a flight, from a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from firmware_bridge.pairing.clocks import Ending
from firmware_bridge.pairing.track import Track
from firmware_bridge.spectrometer import Spectrometer, Spectrum


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A spectrum, and when it may have ended."""

    spectrum: Spectrum
    ending: Ending
    took_s: float
    """From the request to the whole answer."""


def read_now(spectrometer: Spectrometer, clock: Callable[[], float]) -> Reading:
    """Take a snapshot; the next spectrum begins with it."""
    sent_s = clock()
    spectrum = spectrometer.snapshot()
    answered_s = clock()
    latest_s = max(sent_s, min(answered_s, spectrum.taken_before_s))
    return Reading(spectrum, Ending(sent_s, latest_s, spectrum.real_s), answered_s - sent_s)


class BoundaryReader:
    """Takes a snapshot whenever the stage is foretold to pass a boundary.

    While it runs it is the spectrometer's one thread. What goes wrong stands in `error`.

    Parameters
    ----------
    boundaries_mm
        Ways along the row, ascending.
    """

    def __init__(self, spectrometer: Spectrometer, boundaries_mm: Sequence[float], clock: Callable[[], float]) -> None:
        self.readings: list[Reading] = []
        self.error: Exception | None = None
        self._spectrometer, self._clock = spectrometer, clock
        self._boundaries_mm = boundaries_mm
        self._track: Track | None = None
        self._is_ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="boundary reader", daemon=True)
        self._thread.start()

    def follow(self, track: Track) -> None:
        """Foretell by this from now on."""
        with self._changed:
            self._track = track
            self._changed.notify_all()

    def end(self) -> None:
        """Read no more; returns when the reading in progress is over. Safe to call twice."""
        with self._changed:
            self._is_ended = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        try:
            for boundary_mm in self._boundaries_mm:
                if not self._await_passing(boundary_mm):
                    return
                self.readings.append(read_now(self._spectrometer, self._clock))
        except Exception as error:
            self.error = error

    def _await_passing(self, boundary_mm: float) -> bool:
        with self._changed:
            while not self._is_ended:
                wait_s = None if self._track is None else self._track.passes_s(boundary_mm) - self._clock()
                if wait_s is not None and wait_s <= 0.0:
                    return True
                self._changed.wait(wait_s)
        return False
