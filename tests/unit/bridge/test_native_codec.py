from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.native import messages as m
from firmware_bridge.native.codec import MESSAGES, Message, decode, encode
from firmware_bridge.native.framing import MAX_FRAME_BYTES
from firmware_bridge.native.messages import CodedSpectrum
from firmware_bridge.native.vocabulary import (
    FROM_CONTROLLER,
    MAX_CHANNELS,
    MAX_WINDOW,
    CodecError,
    ConditionBits,
    MessageType,
    StateCode,
)

_NUMBERS = {
    "u8": st.integers(0, 2**8 - 1),
    "u16": st.integers(0, 2**16 - 1),
    "u32": st.integers(0, 2**32 - 1),
    "u48": st.integers(0, 2**48 - 1),
    "u64": st.integers(0, 2**64 - 1),
    "i32": st.integers(-(2**31), 2**31 - 1),
}
_I32 = _NUMBERS["i32"]
_ENTRY = st.builds(
    CodedSpectrum,
    **{field.name: _NUMBERS[field.kind] for field in CodedSpectrum.LAYOUT.fields},
    coded=st.binary(max_size=400),
)
_TAILS: dict[str, st.SearchStrategy[Any]] = {
    "text": st.text(max_size=30),
    "ranges": st.lists(
        st.builds(lambda first, count: range(first, first + count), _NUMBERS["u32"], _NUMBERS["u16"]), max_size=5
    ).map(tuple),
    "pairs": st.lists(st.tuples(_I32, _I32), max_size=5).map(tuple),
    "quads": st.lists(st.tuples(_I32, _I32, _I32, _I32), max_size=5).map(tuple),
    "spectra": st.lists(_ENTRY, max_size=3).map(tuple),
}
_BOUNDED: dict[str, st.SearchStrategy[Any]] = {
    "window": st.integers(1, MAX_WINDOW),
    "max_frame": st.integers(64, MAX_FRAME_BYTES),
    "channels": st.integers(16, MAX_CHANNELS),
    "max_lease_ms": st.integers(1, 500),
    "queue_length": st.integers(1, 2**16 - 1),
    "store_length": st.integers(1, 2**16 - 1),
    "max_speed_um_s": st.integers(1, 2**32 - 1),
    "max_acceleration_um_s2": st.integers(1, 2**32 - 1),
    "x_min_um": st.integers(-(2**31), -1),
    "x_max_um": st.integers(0, 2**31 - 1),
    "y_min_um": st.integers(-(2**31), -1),
    "y_max_um": st.integers(0, 2**31 - 1),
    "state": st.sampled_from(StateCode),
    "conditions": st.integers(0, 15).map(ConditionBits),
}


def strategy_of(kind: type[Message]) -> st.SearchStrategy[Message]:
    fields = {field.name: _BOUNDED.get(field.name, _NUMBERS[field.kind]) for field in kind.LAYOUT.fields}
    if kind.LAYOUT.tail_name:
        fields[kind.LAYOUT.tail_name] = _TAILS[kind.LAYOUT.tail_kind]
    return st.builds(kind, **fields)


messages = st.sampled_from(sorted(MESSAGES)).flatmap(lambda kind: strategy_of(MESSAGES[kind]))


@given(messages)
def test_a_message_survives_its_encoding(message: Message) -> None:
    assert decode(message.TYPE, encode(message)) == message


@given(st.integers(0, 255), st.binary(max_size=200))
def test_garbage_is_read_or_refused_and_never_anything_else(kind: int, payload: bytes) -> None:
    message = None
    with contextlib.suppress(CodecError):
        message = decode(kind, payload)
    assert message is None or kind == message.TYPE


@given(messages.filter(lambda message: message.LAYOUT.size > 0), st.data())
def test_a_payload_whose_fixed_part_is_cut_off_is_refused(message: Message, data: st.DataObject) -> None:
    shorter = data.draw(st.integers(0, message.LAYOUT.size - 1))
    with pytest.raises(CodecError):
        decode(message.TYPE, encode(message)[:shorter])


def test_bytes_behind_a_message_of_fixed_length_are_refused() -> None:
    with pytest.raises(CodecError, match="too many"):
        decode(MessageType.PING, encode(m.Ping(1)) + b"\x00")


def test_a_number_that_does_not_fit_its_field_is_refused() -> None:
    with pytest.raises(CodecError, match="Move"):
        encode(m.Move(1, 2**31, 0))


@pytest.mark.parametrize(
    "change",
    [{"channels": 8}, {"max_lease_ms": 501}, {"queue_length": 0}, {"x_min_um": 5, "x_max_um": 5}, {"max_frame": 63}],
)
def test_a_welcome_that_nobody_could_work_with_is_refused(change: dict[str, int]) -> None:
    good = {field.name: 1 for field in m.Welcome.LAYOUT.fields}
    good |= {"x_min_um": 0, "y_min_um": 0, "channels": 2048, "max_frame": 64}
    decode(MessageType.WELCOME, encode(m.Welcome(**good, firmware="")))
    with pytest.raises(CodecError):
        decode(MessageType.WELCOME, encode(m.Welcome(**{**good, **change}, firmware="")))


def test_a_long_text_is_cut_at_a_character() -> None:
    fault = decode(MessageType.FAULT, encode(m.Fault(1, 0, "ä" * 100)))
    assert isinstance(fault, m.Fault)
    assert fault.remark == "ä" * 60


def test_host_and_controller_never_share_a_type() -> None:
    commands = {kind for kind in MessageType if not kind & FROM_CONTROLLER}
    assert all(hasattr(MESSAGES[kind], "TYPE") for kind in MessageType)
    assert {kind for kind in MessageType if "ACK" in kind.name} - commands == {MessageType.CONTROLLER_ACK}
