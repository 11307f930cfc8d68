"""How the fixed part of a payload lies in its bytes: little-endian, unpadded integers with names."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

_CODES = {"u8": "B", "u16": "H", "u32": "I", "u48": "IH", "u64": "Q", "i32": "i"}
_BYTES = {"u8": 1, "u16": 2, "u32": 4, "u48": 6, "u64": 8, "i32": 4}


@dataclass(frozen=True, slots=True)
class Field:
    """One integer of a payload."""

    name: str
    kind: str
    """``u8`` to ``u64``, or ``i32``."""
    offset: int
    """Bytes from the payload's start."""


class Layout:
    """Integers in a row, and perhaps one tail of variable length.

    Parameters
    ----------
    fields
        ``name:kind`` separated by spaces.
    tail
        ``name:kind`` of what follows; its coding is the codec's.
    """

    __slots__ = ("_struct", "fields", "size", "tail_kind", "tail_name")

    def __init__(self, fields: str, tail: str = "") -> None:
        listed: list[Field] = []
        offset = 0
        for entry in fields.split():
            name, kind = entry.split(":")
            listed.append(Field(name, kind, offset))
            offset += _BYTES[kind]
        self.fields = tuple(listed)
        self.size = offset
        self.tail_name, _, self.tail_kind = tail.partition(":")
        self._struct = Struct("<" + "".join(_CODES[field.kind] for field in listed))

    def pack(self, message: object) -> bytes:
        """The fixed part of a message that has these attributes; raises `struct.error` out of range."""
        numbers: list[int] = []
        for field in self.fields:
            number = int(getattr(message, field.name))
            if field.kind == "u48":
                numbers += (number & 0xFFFF_FFFF, number >> 32)
            else:
                numbers.append(number)
        return self._struct.pack(*numbers)

    def unpack(self, payload: bytes, offset: int = 0) -> dict[str, int]:
        """Names and numbers at an offset; raises `struct.error` where the payload is too short."""
        numbers = iter(self._struct.unpack_from(payload, offset))
        values: dict[str, int] = {}
        for field in self.fields:
            number = next(numbers)
            values[field.name] = number | (next(numbers) << 32) if field.kind == "u48" else number
        return values
