"""Questions that prove the link alive, hold the shutter open, and compare the clocks."""

from __future__ import annotations

import math

from firmware_bridge.controller import ATTENTION_S
from firmware_bridge.native import messages as m
from firmware_bridge.native.device_clock import DeviceClock

SILENCE_S = 2.0
"""A link on which a question stays unanswered for this long is lost."""
_PING_EVERY_S = 0.25
_HURRIED_S = 0.1
"""Between questions that are asked to learn of the link."""
_ASK_AGAIN_S = 0.1
"""When a question has not been answered yet."""
_RENEWALS_PER_LEASE = 4
_LEASE_SHARE = 0.8
"""Of the longest lease: on a line that falls silent one renewal more is sent, and the shutter closes within the longest
lease all the same."""
_LISTEN_S = 0.01
"""Between two looks whether anything has come, before an open shutter is renewed."""
_REMEMBERED = 64


class Heartbeat:
    """PING while the shutter is closed, RENEW while it is held open, attended to, and the controller is heard.

    Parameters
    ----------
    max_lease_ms
        The longest lease that the controller grants.
    """

    def __init__(self, max_lease_ms: int, now_s: float) -> None:
        self.clock = DeviceClock()
        self.lease_ms = max(1, int(max_lease_ms * _LEASE_SHARE))
        """Lease that openings and renewals ask for."""
        self.renewal_s = self.lease_ms / 1e3 / _RENEWALS_PER_LEASE
        """Between two renewals."""
        self.answered = 0
        """Questions that were answered."""
        self._token = 0
        self._asked: dict[int, tuple[float, float]] = {}
        """Host time and latest known device time at each question."""
        self._hurried = 0
        self._ping_s = now_s
        self._renew_s = math.inf
        self._attended_s = now_s
        self._unanswered_since_s = math.inf

    @property
    def is_renewing(self) -> bool:
        """Whether the shutter is being held open."""
        return self._renew_s < math.inf

    def hold_open(self, now_s: float) -> None:
        """Renew from now on; opening was the first lease."""
        if not self.is_renewing:
            self._renew_s = now_s + self.renewal_s

    def let_close(self) -> None:
        """Renew no more."""
        self._renew_s = math.inf

    def attend(self, now_s: float) -> None:
        """Note that the program above the link is alive; a shutter that it doesn't attend to is left to close."""
        self._attended_s = now_s

    def hurry(self, questions: int, now_s: float) -> None:
        """Ask so many questions in quick succession, to learn of the link."""
        self._hurried = questions
        self._ping_s = now_s

    def next_token(self) -> int:
        """A number greater than any before in this session."""
        self._token += 1
        return self._token

    def take_question(self, now_s: float) -> m.Ping | m.Renew | None:
        """What is to be asked now."""
        if now_s >= self._renew_s:
            is_heard = self._unanswered_since_s == math.inf
            self._renew_s = now_s + (self.renewal_s if is_heard else _LISTEN_S)
            if is_heard and now_s - self._attended_s <= ATTENTION_S:
                self._ping_s = now_s + _PING_EVERY_S
                return m.Renew(self._ask(now_s), self.lease_ms)
        if now_s >= self._ping_s:
            is_unanswered = self._unanswered_since_s < now_s
            self._ping_s = now_s + (_ASK_AGAIN_S if is_unanswered else _PING_EVERY_S)
            if self._hurried:
                self._hurried -= 1
                self._ping_s = now_s + _HURRIED_S
            return m.Ping(self._ask(now_s))
        return None

    def note_life(self) -> None:
        """Anything has come from the controller."""
        self._unanswered_since_s = math.inf

    def note_answer(self, pong: m.Pong, now_s: float) -> float:
        """A question has been answered; returns by how much the controller's clock jumped, see `DeviceClock.add`."""
        asked_s, known_s = self._asked.pop(pong.token, (math.nan, math.nan))
        if math.isnan(asked_s):
            return 0.0
        self.answered += 1
        return self.clock.add(asked_s, now_s, pong.time_us / 1e6, known_s)

    def has_lost_link(self, now_s: float) -> bool:
        """Whether a question has been unanswered for too long."""
        return now_s - self._unanswered_since_s > SILENCE_S

    def deadline_s(self) -> float:
        """When there is something to ask, or to despair of."""
        return min(self._ping_s, self._renew_s, self._unanswered_since_s + SILENCE_S)

    def _ask(self, now_s: float) -> int:
        token = self.next_token()
        self._asked[token] = now_s, self.clock.latest_s
        if len(self._asked) > _REMEMBERED:
            del self._asked[next(iter(self._asked))]
        self._unanswered_since_s = min(self._unanswered_since_s, now_s)
        return token
