"""The native protocol: frames, payloads, sparse spectra, both ends of a session."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np

from firmware_bridge.native import messages as m
from firmware_bridge.native.codec import Message, decode, encode
from firmware_bridge.native.faults import fault_of
from firmware_bridge.native.framing import (
    PROTOCOL_VERSION,
    Deframer,
    Frame,
    FramingError,
    decode_frame,
    encode_frame,
    stuff,
    unstuff,
)
from firmware_bridge.native.session import HostSession
from firmware_bridge.native.spectrum_coding import SpectrumCodingError, decode_spectrum, encode_spectrum
from firmware_bridge.native.units import capabilities_of, exposure_of, status_of
from firmware_bridge.native.vocabulary import FROM_CONTROLLER, MAX_CHANNELS, UNSEQUENCED, CodecError, MessageType
from firmware_bridge.twins.native.core import NativeCore
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.twin_log import TwinLog
from tools.fuzz.properties import StillSource, Target, pieces, require, timed_pieces
from tools.fuzz.seeds import said_by, worked_examples

_MAX_FRAME = 1_024
_HELD = len(stuff(bytes(_MAX_FRAME).replace(b"\0", b"\1"))) + 1
_CHANNELS = 16
_NONCE = 1
_ENTRY = (1, 0, 0, 0, 0)


def stream(octets: bytes) -> None:
    """Bytes of a line: frames come out, memory stays bounded, and each frame goes back to what it was."""
    deframer = Deframer(_MAX_FRAME)
    for piece in pieces(octets):
        for frame in deframer.feed(piece):
            require(decode_frame(encode_frame(frame)[:-1]) == frame, f"{frame} comes back otherwise")
            _read(frame.type, frame.payload)
        require(deframer.held <= _HELD, f"{deframer.held} bytes wait for a frame of {_MAX_FRAME}")
    require(unstuff(stuff(octets)) == octets, "stuffing loses something")
    with contextlib.suppress(FramingError):
        unstuff(octets)


def payload(octets: bytes) -> None:
    """A type and a payload, so that no checksum is in the way."""
    if octets:
        _read(octets[0], octets[1:])


def spectrum(octets: bytes) -> None:
    """A number of channels and a coded spectrum; and the same bytes as counts."""
    channels = 16 + int.from_bytes(octets[:2], "little") % (MAX_CHANNELS - 15)
    try:
        counts = decode_spectrum(octets[2:], channels)
    except SpectrumCodingError:
        pass
    else:
        require(counts.shape == (channels,), f"{counts.shape} instead of {channels} channels")
        require((decode_spectrum(encode_spectrum(counts), channels) == counts).all(), "counts come back otherwise")
    plain = np.frombuffer(octets[: len(octets) // 4 * 4], "<u4").astype(np.uint32)
    if plain.size:
        require(
            (decode_spectrum(encode_spectrum(plain), plain.size) == plain).all(), "plain counts come back otherwise"
        )


def host_session(octets: bytes) -> None:
    """What a controller might say to the host's side of a session, in frames that are intact."""
    session = HostSession(_NONCE, "the port", 0.0)
    session.outgoing(0.0)
    session.receive(_frame(MessageType.WELCOME, 0, _WELCOME), 0.0)
    session.command(m.Open(session.next_request(), 450), 0.0)
    for turn, (kind, content) in enumerate(_messages(octets, FROM_CONTROLLER)):
        now_s = 0.01 * turn
        session.receive(_frame(kind, turn + 1, content), now_s)
        session.outgoing(now_s)
        session.deadline_s()
    session.receive(octets, 1.0)
    session.outgoing(9.0)


