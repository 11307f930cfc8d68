from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.dp5 import vocabulary as v
from firmware_bridge.dp5.codec import (
    LONGEST_REPLY,
    SYNC,
    Dp5CodecError,
    Dp5Deframer,
    Dp5Status,
    Packet,
    decode_spectrum,
    decode_status,
    encode_packet,
    encode_spectrum,
    encode_status,
)
from firmware_bridge.dp5.vocabulary import Ack, Pid, StatusFlag, sentence_of

ACK_OK = Packet(Pid(0xFF, 0))
STATUS = Dp5Status(
    fast_count=70_000, slow_count=65_536, gp_count=3, accumulation_ms=123_456, real_ms=123_999, firmware=0x69,
    fpga=0x61, serial_number=0x01020304, high_voltage_v=-135.5, detector_k=220.3, board_celsius=-3,
    flags=StatusFlag.ENABLED | StatusFlag.REAL_REACHED, build=2, device=1, is_buffering=True, slot=0x1A5,
)  # fmt: skip

pids = st.builds(Pid, st.integers(0, 255), st.integers(0, 255))
packets = st.builds(Packet, pids, st.binary(max_size=700))
words = st.integers(0, 2**32 - 1)
statuses = st.builds(
    Dp5Status, fast_count=words, slow_count=words, gp_count=words, accumulation_ms=st.integers(0, 100 * 2**24 - 1),
    real_ms=words, firmware=st.integers(0, 255), fpga=st.integers(0, 255), serial_number=words,
    high_voltage_v=st.integers(-(2**15), 2**15 - 1).map(lambda half: half / 2),
    detector_k=st.integers(0, 4095).map(lambda tenth: 0.1 * tenth), board_celsius=st.integers(-128, 127),
    flags=st.sampled_from([StatusFlag.NONE, StatusFlag.ENABLED, StatusFlag.COUNTS_REACHED, StatusFlag.REAL_REACHED]),
    build=st.integers(0, 15), device=st.integers(0, 255), is_buffering=st.booleans(), slot=st.integers(0, 511),
)  # fmt: skip


@pytest.mark.parametrize(
    ("packet", "octets"),
    [
        (Packet(v.ASK_STATUS), "F5FA01010000FE0F"),
        (ACK_OK, "F5FAFF000000FD12"),
        (Packet(v.ASK_SPECTRUM_WITH_STATUS_AND_CLEAR), "F5FA02040000FE0B"),
        (Packet(v.CONFIGURE, b"RESC=Y;"), "F5FA20040007524553433D593BFBE8"),
    ],
)
def test_golden_packets_have_their_bytes(packet: Packet, octets: str) -> None:
    assert encode_packet(packet) == bytes.fromhex(octets)
    assert Dp5Deframer().feed(bytes.fromhex(octets)) == [packet]


def test_a_spectrum_of_2048_channels_with_status_is_type_8_and_6208_bytes_long() -> None:
    packet = encode_spectrum(np.zeros(2048, dtype=np.uint32), STATUS)
    assert packet.pid == (0x81, 0x08)
    assert len(packet.content) == 6208


@pytest.mark.parametrize(("channels", "second"), [(256, 1), (512, 3), (1024, 5), (2048, 7), (4096, 9), (8192, 11)])
def test_types_of_spectra_run_from_1_to_12(channels: int, second: int) -> None:
    counts = np.zeros(channels, dtype=np.uint32)
    assert encode_spectrum(counts, None).pid == (0x81, second)
    assert encode_spectrum(counts, STATUS).pid == (0x81, second + 1)


def test_channels_are_three_bytes_little_endian() -> None:
    counts = np.zeros(256, dtype=np.uint32)
    counts[1] = 0x010203
    assert encode_spectrum(counts, None).content[:9] == bytes([0, 0, 0, 3, 2, 1, 0, 0, 0])


@given(st.sampled_from(v.CHANNELS), st.integers(0, 2**32 - 1), st.booleans())
def test_spectra_survive_the_wire(channels: int, seed: int, with_status: bool) -> None:
    counts = np.random.default_rng(seed).integers(0, 2**24, channels, dtype=np.uint32)
    back, status = decode_spectrum(encode_spectrum(counts, STATUS if with_status else None))
    np.testing.assert_array_equal(back, counts)
    assert status == (STATUS if with_status else None)
    assert back.dtype == np.uint32
    assert not back.flags.writeable


def test_a_count_that_three_bytes_cannot_hold_is_refused() -> None:
    with pytest.raises(Dp5CodecError, match="16,777,215"):
        encode_spectrum(np.full(256, 2**24, dtype=np.uint32), None)


@pytest.mark.parametrize(
    "packet",
    [
        Packet(Pid(0x81, 8), bytes(6207)), Packet(Pid(0x81, 8), bytes(6144)), Packet(Pid(0x81, 7), bytes(6208)),
        Packet(Pid(0x81, 13), b""), Packet(Pid(0x81, 0), b""), Packet(Pid(0x80, 1), bytes(64)),
    ],
)  # fmt: skip
def test_a_spectrum_that_is_not_what_its_type_says_is_refused(packet: Packet) -> None:
    with pytest.raises(Dp5CodecError, match="instead of"):
        decode_spectrum(packet)


