"""One dwell: the stage at rest, the gate held open, the spectrometer counting to its preset."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from firmware_bridge.faults import BridgeError, LeaseExpired
from firmware_bridge.messages import Exposure, ExposureDone, ExposureFlag, StagePose
from firmware_bridge.pairing.acceptance import LEASE_S
from firmware_bridge.spectrometer import Spectrometer
from firmware_bridge.stage import Stage

_LOG = logging.getLogger("firmware_bridge")
_RENEW_S: Final = 0.15
_SURE_S: Final = 0.4
"""A gate of 0.4 to 0.5 s stays open for at least so long after it was triggered."""
_ATTEMPTS: Final = 3
_PRESET_GRACE_S: Final = 2.0
"""Beyond three times its preset, a spectrum that does not come is a fault of the spectrometer."""


class Dweller:
    """Measures dwells. One thread at a time.

    Parameters
    ----------
    watch
        Called before the gate is opened or renewed, and again once it is: leave may have been taken back meanwhile.
        What it raises ends the dwell.
    """

    def __init__(
        self, stage: Stage, spectrometer: Spectrometer, watch: Callable[[], None], clock: Callable[[], float]
    ) -> None:
        self._stage, self._spectrometer = stage, spectrometer
        self._watch, self._clock = watch, clock

    def expose(self, exposure: Exposure) -> ExposureDone:
        """Move there, hold the gate, count; after a fault the gate is still open, and counting goes on.

        A spectrum counts only if the gate was open throughout.

        Raises
        ------
        LeaseExpired
            The gate may have fallen while counting, several times over.
        BridgeError
            A device failed, or the spectrometer does not reach its preset.
        """
        pose = self._stage.move_to(exposure.start)
        for _ in range(_ATTEMPTS):
            done = self._count(exposure, pose)
            if done is not None:
                return done
            _LOG.warning("exposure %d is measured again: its gate may have fallen meanwhile", exposure.index)
            self._spectrometer.stop()
        raise LeaseExpired(
            f"the shutter's gate could not be held through exposure {exposure.index} in {_ATTEMPTS} attempts: see what "
            "keeps this computer or the links to stage and spectrometer busy, then open the shutter again"
        )

    def _count(self, exposure: Exposure, pose: StagePose) -> ExposureDone | None:
        """One attempt; None when the gate may have fallen before the end."""
        opened_s = self._clock()
        sure_until_s = self._hold_gate()
        self._spectrometer.begin(exposure.live_s)
        counting_s = self._clock()
        longest_s = 3 * exposure.live_s + _PRESET_GRACE_S
        spectrum = None
        while counting_s <= sure_until_s:
            spectrum = self._spectrometer.read(_RENEW_S)
            if spectrum is not None:
                break
            if self._clock() > counting_s + longest_s:
                raise BridgeError(
                    f"the spectrometer did not reach its preset of {exposure.live_s:g} s in {longest_s:.0f} s: check "
                    "detector, shutter and tube"
                )
            held_until_s, sure_until_s = sure_until_s, self._hold_gate()
            if self._clock() > held_until_s:
                return None
        if spectrum is None or min(spectrum.taken_before_s, counting_s + spectrum.real_s) > sure_until_s:
            return None
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

    def _hold_gate(self) -> float:
        """Until when the gate is certainly open."""
        self._watch()
        told_s = self._stage.hold_beam(LEASE_S)
        self._watch()
        return told_s + _SURE_S
