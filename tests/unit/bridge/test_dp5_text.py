from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.dp5.codec import LONGEST_REQUEST, Dp5CodecError
from firmware_bridge.dp5.text import as_questions, as_settings, as_texts, is_same_value, read_text

names = st.from_regex(r"[A-Z][A-Z0-9]{3}", fullmatch=True)
values = st.from_regex(r"[A-Z0-9.+-]{1,20}", fullmatch=True)


def test_settings_are_sent_in_upper_case_without_spaces() -> None:
    assert as_texts({"RESC": "Y", **as_settings({"mcac": " 2048 ", "Clck": "auto"})}) == [
        b"RESC=Y;MCAC=2048;CLCK=AUTO;"
    ]


@settings(max_examples=10)
@given(st.dictionaries(names, values, max_size=120))
def test_what_is_written_is_read_and_no_request_is_too_long(settings: dict[str, str]) -> None:
    texts = as_texts(settings)
    assert all(0 < len(text) <= LONGEST_REQUEST for text in texts)
    told: dict[str, str] = {}
    for text in texts:
        told.update(read_text(text))
    assert told == settings


def test_questions_name_every_setting() -> None:
    assert as_questions(["MCAC", "TPEA"]) == [b"MCAC=?;TPEA=?;"]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"MCA": "1"}, "'MCA' is no DP5 command"),
        ({"TPEA": "2 4"}, "TPEA has the value '2 4'"),
        ({"TPEA": "2;HVSE=-500"}, "TPEA has the value"),
        ({"TPEA": ""}, "TPEA has the value ''"),
        ({"TPEA": "1", "tpea": "2"}, "TPEA is given twice"),
    ],
)
def test_what_is_no_setting_is_named(settings: dict[str, str], sentence: str) -> None:
    with pytest.raises(Dp5CodecError, match=sentence):
        as_settings(settings)


@given(st.binary(max_size=80))
def test_a_text_of_any_bytes_is_read_or_refused(content: bytes) -> None:
    with contextlib.suppress(Dp5CodecError):
        assert all(len(name) == 4 and value for name, value in read_text(content).items())


@pytest.mark.parametrize(
    ("asked", "told"),
    [("2.4", "2.400"), ("33.3333", "33.333"), ("2048", "2048"), ("-130", "-130V"), ("OFF", "OFF"), (".5", "0.500")],
)
def test_the_same_value_may_be_told_otherwise(asked: str, told: str) -> None:
    assert is_same_value(asked, told)


@pytest.mark.parametrize(
    ("asked", "told"),
    [("2.42", "2.400"), ("2048", "1024"), ("OFF", "0"), ("AUTO", "80"), ("220K", "220V"), ("2", "3"), ("1", "1.1")],
)
def test_another_value_is_another(asked: str, told: str) -> None:
    assert not is_same_value(asked, told)
