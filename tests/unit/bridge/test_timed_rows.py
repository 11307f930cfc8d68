"""Rows without a trigger: a spectrometer that is read in step with the flight, and what becomes of late readings."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from firmware_bridge.faults import LinkLost
from firmware_bridge.messages import Exposure, ExposureFlag, StagePose
from firmware_bridge.pairing.faults import ReadLate
from firmware_bridge.pairing.flight import Flyer
from firmware_bridge.pairing.rows import Row
from firmware_bridge.spectrometer import SpectrometerCapabilities, Spectrum
from firmware_bridge.stage import PoseAt, StageCapabilities

SPEED_MM_S, CELL_MM, CELLS = 15.0, 1.5, 3
TICK_S = 0.02


class Glider:
    """A stage that moves by the computer's clock."""

    def __init__(self) -> None:
        self.capabilities = StageCapabilities(
            "glider", (0.0, 100.0), (0.0, 50.0), 50.0, 500.0,
            has_gate=False, flies_with_beam=True, has_trigger=False, pose_uncertainty_mm=0.005,
        )  # fmt: skip
        self.begun_s = 0.0
        """When the last row's start was passed."""

    def fly(
        self,
        start: StagePose,
        end: StagePose,
        speed_mm_s: float,
        *,
        with_beam: bool,
        cells: int = 1,
        lead_s: float = 0.0,
        heard: Callable[[PoseAt], None] | None = None,
    ) -> tuple[PoseAt, ...]:
        assert heard is not None
        self.begun_s = time.monotonic() + lead_s
        pause = threading.Event()
        way_mm = -1.0
        while way_mm < end.x_mm - start.x_mm + 1.0:
            pause.wait(TICK_S)
            now_s = time.monotonic()
            way_mm = (now_s - self.begun_s) * speed_mm_s
            heard(PoseAt(now_s, StagePose(start.x_mm + way_mm, start.y_mm), 0.0005))
        return ()


class Ticker:
    """A spectrometer that counts one event a millisecond, and now and then takes its time."""

    def __init__(self) -> None:
        self.capabilities = SpectrometerCapabilities("ticker", "1", "1", 4, 0.001, 0)
        self.ended_s: list[float] = []
        """When each spectrum truly ended."""
        self.slow: set[int] = set()
        """Snapshots that take longer than a cell."""
        self.failing: set[int] = set()

    def snapshot(self) -> Spectrum:
        number = len(self.ended_s)
        if number in self.failing:
            raise LinkLost("the spectrometer stopped answering: check its cable")
        if number in self.slow:
            threading.Event().wait(1.5 * CELL_MM / SPEED_MM_S)
        now_s = time.monotonic()
        real_s = int(1000 * (now_s - self.ended_s[-1])) / 1000 if self.ended_s else 1.0
        self.ended_s.append(now_s)
        return Spectrum(np.full(4, round(250 * real_s), np.uint32), real_s, real_s, 1e3, 1e3, False)


def row() -> Row:
    places = [StagePose(20.0 + CELL_MM * number, 10.0) for number in range(CELLS + 1)]
    return Row(
        tuple(
            Exposure(number, start, end, CELL_MM / SPEED_MM_S) for number, (start, end) in enumerate(pairwise(places))
        )
    )


def flyer(stage: Glider, spectrometer: Ticker) -> Flyer:
    return Flyer(stage, spectrometer, lambda _: None, lambda: None, time.monotonic)  # type: ignore[arg-type]


def test_boundaries_are_where_the_stage_was_when_the_spectrometer_was_read() -> None:
    stage, spectrometer = Glider(), Ticker()
    flown = flyer(stage, spectrometer).fly(row())
    assert flown.fault is None
    assert [cell.index for cell in flown.cells] == list(range(CELLS))
    for cell, ended_s in zip(flown.cells[:-1], spectrometer.ended_s[2:], strict=False):
        true_mm = 20.0 + (ended_s - stage.begun_s) * SPEED_MM_S
        assert abs(cell.end.x_mm - true_mm) < 3 * cell.pose_uncertainty_mm


def test_a_row_that_was_read_late_is_to_be_flown_again_without_a_fault() -> None:
    stage, spectrometer = Glider(), Ticker()
    spectrometer.slow = {2}
    flying = flyer(stage, spectrometer)
    flown = flying.fly(row())
    assert flown.fault is None
    # all had the beam for as long as was planned
    assert [(cell.index, cell.flags, cell.live_s) for cell in flown.cells] == [
        (number, ExposureFlag.TRUNCATED, CELL_MM / SPEED_MM_S) for number in range(CELLS)
    ]
    assert [cell.flags for cell in flying.fly(row()).cells] == [ExposureFlag.NONE] * CELLS


def test_a_spectrometer_that_is_late_every_time_is_a_fault() -> None:
    stage, spectrometer = Glider(), Ticker()
    spectrometer.slow = {2, 6, 10}
    flying = flyer(stage, spectrometer)
    assert [flying.fly(row()).fault for _ in range(2)] == [None, None]
    flown = flying.fly(row())
    assert isinstance(flown.fault, ReadLate)
    assert "lengthen the strokes" in str(flown.fault)
    assert len(flown.cells) == CELLS


def test_a_spectrometer_that_fails_in_a_row_stops_it_and_is_named() -> None:
    stage, spectrometer = Glider(), Ticker()
    spectrometer.failing = {3}
    flown = flyer(stage, spectrometer).fly(row())
    assert isinstance(flown.fault, LinkLost)
    assert [cell.index for cell in flown.cells] in ([], [0])
