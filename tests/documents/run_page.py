"""A page's blocks, run as they stand, and what they print beside what the page shows."""

from __future__ import annotations

import io
import math
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from edge import cli

DOCUMENTS = Path(__file__).resolve().parents[2] / "docs"
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?(?!\w)")
"""Standing for themselves: with a comma in thousands, or an exponent; not those within a name."""

Program = Callable[[Sequence[str]], int]
PROGRAMS: Mapping[str, Program] = {"pointillist": lambda arguments: cli.run(list(arguments))}


@dataclass(frozen=True, slots=True)
class Block:
    """What stands between two fences."""

    page: str
    line: int
    """Of the opening fence."""
    kind: str
    """``sh``, ``python``, ``text``, ..."""
    text: str

    @property
    def where(self) -> str:
        return f"{self.page}, line {self.line}"

    def replaced(self, replacing: Mapping[str, str]) -> str:
        """Its text with the page's names replaced by a test's; each has to be there."""
        text = self.text
        for name, by in replacing.items():
            assert name in text, f"{self.where}: holds no {name}"
            text = text.replace(name, by)
        return text


def blocks_of(page: str, kind: str | None = None) -> list[Block]:
    """The blocks of a page in ``docs/``, such as ``how-to/watch-a-scan.md``; those of one kind, or all."""
    text = (DOCUMENTS / page).read_text("utf-8")
    found = [Block(page, text.count("\n", 0, m.start()) + 1, m[1], m[2]) for m in _FENCE.finditer(text)]
    return found if kind is None else [block for block in found if block.kind == kind]


def commands_of(block: Block, replacing: Mapping[str, str] | None = None) -> list[list[str]]:
    """The words of each command of a block; a line that ends in a backslash goes on, ``#`` begins a comment."""
    lines = block.replaced(replacing or {}).replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def run_sh(
    block: Block,
    *,
    replacing: Mapping[str, str] | None = None,
    programs: Mapping[str, Program] = PROGRAMS,
    code: int = 0,
) -> str:
    """Run a block's commands one after the other, within this process, and return what they print.

    Parameters
    ----------
    replacing
        A test's names for the page's.
    programs
        What a command's first word calls, with the other words; a page's other programs fail the test.
    code
        What the last command has to end with; those before it end with 0.
    """
    printed = io.StringIO()
    commands = commands_of(block, replacing)
    for number, (name, *arguments) in enumerate(commands, 1):
        assert name in programs, f"{block.where}: {name} is no program that this test knows"
        with redirect_stdout(printed), redirect_stderr(printed):
            ended = programs[name](arguments)
        expected = code if number == len(commands) else 0
        assert ended == expected, f"{block.where}: {name} ended with {ended}:\n{printed.getvalue()}"
    return printed.getvalue()


def run_python(block: Block, names: dict[str, object], *, replacing: Mapping[str, str] | None = None) -> str:
    """Run a block with these names, which it may add to, and return what it prints."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(block.replaced(replacing or {}), block.where, "exec"), names)
    return printed.getvalue()


def unlike(shown: str, printed: str, *, within: float = 0.0, anything: Sequence[str] = ()) -> list[str]:
    """Lines of what a page shows that were not printed, in their order.

    Words have to be the same; what else was printed does not matter.

    Parameters
    ----------
    within
        How far a number may be off, relative to the one that is shown; infinity: a number has to stand there.
    anything
        Regular expressions of what differs from one run to the next: a match of one may be any other match of it.
    """
    wanted = [line for line in shown.splitlines() if line.strip()]
    rest, lacking = printed.splitlines(), list[str]()
    for line in wanted:
        at = next((k for k, said in enumerate(rest) if _is_alike(line, said, within, anything)), None)
        if at is None:
            lacking.append(line)
        else:
            del rest[: at + 1]
    return lacking


def _is_alike(shown: str, said: str, within: float, anything: Sequence[str]) -> bool:
    for pattern in anything:
        shown, said = (re.sub(pattern, "…", line) for line in (shown, said))
    if _words(shown) != _words(said):
        return False
    pairs = zip(_NUMBER.findall(shown), _NUMBER.findall(said), strict=True)
    return all(_is_near(_value(one), _value(other), within) for one, other in pairs)


def _words(line: str) -> list[str]:
    """Whatever column they begin in."""
    return _NUMBER.sub("0", line).split()


def _value(number: str) -> float:
    return float(number.replace(",", ""))


def _is_near(one: float, other: float, within: float) -> bool:
    return math.isinf(within) or abs(one - other) <= within * abs(one) + 1e-12
