"""Scans over lines on which something goes wrong: three instruments, every line of each, every kind of fault."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from edge.record.folder import open_recording
from edge.state import Ended
from tests.faults_page import Row, rows
from tests.instrument.conftest import Bench, await_that

RATE: Final = 0.0039
PLANNED: Final = 24
LEASE_S: Final = 0.5
SLACK_S: Final = 0.25
"""Two processes write their logs when the computer lets them."""
LATER_S: Final = 2.0
"""By then a board has done whatever its host left it with."""
CLOCK_FACTOR: Final = 20.0
PATIENCE_S: Final = 3.0
"""For a device that stays away; a board and its detector are connected again in less, where they come back."""
GONE_S: Final = 3_600.0
FEWEST_COUNTS: Final = 100
SPEAKER: Final = "pointillist: "
COMMON: Final = {"Any port", "Any instrument, seen from the scan"}
FAMILIES: Final = {
    "native": {"Native controller"},
    "grbl": {"GRBL stage", "DP5 spectrometer", "Stage and spectrometer together"},
    "marlin": {"Marlin stage", "DP5 spectrometer", "Stage and spectrometer together"},
}
"""Sections of the page."""

FAULTS: Final[dict[str, dict[str, Any]]] = {
    "drop": {"kind": "drop", "count": 7},
    "flip": {"kind": "flip", "bit": 6},
    "garbage": {"kind": "flip", "count": 20, "bit": 7},
    "duplicate": {"kind": "duplicate", "count": 20},
    "delay": {"kind": "delay", "for_s": 0.3},
    "late reply": {"kind": "delay", "for_s": 3.0},
    "stall": {"kind": "stall", "for_s": 3.0},
    "half": {"kind": "half"},
    "reset": {"kind": "reset"},
    "another name": {"kind": "hang_up", "for_s": 0.6},
    "gone": {"kind": "hang_up", "for_s": GONE_S},
}
OF_THE_DEVICE: Final = ("reset", "another name", "gone")
"""Those that have no direction."""
LINES: Final = {
    "native": ("controller",),
    "grbl": ("stage", "spectrometer"),
    "marlin": ("stage", "spectrometer"),
}
AT_BYTE: Final = {
    ("native", "controller", "host"): 8_000,
    ("native", "controller", "controller"): 900,
    ("grbl", "stage", "host"): 2_000,
    ("grbl", "stage", "controller"): 450,
    ("marlin", "stage", "host"): 5_000,
    ("marlin", "stage", "controller"): 3_500,
    ("grbl", "spectrometer", "host"): 90_000,
    ("grbl", "spectrometer", "controller"): 800,
    ("marlin", "spectrometer", "host"): 90_000,
    ("marlin", "spectrometer", "controller"): 800,
}
"""Bytes from the start of a twin by which the beam has been on for some exposures, and is for some more."""


@dataclass(frozen=True, slots=True)
class Case:
    """What goes wrong where."""

    instrument: str
    line: str
    towards: str
    fault: str

    def __str__(self) -> str:
        return f"{self.instrument}, {self.line}: {self.fault} towards {self.towards}"

    @property
    def scripted(self) -> dict[str, Any]:
        """As the instrument's file has it."""
        at_byte = AT_BYTE[self.instrument, self.line, self.towards]
        return {**FAULTS[self.fault], "towards": self.towards, "at_byte": at_byte}


CASES: Final = tuple(
    Case(instrument, line, towards, fault)
    for instrument, lines in LINES.items()
    for line, fault, towards in product(lines, FAULTS, ("host", "controller"))
    if towards == "host" or fault not in OF_THE_DEVICE
)


def choose(bench: Bench, instrument: str) -> None:
    """Put an instrument on the bench, and a small scan without maps; but for the controller, the same on all."""
    bench.beforehand = ("leave_out_maps",)
    bench.instrument["twin"]["clock_factor"] = CLOCK_FACTOR
    bench.scan["sampling"]["rate"] = RATE
    bench.scan["instrument"]["reconnect_s"] = PATIENCE_S
    if instrument == "native":
        return
    bench.instrument["pair"] = {"stage": instrument, "spectrometer_link": "mca", "stage_log": "stage.jsonl"}
    bench.instrument["link"] = "stage"
    bench.ready = "mca"
    bench.scan["instrument"]["controller"] = {
        "kind": "paired",
        "stage": {"kind": instrument, "port": "stage", "gate": {"grbl": "M8", "marlin": "P57"}[instrument]},
        "spectrometer": {"kind": "dp5", "port": "mca", "settings": {"MCAC": "2048"}},
    }


def arrange(bench: Bench, case: Case) -> None:
    """An instrument with one fault on one of its lines."""
    choose(bench, case.instrument)
    room, key = {
        "controller": ("twin", "faults"),
        "stage": ("pair", "stage_faults"),
        "spectrometer": ("pair", "spectrometer_faults"),
    }[case.line]
    bench.instrument[room][key] = [case.scripted]


