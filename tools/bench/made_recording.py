"""A recording made by code, of any size: the panel of `painted`, counted with lines, a continuum and a drift."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from calibration.registration import Registration
from calibration.registration_record import registration_digest, registration_to_dict
from edge.cameras import write_picture
from edge.cameras.picture import recorded_picture
from edge.configuration.config import ScanConfig, parse_scan_config
from edge.events import Closed, Measured, Opened, Planned, Registered, ShutterClosed, ShutterOpened
from edge.planning.plan import plan_to_json
from edge.planning.scan_plan import ScanPlan, frozen_table
from edge.planning.text import sealed
from edge.prepare import frame_digest, grid_of
from edge.record.folder import RecordingPaths, create_recording
from edge.record.journal import Journal
from edge.spectra.lines import default_group
from firmware_bridge.messages import ExposureDone, ExposureFlag, StagePose
from models.sampling import SamplingMask
from tools.bench.painted import painted_panel

_AT = "2026-01-02T03:04:05.000006+00:00"
_MARGIN_CELLS = 3
_RATE_HZ = 900.0
"""Of all lines together, on average."""
_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Made:
    """What a recording is made like."""

    rows: int
    columns: int
    rate: float = 0.2
    """Share of the cells that are measured."""
    channels: int = 1_024
    live_s: float = 0.5
    elements: tuple[str, ...] = ("Ca", "Fe", "Cu", "Hg", "Pb")
    seed: int = 0
    drift: float = 0.0
    """Of the gain through the scan, relative."""
    polygon: tuple[tuple[float, float], ...] = ()
    """Of the area, in mm of 1 a cell; empty: the whole grid."""
    method: str = "automatic"
    """That fills the maps."""

    @property
    def gain_kev(self) -> float:
        return 20.48 / self.channels


def make_recording(folder: Path, made: Made) -> RecordingPaths:
    """Make a finished recording in a new folder, the same each time."""
    maps, photograph = painted_panel(made.rows, made.columns, len(made.elements), seed=made.seed)
    paths = create_recording(folder)
    config = _configure(paths, made)
    write_picture(paths.frame, np.pad(photograph, ((_MARGIN_CELLS,) * 2, (_MARGIN_CELLS,) * 2, (0, 0)), mode="edge"))
    registration = _registration()
    plan = _plan(config, made, registration)
    digest = frame_digest(recorded_picture(paths.frame).image)
    with Journal.create(paths.journal) as journal:
        journal.append(
            [
                Opened(_AT, f"made-{made.seed}", paths.config.read_text(), (("pointillist", "0"),), 1),
                Registered(_AT, json.dumps(registration_to_dict(registration)), digest),
                Planned(_AT, plan_to_json(plan), plan.digest),
                ShutterOpened(_AT, "start", len(plan.table), 0.0),
            ]
        )
        _measure(journal, maps, plan, made)
        journal.append([ShutterClosed(_AT, "end"), Closed(_AT, "finished")])
    return paths


def _configure(paths: RecordingPaths, made: Made) -> ScanConfig:
    content: dict[str, Any] = {
        "object": {"identifier": f"made-{made.seed}"},
        "instrument": {
            "controller": {"kind": "native", "port": "none"},
            "camera": {"kind": "file", "path": "frame.png"},
            "fiducials": {"markers": [{"id": 0, "x_mm": 0.0, "y_mm": 0.0}]},
            "detector": {"channels": made.channels, "gain_kev": made.gain_kev},
        },
        "area": {
            "x_mm": 0.0,
            "y_mm": 0.0,
            "width_mm": float(made.columns),
            "height_mm": float(made.rows),
            "pitch_mm": 1.0,
            **({"polygon": [list(corner) for corner in made.polygon]} if made.polygon else {}),
        },
        "sampling": {"mask": "random", "rate": made.rate, "dwell_s": made.live_s, "held_out": 0.0},
        "elements": list(made.elements),
        "reconstruct": {"method": made.method},
        "dose": {"max_beam_s": 1e9},
    }
    paths.config.write_text(yaml.safe_dump(content))
    return parse_scan_config(paths.config.read_text(), paths.config)


def _registration() -> Registration:
    """Pixels are cells of 1 mm; the picture reaches beyond the area by some."""
    stage_from_camera = np.array([[1, 0, 0.5 - _MARGIN_CELLS], [0, 1, 0.5 - _MARGIN_CELLS], [0, 0, 1]], float)
    bare = Registration(
        stage_from_camera,
        np.eye(3),
        np.zeros(5),
        (0, 1, 2, 3),
        np.full(16, 0.02),
        "made",
        "2026-01-02T03:04:05+00:00",
        "",
    )
    return replace(bare, digest=registration_digest(bare))


def _plan(config: ScanConfig, made: Made, registration: Registration) -> ScanPlan:
    grid = grid_of(config.area)
    cells = np.random.default_rng(made.seed + 1).random(grid.shape) < made.rate
    rows, columns = np.nonzero(cells)
    back = rows % 2 == 1
    order = np.lexsort((np.where(back, -columns, columns), rows))
    centres = grid.centres_mm(rows[order], columns[order])
    table = frozen_table(np.column_stack([centres, centres, np.full(len(centres), made.live_s)]))
    mask = SamplingMask(cells, float(cells.mean()), "random", "none", made.seed)
    beam_s = float(table[:, 4].sum())
    return sealed(
        ScanPlan(
            grid=grid,
            table=table,
            mask=mask,
            registration_digest=registration.digest,
            predicted_s=1.1 * beam_s,
            travel_mm=float(len(table)),
            beam_s=beam_s,
            longest_move_s=0.1,
            digest="",
        )
    )


def _measure(journal: Journal, maps: NDArray[np.float32], plan: ScanPlan, made: Made) -> None:
    rng = np.random.default_rng(made.seed + 2)
    rates = maps * (_RATE_HZ / max(float(maps.sum(axis=2).mean()), 1e-9))
    count = len(plan.table)
    for first in range(0, count, _AT_ONCE):
        rows = plan.table[first : first + _AT_ONCE]
        at = np.floor(rows[:, 1]).astype(int), np.floor(rows[:, 0]).astype(int)
        spectra = _spectra(made, gain=1 + made.drift * (first / count - 0.5))
        expected = (rates[at] @ spectra[:-1] + spectra[-1]) * made.live_s
        counts = rng.poisson(expected).astype(np.uint32)
        journal.append([_measured(first + i, row, counts[i]) for i, row in enumerate(rows)])


def _measured(index: int, row: NDArray[np.float64], counts: NDArray[np.uint32]) -> Measured:
    pose, live_s, at_s = StagePose(float(row[0]), float(row[1])), float(row[4]), index * 1.1 * float(row[4])
    rate_hz = float(counts.sum()) / live_s
    done = ExposureDone(
        index,
        pose,
        pose,
        1.02 * live_s,
        live_s,
        at_s,
        at_s + 1.02 * live_s,
        rate_hz,
        rate_hz,
        ExposureFlag.NONE,
        counts,
    )
    return Measured(_AT, done)


def _spectra(made: Made, *, gain: float) -> NDArray[np.float64]:
    """Counts in each channel for a count of each element, and last the continuum's for a second."""
    edges = (np.arange(made.channels + 1) - 0.5) * made.gain_kev * gain
    middles = (edges[1:] + edges[:-1]) / 2
    rows = []
    for element in made.elements:
        group = default_group(element, 40.0)
        sigma = [np.sqrt(0.0025 + 0.0015 * max(energy, 0.1) * 0.7) for energy in group.energies_kev]
        lines = [
            share * np.exp(-0.5 * np.square((middles - energy) / width))
            for share, energy, width in zip(group.relative_intensities, group.energies_kev, sigma, strict=True)
        ]
        row = np.sum(lines, axis=0)
        rows.append(row / row.sum())
    continuum = np.exp(-np.square((middles - 9) / 6)) * (middles > 1)
    return np.array([*rows, 100.0 * continuum / continuum.sum()])
