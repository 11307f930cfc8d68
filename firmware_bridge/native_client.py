"""Stage, shutter and spectrometer behind one link that speaks the native protocol."""

from __future__ import annotations

import atexit
import contextlib
import math
import secrets
import time
from collections.abc import Container, Sequence

from firmware_bridge import native_messages as m
from firmware_bridge.device_clock import ClockFit
from firmware_bridge.faults import BridgeError, LimitExceeded, LinkLost, ProtocolViolation
from firmware_bridge.messages import Capabilities, ControllerStatus, Exposure, ExposureDone, StagePose
from firmware_bridge.native_faults import nobody
from firmware_bridge.native_link import NativeLink
from firmware_bridge.native_session import CONNECT_S, REFILL_AT, Answer, Command, HostSession, refusal
from firmware_bridge.native_units import capabilities_of, exposure_of, micrometres, microseconds, status_of
from firmware_bridge.ports import BytePort, open_port
from firmware_bridge.spectrum_coding import SpectrumCodingError

_ANSWER_S = 5.0
"""Time for commands that nothing has to move for."""
_ABORT_S = 1.0
_FLUSH_S = 0.5
"""For telling the controller, at the end, what it may forget; it isn't lost if this is too short."""
_LONGEST_LIVE_S = 4_000.0
_INDEX_LIMIT = 2**32


def connect(port: str, baud: int) -> NativeController:
    """Open a port and begin a session with the controller behind it.

    Parameters
    ----------
    port
        Path or address, see `open_port`.
    baud
        Bits per second.

    Raises
    ------
    PortUnavailable
        The port is missing, busy or refused.
    LinkLost
        Nothing answers.
    WrongDevice
        Something answers, but not this protocol or version.
    """
    return connect_over(open_port(port, baud), port)


def connect_over(byte_port: BytePort, name: str) -> NativeController:
    """Begin a session over a port that is open already; it is closed with the controller, or when this fails."""
    session = HostSession(secrets.randbelow(2**32 - 1) + 1, name, time.monotonic())
    link = NativeLink(session, byte_port)
    with link.changed:
        link.wait_for(lambda: session.is_running, 2 * CONNECT_S)
        failure = session.failure
    if failure is not None or not session.is_running:
        link.close()
        raise failure or nobody(name)
    return NativeController(link)


