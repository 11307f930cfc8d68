"""The DP5 family: packets, what they hold, texts of settings, the twin."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from firmware_bridge.dp5 import vocabulary as v
from firmware_bridge.dp5.codec import (
    CHECKSUM_BYTES,
    HEADER_BYTES,
    Dp5CodecError,
    Dp5Deframer,
    Packet,
    decode_spectrum,
    decode_status,
    encode_packet,
    encode_spectrum,
    encode_status,
)
from firmware_bridge.dp5.readings import counts_and_status, spectrum_of
from firmware_bridge.dp5.text import as_settings, as_texts, is_same_value, read_text
from firmware_bridge.faults import ProtocolViolation
from firmware_bridge.messages import StagePose
from firmware_bridge.twins.dp5.core import Dp5Core
from firmware_bridge.twins.dp5.electronics import Dp5Electronics
from firmware_bridge.twins.dp5.line import Dp5Line
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.shared_pose import resting_beam
from firmware_bridge.twins.twin_log import TwinLog
from tools.fuzz.properties import StillSource, Target, pieces, require, timed_pieces
from tools.fuzz.seeds import said_by

_CHANNELS = 256
_LONGEST = 1_024
_HELD = _LONGEST + HEADER_BYTES + CHECKSUM_BYTES


def stream(octets: bytes) -> None:
    """Bytes of a line: packets come out, memory stays bounded, and each goes back to what it was."""
    deframer = Dp5Deframer(_LONGEST)
    for piece in pieces(octets):
        for packet in deframer.feed(piece):
            require(Dp5Deframer(_LONGEST).feed(encode_packet(packet)) == [packet], f"{packet} comes back otherwise")
            content(bytes(packet.pid) + packet.content)
        require(deframer.held <= _HELD, f"{deframer.held} bytes wait for a packet of {_LONGEST}")


def content(octets: bytes) -> None:
    """A packet's type and content, so that no checksum is in the way."""
    if len(octets) < 2:
        return
    packet = Packet(v.Pid(octets[0], octets[1]), octets[2:])
    _read_status(packet.content)
    _read_spectrum(packet)


def texts(octets: bytes) -> None:
    """A text of settings, from the device and from an operator."""
    try:
        told = read_text(octets)
    except Dp5CodecError:
        told = {}
    for value in told.values():
        require(is_same_value(value, value), f"{value} isn't itself")
        is_same_value(value, octets.decode("latin-1"))
    asked = dict(part.partition("=")[::2] for part in octets.decode("utf-8", "replace").split(";"))
    try:
        settings = as_settings(asked)
        requests = as_texts(settings)
    except Dp5CodecError:
        return
    read: dict[str, str] = {}
    for text in requests:
        read.update(read_text(text))
    require(read == settings, f"{settings} comes back as {read}")


def twin(octets: bytes) -> None:
    """What a host might say to the twin, in intact packets and as the bytes are."""
    settings, electronics = TwinSettings(channels=_CHANNELS), Dp5Electronics()
    path, log = resting_beam(StagePose(10.0, 10.0)), TwinLog(None)
    line = Dp5Line(
        Dp5Core(StillSource(max(v.CHANNELS)), settings, electronics, path, log, 0.0), log, electronics.gap_wall_s
    )
    said = b"".join(encode_packet(packet) for packet in _packets(octets))
    for piece, now_s in timed_pieces(said + octets, 0.0):
        line.receive(piece, now_s)
        line.outgoing(now_s + 0.5, 65_536)
        line.deadline_s(now_s)


def _read_status(octets: bytes) -> None:
    try:
        status = decode_status(octets)
    except Dp5CodecError:
        return
    if octets[12] < 100:
        require(decode_status(encode_status(status)) == status, f"{status} comes back otherwise")
    reading = spectrum_of(np.zeros(_CHANNELS, np.uint32), status, is_preset_reached=True)
    times = (reading.live_s, reading.real_s, reading.input_rate_hz, reading.output_rate_hz)
    require(all(math.isfinite(each) and each >= 0 for each in times), f"{status} gives {times}")


def _read_spectrum(packet: Packet) -> None:
    try:
        counts, status = decode_spectrum(packet)
    except Dp5CodecError:
        return
    require(decode_spectrum(encode_spectrum(counts, None))[0].tolist() == counts.tolist(), "counts come back otherwise")
    if status is not None:
        try:
            counts_and_status(packet, _CHANNELS, "the port")
        except ProtocolViolation:
            return


def _packets(octets: bytes) -> list[Packet]:
    """Packets out of bytes: a type, a length, as many bytes, and so on."""
    packets, at = [], 0
    while at + 3 <= len(octets):
        size = octets[at + 2]
        packets.append(Packet(v.Pid(octets[at], octets[at + 1]), octets[at + 3 : at + 3 + size]))
        at += 3 + size
    return packets


def _session(who: str) -> list[Packet]:
    return Dp5Deframer().feed(b"".join(said_by(who, "dp5_session")))


def _contents() -> Sequence[bytes]:
    return sorted({bytes(packet.pid) + packet.content for packet in _session("device")})


def _texts() -> Sequence[bytes]:
    return [packet.content for who in ("host", "device") for packet in _session(who) if b"=" in packet.content]


def _requests() -> Sequence[bytes]:
    asked = [bytes(packet.pid) + bytes([len(packet.content)]) + packet.content for packet in _session("host")]
    slots = [bytes((2, kind, 2, 0, 1)) for kind in (5, 6, 7)]
    return [b"".join(asked), *dict.fromkeys(asked), *slots, b"".join(slots)]


TARGETS = {
    "dp5-stream": Target(stream, lambda: said_by("host", "dp5_session") + said_by("device", "dp5_session")),
    "dp5-content": Target(content, _contents),
    "dp5-texts": Target(texts, _texts),
    "dp5-twin": Target(twin, _requests),
}
