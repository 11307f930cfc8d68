"""The page that firmware authors read is true of the code: tables, codes, worked examples."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import firmware_bridge
from firmware_bridge.native.codec import MESSAGES, Message, decode, encode
from firmware_bridge.native.faults import SENTENCES
from firmware_bridge.native.framing import Frame, decode_frame, encode_frame
from firmware_bridge.native.messages import CodedSpectrum, Spectra
from firmware_bridge.native.spectrum_coding import decode_spectrum, encode_spectrum
from firmware_bridge.native.vocabulary import Code, MessageType
from firmware_bridge.native.wire_layout import Layout

PAGE = Path(firmware_bridge.__file__).with_name("PROTOCOL.md").read_text(encoding="utf-8")
HEADER_FIELDS = ("nonce", "sequence", "acknowledgement", "credits")


def sections() -> dict[int, tuple[str, str]]:
    """Name and text of each message's section, by type."""
    found = re.findall(r"^#### 0x([0-9A-F]{2}) (\w+)\n(.*?)(?=^#|\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
    return {int(kind, 16): (name, text) for kind, name, text in found}


def table(text: str) -> list[tuple[int, str, str]]:
    """Offset, field and type of each row of a section's first table."""
    rows = re.findall(r"^\| (\d+) \| (\w+) \| (\w+) \|", text, flags=re.MULTILINE)
    return [(int(offset), name, kind) for offset, name, kind in rows]


def rows_of(layout: Layout) -> list[tuple[int, str, str]]:
    rows = [(field.offset, field.name, field.kind) for field in layout.fields]
    return [*rows, (layout.size, layout.tail_name, layout.tail_kind)] if layout.tail_name else rows


@pytest.mark.parametrize("kind", sorted(MESSAGES))
def test_every_message_has_its_table_on_the_page(kind: MessageType) -> None:
    name, text = sections()[kind]
    text, _, entry = text.partition("Each entry:")
    assert name == kind.name
    assert table(text) == rows_of(MESSAGES[kind].LAYOUT)
    if kind is MessageType.SPECTRA:
        assert table(entry) == rows_of(CodedSpectrum.LAYOUT)


def test_the_page_describes_no_message_that_does_not_exist() -> None:
    assert set(sections()) == set(MESSAGES)


def test_the_page_lists_every_code_with_the_sentence_that_the_operator_reads() -> None:
    section = PAGE.split("## 7. Codes")[1].split("## 8.")[0]
    listed = re.findall(r"^\| (\d+) \| (\w+) \| (.+) \|$", section, flags=re.MULTILINE)
    assert listed == [(str(int(code)), code.name, SENTENCES[code] or "done") for code in Code]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def number(text: str) -> int:
    return int(text, 0)


def tail_from(kind: str, text: str) -> Any:
    match kind:
        case "text":
            return text.strip('"')
        case "ranges":
            pairs = [part.split("+") for part in text.split(", ") if part]
            return tuple(range(int(first), int(first) + int(count)) for first, count in pairs)
        case "pairs" | "quads":
            return tuple(tuple(map(int, group.split())) for group in re.findall(r"\(([^)]*)\)", text))
        case "sized":
            return bytes.fromhex(text)
        case _:
            raise AssertionError(kind)


def build(layout: Layout, lines: dict[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {field.name: number(lines[field.name]) for field in layout.fields}
    if layout.tail_name and layout.tail_name != "entries":
        values[layout.tail_name] = tail_from(layout.tail_kind, lines[layout.tail_name])
    return values


def pairs_of(text: str) -> dict[str, str]:
    joined = re.sub(r"\n {6}", " ", text)
    return dict(re.findall(r"^ *(\w+) = ?(.*)$", joined, flags=re.MULTILINE))


def read_example(block: str) -> tuple[Frame, bytes]:
    """The frame that an example's fields describe, and the bytes that it shows."""
    lines = pairs_of(block)
    kind = MessageType[lines["message"]]
    message_class: Any = MESSAGES[kind]
    values = build(message_class.LAYOUT, lines)
    if kind is MessageType.SPECTRA:
        entries = block.split("entry\n")[1:]
        values["entries"] = tuple(
            CodedSpectrum(**build(CodedSpectrum.LAYOUT, pairs_of(entry.split("hex =")[0]))) for entry in entries
        )
    message: Message = message_class(**values)
    header = {name: number(lines.get(name, "0")) for name in HEADER_FIELDS}
    return Frame(type=kind, payload=encode(message), **header), bytes.fromhex(lines["hex"])


@pytest.mark.parametrize("block", blocks("example"), ids=lambda block: block.split("\n")[0].removeprefix("message = "))
def test_a_worked_example_is_what_the_codec_sends_and_reads(block: str) -> None:
    frame, octets = read_example(block)
    assert encode_frame(frame) == octets
    assert octets.endswith(b"\x00")
    assert decode_frame(octets[:-1]) == frame
    assert encode(decode(frame.type, frame.payload)) == frame.payload


def test_there_are_worked_examples_of_what_matters() -> None:
    shown = {read_example(block)[0].type for block in blocks("example")}
    assert shown >= {
        MessageType.HELLO, MessageType.WELCOME, MessageType.DWELLS, MessageType.STROKES, MessageType.SPECTRA,
        MessageType.FORGET, MessageType.OPEN, MessageType.RENEW, MessageType.ABORT, MessageType.FAULT,
        MessageType.HOST_ACK, MessageType.STATUS, MessageType.RETAINED,
    }  # fmt: skip


@pytest.mark.parametrize("example", blocks("spectra")[0].strip().split("\n\n"))
def test_a_worked_spectrum_is_what_the_coding_makes_and_reads(example: str) -> None:
    lines = pairs_of(example)
    counts: list[int] = []
    for part in lines["counts"].split():
        count, _, times = part.partition("x")
        counts += [int(count)] * int(times or 1)
    spectrum = np.array(counts, dtype=np.uint32)
    assert encode_spectrum(spectrum) == bytes.fromhex(lines["hex"])
    assert np.array_equal(decode_spectrum(bytes.fromhex(lines["hex"]), spectrum.size), spectrum)


def test_a_frame_with_one_spectrum_takes_at_most_64_bytes_beside_it() -> None:
    widest = {field.name: -1 if field.kind == "i32" else 2**32 - 1 for field in CodedSpectrum.LAYOUT.fields}
    for size in (1, 200, 339, 615, 1_305):
        entry = CodedSpectrum(**{**widest, "flags": 255}, coded=b"\x01" * size)
        frame = Frame(MessageType.SPECTRA, 2**32 - 1, 65_535, 65_535, 65_535, encode(Spectra((entry,))))
        assert len(encode_frame(frame)) - size <= 64