class NativeController:
    """`Controller` over the native protocol.

    Spectra that came before a fault are handed over before the fault is raised. A fault that ends the session
    (`LinkLost`, `Rebooted`, `ProtocolViolation`) is raised by every call from then on; one that doesn't
    (`DoorOpen`, `LeaseExpired`, `LimitExceeded`) is raised once, by `submit` or `next_done`.
    """

    def __init__(self, link: NativeLink) -> None:
        self._link = link
        self._session = link.session
        self._capabilities = capabilities_of(link.session.welcome)
        self._has_begun = False
        self._is_open = True
        atexit.register(self.close)

    @property
    def capabilities(self) -> Capabilities:
        """What the controller said of itself on connecting."""
        return self._capabilities

    @property
    def clock(self) -> ClockFit | None:
        """The controller's clock against this computer's monotonic one, once known."""
        with self._link.changed:
            return self._session.heartbeat.clock.fit()

    @property
    def round_trip_s(self) -> float:
        """Smoothed time from frame to acknowledgement; NaN before the first."""
        with self._link.changed:
            return self._session.channel.statistics.round_trip_s

    def status(self) -> ControllerStatus:
        """Ask for a fresh snapshot."""
        answer = self._ask(m.AskStatus(self._request()), "asking for the status", _ANSWER_S)
        if not isinstance(answer, m.Status):
            raise ProtocolViolation("the controller answered a question for its status with something else: update it")
        return status_of(answer)

    def home(self) -> None:
        """Find the stage's origin; returns when it is found, shutter closed."""
        self._order(m.Home(self._request()), "homing the stage", math.inf)

    def move_to(self, pose: StagePose) -> None:
        """Travel with the shutter closed; returns when the pose is reached."""
        self._check_pose(pose, "moving the stage")
        order = m.Move(self._request(), micrometres(pose.x_mm), micrometres(pose.y_mm))
        self._order(order, f"moving the stage to {pose.x_mm:.3f}, {pose.y_mm:.3f} mm", math.inf)

    def open_shutter(self) -> None:
        """Open under lease; the link renews it until `close_shutter`, a fault, or the end of this process."""
        self._ensure_scan()
        self._order(m.Open(self._request(), self._session.heartbeat.lease_ms), "opening the shutter", _ANSWER_S)

    def close_shutter(self) -> None:
        """Close and stop renewing; returns when the controller reports it closed."""
        self._order(m.Close(self._request()), "closing the shutter", _ANSWER_S)

    def configure(self, *, speed_mm_s: float = 0.0, acceleration_mm_s2: float = 0.0, settle_s: float = 0.0) -> None:
        """Set how the stage moves; zero keeps the firmware's own value."""
        order = m.Configure(
            self._request(), micrometres(speed_mm_s), micrometres(acceleration_mm_s2), microseconds(settle_s)
        )
        self._order(order, "configuring the stage", _ANSWER_S)

    def begin_scan(self, scan_id: int, recorded: Container[int]) -> int:
        """Name the scan; see `Controller.begin_scan`."""
        answer = self._ask(m.Begin(self._request(), scan_id), "beginning the scan", _ANSWER_S)
        if isinstance(answer, m.Reply):
            raise refusal(answer, "beginning the scan") or self._misanswered("the beginning of a scan")
        if not isinstance(answer, m.Retained):
            raise self._misanswered("the beginning of a scan")
        kept = [index for span in answer.ranges for index in span]
        known = [index for index in kept if index in recorded]
        with self._link.changed:
            self._session.begin_scan(known)
        self._order(m.Offer(self._request()), "beginning the scan", _ANSWER_S)
        self._has_begun = True
        return len(kept) - len(known)

    def submit(self, exposures: Sequence[Exposure]) -> int:
        """Queue as many of the exposures, in order, as there is room for; returns how many were taken.

        Raises
        ------
        LimitExceeded
            One of them lies outside the controller's limits; none is taken.
        ValueError
            An index or a live time doesn't fit the protocol; none is taken.
        """
        for exposure in exposures:
            self._check_exposure(exposure)
        self._ensure_scan()
        with self._link.changed:
            self._raise_fault()
            taken = self._session.submit(exposures)
        self._link.kick()
        return taken

    def next_done(self, timeout_s: float) -> ExposureDone | None:
        """The next finished exposure, or None when none came in time. Raises what the link's thread found wrong."""
        session = self._session
        with self._link.changed:
            self._link.wait_for(lambda: bool(session.ledger.inbox or session.faults), timeout_s)
            inbox = session.ledger.inbox
            if not inbox:
                self._raise_fault()
                return None
            entry = inbox.popleft()
            was_short_of_credit = len(inbox) == REFILL_AT
        if was_short_of_credit:
            self._link.kick()
        try:
            return exposure_of(entry, self._capabilities.channels)
        except SpectrumCodingError as error:
            raise self._broken(f"the spectrum of exposure {entry.index} can't be read: {error}") from error

    def acknowledge(self, index: int) -> None:
        """Let the controller forget this exposure's spectrum: it is durably recorded."""
        with self._link.changed:
            is_first = self._session.ledger.acknowledge(index, time.monotonic())
        if is_first:
            self._link.kick()

    def pause(self) -> None:
        """Finish the exposure in progress, close the shutter, keep the queue; returns when paused."""
        self._order(m.Pause(self._request()), "pausing", math.inf)

    def resume(self) -> None:
        """Go on with the queue; the shutter must be opened again first."""
        self._order(m.Resume(self._request()), "resuming", _ANSWER_S)

    def stop(self) -> None:
        """Finish the exposure in progress, close the shutter, drop the queue; returns when stopped."""
        self._order(m.Stop(self._request()), "stopping", math.inf)
        with self._link.changed:
            self._session.ledger.drop_exposures()

    def abort(self) -> None:
        """Close the shutter and stop at once, dropping the queue; bypasses all flow control."""
        with self._link.changed:
            self._session.abort(time.monotonic())
            self._link.changed.notify_all()
            self._link.kick()
            if not self._link.wait_for(lambda: not self._session.is_aborting, _ABORT_S):
                raise self._session.failure or LinkLost(
                    "the controller did not answer an abort: its shutter closes by itself; check it by eye"
                )

    def close(self) -> None:
        """Close the shutter if it is open, then the port. Safe to call twice."""
        if not self._is_open:
            return
        self._is_open = False
        atexit.unregister(self.close)
        if self._session.heartbeat.is_renewing:
            with contextlib.suppress(BridgeError):
                self._order(m.Close(self._request()), "closing the shutter", _ABORT_S)
        with self._link.changed:
            self._session.ledger.hurry()
            self._link.kick()
            self._link.wait_for(lambda: not self._session.has_news, _FLUSH_S)
        self._link.close()

    def __enter__(self) -> NativeController:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ensure_scan(self) -> None:
        if not self._has_begun:
            self.begin_scan(secrets.randbits(64), ())

    def _request(self) -> int:
        with self._link.changed:
            return self._session.next_request()

    def _order(self, command: Command, what: str, timeout_s: float) -> None:
        answer = self._ask(command, what, timeout_s)
        if not isinstance(answer, m.Reply):
            raise self._misanswered(what)
        refused = refusal(answer, what)
        if refused is not None:
            raise refused

    def _ask(self, command: Command, what: str, timeout_s: float) -> Answer:
        session = self._session
        with self._link.changed:
            session.command(command, time.monotonic())
            self._link.kick()
            self._link.wait_for(lambda: command.request in session.answers, timeout_s)
            answer = session.answers.pop(command.request, None)
            failure = session.failure
        if answer is None:
            raise failure or self._broken(f"no answer to {what} in {timeout_s:.0f} s")
        return answer

    def _raise_fault(self) -> None:
        if self._session.faults:
            raise self._session.faults.popleft()
        if self._session.failure is not None:
            raise self._session.failure

    def _misanswered(self, what: str) -> ProtocolViolation:
        return self._broken(f"{what} was answered by something else")

    def _broken(self, what: str) -> ProtocolViolation:
        failure = ProtocolViolation(f"the controller breaks the protocol: {what}: update its firmware")
        with self._link.changed:
            self._session.fail(failure)
        return failure

    def _check_exposure(self, exposure: Exposure) -> None:
        if not 0 <= exposure.index < _INDEX_LIMIT:
            raise ValueError(f"exposure index {exposure.index}: the protocol counts from 0 to {_INDEX_LIMIT - 1}")
        if not 1e-6 <= exposure.live_s <= _LONGEST_LIVE_S:
            raise ValueError(
                f"exposure {exposure.index}: a live time of {exposure.live_s} s is outside 0.000001 to 4000 s"
            )
        self._check_pose(exposure.start, f"exposure {exposure.index}")
        self._check_pose(exposure.end, f"exposure {exposure.index}")

    def _check_pose(self, pose: StagePose, what: str) -> None:
        (x_low, x_high), (y_low, y_high) = self._capabilities.x_limits_mm, self._capabilities.y_limits_mm
        if not (x_low <= pose.x_mm <= x_high and y_low <= pose.y_mm <= y_high):
            raise LimitExceeded(
                f"{what}: {pose.x_mm:.3f}, {pose.y_mm:.3f} mm lies outside the controller's limits "
                f"({x_low:g} to {x_high:g}, {y_low:g} to {y_high:g} mm): move the scan area or the object"
            )
