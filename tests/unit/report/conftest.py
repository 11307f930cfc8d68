"""A small synthetic report to vary."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from calibration.registration import Registration
from edge.grid import ScanGrid
from edge.maps import ElementMaps, LeftOut
from edge.motion.kinematics import StageModel
from edge.report.contents import (
    Conditions,
    CountTotals,
    Dose,
    Effort,
    EnergyScale,
    LineLabel,
    NotedEvent,
    ScannedObject,
    ScanReport,
    ShutterOpening,
    SumSpectrum,
)

STARTED = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)

MakeReport = Callable[..., ScanReport]


@pytest.fixture
def make_report() -> MakeReport:
    """Builds a complete report of a grid; keyword arguments replace its fields."""

    def make(
        rows: int = 30, columns: int = 40, elements: tuple[str, ...] = ("Fe", "Pb-L"), **fields: Any
    ) -> ScanReport:
        report = _complete(rows, columns, elements)
        return dataclasses.replace(report, **fields)

    return make


def _complete(rows: int, columns: int, elements: tuple[str, ...]) -> ScanReport:
    rng = np.random.default_rng(7)
    measured = rng.random((rows, columns)) < 0.2
    measured[0, 0] = True
    measured[-1, -1] = False
    maps = rng.uniform(1.0, 9.0, (rows, columns, len(elements))).astype(np.float32)
    energy = np.linspace(-0.1, 20.0, 512)
    counts = rng.poisson(5 + 900 * np.exp(-0.5 * ((energy - 6.4) / 0.1) ** 2)).astype(np.float64)
    live_s = rng.uniform(0.1, 0.2, int(measured.sum()))
    left_out = LeftOut(
        25,
        np.full(len(elements), 0.4, np.float32),
        np.linspace(0.62, 0.71, len(elements), dtype=np.float32),
        np.linspace(0.83, 0.92, len(elements), dtype=np.float32),
    )
    openings = (
        ShutterOpening(STARTED + timedelta(seconds=5), "scan started", STARTED + timedelta(seconds=40), "paused"),
        ShutterOpening(STARTED + timedelta(seconds=50), "resumed", None, ""),
    )
    return ScanReport(
        subject=ScannedObject("Still life with lemons", "Inv. 12", "A. Conservator"),
        started_at=STARTED,
        finished_at=STARTED + timedelta(seconds=95),
        outcome="finished",
        grid=ScanGrid(10.0, 20.0, 0.5, rows, columns),
        mask=measured,
        maps=ElementMaps(elements, maps, 0.1 * maps, measured, "kriging", left_out, ("The photograph was not used.",)),
        maps_unit="counts/s",
        effort=Effort(
            exposures_planned=int(measured.sum()),
            exposures_measured=int(measured.sum()),
            predicted_s=90.0,
            running_s=95.0,
            counting_s=40.0,
            planned_travel_mm=1234.0,
            travel_mm=1240.0,
            full_raster_s=400.0,
            stage=StageModel(50.0, 500.0, 0.01),
        ),
        rgb=rng.integers(0, 255, (rows, columns, 3)).astype(np.uint8),
        density=rng.random((rows, columns)),
        dose=Dose(live_s, 2 * live_s, openings, 0.5),
        counts=CountTotals(123_456, 512.0, 0.05),
        registration=Registration(
            np.eye(3), np.eye(3), np.zeros(5), (3, 5), np.full(8, 0.02), "camera 1", "2026-03-04T08:59:00Z", "d" * 64
        ),
        energy_scale=EnergyScale(-0.1, 0.0393, 3.0, 12),
        spectrum=SumSpectrum(energy, counts, counts + 1.0, (LineLabel("Fe Kα", 6.4), LineLabel("Fe Kβ", 7.06))),
        conditions=Conditions("SDD", 0.1, 0.5, "Rh", 40.0, 500.0, "none"),
        events=(NotedEvent(STARTED + timedelta(seconds=40), "Paused by the operator"),),
        versions={"pointillist": "0.1.0"},
        digests={"plan": "e" * 64},
    )
