"""What stands in the terminal: lines are lines of their own, whatever else is being drawn there."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable

import pytest

from edge.console import Console


class Terminal(io.StringIO):
    """What was written to a terminal, and what it looks like there."""

    def isatty(self) -> bool:
        return True

    def lines(self) -> list[str]:
        """What remains of each line after returns to its beginning and erasures; colours left out."""
        plain = re.sub(r"\x1b\[[0-9;]*m|\x1b\[\?25[lh]", "", self.getvalue())
        return [re.split(r"\r|\x1b\[2?K", line.rstrip("\r"))[-1] for line in plain.split("\n")]


def console_at(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.setenv("TERM", "xterm")
    with monkeypatch.context() as streams:
        streams.setattr(sys, "stdout", terminal)
        streams.setattr(sys, "stderr", terminal)
        return Console(quiet=False, log_level="error")


@pytest.mark.parametrize(
    ("write", "line"),
    [
        (lambda console: console.say("Homing the stage"), "Homing the stage"),
        (lambda console: console.warn("the shutter closed"), "pointillist: the shutter closed"),
    ],
)
def test_a_line_beside_a_bar_or_a_countdown_stands_alone(
    monkeypatch: pytest.MonkeyPatch, write: Callable[[Console], None], line: str
) -> None:
    terminal = Terminal()
    console = console_at(terminal, monkeypatch)
    with console.progress("Measuring", 40) as show:
        show(3)
        write(console)
        show(4)
        with console.countdown("Looking for the controller") as count:
            count(59.0)
            write(console)
            count(58.0)
        show(5)
        write(console)
    assert terminal.lines().count(line) == 3


def test_a_bar_is_drawn_on_after_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    console = console_at(terminal, monkeypatch)
    with console.progress("Measuring", 40) as show:
        console.say("Homing the stage")
        show(17)
    assert "17/40" in "".join(terminal.lines()[-2:])
