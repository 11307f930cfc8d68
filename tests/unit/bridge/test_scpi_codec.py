"""Replies out of bytes: whatever is written can be read, however it is cut, and garbage is named and bounded."""

from __future__ import annotations

import contextlib
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.scpi.answers import (
    Counters,
    Identity,
    as_integer,
    as_number,
    as_seconds,
    decode_counters,
    decode_error,
    decode_identity,
    decode_spectrum,
    encode_counters,
)
from firmware_bridge.scpi.codec import (
    LONGEST_BLOCK,
    LONGEST_TEXT,
    Element,
    Quoted,
    Reply,
    ReplyReader,
    ScpiCodecError,
    encode_block,
    encode_reply,
)
from firmware_bridge.scpi.vocabulary import Condition

PLAIN = st.text(st.sampled_from("ABCxyz0189+-.:/ *"), max_size=20).map(str.strip)
STRINGS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40).map(Quoted)
BLOCKS = st.binary(max_size=300)
REPLIES = st.lists(st.one_of(PLAIN, STRINGS, BLOCKS), min_size=1, max_size=8).map(tuple)
COUNTS = np.array([0, 1, 2, 70_000], dtype=np.uint32)
COUNTERS = Counters(7, 12.5, 2.0, 1.75, 80_000, 70_003, Condition.MEASURING)


def cut(octets: bytes, places: list[int]) -> list[bytes]:
    """Octets in pieces."""
    edges = [0, *sorted(place % (len(octets) + 1) for place in places), len(octets)]
    return [octets[begin:end] for begin, end in pairwise(edges)]


def read(octets: bytes) -> list[Reply]:
    return ReplyReader().feed(octets)


@given(st.lists(REPLIES, min_size=1, max_size=4), st.lists(st.integers(0, 5_000), max_size=12))
def test_what_was_written_is_read_however_it_is_cut(replies: list[Reply], places: list[int]) -> None:
    octets = b"".join(encode_reply(*reply) for reply in replies)
    reader = ReplyReader()
    heard = [reply for piece in cut(octets, places) for reply in reader.feed(piece)]
    assert heard == replies
    assert reader.is_between_replies()


@given(REPLIES, st.integers(1, 400))
def test_a_truncated_reply_is_none_and_shows_that_something_is_missing(reply: Reply, missing: int) -> None:
    octets = encode_reply(*reply)
    reader = ReplyReader()
    assert reader.feed(octets[: -min(missing, len(octets))]) == []
    assert reader.is_between_replies() == (missing >= len(octets))


@given(st.lists(st.binary(max_size=200), max_size=30))
def test_garbage_is_replies_or_a_named_error_and_little_is_kept(pieces: list[bytes]) -> None:
    reader = ReplyReader()
    with contextlib.suppress(ScpiCodecError):
        for piece in pieces:
            for reply in reader.feed(piece):
                assert reply
            assert len(reader._held) <= LONGEST_BLOCK + 11


@pytest.mark.parametrize("octets", [b"a" * 600, b'"' + b"a" * 2_000, b" " * 700, b"1," * 80, b"\n" * 20])
def test_what_never_ends_is_given_up_early(octets: bytes) -> None:
    with pytest.raises(ScpiCodecError):
        read(octets)


def test_a_reply_of_many_blocks_is_given_up() -> None:
    reader, block = ReplyReader(), encode_block(bytes(LONGEST_BLOCK)) + b","
    assert reader.feed(block) == []
    with pytest.raises(ScpiCodecError, match="a reply of more than 64 elements or 67584 bytes"):
        reader.feed(block)


@pytest.mark.parametrize(
    ("octets", "replies"),
    [
        (b"1,2\r\n", [("1", "2")]),
        (b"ACME, Model 1 ,,1.0\n", [("ACME", "Model 1", "", "1.0")]),
        (b'0,"No error"\n', [("0", Quoted("No error"))]),
        (b'0, "say ""hi"", twice"\r\n', [("0", Quoted('say "hi", twice'))]),
        (b"#14\n,\r\n,1\n", [(b"\n,\r\n", "1")]),
        (b"#3004abcd\n", [(b"abcd",)]),
        (b"#10\n", [(b"",)]),
        (b"\n", [("",)]),
        (b"5 #1\n", [("5 #1",)]),
    ],
)
def test_replies_are_read_as_the_standard_writes_them(octets: bytes, replies: list[Reply]) -> None:
    assert read(octets) == replies


