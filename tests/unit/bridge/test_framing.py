from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.native.framing import (
    DELIMITER,
    MAX_FRAME_BYTES,
    Deframer,
    Frame,
    FramingError,
    decode_frame,
    encode_frame,
    stuff,
    unstuff,
)

frames = st.builds(
    Frame,
    type=st.integers(0, 255),
    nonce=st.integers(0, 2**32 - 1),
    sequence=st.integers(0, 2**16 - 1),
    acknowledgement=st.integers(0, 2**16 - 1),
    credits=st.integers(0, 2**16 - 1),
    payload=st.binary(max_size=700),
)


@given(st.binary(max_size=1_200))
def test_stuffing_is_undone_by_unstuffing(raw: bytes) -> None:
    assert unstuff(stuff(raw)) == raw


@given(st.binary(max_size=1_200))
def test_stuffed_bytes_hold_no_zero_and_cost_one_byte_in_254(raw: bytes) -> None:
    stuffed = stuff(raw)
    assert 0 not in stuffed
    assert len(stuffed) <= len(raw) + len(raw) // 254 + 1


@pytest.mark.parametrize("size", [253, 254, 255, 508, 509])
def test_runs_without_a_zero_are_unstuffed_at_every_block_boundary(size: int) -> None:
    for raw in (b"\x01" * size, b"\x01" * size + b"\x00", b"\x00" + b"\x01" * size):
        assert unstuff(stuff(raw)) == raw


@given(frames)
def test_a_frame_survives_its_encoding(frame: Frame) -> None:
    assert decode_frame(encode_frame(frame)[:-1]) == frame


@given(frames, st.data())
def test_a_frame_with_any_bit_flipped_is_refused(frame: Frame, data: st.DataObject) -> None:
    octets = bytearray(encode_frame(frame)[:-1])
    place = data.draw(st.integers(0, len(octets) - 1))
    octets[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(FramingError):
        decode_frame(bytes(octets))


@given(st.lists(frames, max_size=5), st.integers(1, 64))
def test_frames_come_out_however_the_stream_is_cut(sent: list[Frame], cut: int) -> None:
    stream = b"".join(encode_frame(frame) for frame in sent)
    deframer = Deframer()
    received = [frame for at in range(0, len(stream), cut) for frame in deframer.feed(stream[at : at + cut])]
    assert received == sent
    assert deframer.rejected == 0


def test_a_torn_frame_is_dropped_and_the_next_one_read() -> None:
    frame = Frame(0x43, 7, 0, 0, 0, b"\x01\x02\x03\x04")
    deframer = Deframer()
    received = deframer.feed(encode_frame(frame)[5:] + encode_frame(frame)[:-4] + DELIMITER + encode_frame(frame))
    assert received == [frame]
    assert deframer.rejected == 2


def test_idle_delimiters_between_frames_are_no_damage() -> None:
    frame = Frame(0x43, 7, 0, 0, 0, b"")
    deframer = Deframer()
    assert deframer.feed(DELIMITER * 3 + encode_frame(frame) + DELIMITER * 3) == [frame]
    assert deframer.rejected == 0


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_garbage_never_raises(chunks: list[bytes]) -> None:
    deframer = Deframer(max_frame=256)
    for chunk in chunks:
        deframer.feed(chunk)
        assert deframer.held <= 260


def test_endless_garbage_without_a_delimiter_takes_no_memory_and_the_next_frame_is_read() -> None:
    frame = Frame(0x43, 7, 0, 0, 0, b"\x05")
    deframer = Deframer(max_frame=256)
    for _ in range(100):
        deframer.feed(b"\x55" * 1_000)
        assert deframer.held <= 260
    assert deframer.feed(DELIMITER + encode_frame(frame)) == [frame]
    assert deframer.rejected == 1


def test_a_frame_beyond_the_limit_is_never_made() -> None:
    with pytest.raises(FramingError):
        encode_frame(Frame(0x83, 7, 0, 0, 0, b"\x01" * MAX_FRAME_BYTES))
