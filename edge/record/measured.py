"""Many exposures as columns, for folds that need no object for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.messages import ExposureFlag


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredArrays:
    """Many exposures of equal spectrum length as columns, in the order of recording; arrays are read-only.

    Truncated exposures are among them: the beam was there for ``live_s``. Their index may come again.
    """

    last_seq: int
    """Where to go on reading."""
    indices: NDArray[np.int64]
    starts_mm: NDArray[np.float64]
    """Measured (x, y) at opening, shape (n, 2)."""
    ends_mm: NDArray[np.float64]
    """Measured (x, y) at closing, shape (n, 2)."""
    real_s: NDArray[np.float64]
    live_s: NDArray[np.float64]
    opened_at_s: NDArray[np.float64]
    closed_at_s: NDArray[np.float64]
    input_rate_hz: NDArray[np.float64]
    output_rate_hz: NDArray[np.float64]
    flags: NDArray[np.int64]
    pose_uncertainty_mm: NDArray[np.float64]
    """Standard uncertainty of both positions along the beam's way, NaN where the controller stated none."""
    counts: NDArray[np.uint32]
    """Shape (n, channels)."""

    def __len__(self) -> int:
        return int(self.indices.shape[0])

    @property
    def tells(self) -> NDArray[np.bool_]:
        """Which say something of the object, shape (n,): all but truncated ones without a single count.

        Where no spectrum of a row could be believed, its exposures stand in the journal for their dose alone, without
        counts: taken for measurements, they would halve the rates of cells that were measured again. One that was cut
        short before its first count goes with them, and could tell no more than that little time.
        """
        tells = np.asarray(self.flags & ExposureFlag.TRUNCATED == 0, np.bool_)
        tells[~tells] = self.counts[~tells].any(axis=1)
        return tells

    def telling(self) -> Self:
        """Those of them alone."""
        tells = self.tells
        if tells.all():
            return self
        return replace(
            self, **{each.name: getattr(self, each.name)[tells] for each in fields(self) if each.name != "last_seq"}
        )


def columns_of(last_seq: int, rows: Sequence[tuple[Any, ...]], spectra: Sequence[NDArray[np.uint32]]) -> MeasuredArrays:
    """Columns of exposures whose spectra have one length.

    Parameters
    ----------
    last_seq
        Where to go on reading.
    rows
        As stored, but without spectrum and check sum.
    spectra
        Unpacked, each of shape (some, channels), all of them as many as rows.
    """
    counts = np.concatenate(spectra) if spectra else np.zeros((0, 0), np.uint32)
    numbers = np.array([(*row[3:13], row[15]) for row in rows], dtype=np.float64).reshape(-1, 11)
    whole = np.array([(row[1], row[13]) for row in rows], dtype=np.int64).reshape(-1, 2)
    for array in (counts, numbers, whole):
        array.setflags(write=False)
    return MeasuredArrays(
        last_seq=last_seq,
        indices=whole[:, 0],
        starts_mm=numbers[:, 0:2],
        ends_mm=numbers[:, 2:4],
        real_s=numbers[:, 4],
        live_s=numbers[:, 5],
        opened_at_s=numbers[:, 6],
        closed_at_s=numbers[:, 7],
        input_rate_hz=numbers[:, 8],
        output_rate_hz=numbers[:, 9],
        flags=whole[:, 1],
        pose_uncertainty_mm=numbers[:, 10],
        counts=counts,
    )
