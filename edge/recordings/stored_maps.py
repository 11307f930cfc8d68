"""The maps that lie in a recording's folder, where they are of this recording and of all its exposures."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from edge.faults import IntegrityError, UsageError
from edge.record.folder import Recording
from edge.record.maps_file import MapsFile, read_maps
from edge.results import Planned

_SAME_S = 1e-4
"""Relative: sums of a map in single precision and of the exposures themselves differ by less. Of a long scan some
exposures are less than that, which their number tells, where the file has it."""


def stored_maps(recording: Recording, planned: Planned) -> MapsFile | None:
    """``maps.h5``; None where it is missing, damaged, another scan's, or of fewer exposures than the journal holds."""
    with suppress(UsageError, IntegrityError):
        stored = read_maps(recording.paths.maps)
        live_s = stored.received.get("live_s")
        history = planned.history
        is_of_this = (stored.attributes.get("scan_id"), stored.attributes.get("plan")) == (
            history.scan_id,
            planned.plan.digest,
        )
        if not is_of_this or live_s is None or stored.grid != planned.plan.grid:
            return None
        if stored.attributes.get("exposures", history.exposures) != history.exposures:
            return None
        is_whole = abs(float(live_s.sum(dtype=np.float64)) - history.live_s) <= _SAME_S * history.live_s
        return stored if is_whole else None
    return None
