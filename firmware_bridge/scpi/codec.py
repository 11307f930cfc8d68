"""A device's replies out of bytes: plain text, quoted strings and blocks, separated by commas, ended by a line feed.

What is held while a reply is incomplete never exceeds its longest element, whatever comes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from firmware_bridge.scpi.vocabulary import MOST_CHANNELS

LONGEST_BLOCK: Final = 4 * MOST_CHANNELS
LONGEST_TEXT: Final = 512
LONGEST_REPLY: Final = LONGEST_BLOCK + 4 * LONGEST_TEXT
MOST_ELEMENTS: Final = 64
_MOST_REPLIES: Final = 8
"""At once; a question has two, its answer and the oldest error."""
_SEPARATOR = re.compile(rb"\r?[,\n]")
_UNPRINTABLE = re.compile(rb"[^\x20-\x7e]")
_SPACES = re.compile(rb" *")
_STRING = re.compile(rb'"((?:[\x20\x21\x23-\x7e]|"")*)"(?!")')
_BEGUN_STRING = re.compile(rb'"(?:[\x20\x21\x23-\x7e]|"")*"?')
_CARRIAGE_RETURN, _LINE_FEED, _QUOTE = b"\r", b"\n", b'"'


class ScpiCodecError(ValueError):
    """Bytes that are no reply; the text says what they are, without naming the device."""


@dataclass(frozen=True, slots=True)
class Quoted:
    """A string that stood between quotes."""

    text: str


Element = str | Quoted | bytes
"""Plain text, a string, or the content of a block."""
Reply = tuple[Element, ...]


class ReplyReader:
    """Replies out of a stream. After an error its state is unknown: begin with another one, on another connection."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._elements: list[Element] = []
        self._length = 0
        """Bytes of the reply that `_elements` belong to."""

    def is_between_replies(self) -> bool:
        """Whether nothing has come of the next one."""
        return not self._held and not self._elements

    def feed(self, octets: bytes) -> list[Reply]:
        """Replies that are complete now.

        Raises
        ------
        ScpiCodecError
            The stream is something else.
        """
        self._held += octets
        replies: list[Reply] = []
        at = 0
        while (found := self._element(at)) is not None:
            self._length += found[2] - at
            element, end, at = found
            self._elements.append(element)
            if len(self._elements) > MOST_ELEMENTS or self._length > LONGEST_REPLY:
                raise ScpiCodecError(f"a reply of more than {MOST_ELEMENTS} elements or {LONGEST_REPLY} bytes")
            if self._held[end:at].endswith(_LINE_FEED):
                replies.append(tuple(self._elements))
                self._elements.clear()
                self._length = 0
                if len(replies) > _MOST_REPLIES:
                    raise ScpiCodecError("far more replies than were asked for")
        del self._held[:at]
        return replies

    def _element(self, begin: int) -> tuple[Element, int, int] | None:
        """The element from here, where it ends and where the next begins; None until it and its separator are there."""
        spaces = _SPACES.match(self._held, begin, begin + LONGEST_TEXT)
        assert spaces is not None
        begin = spaces.end()
        match bytes(self._held[begin : begin + 1]):
            case b'"':
                found = self._string(begin)
            case b"#":
                found = self._block(begin)
            case _:
                return self._text(spaces.start())
        if found is None:
            return None
        element, end = found
        separator = _SEPARATOR.match(self._held, end)
        if separator is not None:
            return element, end, separator.end()
        if bytes(self._held[end:]) in (b"", _CARRIAGE_RETURN):
            return None
        raise ScpiCodecError(f"{_shown(self._held[end : end + 1])} after a string or a block")

    def _text(self, begin: int) -> tuple[Element, int, int] | None:
        separator = _SEPARATOR.search(self._held, begin, begin + LONGEST_TEXT + 2)
        octets = bytes(self._held[begin : begin + LONGEST_TEXT + 2 if separator is None else separator.start()])
        stray = _UNPRINTABLE.search(octets.removesuffix(_CARRIAGE_RETURN) if separator is None else octets)
        if stray is not None:
            raise ScpiCodecError(f"the byte {_shown(stray.group())} within text")
        if len(octets) > LONGEST_TEXT:
            raise ScpiCodecError(f"a text of more than {LONGEST_TEXT} characters")
        if separator is None:
            return None
        return octets.decode("ascii").strip(), separator.start(), separator.end()

    def _string(self, begin: int) -> tuple[Element, int] | None:
        limit = begin + 2 * LONGEST_TEXT
        found = _STRING.match(self._held, begin, limit)
        if found is not None and found.end() < len(self._held):
            return Quoted(found.group(1).replace(b'""', _QUOTE).decode("ascii")), found.end()
        if _BEGUN_STRING.fullmatch(self._held, begin, limit) is None or len(self._held) >= limit:
            raise ScpiCodecError("a string without its closing quote")
        return None

    def _block(self, begin: int) -> tuple[Element, int] | None:
        digit = bytes(self._held[begin + 1 : begin + 2])
        if not digit:
            return None
        if not digit.isdigit() or digit == b"0":
            raise ScpiCodecError(f"a block of no definite length ('#{_shown(digit)}')")
        content = begin + 2 + int(digit)
        length = bytes(self._held[begin + 2 : content])
        if length and not length.isdigit():
            raise ScpiCodecError(f"a block whose length is no number ('{_shown(length)}')")
        if content > len(self._held):
            return None
        end = content + int(length)
        if int(length) > LONGEST_BLOCK:
            raise ScpiCodecError(f"a block of {int(length)} bytes, more than {LONGEST_BLOCK}")
        return None if end > len(self._held) else (bytes(self._held[content:end]), end)


def encode_block(content: bytes) -> bytes:
    """A definite-length block: ``#41024`` and 1,024 bytes."""
    length = str(len(content))
    return f"#{len(length)}{length}".encode() + content


def encode_reply(*elements: Element) -> bytes:
    """A reply with its line feed; plain text must not contain commas."""
    return b",".join(map(_encoded, elements)) + _LINE_FEED


def _encoded(element: Element) -> bytes:
    match element:
        case bytes():
            return encode_block(element)
        case Quoted(text):
            return _QUOTE + text.encode("ascii").replace(_QUOTE, b'""') + _QUOTE
        case str():
            return element.encode("ascii")


def _shown(octets: bytes | bytearray) -> str:
    return bytes(octets).decode("ascii", "backslashreplace")
