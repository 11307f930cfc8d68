"""One target, fuzzed for a time: its corpus, its process, and what is found, as short as it goes."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.fuzz import reference
from tools.fuzz.mutation import minimised
from tools.fuzz.one_target import EXECUTED
from tools.fuzz.targets import TARGETS

_GRACE_S: Final = 120.0
"""For a process to start, to read its corpus and to end."""
_FINDS: Final = ("crash-", "timeout-", "oom-", "leak-")
"""What libFuzzer calls finds; it leaves slow inputs beside them."""
_UNREPEATED: Final = ("timeout-", "oom-")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one target."""

    seconds: float
    inputs: int
    kept: int
    """Inputs in its corpus."""
    finds: tuple[str, ...]
    """Each as a sentence or a traceback, with the input."""
    remark: str = ""
    """Why nothing was done."""


def fuzz(name: str, seconds: float, folder: Path) -> Outcome:
    """Fuzz one target; corpus and finds are kept under the folder."""
    corpus, finds = folder / "corpus" / name, folder / "finds" / name
    for each in (corpus, finds):
        each.mkdir(parents=True, exist_ok=True)
    before, began_s = set(finds.iterdir()), time.monotonic()
    if name == reference.NAME:
        _keep(corpus, reference.seeds())
        inputs, told, remark = _fuzz_reference(seconds, corpus, finds, before)
    else:
        _keep(corpus, TARGETS[name].seeds())
        inputs, told, remark = _fuzz_python(name, seconds, corpus, finds, before)
    return Outcome(time.monotonic() - began_s, inputs, len(list(corpus.iterdir())), tuple(told), remark)


def _fuzz_python(name: str, seconds: float, corpus: Path, finds: Path, before: set[Path]) -> tuple[int, list[str], str]:
    command = [sys.executable, "-m", "tools.fuzz.one_target", name, str(seconds), str(corpus), str(finds)]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + _GRACE_S)
    except subprocess.TimeoutExpired:
        return 0, [f"{name} hangs, and not even its watchdog ends it"], ""
    told = [_shortened(path, TARGETS[name].run) for path in _fresh(finds, before)]
    inputs = _executed(ended.stderr)
    if ended.returncode and not told:
        told = [f"{name} ended with {ended.returncode}: {ended.stderr[-2_000:]}"]
    return inputs, told, ""


def _fuzz_reference(seconds: float, corpus: Path, finds: Path, before: set[Path]) -> tuple[int, list[str], str]:
    with tempfile.TemporaryDirectory() as folder:
        target = reference.compiled(Path(folder))
        if target is None:
            return 0, [], "left out: there is no C compiler with sanitizers"
        report = reference.fuzz(target, seconds, corpus, finds)
        told = []
        for path in _fresh(finds, before):
            if not target.has_libfuzzer:
                path.write_bytes(minimised(path.read_bytes(), lambda octets: reference.dies(target, octets)))
            told.append(_told(path, "the C codec did not outlive it"))
        return _executed(report), told, ""


def _shortened(path: Path, run: Callable[[bytes], None]) -> str:
    """Make a find shorter as long as it fails at the same place, and tell it."""
    octets = path.read_bytes()
    wanted = None if path.name.startswith(_UNREPEATED) else _failure(run, octets)
    if wanted is None:
        return _told(path, "it took too long or too much memory, or fails only after others")
    path.write_bytes(minimised(octets, lambda shorter: _place(_failure(run, shorter)) == _place(wanted)))
    error = _failure(run, path.read_bytes()) or wanted
    return _told(path, "".join(traceback.format_exception(error)))


def _failure(run: Callable[[bytes], None], octets: bytes) -> Exception | None:
    try:
        run(octets)
    except Exception as error:
        return error
    return None


def _place(error: Exception | None) -> tuple[str, str, int | None] | None:
    """Kind, file and line."""
    if error is None:
        return None
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return type(error).__name__, frame.filename, frame.lineno


def _told(path: Path, what: str) -> str:
    return f"{path}: {path.read_bytes()!r}\n{what}"


def _keep(corpus: Path, inputs: Sequence[bytes]) -> None:
    for octets in inputs:
        (corpus / hashlib.sha1(octets).hexdigest()).write_bytes(octets)


def _fresh(finds: Path, before: set[Path]) -> list[Path]:
    return sorted(path for path in set(finds.iterdir()) - before if path.name.startswith(_FINDS))


def _executed(report: str) -> int:
    found = re.search(rf"{re.escape(EXECUTED)}\s*(\d+)", report)
    return int(found[1]) if found else 0
