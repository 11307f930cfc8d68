"""Messages of the native protocol to payloads and back; pure functions."""

from __future__ import annotations

import struct
from typing import Any, Final, TypeAlias

from firmware_bridge.native import messages as m
from firmware_bridge.native.framing import MAX_FRAME_BYTES
from firmware_bridge.native.messages import CodedSpectrum
from firmware_bridge.native.vocabulary import (
    MAX_CHANNELS,
    MAX_LEASE_MS,
    MAX_TEXT_BYTES,
    MAX_WINDOW,
    SHORTEST_MAX_FRAME,
    CodecError,
    ConditionBits,
    MessageType,
    StateCode,
)

Message: TypeAlias = (
    m.Hello | m.Welcome | m.HostAck | m.ControllerAck | m.Ping | m.Renew | m.Pong | m.Abort | m.Aborted | m.Bye
    | m.NoSession | m.Configure | m.Home | m.Move | m.Open | m.Close | m.Pause | m.Resume | m.Stop | m.AskStatus
    | m.Begin | m.Retained | m.Forget | m.Offer | m.Dwells | m.Strokes | m.Reply | m.Status | m.Fault | m.Refused
    | m.Spectra
)  # fmt: skip

MESSAGES: Final[dict[MessageType, type[Message]]] = {
    kind.TYPE: kind
    for kind in (
        m.Hello, m.Welcome, m.HostAck, m.ControllerAck, m.Ping, m.Renew, m.Pong, m.Abort, m.Aborted, m.Bye,
        m.NoSession, m.Configure, m.Home, m.Move, m.Open, m.Close, m.Pause, m.Resume, m.Stop, m.AskStatus,
        m.Begin, m.Retained, m.Forget, m.Offer, m.Dwells, m.Strokes, m.Reply, m.Status, m.Fault, m.Refused,
        m.Spectra,
    )
}  # fmt: skip

_PAIR = struct.Struct("<ii")
_QUAD = struct.Struct("<iiii")
_RANGE = struct.Struct("<IH")
_MAX_VARINT_BYTES = 3

RANGE_BYTES = _RANGE.size
DWELL_BYTES = _PAIR.size
STROKE_BYTES = _QUAD.size


def encode(message: Message) -> bytes:
    """The payload of a message.

    Raises
    ------
    CodecError
        A number doesn't fit its field.
    """
    try:
        return message.LAYOUT.pack(message) + _pack_tail(message)
    except struct.error as error:
        raise CodecError(f"{type(message).__name__} can't be coded: {error}") from None


def decode(kind: int, payload: bytes) -> Message:
    """Read a payload.

    Raises
    ------
    CodecError
        The type is unknown, or the payload isn't what the type promises.
    """
    try:
        message_class: Any = MESSAGES[MessageType(kind)]
    except ValueError:
        raise CodecError(f"no message has the type 0x{kind:02X}") from None
    layout = message_class.LAYOUT
    try:
        values: dict[str, Any] = layout.unpack(payload)
        tail = payload[layout.size :]
        if layout.tail_name:
            values[layout.tail_name] = _unpack_tail(layout.tail_kind, tail)
        elif tail:
            raise CodecError(f"{len(tail)} bytes too many")
        _refine(message_class, values)
    except (struct.error, CodecError, ValueError) as error:
        raise CodecError(f"a {message_class.__name__} of {len(payload)} bytes can't be read: {error}") from None
    message: Message = message_class(**values)
    return message


def encode_entry(entry: CodedSpectrum) -> bytes:
    """One exposure of a `Spectra` payload, which is nothing but these in a row."""
    return entry.LAYOUT.pack(entry) + _pack_varint(len(entry.coded)) + entry.coded


