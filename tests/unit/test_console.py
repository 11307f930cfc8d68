"""What stands in the terminal: lines are lines of their own, whatever else is being drawn there."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable

import pytest

from edge.console import Console
from edge.recordings.progress import Progress
from edge.recordings.watch import figures as watched_figures
from edge.state import Scanning


class Terminal(io.StringIO):
    """What was written to a terminal, and what it looks like there."""

    def isatty(self) -> bool:
        return True

    def lines(self) -> list[str]:
        """What remains of each line after returns to its beginning and erasures; colours left out."""
        plain = re.sub(r"\x1b\[[0-9;]*m|\x1b\[\?25[lh]", "", self.getvalue())
        return [re.split(r"\r|\x1b\[2?K", line.rstrip("\r"))[-1] for line in plain.split("\n")]


def console_at(terminal: Terminal, monkeypatch: pytest.MonkeyPatch, *, kind: str = "xterm") -> Console:
    monkeypatch.setenv("TERM", kind)
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


def figures(done: int = 17) -> Progress:
    nan = float("nan")
    return Progress(
        Scanning(),
        "",
        True,
        done,
        40,
        3.0,
        7.0,
        1.7,
        2.0,
        nan,
        None,
        0,
        0.1,
        None,
        nan,
        1_000,
        10**9,
        nan,
        1e-5,
        (3, 4),
    )


def test_a_run_shows_on_its_terminal_what_a_watcher_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    console = console_at(terminal, monkeypatch)
    with console.progress("Measuring", 40, look=figures) as show:
        show(17)
    shown = " ".join(terminal.lines())
    for name, text in watched_figures(figures()):
        assert name in shown
        assert text in shown


@pytest.mark.parametrize("write", [Console.say, Console.warn])
def test_a_line_beside_a_runs_figures_stands_alone_and_they_are_shown_again(
    monkeypatch: pytest.MonkeyPatch, write: Callable[[Console, str], None]
) -> None:
    terminal = Terminal()
    console = console_at(terminal, monkeypatch)
    with console.progress("Measuring", 40, look=figures) as show:
        show(17)
        write(console, "Homing the stage")
        show(18)
    lines = [line.removeprefix("pointillist: ") for line in terminal.lines()]
    assert lines.count("Homing the stage") == 1
    assert any(line.startswith("exposures") for line in lines[lines.index("Homing the stage") :])


def test_figures_are_asked_for_a_few_times_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def look() -> Progress:
        asked.append(1)
        return figures()

    monkeypatch.setattr("edge.console._TABLE_INTERVAL_S", 3_600.0)
    with console_at(Terminal(), monkeypatch).progress("Measuring", 40, look=look) as show:
        for count in range(1_000):
            show(count)
    assert len(asked) == 2, "once, and at the end"


def test_no_colours_are_sent_where_none_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    with console_at(terminal, monkeypatch).progress("Measuring", 40, look=figures) as show:
        show(17)
    colours = re.findall(r"\x1b\[([0-9;]*)m", terminal.getvalue())
    assert {number for code in colours for number in code.split(";")} <= {"", "0", "1", "2", "3"}


@pytest.mark.parametrize("kind", ["dumb", ""])
def test_a_terminal_that_cannot_go_back_gets_plain_lines(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    terminal = Terminal()
    with console_at(terminal, monkeypatch, kind=kind).progress("Measuring", 40, look=figures) as show:
        show(40)
    assert "\x1b" not in terminal.getvalue()
    assert "Measuring: 40 of 40" in terminal.getvalue()
