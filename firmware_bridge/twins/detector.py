"""A silicon drift detector with its counter: radiation in, counts out, by chance and with a seed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.twins.detector_response import DetectorResponse, Spectrum, pile_up
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.source import Emission, RecordedCounts

_DRIFT_STEP = 2e-5
"""Relative gain change below which the response isn't computed anew."""
_REMEMBERED = 32


@dataclass(frozen=True, slots=True, eq=False)
class Illumination:
    """What the detector will see during an exposure, before chance."""

    radiation: Emission | RecordedCounts
    mean_hz: Spectrum | None
    """Mean recorded events per second of live time and channel; None for recorded counts."""
    input_hz: float
    """Events that reach the detector per second."""
    live_fraction: float
    """Live over real time: non-paralyzable, 1 / (1 + rate x dead time)."""
    output: float = 1.0
    """The tube's output, 1 at boot."""


class Detector:
    """Counts what a source emits.

    A spectrum depends on settings, radiation, live time, index and, through the drift, the time: not on what was
    measured before.
    """

    def __init__(self, settings: TwinSettings) -> None:
        self._settings = settings
        self._step: int | None = None
        self._response: DetectorResponse | None = None
        self._templates: dict[bytes, Spectrum] = {}

    def illuminate(self, radiation: Emission | RecordedCounts, device_s: float) -> Illumination:
        """Mean spectrum and rates of an exposure that begins at a device time.

        Raises
        ------
        ValueError
            Recorded counts have another number of channels than the settings.
        """
        output = math.exp(self._settings.output_drift_per_hour * device_s / 3600)
        if isinstance(radiation, RecordedCounts):
            if radiation.counts.shape != (self._settings.channels,):
                raise ValueError(
                    f"the source recorded {radiation.counts.shape} channels and the twin announces "
                    f"{self._settings.channels}: set the twin's channels to the recording's"
                )
            mean_hz, input_hz = None, output * float(radiation.counts.sum(dtype=np.float64)) / radiation.live_s
        else:
            mean_hz, input_hz = self._mean(radiation, output, device_s)
        live_fraction = 1.0 / (1.0 + input_hz * self._settings.dead_time_s)
        return Illumination(radiation, mean_hz, input_hz, live_fraction, output)

    def count(self, illumination: Illumination, live_s: float, index: int) -> NDArray[np.uint32]:
        """The spectrum of an exposure, shape (channels,)."""
        generator = np.random.default_rng((self._settings.seed, index))
        radiation = illumination.radiation
        if isinstance(radiation, RecordedCounts):
            counts = _recorded(radiation, live_s * illumination.output, generator)
        else:
            assert illumination.mean_hz is not None
            counts = generator.poisson(illumination.mean_hz * live_s)
        return np.minimum(counts, self._settings.max_count).astype(np.uint32)

    def input_events(self, illumination: Illumination, live_s: float, index: int) -> int:
        """What the fast channel counts; of recorded counts, their own number."""
        if illumination.mean_hz is None:
            return round(illumination.input_hz * live_s)
        generator = np.random.default_rng((self._settings.seed, index, 1))
        return int(generator.poisson(illumination.input_hz * live_s))

    def _mean(self, emission: Emission, output: float, device_s: float) -> tuple[Spectrum, float]:
        response = self._response_at(device_s)
        key = emission.energies_kev.tobytes()
        templates = self._templates.get(key)
        if templates is None:
            if len(self._templates) >= _REMEMBERED:
                self._templates.clear()
            templates = self._templates[key] = response.templates(emission.energies_kev)
        seen_hz = output * (templates @ emission.rates_hz + emission.matrix_rate_hz * response.scatter)
        input_hz = float(seen_hz.sum())
        return pile_up(seen_hz, response.zero_channel, self._settings.pile_up_s), input_hz

    def _response_at(self, device_s: float) -> DetectorResponse:
        settings = self._settings
        step = round(settings.gain_drift_per_hour * device_s / 3600 / _DRIFT_STEP)
        if self._response is None or step != self._step:
            gain_kev = settings.gain_kev * (1 + settings.gain_error) * (1 + step * _DRIFT_STEP)
            self._step = step
            self._response = DetectorResponse(settings, gain_kev, settings.offset_kev + settings.offset_error_kev)
            self._templates.clear()
        return self._response


def _recorded(radiation: RecordedCounts, live_s: float, generator: np.random.Generator) -> NDArray[np.int64]:
    """Recorded counts as they are, thinned for a shorter live time, scaled with Poisson noise for a longer one."""
    share = live_s / radiation.live_s
    if abs(share - 1.0) < 1e-6:
        return radiation.counts.astype(np.int64)
    if share < 1.0:
        return generator.binomial(radiation.counts.astype(np.int64), share)
    return generator.poisson(radiation.counts * share)
