"""What can happen in a scan: the union that the journal keeps and every fold reads.

Each event carries ``at``, the host's UTC time as ISO 8601 with microseconds. Bodies that belong to other rooms (plan,
registration) travel as the text that their owner wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from firmware_bridge.messages import ExposureDone

Outcome = Literal["finished", "aborted"]
Target = Literal["object", "standard"]

LINK_FAULTS = frozenset({"LinkLost", "PortUnavailable", "Rebooted"})
"""Names of faults after which a running scan looks for its controller by itself, if its configuration lets it."""
FIRST_VISIT = 2**31
"""Indices of exposures from here on are visits to the reference standard; no plan holds so many."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A process opened the recording: once when the scan begins, and again whenever it is resumed."""

    at: str
    scan_id: str
    config_yaml: str
    """The closed configuration as run."""
    versions: tuple[tuple[str, str], ...]
    """Name and version of the application, the firmware and whatever else decides the result."""
    boot_id: int
    """The controller's boot identity: another one means that the stage was homed again."""


@dataclass(frozen=True, slots=True)
class Registered:
    """The photograph's place on the stage is known."""

    at: str
    registration_json: str
    frame_sha256: str
    """Digest of ``frame.png``, hexadecimal."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """What was measured so far showed that the photograph lies elsewhere; from now on its place is the corrected one.

    The plan stays: where the beam goes does not depend on it any more.
    """

    at: str
    registration_json: str
    """The registration with its shift."""
    exposures: int
    """Exposures that it was found from."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, or its continuation: a scan that listens is planned in several batches."""

    at: str
    plan_json: str
    plan_digest: str


@dataclass(frozen=True, slots=True)
class ShutterOpened:
    """The beam is on."""

    at: str
    reason: str
    exposures_left: int
    dose_so_far_s: float
    """Live time that the object has received in this scan, in seconds."""
    over: Target = "object"
    """What lies under the beam."""


@dataclass(frozen=True, slots=True)
class ShutterClosed:
    """The beam is off."""

    at: str
    reason: str
    is_cut_short: bool = False
    """Whether an exposure may have been under way: the object received its beginning, which no spectrum tells of."""


@dataclass(frozen=True, slots=True)
class Measured:
    """An exposure's spectrum arrived."""

    at: str
    done: ExposureDone


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A planned exposure is not made: with what its place has received already it would be too much."""

    at: str
    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class StandardMeasured:
    """A visit to the reference standard gave its spectrum; it belongs to no map, and is no dose of the object."""

    at: str
    done: ExposureDone
    """Its index counts visits from `FIRST_VISIT`."""


@dataclass(frozen=True, slots=True)
class StandardMissed:
    """A visit to the reference standard gave nothing; the scan goes on without it."""

    at: str
    reason: str


@dataclass(frozen=True, slots=True)
class Paused:
    """The scan stands still and can go on."""

    at: str
    reason: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """The scan goes on; the shutter is opened separately."""

    at: str
    reason: str


@dataclass(frozen=True, slots=True)
class Faulted:
    """Something broke; the shutter is closed."""

    at: str
    fault: str
    """Name of the exception's class."""
    sentence: str
    """What the operator read."""


@dataclass(frozen=True, slots=True)
class Judged:
    """How far the maps so far are from exposures that they were never shown."""

    at: str
    exposures: int
    """Spectra of the object that had been received by then."""
    figure_json: str
    """As `edge.stopping.figure` writes it."""


@dataclass(frozen=True, slots=True)
class Concluded:
    """The scan has what was asked for, and measures no more though its plan is longer."""

    at: str
    reason: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The scan is over."""

    at: str
    outcome: Outcome


ScanEvent = (
    Opened
    | Registered
    | Corrected
    | Planned
    | ShutterOpened
    | ShutterClosed
    | Measured
    | LeftOut
    | StandardMeasured
    | StandardMissed
    | Paused
    | Resumed
    | Faulted
    | Judged
    | Concluded
    | Closed
)


def utc_text(moment: datetime) -> str:
    """An aware moment as the text that ``at`` carries: UTC, ISO 8601, always with microseconds."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone cannot be recorded: pass an aware datetime")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
