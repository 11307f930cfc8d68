"""Two ways to a distance: ask for it, or listen to what is sent anyway."""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections import deque
from typing import Final, Protocol

from firmware_bridge.faults import BridgeError
from firmware_bridge.ports import BytePort
from firmware_bridge.rangefinder.codec import Complaint, Distance, Garbage, LineCutter, question, read_line
from firmware_bridge.rangefinder.faults import fault_of, silent

ANSWER_S: Final = 2.0
"""Longest wait for an answer, and for a device that sends by itself longest silence."""
FRESH_S: Final = 0.5
"""A reading that came longer ago than this says nothing of now."""
_ATTEMPTS: Final = 3
_QUIET_S: Final = 0.05
_DRAIN_S: Final = 0.5
_PACE_S: Final = 0.02
"""Between two looks at a device that sends by itself: some send a thousand lines a second."""


class DistanceSource(Protocol):
    """Where distances come from, in the device's units."""

    def fresh(self) -> float:
        """The distance now; raises a `BridgeError` when there is none."""
        ...

    def close(self) -> None:
        """Release the port. Safe to call twice."""
        ...


class AskedSource:
    """One question, one answer. What came unasked, or too late, is dropped before the next question."""

    def __init__(self, port: BytePort, name: str, ask: str) -> None:
        self._port, self._name, self._ask = port, name, ask
        self._is_in_step = True
        """Whether no answer to an earlier question may still be on its way."""

    def fresh(self) -> float:
        """Ask, up to three times when the answer is no distance."""
        said: Complaint | Garbage | None = None
        for _ in range(_ATTEMPTS):
            match self._answer():
                case Distance(units=units):
                    return units
                case None:
                    break
                case said:
                    continue
        raise silent(self._name, ANSWER_S, is_asked=True) if said is None else fault_of(said, self._name)

    def close(self) -> None:
        self._port.close()

    def _answer(self) -> Distance | Complaint | Garbage | None:
        """The first line after the question that doesn't repeat it; None when there is none in time."""
        ends_in_a_line = self._drain()
        self._is_in_step = False
        cutter = LineCutter()
        self._port.write(question(self._ask))
        deadline_s = time.monotonic() + ANSWER_S
        while (left_s := deadline_s - time.monotonic()) > 0:
            for line in cutter.feed(self._port.read_available(left_s)):
                if ends_in_a_line or line.strip() == self._ask.strip().encode("ascii"):
                    ends_in_a_line = False
                    continue
                answer = read_line(line)
                self._is_in_step = isinstance(answer, Distance | Complaint)
                return answer
        return None

    def _drain(self) -> bool:
        """Drop what has come; returns whether a line has begun, whose rest would look like a reading."""
        dropped, deadline_s = b"\n", time.monotonic() + _DRAIN_S
        while time.monotonic() < deadline_s:
            came = self._port.read_available(0.0 if self._is_in_step else _QUIET_S)
            if not came:
                break
            dropped = came
        return dropped[-1] not in b"\r\n"


class ListenedSource:
    """A device that sends readings by itself; a thread takes them in, so that the newest is always at hand."""

    def __init__(self, port: BytePort, name: str) -> None:
        self._port, self._name = port, name
        self._changed = threading.Condition()
        """Guards what follows."""
        self._distances: deque[tuple[float, float]] = deque(maxlen=3)
        """When each came, monotonic, and what it is."""
        self._last_fault: tuple[float, BridgeError] | None = None
        self._failure: BridgeError | None = None
        self._is_ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rangefinder", daemon=True)
        self._thread.start()

    def fresh(self) -> float:
        """The median of the last three readings that are younger than `FRESH_S`; waits for one where there is none."""
        with self._changed:
            self._changed.wait_for(lambda: self._failure is not None or bool(self._young()), ANSWER_S)
            if self._failure is not None:
                raise self._failure
            young = self._young()
            if young:
                return statistics.median(young)
            at_s, fault = self._last_fault or (-math.inf, silent(self._name, ANSWER_S, is_asked=False))
            if time.monotonic() - at_s > ANSWER_S:
                raise silent(self._name, ANSWER_S, is_asked=False)
            raise fault

    def close(self) -> None:
        self._is_ended.set()
        self._port.wake()
        self._thread.join(ANSWER_S)
        self._port.close()

    def _young(self) -> list[float]:
        since_s = time.monotonic() - FRESH_S
        return [distance for at_s, distance in self._distances if at_s >= since_s]

    def _run(self) -> None:
        cutter = LineCutter()
        # The first line may have begun before the port was opened: 23.4 may be the end of 123.4.
        is_whole = False
        while not self._is_ended.is_set():
            try:
                octets = self._port.read_available(ANSWER_S)
            except BridgeError as failure:
                with self._changed:
                    self._failure = failure
                    self._changed.notify_all()
                return
            lines = cutter.feed(octets)
            self._note(lines if is_whole else lines[1:])
            is_whole = is_whole or bool(lines)
            self._is_ended.wait(_PACE_S)

    def _note(self, lines: list[bytes]) -> None:
        now_s = time.monotonic()
        with self._changed:
            for line in lines:
                match read_line(line):
                    case Distance(units=units):
                        self._distances.append((now_s, units))
                    case Complaint() | Garbage() as said:
                        self._last_fault = now_s, fault_of(said, self._name)
            self._changed.notify_all()
