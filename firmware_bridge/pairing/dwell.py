"""One dwell: the stage at rest, the gate held open, the spectrometer counting to its preset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from firmware_bridge.faults import BridgeError
from firmware_bridge.messages import Exposure, ExposureDone, ExposureFlag
from firmware_bridge.pairing.acceptance import LEASE_S
from firmware_bridge.spectrometer import Spectrometer, Spectrum
from firmware_bridge.stage import Stage

_RENEW_S: Final = 0.15
_PRESET_GRACE_S: Final = 2.0
"""Beyond three times its preset, a spectrum that does not come is a fault of the spectrometer."""


class Dweller:
    """Measures dwells. One thread at a time.

    Parameters
    ----------
    watch
        Called before the gate is opened and every time before it is renewed; what it raises ends the dwell.
    """

    def __init__(
        self, stage: Stage, spectrometer: Spectrometer, watch: Callable[[], None], clock: Callable[[], float]
    ) -> None:
        self._stage, self._spectrometer = stage, spectrometer
        self._watch, self._clock = watch, clock

    def expose(self, exposure: Exposure) -> ExposureDone:
        """Move there, hold the gate, count; after a fault the gate is still open, and counting goes on.

        Raises
        ------
        BridgeError
            A device failed, or the spectrometer does not reach its preset.
        """
        pose = self._stage.move_to(exposure.start)
        opened_s = self._clock()
        self._hold_gate()
        self._spectrometer.begin(exposure.live_s)
        spectrum = self._await_spectrum(exposure.live_s)
        return ExposureDone(
            index=exposure.index,
            start=pose,
            end=pose,
            real_s=spectrum.real_s,
            live_s=spectrum.live_s,
            opened_at_s=opened_s,
            closed_at_s=self._clock(),
            input_rate_hz=spectrum.input_rate_hz,
            output_rate_hz=spectrum.output_rate_hz,
            flags=ExposureFlag.NONE,
            counts=spectrum.counts,
            pose_uncertainty_mm=self._stage.capabilities.pose_uncertainty_mm,
        )

    def _await_spectrum(self, live_s: float) -> Spectrum:
        longest_s = 3 * live_s + _PRESET_GRACE_S
        deadline_s = self._clock() + longest_s
        while True:
            spectrum = self._spectrometer.read(_RENEW_S)
            if spectrum is not None:
                return spectrum
            if self._clock() > deadline_s:
                raise BridgeError(
                    f"the spectrometer did not reach its preset of {live_s:g} s in {longest_s:.0f} s: check detector, "
                    "shutter and tube"
                )
            self._hold_gate()

    def _hold_gate(self) -> None:
        self._watch()
        self._stage.hold_beam(LEASE_S)
