"""SCPI spectrometers: replies, what they say, the twin."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

import numpy as np

from firmware_bridge.messages import StagePose
from firmware_bridge.scpi.answers import (
    Counters,
    as_number,
    as_seconds,
    as_text,
    decode_counters,
    decode_error,
    decode_identity,
    decode_spectrum,
    encode_counters,
    only,
)
from firmware_bridge.scpi.codec import LONGEST_REPLY, Reply, ReplyReader, ScpiCodecError, encode_reply
from firmware_bridge.scpi.vocabulary import Condition
from firmware_bridge.twins.scpi.device import ScpiDevice
from firmware_bridge.twins.scpi.electronics import ScpiElectronics
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.shared_pose import resting_beam
from firmware_bridge.twins.twin_log import TwinLog
from tools.fuzz.properties import StillSource, Target, pieces, require, timed_pieces
from tools.fuzz.seeds import said_by

_CHANNELS = 16
_ROOM = 65_536
_READERS: tuple[Callable[[Reply], object], ...] = (
    decode_identity,
    decode_error,
    decode_counters,
    lambda reply: as_number(only(reply)),
    lambda reply: as_seconds(only(reply)),
    lambda reply: as_text(only(reply)),
)


def replies(octets: bytes) -> None:
    """Bytes of a line: replies come out, or its own exception; what comes out can be written and read again."""
    reader = ReplyReader()
    with contextlib.suppress(ScpiCodecError):
        for piece in pieces(octets):
            for reply in reader.feed(piece):
                _read(reply)


def twin(octets: bytes) -> None:
    """What a host might say to the twin."""
    path = resting_beam(StagePose(10.0, 10.0))
    settings = TwinSettings(channels=_CHANNELS)
    device = ScpiDevice(StillSource(16_384), settings, ScpiElectronics(), path, TwinLog(None), 0.0)
    for piece, now_s in timed_pieces(octets, 0.0):
        device.advance(now_s)
        device.receive(piece, now_s)
        device.outgoing(now_s, _ROOM)
        device.deadline_s(now_s)


def _read(reply: Reply) -> None:
    written = encode_reply(*reply)
    require(len(written) <= 2 * LONGEST_REPLY, f"a reply of {len(written)} bytes")
    require(ReplyReader().feed(written) == [reply], f"{reply} comes back otherwise")
    for read in _READERS:
        with contextlib.suppress(ScpiCodecError):
            read(reply)
    with contextlib.suppress(ScpiCodecError):
        counters, counts = decode_spectrum(reply, _CHANNELS)
        (again,) = ReplyReader().feed(encode_counters(counters, counts))
        require((decode_spectrum(again, _CHANNELS)[1] == counts).all(), "counts come back otherwise")


def _replies() -> Sequence[bytes]:
    said = [line for line in said_by("device", "scpi_session") if b"#" not in line]
    counts = np.arange(_CHANNELS, dtype=np.uint32)
    counters = Counters(1, 2.5, 0.2, 0.1, 200, int(counts.sum()), Condition.PRESET_REACHED)
    return [b"".join(said), *dict.fromkeys(said), encode_counters(counters, counts), encode_counters(counters)]


def _commands() -> Sequence[bytes]:
    said = said_by("host", "scpi_session")
    return [b"".join(said), *dict.fromkeys(said)]


TARGETS = {"scpi-replies": Target(replies, _replies), "scpi-twin": Target(twin, _commands)}