@pytest.mark.parametrize(
    ("octets", "sentence"),
    [
        (b"caf\xe9\n", "the byte .xe9 within text"),
        (b"a\rb\n", "the byte .* within text"),
        (b"#0abc\n", "a block of no definite length"),
        (b"#xabc\n", "a block of no definite length"),
        (b"#2x4abcd\n", "a block whose length is no number"),
        (b"#565537", "a block of 65537 bytes"),
        (b"#14abcdef\n", "e after a string or a block"),
        (b'"abc"d\n', "d after a string or a block"),
        (b'"abc\n', "a string without its closing quote"),
    ],
)
def test_what_is_no_reply_is_named(octets: bytes, sentence: str) -> None:
    with pytest.raises(ScpiCodecError, match=sentence):
        read(octets)


def test_the_longest_text_and_the_longest_block_are_read() -> None:
    text, block = "x" * LONGEST_TEXT, bytes(LONGEST_BLOCK)
    assert read(encode_reply(text, block)) == [(text, block)]
    with pytest.raises(ScpiCodecError, match="a text of more than"):
        read(encode_reply(text + "x"))


def test_a_block_says_its_length() -> None:
    assert encode_block(bytes(8192))[:6] == b"#48192"
    assert encode_block(b"") == b"#10"


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", 1.0), ("-2.5", -2.5), ("+.5E-3", 5e-4), ("3.", 3.0), ("9.9E37", math.inf), ("-9.9e+37", -math.inf)],
)
def test_numbers_are_read_as_scpi_writes_them(text: str, number: float) -> None:
    assert as_number(text) == number


@pytest.mark.parametrize("text", ["", "nan", "inf", "1_000", "0x10", "1e", "9.91E37", "1 s", "1e9999"])
def test_what_is_no_number_is_named(text: str) -> None:
    with pytest.raises(ScpiCodecError, match="where a"):
        as_number(text)


@pytest.mark.parametrize("element", ["1.0", "-1", "", Quoted("1"), b"1", "1" * 30])
def test_what_is_no_whole_number_is_named(element: Element) -> None:
    with pytest.raises(ScpiCodecError, match="where a whole number from 0 belongs"):
        as_integer(element)


@pytest.mark.parametrize("element", ["-0.1", "9.9E37", "later"])
def test_what_is_no_time_is_named(element: Element) -> None:
    with pytest.raises(ScpiCodecError, match="belongs"):
        as_seconds(element)


def test_an_identity_has_four_fields() -> None:
    assert decode_identity(("ACME", "D 1", "", "2.0")) == Identity("ACME", "D 1", "", "2.0")
    for reply in [("ACME", "D 1", "7"), ("ACME", "", "7", "2.0"), ("a", "b", "c", b"d"), ("a", "b", "c", "d", "e")]:
        with pytest.raises(ScpiCodecError, match="where maker, model, serial number and firmware belong"):
            decode_identity(reply)


def test_an_error_is_a_number_and_a_string() -> None:
    found = decode_error(("-113", Quoted("Undefined header")))
    assert found is not None
    assert (bool(found), str(found)) == (True, "-113, Undefined header")
    assert not decode_error(("+0", Quoted("No error")))
    assert decode_error(("0", "No error")) is None
    assert decode_error(("0",)) is None


def test_a_spectrum_is_read_as_it_was_written() -> None:
    (reply,) = read(encode_counters(COUNTERS, COUNTS))
    counters, counts = decode_spectrum(reply, 4)
    assert counters == COUNTERS
    np.testing.assert_array_equal(counts, COUNTS)
    assert counts.dtype == np.uint32
    assert not counts.flags.writeable
    assert decode_counters(read(encode_counters(COUNTERS))[0]) == COUNTERS


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        (COUNTS[:3], "a spectrum of 12 bytes, where 4 channels have 16"),
        (np.append(COUNTS, 0), "a spectrum of 20 bytes"),
        (COUNTS.byteswap(), "add up to"),
        (COUNTS + 1, "add up to 70007 events, and 70003 as their number"),
    ],
)
def test_a_spectrum_that_cannot_be_right_is_named(counts: np.ndarray, sentence: str) -> None:
    (reply,) = read(encode_counters(COUNTERS, counts.astype(np.uint32)))
    with pytest.raises(ScpiCodecError, match=sentence):
        decode_spectrum(reply, 4)


@given(st.lists(st.one_of(PLAIN, STRINGS, BLOCKS), min_size=1, max_size=9).map(tuple))
def test_no_reply_is_a_spectrum_by_accident(reply: Reply) -> None:
    with pytest.raises(ScpiCodecError):
        decode_spectrum(reply, 64)
