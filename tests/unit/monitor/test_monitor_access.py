"""Who gets in, for how long, and how often somebody may guess."""

from __future__ import annotations

import pytest

from edge.monitor.access import Access, Granted, Refused
from edge.monitor.tokens import Tokens

TOKENS = Tokens("operators-may-do-all", "visitors-may-look-on")


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def access(clock: Clock) -> Access:
    return Access(TOKENS, clock)


def test_a_token_gives_its_role_and_a_session_that_nobody_can_guess(access: Access) -> None:
    operator, visitor = (access.login(token, "", "10.0.0.1") for token in (TOKENS.operator, TOKENS.visitor))
    assert isinstance(operator, Granted)
    assert isinstance(visitor, Granted)
    assert (operator.person.role, visitor.person.role) == ("operator", "visitor")
    assert len(operator.session) >= 43
    assert operator.session != visitor.session
    assert access.person(operator.session, "10.0.0.1") == operator.person
    assert access.person(operator.session[:-1], "10.0.0.1") is None


@pytest.mark.parametrize("token", ["", "operators-may-do-al", "operators-may-do-all ", "\ud800", "x" * 100_000])
def test_another_token_gives_nothing(access: Access, token: str) -> None:
    assert not access.login(token, "", "10.0.0.1")


def test_a_role_without_a_token_cannot_be_had_with_an_empty_one(clock: Clock) -> None:
    access = Access(Tokens("operators-may-do-all", ""), clock)
    assert not access.login("", "", "10.0.0.1")


def test_who_guesses_waits_and_others_do_not(access: Access, clock: Clock) -> None:
    for _ in range(5):
        assert not access.login("guess", "", "10.0.0.1")
    refused = access.login(TOKENS.operator, "", "10.0.0.1")
    assert isinstance(refused, Refused)
    assert refused.is_too_often
    assert access.login(TOKENS.operator, "", "10.0.0.2")
    clock.now += 61
    assert access.login(TOKENS.operator, "", "10.0.0.1")


def test_many_addresses_guess_no_oftener_together_and_this_computer_still_gets_in(access: Access) -> None:
    tried = [access.login("guess", "", f"10.0.{number // 250}.{number % 250}") for number in range(100)]
    looked_at = [isinstance(outcome, Refused) and not outcome.is_too_often for outcome in tried]
    assert sum(looked_at) == 60
    assert access.login(TOKENS.operator, "", "127.0.0.1")


def test_addresses_of_one_network_of_version_6_are_one_guesser(access: Access) -> None:
    tried = [access.login("guess", "", f"2001:db8::{number:x}") for number in range(6)]
    assert isinstance(tried[-1], Refused)
    assert tried[-1].is_too_often
    assert access.login(TOKENS.operator, "", "2001:db8:1::1")


def test_an_unused_session_ends_and_a_used_one_does_not(access: Access, clock: Clock) -> None:
    used, unused = (access.login(TOKENS.visitor, "", "10.0.0.1") for _ in range(2))
    assert isinstance(used, Granted)
    assert isinstance(unused, Granted)
    for _ in range(3):
        clock.now += 5 * 3_600
        assert access.person(used.session, "10.0.0.1")
    assert access.person(unused.session, "10.0.0.1") is None


def test_sessions_and_guesses_take_bounded_room(access: Access, clock: Clock) -> None:
    first = access.login(TOKENS.visitor, "", "10.0.0.1")
    assert isinstance(first, Granted)
    for _ in range(300):
        assert access.login(TOKENS.visitor, "", "10.0.0.1")
    assert access.person(first.session, "") is None
    assert len(access._sessions) <= 256
    for number in range(5_000):
        clock.now += 2
        access.login("guess", "", f"10.{number // 62_500}.{number // 250 % 250}.{number % 250}")
    assert len(access._guesses) <= 2_000
    assert len(access._all_guesses) <= 60


def test_visitors_who_log_in_again_and_again_log_no_operator_out(access: Access) -> None:
    operator = access.login(TOKENS.operator, "", "10.0.0.1")
    assert isinstance(operator, Granted)
    for _ in range(300):
        assert access.login(TOKENS.visitor, "", "10.0.0.2")
    assert access.person(operator.session, "10.0.0.1") == operator.person


def test_without_tokens_whoever_reaches_the_page_is_its_operator(clock: Clock) -> None:
    person = Access(Tokens(), clock).person("", "127.0.0.1")
    assert person is not None
    assert person.role == "operator"
