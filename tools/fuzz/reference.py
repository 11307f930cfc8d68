"""The C codec for firmware authors, fuzzed with the compiler's sanitizers.

Where there is clang, libFuzzer does it. Elsewhere the compiled target is asked input by input whether it went a way
that none went before, and inputs that did are kept and changed further.
"""

from __future__ import annotations

import hashlib
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import firmware_bridge
from tools.fuzz.mutation import mutated
from tools.fuzz.native_targets import TARGETS
from tools.fuzz.one_target import EXECUTED, libfuzzer_arguments

NAME: Final = "reference-c"
_REFERENCE = Path(firmware_bridge.__file__).with_name("reference")
_HERE = Path(__file__).parent
_CODEC, _TARGET = _REFERENCE / "pointillist_codec.c", _HERE / "reference_target.c"
_FLAGS = ["-std=c99", "-O1", "-g", f"-I{_REFERENCE}"]
_SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


class CodecDied(Exception):
    """The C codec was ended by a sanitizer, or by its own check."""


def seeds() -> list[bytes]:
    """Inputs to begin with: a mode, then what the Python targets begin with."""
    streams, payloads, spectra = (TARGETS[f"native-{kind}"].seeds() for kind in ("stream", "payload", "spectrum"))
    modes = ((0, streams), (1, payloads), (2, spectra))
    return [bytes([mode]) + octets for mode, inputs in modes for octets in inputs]


@dataclass(frozen=True, slots=True)
class Compiled:
    """The target as a program."""

    program: Path
    has_libfuzzer: bool


def compiled(folder: Path) -> Compiled | None:
    """Compile the target; None without a compiler that can."""
    program = folder / "reference_target"
    clang, other = shutil.which("clang"), shutil.which("cc")
    if clang is not None:
        fuzzer = [*_FLAGS, "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"]
        if _compile([clang, *fuzzer, str(_CODEC), str(_TARGET), "-o", str(program)]):
            return Compiled(program, has_libfuzzer=True)
    if other is None:
        return None
    codec = folder / "codec.o"
    watched = [other, *_FLAGS, *_SANITIZERS, "-fsanitize-coverage=trace-pc", "-c", str(_CODEC), "-o", str(codec)]
    linked = [other, *_FLAGS, *_SANITIZERS, "-DASKED", str(codec), str(_TARGET), "-o", str(program)]
    return Compiled(program, has_libfuzzer=False) if _compile(watched) and _compile(linked) else None


def fuzz(target: Compiled, seconds: float, corpus: Path, finds: Path) -> str:
    """Fuzz for a time, or until something is found; returns the report."""
    if target.has_libfuzzer:
        command = [str(target.program), *libfuzzer_arguments(seconds, corpus, finds)]
        return subprocess.run(command, capture_output=True, text=True, check=False).stderr
    return _ask_and_keep(target.program, seconds, corpus, finds)


class Asked:
    """The compiled target, asked about one input after the other."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def goes_new_ways(self, octets: bytes) -> bool:
        """Run one input. Raises `CodecDied` when the codec did not outlive it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(len(octets).to_bytes(4, "little") + octets)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise CodecDied from None
        answer = self._process.stdout.read(1)
        if not answer:
            raise CodecDied
        return answer == b"\1"


@contextmanager
def asking(program: Path) -> Iterator[Asked]:
    """A target that runs until the context ends; what a sanitizer says goes to where errors go."""
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield Asked(process)
        finally:
            process.kill()


def dies(target: Compiled, octets: bytes) -> bool:
    """Whether the codec does not outlive an input."""
    with asking(target.program) as asked:
        try:
            asked.goes_new_ways(octets)
        except CodecDied:
            return True
    return False


def _ask_and_keep(program: Path, seconds: float, corpus: Path, finds: Path) -> str:
    chance = random.Random()
    known = [path.read_bytes() for path in sorted(corpus.iterdir())]
    ends_s, executed = time.monotonic() + seconds, 0
    with asking(program) as target:
        octets = b""
        try:
            for octets in known:
                target.goes_new_ways(octets)
            while time.monotonic() < ends_s:
                octets = mutated(chance.choice(known), chance, known)
                executed += 1
                if target.goes_new_ways(octets):
                    known.append(octets)
                    (corpus / hashlib.sha1(octets).hexdigest()).write_bytes(octets)
        except CodecDied:
            (finds / f"crash-{hashlib.sha1(octets).hexdigest()}").write_bytes(octets)
    return f"{EXECUTED} {executed}\n"


def _compile(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