def _pack_tail(message: Message) -> bytes:
    match message:
        case m.Welcome(firmware=text) | m.Fault(remark=text):
            return _truncate_text(text)
        case m.Retained(ranges=ranges) | m.Forget(ranges=ranges):
            return b"".join(_RANGE.pack(span.start, len(span)) for span in ranges)
        case m.Dwells(poses_um=poses):
            return b"".join(_PAIR.pack(*pose) for pose in poses)
        case m.Strokes(lines_um=lines):
            return b"".join(_QUAD.pack(*line) for line in lines)
        case m.Spectra(entries=entries):
            return b"".join(encode_entry(entry) for entry in entries)
        case _:
            return b""


def _unpack_tail(kind: str, tail: bytes) -> Any:
    match kind:
        case "text":
            if len(tail) > MAX_TEXT_BYTES:
                raise CodecError("its text is too long")
            return tail.decode("utf-8", errors="replace")
        case "ranges":
            return tuple(range(first, first + count) for first, count in _RANGE.iter_unpack(tail))
        case "pairs":
            return tuple(_PAIR.iter_unpack(tail))
        case "quads":
            return tuple(_QUAD.iter_unpack(tail))
        case "spectra":
            return _unpack_spectra(tail)
        case _:
            raise AssertionError(kind)


def _unpack_spectra(tail: bytes) -> tuple[CodedSpectrum, ...]:
    entries: list[CodedSpectrum] = []
    position = 0
    while position < len(tail):
        values = CodedSpectrum.LAYOUT.unpack(tail, position)
        size, position = _unpack_varint(tail, position + CodedSpectrum.LAYOUT.size)
        if position + size > len(tail):
            raise CodecError("a spectrum is cut off")
        entries.append(CodedSpectrum(**values, coded=tail[position : position + size]))
        position += size
    return tuple(entries)


def _refine(message_class: type[Message], values: dict[str, Any]) -> None:
    """Give enumerations their types, and check the ranges that memory and time depend on."""
    if "state" in values:
        values["state"] = StateCode(values["state"])
    if "conditions" in values:
        values["conditions"] = ConditionBits(values["conditions"] & 0x1F)
    if "window" in values and not 1 <= values["window"] <= MAX_WINDOW:
        raise CodecError(f"a window of {values['window']} frames is outside 1 to {MAX_WINDOW}")
    if "max_frame" in values and not SHORTEST_MAX_FRAME <= values["max_frame"] <= MAX_FRAME_BYTES:
        raise CodecError(f"a longest frame of {values['max_frame']} bytes is outside 64 to {MAX_FRAME_BYTES}")
    if message_class is m.Welcome:
        if not 16 <= values["channels"] <= MAX_CHANNELS:
            raise CodecError(f"{values['channels']} channels are outside 16 to {MAX_CHANNELS}")
        if not 1 <= values["max_lease_ms"] <= MAX_LEASE_MS:
            raise CodecError(f"a lease of {values['max_lease_ms']} ms is outside 1 to {MAX_LEASE_MS}")
        if values["queue_length"] == 0 or values["store_length"] == 0:
            raise CodecError("a controller without queue or store can't measure")
        if values["max_speed_um_s"] == 0 or values["max_acceleration_um_s2"] == 0:
            raise CodecError("a stage without speed or acceleration can't move")
        if values["x_min_um"] >= values["x_max_um"] or values["y_min_um"] >= values["y_max_um"]:
            raise CodecError("its limits enclose nothing")


def _truncate_text(text: str) -> bytes:
    return text.encode("utf-8")[:MAX_TEXT_BYTES].decode("utf-8", errors="ignore").encode("utf-8")


def _pack_varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _unpack_varint(octets: bytes, position: int) -> tuple[int, int]:
    number = 0
    for place in range(_MAX_VARINT_BYTES):
        if position >= len(octets):
            raise CodecError("a length is cut off")
        octet = octets[position]
        position += 1
        number |= (octet & 0x7F) << (7 * place)
        if octet < 0x80:
            return number, position
    raise CodecError("a length is too long")