def twin(octets: bytes) -> None:
    """What a host might say to the twin's core: intact frames, then the bytes as they are."""
    core = NativeCore(StillSource(_CHANNELS), _SETTINGS, TwinLog(None), now_s=0.0, boot_id=7)
    core.receive(_frame(MessageType.HELLO, 0, encode(m.Hello(1, 1, 16, _MAX_FRAME))), 0.0)
    now_s = 0.0
    for turn, (kind, content) in enumerate(_messages(octets, 0)):
        now_s = 0.01 * turn
        core.receive(_frame(kind, turn + 1, content), now_s)
        core.outgoing(now_s)
    for piece, at_s in timed_pieces(octets, now_s):
        core.receive(piece, at_s)
        core.outgoing(at_s)
        now_s = at_s
    core.advance(now_s + 0.6)
    require(not core.instrument.is_shutter_open, "the shutter is open though nobody has renewed its lease")


_SETTINGS = TwinSettings(channels=_CHANNELS, starts_homed=True)
_WELCOME = encode(
    m.Welcome(1, 7, 0, 300_000, 0, 300_000, 50_000, 500_000, _CHANNELS, 64, 512, 500, 16, 1_024, "a firmware")
)


def _read(kind: int, content: bytes) -> None:
    """Only the codec's own exception; and what was read can be written and read again."""
    try:
        message = decode(kind, content)
    except CodecError:
        return
    written = encode(message)
    again = decode(kind, written)
    is_text = isinstance(message, m.Welcome | m.Fault)
    require(encode(again) == written or is_text, f"{message} comes back otherwise")
    require(again == message or is_text, f"{message} comes back otherwise")
    _use(message)


def _use(message: Message) -> None:
    """What the bridge makes of it."""
    match message:
        case m.Welcome():
            capabilities_of(message)
        case m.Status():
            status_of(message)
        case m.Fault(code=code) | m.Refused(code=code) | m.Reply(code=code):
            fault_of(code, "it")
        case m.Spectra(entries=entries):
            for entry in entries:
                try:
                    exposure_of(entry, _CHANNELS)
                except SpectrumCodingError:
                    continue
        case _:
            pass


def _messages(octets: bytes, direction: int) -> Iterator[tuple[int, bytes]]:
    """Types and payloads out of bytes: a type, a length, as many bytes, and so on."""
    at = 0
    while at + 2 <= len(octets):
        size = octets[at + 1]
        yield octets[at] & 0x7F | direction, octets[at + 2 : at + 2 + size]
        at += 2 + size


def _frame(kind: int, sequence: int, content: bytes) -> bytes:
    number = 0 if kind & UNSEQUENCED else sequence
    return encode_frame(Frame(kind, _NONCE, number, 0, 0xFFFF, content, PROTOCOL_VERSION))


def _frames(*, towards_host: bool) -> list[Frame]:
    """Frames of the page and the transcript, of one direction."""
    octets = b"".join((*worked_examples(), *said_by("host", "short_session"), *said_by("controller", "short_session")))
    return [each for each in Deframer().feed(octets) if bool(each.type & FROM_CONTROLLER) is towards_host]


def _stream_seeds() -> Sequence[bytes]:
    return [*worked_examples(), b"".join(said_by("controller", "short_session")[:12])]


def _payload_seeds() -> Sequence[bytes]:
    frames = _frames(towards_host=True) + _frames(towards_host=False)
    return sorted({bytes([frame.type]) + frame.payload for frame in frames})


def _spectrum_seeds() -> Sequence[bytes]:
    spectra = [
        entry.coded
        for frame in _frames(towards_host=True)
        if frame.type == MessageType.SPECTRA and isinstance(message := decode(frame.type, frame.payload), m.Spectra)
        for entry in message.entries
    ]
    return [bytes(2) + coded for coded in (*spectra, *worked_examples())]


def _session_seeds(*, towards_host: bool) -> Sequence[bytes]:
    said = [
        bytes((frame.type, len(frame.payload))) + frame.payload
        for frame in _frames(towards_host=towards_host)
        if len(frame.payload) < 256
    ]
    return [*said, b"".join(said[:40])]


TARGETS = {
    "native-stream": Target(stream, _stream_seeds),
    "native-payload": Target(payload, _payload_seeds),
    "native-spectrum": Target(spectrum, _spectrum_seeds),
    "native-session": Target(host_session, lambda: _session_seeds(towards_host=True)),
    "native-twin": Target(twin, lambda: _session_seeds(towards_host=False)),
}
