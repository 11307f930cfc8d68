"""Orders and answers as lines, and what a scan says to each order by what it is at."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.beam.standing import answer_to
from edge.control.messages import LONGEST_NAME, Order, Reply, Standing, line_of, order_from, reply_from


@given(st.sampled_from(["pause", "resume", "finish", "stop", "status", "arm"]), st.text("abcÄ žμ'-.", min_size=1))
def test_an_order_is_read_back_as_it_was_sent(do, by) -> None:
    if not by.strip() or len(by) > LONGEST_NAME:
        return
    order = Order(do, by, "0f")
    assert order_from(line_of(order)) == order


def test_an_answer_is_read_back_as_it_was_sent() -> None:
    reply = Reply(False, "nothing is paused", "waiting to be armed")
    assert reply_from(line_of(reply)) == reply


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"pause\n",
        b"[]\n",
        b"null\n",
        b"[" * 100_000,
        b'{"do": "pause"}',
        b'{"do": "open", "by": "ana"}',
        b'{"do": ["pause"], "by": "ana"}',
        b'{"do": "pause", "by": ""}',
        b'{"do": "pause", "by": "  "}',
        b'{"do": "pause", "by": 7}',
        b'{"do": "pause", "by": "ana\\u0007"}',
        b'{"do": "pause", "by": "ana\\nResumed"}',
        b'{"do": "pause", "by": "\\u202eana"}',
        b'{"do": "pause", "by": "' + b"a" * 65 + b'"}',
        b'{"do": "pause", "by": "ana", "plan": 7}',
        b'{"do": "pause", "by": "ana", "shutter": "open"}',
        b'{"do": "pause", "by": "\xff"}',
    ],
)
def test_a_malformed_order_is_refused_with_a_sentence(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"order|message"):
        order_from(line)


@given(st.binary(max_size=300))
def test_no_bytes_make_reading_an_order_or_an_answer_fail_otherwise(line: bytes) -> None:
    for read in (order_from, reply_from):
        with suppress(ValueError):
            read(line)


def answer(do, standing: Standing, *, by_instrument: bool = False, plan: str = "", terminal: bool = True) -> Reply:
    order = Order(do, "ana", plan)
    return answer_to(order, standing=standing, is_by_instrument=by_instrument, plan_digest="0f", has_terminal=terminal)


@pytest.mark.parametrize("standing", ["preparing", "waiting to be armed", "measuring", "pausing", "paused"])
def test_stop_is_obeyed_whatever_the_scan_is_at(standing: Standing) -> None:
    assert answer("stop", standing).ok


@pytest.mark.parametrize(
    ("do", "standing"),
    [
        ("resume", "measuring"),
        ("resume", "waiting to be armed"),
        ("resume", "ending"),
        ("finish", "preparing"),
        ("finish", "waiting to be armed"),
        ("pause", "ending"),
        ("arm", "measuring"),
        ("arm", "preparing"),
        ("stop", "ending"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_in_words(do, standing: Standing) -> None:
    reply = answer(do, standing, plan="0f")
    assert not reply.ok
    assert reply.sentence
    assert reply.state == standing


def test_a_scan_that_waits_to_be_armed_can_be_finished_with_what_it_has_from_before_and_not_with_nothing() -> None:
    order, waiting = Order("finish", "ana"), {"is_by_instrument": True, "plan_digest": "0f", "has_terminal": False}
    assert answer_to(order, standing="waiting to be armed", measured=7, **waiting).ok
    assert not answer_to(order, standing="waiting to be armed", measured=0, **waiting).ok
    assert not answer_to(order, standing="preparing", measured=7, **waiting).ok


def test_what_was_paused_at_the_instrument_is_resumed_there_alone() -> None:
    assert answer("resume", "paused").ok
    assert not answer("resume", "paused", by_instrument=True).ok
    assert answer("arm", "paused", by_instrument=True).ok


def test_nothing_is_armed_without_a_terminal() -> None:
    assert answer("arm", "waiting to be armed", plan="0f").ok
    assert not answer("arm", "waiting to be armed", plan="0f", terminal=False).ok
    assert not answer("arm", "paused", terminal=False).ok


def test_another_plan_than_the_one_that_was_looked_at_is_not_armed() -> None:
    assert not answer("arm", "waiting to be armed", plan="10").ok
    assert not answer("arm", "waiting to be armed").ok


def test_every_answer_can_be_read_by_whoever_asked() -> None:
    line = line_of(answer("status", "pausing"))
    assert json.loads(line)["state"] == "pausing"
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