def log_of(bench: Bench, line: str) -> list[dict[str, Any]]:
    """The log of the twin at the end of a line."""
    path = bench.folder / "stage.jsonl" if line == "stage" else bench.twin_log
    return [json.loads(text) for text in path.read_text().splitlines()]


def struck_s(bench: Bench, case: Case) -> float:
    """When the fault happened, on this computer's clock; fails where it didn't."""
    kind = f"line_{case.scripted['kind']}"
    (event,) = (event for event in log_of(bench, case.line) if event["event"] == kind)
    return event["monotonic_s"]


def beam_of(bench: Bench, instrument: str) -> list[tuple[float, float]]:
    """When the beam went on and off, by the twin's own log on this computer's clock; waits until it is off."""
    line = "controller" if instrument == "native" else "stage"

    def moments(*kinds: str) -> list[float]:
        return [event["monotonic_s"] for event in log_of(bench, line) if event["event"] in kinds]

    on = ("shutter_opened", "beam_on")
    off = ("shutter_closed", "beam_off")
    await_that(lambda: len(moments(*on)) == len(moments(*off)), "the beam's end", timeout_s=LEASE_S + 10.0)
    return list(zip(moments(*on), moments(*off), strict=True))


def assert_beam_ends(bench: Bench, instrument: str, since_s: float) -> None:
    """Whatever was on at that moment went off within a lease."""
    assert all(
        off_s - since_s <= LEASE_S + SLACK_S for on_s, off_s in beam_of(bench, instrument) if on_s <= since_s <= off_s
    )


def assert_beam_is_over(bench: Bench, instrument: str, since_s: float) -> None:
    """The beam had been on, and a lease after that moment it was off for good, also where it would have begun later.

    To be asked after the host's end, and before anything else drives the instrument: waits for what the board may still
    do by itself.
    """
    await_that(lambda: time.monotonic() - since_s >= LATER_S, "what comes later", timeout_s=2 * LATER_S)
    intervals = beam_of(bench, instrument)
    assert intervals, "the twin's log tells of the beam"
    assert ends_in_time(intervals, since_s), f"the beam was on in {intervals}, {since_s} being the end of its host"


def ends_in_time(intervals: Sequence[tuple[float, float]], since_s: float) -> bool:
    """Whether the last of these (on, off) ends within a lease of that moment."""
    return max(off_s for _, off_s in intervals) - since_s <= LEASE_S + SLACK_S


def is_finished(bench: Bench) -> bool:
    """Whether the recording is whole; fails where it is neither that nor resumable, or an exposure is there twice."""
    with open_recording(bench.recording) as recording:
        history = recording.history
        _, exposures = recording.reader.measured()
    assert history.plan_json
    assert history.irregular == ()
    indices = [done.index for done in exposures]
    assert len(indices) == len(set(indices))
    assert set(indices) <= set(range(PLANNED))
    assert all(done.counts.sum() > FEWEST_COUNTS for done in exposures), "the beam was on for every one of them"
    if history.state == Ended("finished", is_planned=True):
        assert len(indices) == PLANNED
        return True
    assert not isinstance(history.state, Ended)
    return False


def rows_for(instrument: str) -> list[Row]:
    """Rows of the page that an operator of this instrument may meet."""
    return [row for row in rows() if row.family in COMMON or row.family in FAMILIES[instrument]]


def assert_on_the_page(said: str, code: int, instrument: str) -> None:
    """What ended a command, and what was looked for meanwhile, stands on the page with this outcome."""
    assert "Traceback" not in said
    known = rows_for(instrument)
    lines = [line.removeprefix(SPEAKER) for line in said.splitlines() if line.startswith(SPEAKER)]
    for line in lines:
        sentence, is_looked_for, _ = line.partition(" (looking for it for ")
        if is_looked_for:
            assert any(row.fits(sentence) and row.is_looked_for for row in known), f"not on the page: {sentence}"
    if code:
        assert any(row.fits(lines[-1]) and code in row.codes for row in known), f"not on the page ({code}): {lines[-1]}"
        assert any("go on with: pointillist scan --resume" in line for line in lines)


def endure(bench: Bench, case: Case) -> tuple[int, str]:
    """A scan with a fault in it, and all that holds whatever the fault is; its exit code, and what was said."""
    scan = bench.run("scan", str(bench.config), "--out", str(bench.recording))
    at_s = struck_s(bench, case)
    assert_on_the_page(scan.stderr, scan.returncode, case.instrument)
    is_over = scan.returncode != 0 or "looking for it" in scan.stderr
    if is_over:
        assert_beam_ends(bench, case.instrument, at_s)
    assert beam_of(bench, case.instrument)
    assert is_finished(bench) == (scan.returncode == 0)
    return scan.returncode, scan.stderr


def resume(bench: Bench) -> None:
    """Go on with a scan that ended, on the same instrument, to its end."""
    resumed = bench.run("scan", "--resume", str(bench.recording))
    assert resumed.returncode == 0, resumed.stderr
    assert is_finished(bench)
