"""Stage, shutter and spectrometer behind one link that speaks the native protocol."""

from __future__ import annotations

import atexit
import contextlib
import math
import secrets
import time
from collections.abc import Container, Sequence

from firmware_bridge.faults import BridgeError, ControllerFault, LinkLost, ProtocolViolation
from firmware_bridge.messages import Capabilities, ControllerStatus, Exposure, ExposureDone, Observation, StagePose
from firmware_bridge.native import diagnosis, limits
from firmware_bridge.native import messages as m
from firmware_bridge.native.device_clock import ClockFit
from firmware_bridge.native.faults import nobody
from firmware_bridge.native.limits import check_exposure, check_pose
from firmware_bridge.native.link import NativeLink
from firmware_bridge.native.session import CONNECT_S, REFILL_AT, Answer, Command, HostSession, refusal
from firmware_bridge.native.spectrum_coding import SpectrumCodingError
from firmware_bridge.native.units import capabilities_of, exposure_of, micrometres, microseconds, status_of
from firmware_bridge.ports import BytePort, open_port

_ABORT_S = 1.0
_DIAGNOSIS_S = 5.0
"""For twenty questions in two seconds; a lossy line leaves some of them unanswered."""
_FLUSH_S = 0.5
"""For telling the controller, at the end, what it may forget; it isn't lost if this is too short."""


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
    return connect_over(open_port(port, baud), port, None if "://" in port else baud)


def connect_over(byte_port: BytePort, name: str, baud: int | None = None) -> NativeController:
    """Begin a session over a port that is open already; it is closed with the controller, or when this fails.

    Parameters
    ----------
    baud
        Bits per second that bound what the line carries, None where nothing is known to.
    """
    session = HostSession(secrets.randbelow(2**32 - 1) + 1, name, time.monotonic())
    link = NativeLink(session, byte_port)
    with link.changed:
        link.wait_for(lambda: session.is_running, 2 * CONNECT_S)
        failure = session.failure
    if failure is not None or not session.is_running:
        link.close()
        raise failure or nobody(name)
    return NativeController(link, baud)


