"""What of a scan somebody should be told: a fold over its records, and over looks at what no record says."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calibration.registration_record import registration_from_dict
from edge.configuration.config import parse_scan_config
from edge.configuration.monitor import AlertKind
from edge.events import (
    LINK_FAULTS,
    Closed,
    Concluded,
    Corrected,
    Faulted,
    Opened,
    Outcome,
    Paused,
    Resumed,
    ScanEvent,
    ShutterOpened,
    StandardMissed,
)
from edge.faults import EdgeError
from edge.record.head import ExposureHead
from edge.recordings.progress import Progress
from edge.state import Ended, Scanning

_SILENT_S = 120.0
"""With the beam on and nothing recorded for so long, somebody should look."""
_SURE = 2
"""Looks in a row at which nobody wrote, before that is told."""
_KEPT = 200


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that happened."""

    number: int
    """From 1."""
    kind: AlertKind
    sentence: str
    at: str
    """UTC, ISO 8601."""

    def json(self) -> dict[str, Any]:
        """As others are told."""
        return {"id": self.number, "kind": self.kind, "sentence": self.sentence, "at": self.at}


class AlertFold:
    """Added to record by record, and look by look; begins with nothing told."""

    def __init__(self) -> None:
        self.alerts: tuple[Alert, ...] = ()
        """The last ones, oldest first."""
        self._number = 0
        self._concluded = ""
        self._unwritten = 0
        self._is_silent = self._is_low = self._is_lost = False
        self._config_yaml = ""

    def add(self, record: ScanEvent | ExposureHead) -> None:
        """The next record."""
        match record:
            case ExposureHead():
                self._is_silent = False
            case Opened(config_yaml=text):
                self._config_yaml = text
            case Paused(at=at, reason=reason):
                self._tell("paused", f"the scan is paused: {reason}", at)
            case Faulted(at=at, fault=fault, sentence=sentence):
                self._tell_fault(at, fault, sentence)
            case Corrected(at=at, registration_json=text, exposures=exposures):
                where = _shift_words(text)
                self._tell("drift", f"after {exposures} exposures the photograph lies {where} than it was taken to", at)
            case StandardMissed(at=at, reason=reason):
                self._tell("drift", f"the reference standard could not be measured: {reason}", at)
            case Concluded(reason=reason):
                self._concluded = reason
            case Closed(at=at, outcome=outcome):
                self._tell_end(at, outcome)
            case Resumed(at=at):
                self._take_up(at)
            case ShutterOpened():
                self._unwritten = 0
            case _:
                pass

    def look(self, progress: Progress, at: str) -> None:
        """What is there at a moment, beside the records."""
        is_over = isinstance(progress.state, Ended)
        self._unwritten = 0 if progress.is_running or is_over else self._unwritten + 1
        if self._unwritten == _SURE and self._is_lost:
            self._is_lost = False
            self._tell("faulted", "the controller was not found again, and the scan has ended; it can be resumed", at)
        elif self._unwritten == _SURE:
            self._tell("interrupted", "the program that ran the scan is gone, and the scan is not finished", at)
        is_on = progress.is_running and isinstance(progress.state, Scanning)
        if is_on and progress.silent_s > _SILENT_S and not self._is_silent:
            self._is_silent = True
            self._tell("silent", f"the beam is on, and nothing was recorded for {progress.silent_s:.0f} s", at)
        is_low = not is_over and not math.isnan(progress.wanted) and progress.wanted > progress.free
        if is_low and not self._is_low:
            free, wanted = progress.free / 1e9, progress.wanted / 1e9
            self._tell("low-disk", f"the disk has {free:.3g} GB left, and the scan wants {wanted:.3g} GB more", at)
        self._is_low = is_low

    def _tell_end(self, at: str, outcome: Outcome) -> None:
        why = f": {self._concluded}" if self._concluded else ""
        if outcome == "finished":
            self._tell("finished", f"the scan is finished{why}", at)
        else:
            self._tell("stopped", f"the scan was stopped{why}; it can go on", at)

    def _take_up(self, at: str) -> None:
        self._unwritten = 0
        if self._is_lost:
            self._is_lost = False
            self._tell("link-regained", "the controller is there again, and the scan is taken up on it", at)

    def _tell_fault(self, at: str, fault: str, sentence: str) -> None:
        patience_s = _patience_s(self._config_yaml) if fault in LINK_FAULTS else 0.0
        self._is_lost = patience_s > 0
        if self._is_lost:
            words = f"is looked for, for {patience_s:g} s: the scan goes on by itself once it is there"
            self._tell("link-lost", f"the controller was lost ({sentence}) and {words}", at)
        else:
            self._tell("faulted", f"the scan was stopped by {fault}: {sentence}", at)

    def _tell(self, kind: AlertKind, sentence: str, at: str) -> None:
        self._number += 1
        self.alerts = (*self.alerts[-_KEPT + 1 :], Alert(self._number, kind, sentence, at))


def _patience_s(config_yaml: str) -> float:
    """How long a lost controller is looked for; 0 where it is not, or nothing says."""
    with suppress(EdgeError):
        return parse_scan_config(config_yaml, Path("recorded")).instrument.reconnect_s
    return 0.0


def _shift_words(text: str) -> str:
    with suppress(ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        shift = registration_from_dict(json.loads(text)).shift
        if shift is not None:
            return f"{shift.distance_mm:.2g} mm elsewhere"
    return "elsewhere"
