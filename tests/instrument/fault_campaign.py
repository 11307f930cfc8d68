"""Scans over lines on which something goes wrong: three instruments, every line of each, every kind of fault."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from edge.record.folder import open_recording
from edge.state import Ended
from tests.instrument.conftest import Bench

PLANNED: Final = 24
LEASE_S: Final = 0.5
SLACK_S: Final = 0.25
"""Two processes write their logs when the computer lets them."""
CLOCK_FACTOR: Final = 20.0
PATIENCE_S: Final = 3.0
"""For a device that stays away; a board and its detector are connected again in less, where they come back."""
GONE_S: Final = 3_600.0

FAULTS: Final[dict[str, dict[str, Any]]] = {
    "drop": {"kind": "drop", "count": 7},
    "flip": {"kind": "flip", "bit": 6},
    "garbage": {"kind": "flip", "count": 200, "bit": 7},
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
    """Put an instrument on the bench; the scan section stays as it is."""
    bench.instrument["twin"]["clock_factor"] = CLOCK_FACTOR
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
    """An instrument with one fault on one of its lines, and a small scan."""
    choose(bench, case.instrument)
    where = {
        "controller": bench.instrument["twin"].setdefault("faults", []) if case.instrument == "native" else [],
        "stage": bench.instrument.get("pair", {}).setdefault("stage_faults", []),
        "spectrometer": bench.instrument.get("pair", {}).setdefault("spectrometer_faults", []),
    }[case.line]
    where.append(case.scripted)
    bench.scan["sampling"]["rate"] = 0.0039
    bench.scan["instrument"]["reconnect_s"] = PATIENCE_S


def struck(bench: Bench, case: Case) -> dict[str, Any]:
    """The fault, as the twin on whose line it happened wrote it down."""
    kind = case.scripted["kind"]
    (event,) = (event for event in log_of(bench, case.line) if event["event"] == f"line_{kind}")
    return event


def log_of(bench: Bench, line: str) -> list[dict[str, Any]]:
    """A twin's own log."""
    path = bench.folder / "stage.jsonl" if line == "stage" else bench.twin_log
    return [json.loads(text) for text in path.read_text().splitlines()]


def beam_of(bench: Bench, instrument: str) -> list[tuple[float, float]]:
    """When the beam went on and off, on this computer's clock; fails where it is still on."""
    names = {"shutter_opened", "beam_on"}, {"shutter_closed", "beam_off"}
    events = log_of(bench, "controller" if instrument == "native" else "stage")
    on = [event["monotonic_s"] for event in events if event["event"] in names[0]]
    off = [event["monotonic_s"] for event in events if event["event"] in names[1]]
    assert len(on) == len(off), "the beam is off in the end"
    return list(zip(on, off, strict=True))


def is_finished(bench: Bench) -> bool:
    """Whether the recording is whole, every exposure of the plan in it once; fails where it is not even resumable."""
    with open_recording(bench.recording) as recording:
        history = recording.history
        _, exposures = recording.reader.measured()
    assert history.plan_json
    assert history.irregular == ()
    indices = [done.index for done in exposures]
    assert len(indices) == len(set(indices)), "no exposure is there twice"
    assert set(indices) <= set(range(PLANNED))
    if history.state == Ended("finished", is_planned=True):
        assert len(indices) == PLANNED
        return True
    assert not isinstance(history.state, Ended)
    return False