@given(statuses)
def test_statuses_survive_the_wire(status: Dp5Status) -> None:
    back = decode_status(encode_status(status))
    assert back == replace(status, detector_k=back.detector_k)
    assert back.detector_k == pytest.approx(status.detector_k)


def test_the_fields_of_a_status_lie_where_the_guide_puts_them() -> None:
    content = encode_status(STATUS)
    assert content[0:4] == (70_000).to_bytes(4, "little")
    assert content[4:8] == (65_536).to_bytes(4, "little")
    assert (content[12], int.from_bytes(content[13:16], "little")) == (56, 1234)
    assert int.from_bytes(content[20:24], "little") == 123_999
    assert int.from_bytes(content[26:30], "little") == 0x01020304
    assert int.from_bytes(content[30:32], "big", signed=True) == -271
    assert int.from_bytes(content[32:34], "big") == 2203
    assert (content[35], content[39], content[46], content[47]) == (0xA0, 1, 0x03, 0xA5)
    assert decode_status(content).version == "6.09.02"


@pytest.mark.parametrize("length", [0, 63, 65])
def test_a_status_has_64_bytes(length: int) -> None:
    with pytest.raises(Dp5CodecError, match="instead of 64"):
        decode_status(bytes(length))


@given(st.lists(packets, max_size=6), st.data())
def test_packets_come_through_however_the_stream_is_cut(sent: list[Packet], data: st.DataObject) -> None:
    stream = b"".join(map(encode_packet, sent))
    deframer, got = Dp5Deframer(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        got += deframer.feed(stream[:size])
        stream = stream[size:]
    assert got == sent
    assert (deframer.damaged, deframer.passed_over, deframer.held) == (0, 0, 0)


def test_a_checksum_that_ends_like_a_beginning_is_not_kept_for_one() -> None:
    for last in range(256):
        octets = encode_packet(Packet(Pid(0, 0), bytes([last])))
        deframer = Dp5Deframer()
        assert len(deframer.feed(octets)) == 1
        assert (deframer.held, deframer.passed_over) == (0, 0)


@given(st.binary(max_size=400).filter(lambda noise: 0xF5 not in noise), packets)
def test_a_packet_is_found_behind_noise(noise: bytes, packet: Packet) -> None:
    deframer = Dp5Deframer()
    assert deframer.feed(noise + encode_packet(packet)) == [packet]
    assert deframer.passed_over == len(noise)


@given(packets, st.data())
def test_a_packet_with_a_changed_bit_is_never_taken_for_another(packet: Packet, data: st.DataObject) -> None:
    octets = bytearray(encode_packet(packet))
    at = data.draw(st.integers(0, len(octets) - 1))
    octets[at] ^= 1 << data.draw(st.integers(0, 7))
    assert packet not in Dp5Deframer().feed(bytes(octets))


def test_a_packet_behind_a_damaged_one_is_found() -> None:
    damaged = bytearray(encode_packet(Packet(v.CONFIGURE, b"TPEA=2.4;")))
    damaged[8] ^= 0x10
    deframer = Dp5Deframer()
    assert deframer.feed(bytes(damaged) + encode_packet(ACK_OK)) == [ACK_OK]
    assert deframer.damaged == 1


def test_a_packet_inside_a_torn_one_is_found() -> None:
    torn = encode_packet(Packet(v.CONFIGURE, bytes(40)))[:20]
    whole = encode_packet(Packet(Pid(0x81, 1), bytes(768)))
    assert Dp5Deframer().feed(torn + whole) == [Packet(Pid(0x81, 1), bytes(768))]


@given(st.lists(st.one_of(st.binary(max_size=300), st.just(SYNC), st.just(SYNC + b"\x00\x00\x7f\xff")), max_size=30))
def test_garbage_never_breaks_the_deframer_and_is_never_hoarded(chunks: list[bytes]) -> None:
    deframer = Dp5Deframer(longest=512)
    for chunk in chunks:
        deframer.feed(chunk)
        assert deframer.held < 512 + 8


def test_memory_stays_within_a_packet_whatever_comes() -> None:
    deframer = Dp5Deframer()
    header = SYNC + bytes((0x81, 0x0C)) + (LONGEST_REPLY).to_bytes(2, "big")
    flood = (header + bytes(1_000)) * 2_000
    tracemalloc.start()
    deframer.feed(flood)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * LONGEST_REPLY < len(flood) / 3
    assert deframer.held <= LONGEST_REPLY + 8


def test_what_announces_more_than_the_limit_is_no_packet() -> None:
    octets = encode_packet(Packet(v.CONFIGURE, bytes(513)))
    assert Dp5Deframer(longest=512).feed(octets + encode_packet(ACK_OK)) == [ACK_OK]


def test_a_packet_longer_than_any_device_sends_is_refused() -> None:
    with pytest.raises(Dp5CodecError, match="32767"):
        encode_packet(Packet(v.CONFIGURE, bytes(LONGEST_REPLY + 1)))


@pytest.mark.parametrize("code", [*Ack, 0x40])
def test_every_acknowledgement_has_a_sentence(code: int) -> None:
    assert len(sentence_of(code)) > 20