class NativeController:
    """`Controller` over the native protocol.

    Spectra that came before a fault are handed over before the fault is raised. A fault that ends the session
    (`LinkLost`, `Rebooted`, `ProtocolViolation`) is raised by every call from then on; one that doesn't
    (`DoorOpen`, `LeaseExpired`, `LimitExceeded`) is raised once, by `submit` or `next_done`. When a command takes
    longer than its work can take, everything is aborted and `ControllerFault` raised.
    """

    def __init__(self, link: NativeLink, baud: int | None = None) -> None:
        self._link = link
        self._baud = baud
        self._session = link.session
        self._capabilities = capabilities_of(link.session.welcome)
        self._speed_mm_s = self._capabilities.max_speed_mm_s
        self._acceleration_mm_s2 = self._capabilities.max_acceleration_mm_s2
        self._longest_live_s = 0.0
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
        answer = self._ask(m.AskStatus(self._request()), "asking for the status")
        if not isinstance(answer, m.Status):
            raise ProtocolViolation("the controller answered a question for its status with something else: update it")
        return status_of(answer)

    def diagnose(self) -> tuple[Observation, ...]:
        """Buffers, lease, round trips, the controller's clock, and what the link can carry; takes some two seconds."""
        session, heartbeat = self._session, self._session.heartbeat
        with self._link.changed:
            wanted = heartbeat.answered + diagnosis.QUESTIONS
            heartbeat.hurry(diagnosis.QUESTIONS, time.monotonic())
            self._link.kick()
            self._link.wait_for(lambda: heartbeat.answered >= wanted, _DIAGNOSIS_S)
            if session.failure is not None:
                raise session.failure
            return diagnosis.observe(session.welcome, heartbeat, self._baud)

    def home(self) -> None:
        """Find the stage's origin; returns when it is found, shutter closed."""
        self._carry_out(m.Home(self._request()), "homing the stage", limits.HOMING_S)

    def move_to(self, pose: StagePose) -> None:
        """Travel with the shutter closed; returns when the pose is reached."""
        check_pose(pose, self._capabilities, "moving the stage")
        way_mm = limits.way_mm(self.status().pose, pose)
        limit_s = limits.longest_move_s(way_mm, self._speed_mm_s, self._acceleration_mm_s2)
        order = m.Move(self._request(), micrometres(pose.x_mm), micrometres(pose.y_mm))
        self._carry_out(order, f"moving the stage to {pose.x_mm:.3f}, {pose.y_mm:.3f} mm", limit_s)

    def open_shutter(self) -> None:
        """Open under lease; the link renews it until `close_shutter`, a fault, or until nobody attends to it."""
        self._ensure_scan()
        self._order(m.Open(self._request(), self._session.heartbeat.lease_ms), "opening the shutter")

    def close_shutter(self) -> None:
        """Close and stop renewing; returns when the controller reports it closed."""
        self._order(m.Close(self._request()), "closing the shutter")

    def configure(self, *, speed_mm_s: float = 0.0, acceleration_mm_s2: float = 0.0, settle_s: float = 0.0) -> None:
        """Set how the stage moves; zero keeps the firmware's own value."""
        order = m.Configure(
            self._request(), micrometres(speed_mm_s), micrometres(acceleration_mm_s2), microseconds(settle_s)
        )
        self._order(order, "configuring the stage")
        self._speed_mm_s = speed_mm_s or self._capabilities.max_speed_mm_s
        self._acceleration_mm_s2 = acceleration_mm_s2 or self._capabilities.max_acceleration_mm_s2

    def begin_scan(self, scan_id: int, recorded: Container[int]) -> int:
        """Name the scan; see `Controller.begin_scan`."""
        answer = self._ask(m.Begin(self._request(), scan_id), "beginning the scan")
        if isinstance(answer, m.Reply):
            self._require_consent(answer, "beginning the scan")
        if not isinstance(answer, m.Retained):
            raise self._misanswered("the beginning of a scan")
        kept = [index for span in answer.ranges for index in span]
        known = [index for index in kept if index in recorded]
        with self._link.changed:
            self._session.begin_scan(known)
        self._longest_live_s = 0.0
        self._order(m.Offer(self._request()), "beginning the scan")
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
            check_exposure(exposure, self._capabilities)
        self._ensure_scan()
        self._longest_live_s = max([self._longest_live_s, *(exposure.live_s for exposure in exposures)])
        with self._link.changed:
            self._session.heartbeat.attend(time.monotonic())
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
            now_s = time.monotonic()
            self._session.heartbeat.attend(now_s)
            is_first = self._session.ledger.acknowledge(index, now_s)
        if is_first:
            self._link.kick()

    def pause(self) -> None:
        """Finish the exposure in progress, close the shutter, keep the queue; returns when paused."""
        self._carry_out(m.Pause(self._request()), "pausing", limits.longest_rest_s(self._longest_live_s))

    def resume(self) -> None:
        """Go on with the queue; the shutter must be opened again first."""
        self._order(m.Resume(self._request()), "resuming")

    def stop(self) -> None:
        """Finish the exposure in progress, close the shutter, drop the queue; returns when stopped."""
        self._carry_out(m.Stop(self._request()), "stopping", limits.longest_rest_s(self._longest_live_s))
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
                self._answer_to(m.Close(self._request()), _ABORT_S)
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

    def _order(self, command: Command, what: str) -> None:
        self._require_consent(self._ask(command, what), what)

    def _carry_out(self, command: Command, what: str, limit_s: float) -> None:
        """Order what takes its time; when it takes longer than this, stop everything."""
        answer = self._answer_to(command, limit_s)
        if answer is None:
            self.abort()
            raise ControllerFault(
                f"{what} took longer than {limit_s:.0f} s, so the controller was told to stop and close its shutter: "
                "look for what holds up the stage or the detector, then begin again"
            )
        self._require_consent(answer, what)

    def _ask(self, command: Command, what: str) -> Answer:
        """Ask what is answered as soon as everything that is on its way has come."""
        answer = self._answer_to(command, limits.LONGEST_ANSWER_S, limits.ANSWER_S)
        if answer is None:
            raise self._broken(f"no answer to {what} in time")
        return answer

    def _answer_to(self, command: Command, limit_s: float, silence_s: float = math.inf) -> Answer | None:
        session = self._session
        with self._link.changed:
            session.command(command, time.monotonic())
            self._link.kick()
            try:
                self._link.wait_for(lambda: command.request in session.answers, limit_s, silence_s)
                answer = session.answers.get(command.request)
            finally:
                session.give_up(command)
            if answer is None and session.failure is not None:
                raise session.failure
        return answer

    def _require_consent(self, answer: Answer, what: str) -> None:
        if not isinstance(answer, m.Reply):
            raise self._misanswered(what)
        refused = refusal(answer, what)
        if isinstance(refused, ProtocolViolation):
            with self._link.changed:
                self._session.fail(refused)
        if refused is not None:
            raise refused

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
