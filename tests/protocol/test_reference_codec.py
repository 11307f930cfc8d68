"""The C codec for firmware authors says what the protocol's page and the Python codec say."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import firmware_bridge
from firmware_bridge.native.codec import MESSAGES, decode
from firmware_bridge.native.framing import Deframer, Frame, encode_frame
from firmware_bridge.native.messages import CodedSpectrum
from firmware_bridge.native.spectrum_coding import SpectrumCodingError, decode_spectrum, encode_spectrum
from firmware_bridge.native.vocabulary import Code, CodecError, MessageType
from firmware_bridge.native.wire_layout import Layout
from tests.protocol.test_protocol_page import blocks, pairs_of, read_example

HERE = Path(__file__).parent
REFERENCE = Path(firmware_bridge.__file__).with_name("reference")
SOURCES = [REFERENCE / "pointillist_codec.c", HERE / "reference_driver.c"]
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
SANITIZERS = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
UNUSED = "-Wno-unused-function"
COMPILER = shutil.which("cc")
ROOM = 131_072
CHANNELS = 16

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler named cc")


class Reference:
    """The compiled driver, asked line by line."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, question: str) -> list[str]:
        """Lines of the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(question + "\n")
        self._process.stdin.flush()
        answer: list[str] = []
        while (line := self._process.stdout.readline()) != ".\n":
            assert line, f"the codec ended at: {question[:200]}"
            answer.append(line.rstrip("\n"))
        return answer

    def stream(self, octets: bytes, *, room: int = ROOM, channels: int = CHANNELS) -> tuple[list[Shown], int]:
        """Frames that come out of these bytes, and how many stretches were none."""
        *shown, last = self.ask(f"stream {room} {channels} {octets.hex()}")
        return [Shown(line) for line in shown], int(last.removeprefix("rejected "))

    def close(self) -> None:
        self._process.communicate()
        assert self._process.returncode == 0


class Shown:
    """One frame as the driver shows it."""

    def __init__(self, line: str) -> None:
        header, fields, again = line.split(" |")
        numbers = header.split(" ")
        version, kind, nonce, sequence, acknowledgement, credits = map(int, numbers[:6])
        self.frame = Frame(kind, nonce, sequence, acknowledgement, credits, bytes.fromhex(numbers[6]), version)
        self.fields = [field.split("=") for field in fields.split()]
        self.again = again.strip()


def build(folder: Path, flags: list[str]) -> subprocess.CompletedProcess[str]:
    assert COMPILER is not None
    command = [COMPILER, *STRICT, UNUSED, *flags, f"-I{REFERENCE}", *map(str, SOURCES), "-o", str(folder / "driver")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reference]:
    folder = tmp_path_factory.mktemp("reference")
    if build(folder, SANITIZERS).returncode != 0:
        plain = build(folder, [])
        assert plain.returncode == 0, plain.stderr
    running = Reference(folder / "driver")
    yield running
    running.close()


def test_it_compiles_without_a_warning_in_less_than_400_lines(tmp_path: Path) -> None:
    assert COMPILER is not None
    source, target = REFERENCE / "pointillist_codec.c", tmp_path / "codec.o"
    for flags in (["-O0"], ["-O2", "-Wshadow"]):
        command = [COMPILER, *STRICT, *flags, "-c", str(source), "-o", str(target)]
        compiled = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (compiled.returncode, compiled.stderr) == (0, "")
    texts = [path.read_text("utf-8") for path in REFERENCE.glob("*.[ch]")]
    assert sum(text.count("\n") for text in texts) < 400
    headers = {line.split()[1] for text in texts for line in text.splitlines() if line.startswith("#include <")}
    assert headers <= {"<stdint.h>", "<stddef.h>", "<stdbool.h>", "<string.h>"}
    assert "malloc" not in "".join(texts)


def test_its_tables_are_the_protocols(reference: Reference) -> None:
    records: dict[str, str] = {"none": ""}
    messages: dict[str, tuple[int, str, str]] = {}
    for line in reference.ask("tables"):
        what, name, *rest = line.split(" ")
        if what == "record":
            records[name] = " ".join(rest)
        else:
            messages[name] = (int(rest[0]), rest[1], rest[2])
    assert {name: number for name, (number, _, _) in messages.items()} == {each.name: int(each) for each in MessageType}
    tails = {"": "none", "text": "text", "ranges": "range", "pairs": "pair", "quads": "quad", "spectra": "entry"}
    for kind, message in MESSAGES.items():
        _, record, tail = messages[kind.name]
        assert records[record] == fields_of(message.LAYOUT), kind.name
        assert tail == tails[message.LAYOUT.tail_kind], kind.name
    assert records["entry"] == fields_of(CodedSpectrum.LAYOUT)


def fields_of(layout: Layout) -> str:
    return " ".join(f"{field.name}:{field.kind}" for field in layout.fields)


def test_its_codes_are_the_protocols(tmp_path: Path) -> None:
    assert COMPILER is not None
    program = tmp_path / "codes.c"
    checks = "\n".join(f"typedef char is_{code.name}[PT_CODE_{code.name} == {int(code)} ? 1 : -1];" for code in Code)
    program.write_text(f'#include "pointillist_codec.h"\n{checks}\n', encoding="utf-8")
    command = [COMPILER, "-std=c99", "-fsyntax-only", "-I", str(REFERENCE), str(program)]
    compiled = subprocess.run(command, capture_output=True, text=True, check=False)
    assert compiled.returncode == 0, compiled.stderr


@pytest.mark.parametrize("block", blocks("example"), ids=lambda block: block.split("\n")[0].removeprefix("message = "))
def test_it_reads_and_writes_a_worked_example(reference: Reference, block: str) -> None:
    frame, octets = read_example(block)
    (shown,), rejected = reference.stream(octets)
    assert rejected == 0
    assert shown.frame == frame
    assert bytes.fromhex(shown.again) == octets


@pytest.mark.parametrize("example", blocks("spectra")[0].strip().split("\n\n"))
def test_it_reads_and_writes_a_worked_spectrum(reference: Reference, example: str) -> None:
    lines = pairs_of(example)
    counts: list[int] = []
    for part in lines["counts"].split():
        count, _, times = part.partition("x")
        counts += [int(count)] * int(times or 1)
    shown, again = spectrum_of(reference, bytes.fromhex(lines["hex"]), len(counts))
    assert shown == counts
    assert again == bytes.fromhex(lines["hex"])


def spectrum_of(reference: Reference, coded: bytes, channels: int) -> tuple[list[int], bytes]:
    """What the C codec reads in a coded spectrum, and what it writes for that."""
    counts, again = reference.ask(f"spectrum {channels} {sized(coded).hex()}")
    return list(map(int, counts.split())), bytes.fromhex(again)[len(length_of(coded)) :]


def sized(coded: bytes) -> bytes:
    return length_of(coded) + coded


def length_of(coded: bytes) -> bytes:
    number, out = len(coded), bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def random_payload(chance: random.Random, kind: MessageType, values: dict[str, int]) -> bytes:
    """A payload of random numbers; those of the fixed part are added to `values`."""
    layout = MESSAGES[kind].LAYOUT
    payload = random_fields(chance, layout, values)
    match layout.tail_kind:
        case "text":
            payload += chance.choice(["", "door switch", "Türkontakt 4 µs"]).encode()
        case "pairs" | "quads" | "ranges":
            unit = {"pairs": 8, "quads": 16, "ranges": 6}[layout.tail_kind]
            payload += b"".join(random_octets(chance, unit) for _ in range(chance.randrange(1, 60)))
        case "spectra":
            for _ in range(chance.randrange(1, 6)):
                counts = np.array([chance.choice((0, 0, 0, 1, 1, 7, 2**32 - 1)) for _ in range(CHANNELS)], np.uint32)
                payload += random_fields(chance, CodedSpectrum.LAYOUT, {}) + sized(encode_spectrum(counts))
    return payload


def random_fields(chance: random.Random, layout: Layout, values: dict[str, int]) -> bytes:
    for field in layout.fields:
        bits = int(field.kind[1:])
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if field.kind[0] == "i" else (0, 2**bits - 1)
        values[field.name] = chance.choice((low, high, 0, chance.randint(low, high)))
    return layout.pack(type("Numbers", (), values))


def random_octets(chance: random.Random, count: int) -> bytes:
    """Bytes of which many are zero, which is what stuffing is about."""
    return bytes(chance.choice((0, chance.randrange(256))) for _ in range(count))


def random_frame(chance: random.Random, kind: int, payload: bytes) -> Frame:
    return Frame(kind, chance.getrandbits(32), *(chance.choice((0, chance.getrandbits(16))) for _ in range(3)), payload)


@pytest.mark.parametrize("kind", sorted(MESSAGES), ids=lambda kind: kind.name)
def test_both_codecs_agree_on_random_frames(reference: Reference, kind: MessageType) -> None:
    chance = random.Random(int(kind))
    for _ in range(25):
        values: dict[str, int] = {}
        frame = random_frame(chance, kind, random_payload(chance, kind, values))
        octets = encode_frame(frame)
        (shown,), rejected = reference.stream(octets)
        assert rejected == 0
        assert shown.frame == frame
        assert shown.fields[: len(values)] == [[name, str(as_signed(value))] for name, value in values.items()]
        assert bytes.fromhex(shown.again) == octets


def as_signed(number: int) -> int:
    """As the driver shows 64 bits."""
    return number - 2**64 if number >= 2**63 else number


@pytest.mark.parametrize("size", [0, 1, 237, 238, 239, 240, 253, 254, 255, 491, 492, 493, 508, 509, 5_000])
@pytest.mark.parametrize("octet", [0, 1, 255])
def test_both_codecs_stuff_long_stretches_alike(reference: Reference, size: int, octet: int) -> None:
    # HOST_ACK with too long a payload isn't written again, but a WELCOME's text may have any bytes.
    payload = bytes([1] * 42) + bytes([octet]) * size
    frame = Frame(MessageType.WELCOME, 0x01020304, 0, 0, 0, payload)
    octets = encode_frame(frame)
    (shown,), _ = reference.stream(octets)
    assert shown.frame == frame
    assert bytes.fromhex(shown.again) == octets


counted = st.one_of(st.just(0), st.just(0), st.just(1), st.integers(0, 200), st.integers(0, 2**32 - 1))


@settings(max_examples=60, deadline=None)
@given(st.lists(counted, min_size=16, max_size=300))
def test_both_codecs_agree_on_random_spectra(reference: Reference, counts: list[int]) -> None:
    coded = encode_spectrum(np.array(counts, np.uint32))
    assert spectrum_of(reference, coded, len(counts)) == (counts, coded)


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=60), st.integers(1, 64))
def test_both_codecs_refuse_the_same_spectra(reference: Reference, coded: bytes, channels: int) -> None:
    answer = reference.ask(f"spectrum {channels} {sized(coded).hex()}")
    try:
        counts = decode_spectrum(coded, channels)
    except SpectrumCodingError:
        assert answer == ["refused"]
    else:
        assert list(map(int, answer[0].split())) == counts.tolist()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 12))
def test_both_deframers_find_the_same_frames_in_a_damaged_stream(reference: Reference, seed: int, damages: int) -> None:
    chance = random.Random(seed)
    kinds = chance.choices(sorted(MESSAGES), k=8)
    stream = bytearray()
    for kind in kinds:
        stream += encode_frame(random_frame(chance, kind, random_payload(chance, kind, {})))
    for _ in range(damages):
        at = chance.randrange(len(stream))
        match chance.randrange(3):
            case 0:
                stream[at] ^= 1 << chance.randrange(8)
            case 1:
                del stream[at : at + chance.randrange(1, 30)]
            case _:
                stream[at:at] = stream[at : at + chance.randrange(1, 30)]
        if not stream:
            return
    ours = Deframer()
    frames = ours.feed(bytes(stream))
    shown, rejected = reference.stream(bytes(stream))
    assert [each.frame for each in shown] == frames
    assert rejected == ours.rejected


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(MESSAGES)), st.binary(max_size=90))
def test_what_the_python_codec_can_read_the_reference_can(reference: Reference, kind: int, payload: bytes) -> None:
    (shown,), _ = reference.stream(encode_frame(Frame(kind, 1, 2, 3, 4, payload)))
    try:
        decode(kind, payload)
    except CodecError:
        return
    if kind != MessageType.SPECTRA:
        assert shown.again != "malformed"


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.integers(16, 64))
def test_garbage_does_it_no_harm(reference: Reference, octets: bytes, room: int) -> None:
    shown, _ = reference.stream(octets, room=room)
    assert all(len(each.frame.payload) + 16 <= room for each in shown)


def test_a_frame_longer_than_its_buffer_is_dropped_and_the_next_one_read(reference: Reference) -> None:
    long, short = Frame(MessageType.DWELLS, 1, 1, 0, 0, bytes(49)), Frame(MessageType.HOME, 1, 2, 0, 0, b"\x01\x02")
    shown, rejected = reference.stream(encode_frame(long) + encode_frame(short), room=64)
    assert [each.frame for each in shown] == [short]
    assert rejected == 1
    exact = Frame(MessageType.DWELLS, 1, 1, 0, 0, bytes(48))
    shown, _ = reference.stream(encode_frame(exact), room=64)
    assert [each.frame for each in shown] == [exact]
