"""`pointillist watch`: a running scan as somebody beside it sees it, on a terminal or in plain lines, to its end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from edge.console import duration_text
from edge.recordings.contents import state_words
from edge.recordings.outcome import fault_of
from edge.recordings.progress import Follower, Progress
from edge.state import Ended

_SURE = 2
"""Looks in a row at which nobody wrote, before that is taken for the end."""


class Screen(Protocol):
    """Where figures are shown."""

    def show(self, progress: Progress) -> None:
        """Replace what was shown, or add a line."""
        ...


def watch_recording(
    folder: Path,
    *,
    screen: Screen,
    interval_s: float,
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Show a scan until it has ended; returns when it is finished.

    Raises
    ------
    UsageError
        There is no recording.
    EdgeError
        What the scan ended with, with its exit code; `IntegrityError` where its journal is damaged.
    """
    follower, quiet = Follower(folder), 0
    while True:
        progress = follower.look()
        screen.show(progress)
        quiet = quiet + 1 if progress.is_over else 0
        if quiet >= _SURE:
            break
        wait(interval_s)
    fault = fault_of(progress.state, str(folder))
    if fault is not None:
        raise fault


def show_once(folder: Path, *, screen: Screen) -> None:
    """Show a scan, running or not, as it is now.

    Raises
    ------
    As `watch_recording`, where it has ended.
    """
    progress = Follower(folder).look()
    screen.show(progress)
    fault = fault_of(progress.state, str(folder)) if progress.is_over else None
    if fault is not None:
        raise fault


def figures(progress: Progress) -> list[tuple[str, str]]:
    """What is shown, line by line, each with its name."""
    lines = [("state", _state(progress)), ("exposures", _exposures(progress)), ("dose", _dose(progress))]
    if progress.error is not None:
        lines.append(("error", f"{progress.error.words}, by exposures held out"))
    if place := _place(progress):
        lines.append(("place", place))
    if progress.preview is not None:
        lines.append(("maps", f"{progress.preview}, {duration_text(progress.preview_age_s)} old"))
    lines.append(("link", _link(progress)))
    lines.append(("disk", _disk(progress)))
    return lines


def _state(progress: Progress) -> str:
    words = state_words(progress.state, progress.concluded, is_running=progress.is_running)
    is_finished = isinstance(progress.state, Ended) and progress.state.outcome == "finished"
    return words if progress.is_running or is_finished else f"{words}; no scan is running"


def _exposures(progress: Progress) -> str:
    if not progress.expected:
        return "not planned yet"
    text = f"{progress.done} of {progress.expected} ({100 * progress.done / progress.expected:.1f} %)"
    if progress.rate_hz > 0:
        text += f", {progress.rate_hz:.3g}/s"
    if not math.isnan(progress.left_s) and progress.left_s > 0:
        text += f", {duration_text(progress.left_s)} left"
    return text


def _dose(progress: Progress) -> str:
    return f"{duration_text(progress.live_s)} of live time, beam on for {duration_text(progress.beam_s)}"


def _place(progress: Progress) -> str:
    """Where the beam was last, and how well the photograph lies on the stage."""
    found = []
    if progress.at_mm is not None:
        found.append(f"x {progress.at_mm[0]:.1f}, y {progress.at_mm[1]:.1f} mm")
    if not math.isnan(progress.residual_mm):
        found.append(f"photograph registered to {1_000 * progress.residual_mm:.0f} um")
    return ", ".join(found)


def _link(progress: Progress) -> str:
    text = f"last record {duration_text(progress.silent_s)} ago" if progress.is_running else "at rest"
    if not math.isnan(progress.dead_share):
        text += f", detector {100 * max(0.0, progress.dead_share):.0f} % dead"
    if progress.interruptions:
        words = "pause or fault" if progress.interruptions == 1 else "pauses and faults"
        text += f", {progress.interruptions} {words} so far"
    return text


def _disk(progress: Progress) -> str:
    text = f"journal {progress.length / 1e6:.1f} MB, {progress.free / 1e9:.1f} GB free"
    if not math.isnan(progress.wanted) and progress.wanted > 0:
        text += f", {progress.wanted / 1e6:.1f} MB still to come"
        if progress.wanted > progress.free:
            text += ": TOO LITTLE, free some space"
    return text
