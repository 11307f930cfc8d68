"""A small recording whose every spectrum is known: two paints side by side, one cell measured twice."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from calibration.registration import Registration
from calibration.registration_record import registration_digest, registration_to_dict
from edge.events import Closed, Measured, Opened, Planned, Registered, ScanEvent, ShutterClosed, ShutterOpened, utc_text
from edge.finish import finish_recording
from edge.grid import ScanGrid
from edge.motion.stage_model import StageModel
from edge.planning.plan import ScanPlan, make_plan, plan_to_json
from edge.prepare import frame_digest
from edge.record.folder import create_recording
from edge.record.journal import Journal
from firmware_bridge.messages import ExposureDone, ExposureFlag
from models.sampling import SamplingMask
from tests.unit.spectra.conftest import Painter

CHANNELS = 1024
GAIN_KEV = 0.02
GRID = ScanGrid(10.0, 20.0, 0.25, rows=18, columns=24)
VISITED = np.indices(GRID.shape).sum(axis=0) % 3 == 0
"""A third of the cells, in both paints."""
LIVE_S, REAL_S = 0.1, 0.11
STATED = {
    "object": {"identifier": "inv-7", "title": "Lady; {draft}", "operator": "R. Holm"},
    "about": {
        "name": "Scanner 3",
        "optics": "polycapillary, 50 µm",
        "detector": "SDD, 50 mm²",
        "atmosphere": "helium",
    },
    "tube": {"anode": "Rh", "kv": 35.0, "ua": 750.0, "filter": "Al 50 µm"},
}


def config_yaml() -> str:
    return yaml.safe_dump(
        {
            "object": STATED["object"],
            "instrument": {
                "about": STATED["about"],
                "tube": STATED["tube"],
                "controller": {"kind": "native", "port": "port"},
                "camera": {"kind": "file", "path": "photo.png"},
                "detector": {"channels": CHANNELS, "gain_kev": GAIN_KEV},
                "beam": {"fwhm_mm": 0.2},
            },
            "area": {"x_mm": 10.0, "y_mm": 20.0, "width_mm": 6.0, "height_mm": 4.5, "pitch_mm": 0.25},
            "sampling": {"dwell_s": LIVE_S, "held_out": 0.0, "mask": "gradient"},
            "elements": ["Fe", "Pb"],
        },
        allow_unicode=True,
    )


@cache
def plan() -> ScanPlan:
    mask = SamplingMask(VISITED, float(VISITED.mean()), "gradient", "error-diffusion", 5)
    return make_plan(
        grid=GRID, mask=mask, dwell_s=LIVE_S, stage=StageModel(50.0, 500.0), registration_digest=registration().digest
    )


@cache
def registration() -> Registration:
    """The photograph's pixels are tenths of a millimetre."""
    made = Registration(
        stage_from_camera=np.diag([0.1, 0.1, 1.0]),
        camera_matrix=np.eye(3),
        distortion=np.zeros(5),
        fiducials=(1, 2, 3, 4),
        residuals_mm=np.full(16, 0.01),
        camera_identity="made up",
        registered_at="2026-01-02T03:00:00.000000+00:00",
        digest="",
    )
    return replace(made, digest=registration_digest(made))


@cache
def photograph() -> NDArray[np.uint8]:
    image = np.full((300, 300, 3), (180, 60, 40), np.uint8)
    image[:, 130:] = (230, 230, 220)
    return image


@cache
def exposures() -> tuple[ExposureDone, ...]:
    """Fe where x is below 13 mm, Pb elsewhere; the first one ends early and is repeated."""
    painter = Painter(channels=CHANNELS, gain_kev=GAIN_KEV)
    paints = {
        True: painter.rates({"Fe": 900.0, "Pb": 90.0}, 600.0),
        False: painter.rates({"Fe": 90.0, "Pb": 900.0}, 600.0),
    }
    rng = np.random.default_rng(3)
    done = []
    for planned in plan().exposures:
        counts = rng.poisson(paints[planned.start.x_mm < 13.0]).astype(np.uint32)
        opened_s = 0.2 * planned.index
        place = (planned.index, planned.start, planned.end)
        times = (REAL_S, LIVE_S, opened_s, opened_s + REAL_S, 3e4, 2.8e4)
        done.append(ExposureDone(*place, *times, ExposureFlag.NONE, counts))
    first = done[0]
    begun = replace(first, live_s=0.03, real_s=0.04, flags=ExposureFlag.TRUNCATED, counts=first.counts // 3)
    return begun, *done


def added_spectra() -> NDArray[np.int64]:
    """Of every cell, shape (rows, columns, channels)."""
    cube = np.zeros((*GRID.shape, CHANNELS), np.int64)
    for done in exposures():
        row, column = GRID.cells_of(np.array([[done.start.x_mm, done.start.y_mm]]))[0]
        cube[row, column] += done.counts
    return cube


def make_recording(folder: Path, *, measured: int | None = None) -> Path:
    """A finished recording with maps and report; or one that stopped after so many exposures, without."""
    paths = create_recording(folder)
    photo = cv2.cvtColor(photograph(), cv2.COLOR_RGB2BGR)
    assert cv2.imwrite(str(paths.frame), photo)
    paths.config.write_text(config_yaml(), encoding="utf-8")
    with Journal.create(paths.journal) as journal:
        journal.append(_events(measured))
    if measured is None:
        finish_recording(folder)
    return folder


def _events(measured: int | None) -> list[ScanEvent]:
    begun = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def at(seconds: float) -> str:
        return utc_text(begun + timedelta(seconds=seconds))

    versions = (("pointillist", "0.1.0"), ("firmware", "made-up 2"))
    story: list[ScanEvent] = [
        Opened(at(0), "scan-of-inv-7", config_yaml(), versions, 1),
        Registered(at(1), _registration_json(), frame_digest(photograph())),
        Planned(at(2), plan_to_json(plan()), plan().digest),
        ShutterOpened(at(3), "start", len(plan().exposures), 0.0),
        *(Measured(at(4 + done.closed_at_s), done) for done in exposures()[:measured]),
    ]
    if measured is None:
        story += [ShutterClosed(at(100), "finished"), Closed(at(101), "finished")]
    return story


def _registration_json() -> str:
    return json.dumps(registration_to_dict(registration()))
