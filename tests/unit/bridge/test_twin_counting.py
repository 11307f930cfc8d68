"""What a simulated counter counts, stretch by stretch."""

from __future__ import annotations

import numpy as np

from firmware_bridge.messages import StagePose
from firmware_bridge.twins.beam import Stretch
from firmware_bridge.twins.counting import Tally
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.source import RecordedCounts

CHANNELS = 64
PLACES = 40


class Recording:
    """An object whose every place fills a channel of its own, and no other."""

    def at(self, start: StagePose, end: StagePose) -> RecordedCounts:
        counts = np.zeros(CHANNELS, np.uint32)
        counts[round(start.x_mm)] = 1000
        return RecordedCounts(counts, 1.0)


def test_every_place_of_a_way_gives_its_own_recorded_counts_to_a_spectrum() -> None:
    tally = Tally(Recording(), TwinSettings(channels=CHANNELS), 2**24 - 1)
    for number in range(PLACES):
        place = StagePose(float(number), 0.0)
        stretch = Stretch(float(number), number + 1.0, place, place, is_on=True)
        tally.accumulate(tally.illumination(stretch), 1.0 / tally.illumination(stretch).live_fraction)
        if number % 3 == 2:
            tally.draw()
    tally.draw()
    assert tally.counts[:PLACES].tolist() == [1000] * PLACES
