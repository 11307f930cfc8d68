"""Renewals go on as long as somebody attends to the link, and no longer."""

from __future__ import annotations

from itertools import pairwise

import pytest

from firmware_bridge.controller import ATTENTION_S
from firmware_bridge.native import messages as m
from firmware_bridge.native.heartbeat import Heartbeat

STEP_S = 0.01
RENEWAL_S = 0.4 / 4


def questions(heartbeat: Heartbeat, begin_s: float, end_s: float, attended: tuple[float, ...] = ()) -> list[float]:
    """Times at which a link that looks every 10 ms renews; each question is answered."""
    renewed: list[float] = []
    for step in range(round((end_s - begin_s) / STEP_S)):
        now_s = begin_s + step * STEP_S
        if any(begin_s + at_s <= now_s < begin_s + at_s + STEP_S for at_s in attended):
            heartbeat.attend(now_s)
        if isinstance(heartbeat.take_question(now_s), m.Renew):
            renewed.append(now_s)
        heartbeat.note_life()
    return renewed


def held_open() -> Heartbeat:
    heartbeat = Heartbeat(500, 100.0)
    heartbeat.hold_open(100.0)
    return heartbeat


def test_nothing_is_renewed_once_nobody_has_attended_for_five_seconds() -> None:
    renewed = questions(held_open(), 100.0, 120.0)
    assert ATTENTION_S == 5.0
    assert renewed[-1] == pytest.approx(100.0 + ATTENTION_S, abs=RENEWAL_S + STEP_S)
    assert renewed[-1] <= 100.0 + ATTENTION_S


def test_renewals_go_on_as_long_as_somebody_attends() -> None:
    renewed = questions(held_open(), 100.0, 120.0, attended=(4.0, 8.5, 13.0, 17.5))
    assert max(after - before for before, after in pairwise(renewed)) < RENEWAL_S + 2 * STEP_S
    assert renewed[-1] > 119.8


def test_renewals_go_on_at_once_when_somebody_comes_back() -> None:
    renewed = questions(held_open(), 100.0, 120.0, attended=(10.0,))
    assert not [at_s for at_s in renewed if 105.0 < at_s < 110.0]
    assert min(at_s for at_s in renewed if at_s >= 110.0) < 110.0 + RENEWAL_S + 2 * STEP_S


def test_an_unattended_link_still_asks_whether_the_controller_is_alive_and_does_not_spin() -> None:
    heartbeat = held_open()
    now_s, asked, turns = 110.0, 0, 0
    while now_s < 112.0:
        asked += isinstance(heartbeat.take_question(now_s), m.Ping)
        heartbeat.note_life()
        now_s = max(now_s + 1e-6, heartbeat.deadline_s())
        turns += 1
    # A question every 250 ms, and a renewal that is left out every 100 ms.
    assert asked == 8
    assert turns < 40


def test_nothing_is_renewed_while_a_question_is_unanswered_and_the_shutter_closes_within_the_longest_lease() -> None:
    heartbeat = held_open()
    questions(heartbeat, 100.0, 100.5)
    renewed = []
    for step in range(200):
        now_s = 100.5 + step * STEP_S
        if isinstance(heartbeat.take_question(now_s), m.Renew):
            renewed.append(now_s)
    assert len(renewed) == 1, "the controller had been heard before it"
    assert renewed[0] + heartbeat.lease_ms / 1e3 <= 100.5 + 0.5
    heartbeat.note_life()
    assert isinstance(heartbeat.take_question(102.51), m.Renew)
