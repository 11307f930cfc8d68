"""Recordings made without an instrument: whole ones, as a scan leaves them, and pieces of them."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import yaml

from calibration.registration import Registration
from calibration.registration_record import registration_digest, registration_to_dict
from edge.app import yaml_of
from edge.cameras import write_picture
from edge.configuration.config import ScanConfig
from edge.events import Closed, Measured, Opened, Planned, Registered, ScanEvent, ShutterClosed, ShutterOpened, utc_text
from edge.maps import ElementMaps
from edge.motion.kinematics import StageModel
from edge.planning.plan import ScanPlan, make_plan, plan_to_json
from edge.prepare import frame_digest, grid_of
from edge.record.event_codec import encode_event
from edge.record.exposure_codec import encode_exposure
from edge.record.folder import RecordingPaths, create_recording
from edge.record.journal import Journal
from edge.record.maps_file import write_maps
from edge.record.schema import APPLICATION_ID, FORMAT_VERSION, SCHEMA_OF, extent_crc
from firmware_bridge.messages import ExposureDone, ExposureFlag, StagePose
from models.sampling import SamplingMask

CHANNELS = 64
BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DWELL_S = 0.1
FRAME = np.random.default_rng(1).integers(0, 255, (60, 80, 3), np.uint8)
CONFIG = ScanConfig.model_validate(
    {
        "object": {"identifier": "panel", "title": "A panel"},
        "instrument": {
            "controller": {"kind": "native", "port": "port"},
            "camera": {"kind": "folder", "path": "frames"},
            "fiducials": {"side_mm": 8.0, "markers": [{"id": i, "x_mm": 9.0 * i, "y_mm": 1.0 + i} for i in range(4)]},
            "detector": {"channels": CHANNELS, "gain_kev": 0.3},
        },
        "area": {"x_mm": 10.0, "y_mm": 10.0, "width_mm": 8.0, "height_mm": 6.0, "pitch_mm": 1.0},
        "sampling": {"rate": 0.5, "mask": "gradient", "dwell_s": DWELL_S},
    }
)


def at(seconds: float) -> str:
    """A moment of the scan."""
    return utc_text(BEGAN + timedelta(seconds=seconds))


def registration() -> Registration:
    """Ten pixels a millimetre, straight."""
    made = Registration(
        stage_from_camera=np.array([[0.2, 0, 5.0], [0, 0.2, 6.0], [0, 0, 1.0]]),
        camera_matrix=np.array([[400.0, 0, 40], [0, 400.0, 30], [0, 0, 1]]),
        distortion=np.zeros(5),
        fiducials=(0, 1, 2, 3),
        residuals_mm=np.full(4, 0.01),
        camera_identity="made",
        registered_at=at(0),
        digest="",
        notes=(),
    )
    return replace(made, digest=registration_digest(made))


def plan() -> ScanPlan:
    """Every other cell."""
    grid = grid_of(CONFIG.area)
    cells = np.zeros(grid.shape, np.bool_)
    cells.ravel()[::2] = True
    mask = SamplingMask(cells, 0.5, "gradient", "exact", 0)
    return make_plan(
        grid=grid,
        mask=mask,
        dwell_s=DWELL_S,
        stage=StageModel(100.0, 1000.0, 0.0, 0.0),
        registration_digest=registration().digest,
    )


def exposure(index: int, *, live_s: float = DWELL_S, flags: ExposureFlag = ExposureFlag.NONE) -> ExposureDone:
    """The exposure of an index, the same every time."""
    x_mm, y_mm = plan_table()[index % len(plan_table()), :2].tolist()
    counts = np.random.default_rng(index).poisson(3.0, CHANNELS).astype(np.uint32)
    pose = StagePose(x_mm, y_mm)
    began_s = 0.2 * index
    return ExposureDone(index, pose, pose, live_s + 0.01, live_s, began_s, began_s + live_s, 2e3, 1.9e3, flags, counts)


def plan_table() -> np.ndarray:
    """Of the plan, made once."""
    if not _TABLES:
        _TABLES.append(plan().table)
    return _TABLES[0]


_TABLES: list[np.ndarray] = []


def preparation() -> list[ScanEvent]:
    """What stands before the first spectrum."""
    made = plan()
    record = json.dumps(registration_to_dict(registration()))
    return [
        Opened(at(0), "scan-1", yaml_of(CONFIG), (("pointillist", "0.1.0"),), 7),
        Registered(at(1), record, frame_digest(FRAME)),
        Planned(at(2), plan_to_json(made), made.digest),
        ShutterOpened(at(3), "scan", len(made.table), 0.0),
    ]


def measured(indices: Sequence[int]) -> list[ScanEvent]:
    """Exposures at their times."""
    return [Measured(at(4 + 0.2 * index), exposure(index)) for index in indices]


def end() -> list[ScanEvent]:
    """What stands after the last one."""
    return [ShutterClosed(at(100), "finished"), Closed(at(101), "finished")]


def make_files(folder: Path) -> RecordingPaths:
    """Everything but the journal, of a scan that has ended."""
    paths = create_recording(folder)
    paths.config.write_text(yaml_of(CONFIG), "utf-8")
    write_picture(paths.frame, FRAME)
    paths.log.write_text("2026-01-02T03:04:05.000 INFO edge: begun\n", "utf-8")
    paths.report.write_text("<html>a report</html>", "utf-8")
    made, shape = plan(), grid_of(CONFIG.area).shape
    some = np.random.default_rng(2).random((*shape, 2)).astype(np.float32)
    maps = ElementMaps(("Fe-K", "Pb-L"), some, some / 10, made.mask.cells, "kriging")
    attributes: dict[str, str | float] = {"scan_id": "scan-1", "plan": made.digest, "unit": "counts/s"}
    write_maps(paths.maps, maps, mask=made.mask.cells, grid=made.grid, attributes=attributes)
    paths.live.mkdir()
    (paths.live / "maps.png").write_bytes(b"a picture")
    return paths


def make_recording(folder: Path, *, exposures: int | None = None) -> RecordingPaths:
    """A finished recording; of fewer exposures, one that was left in the middle."""
    paths = make_files(folder)
    whole = len(plan_table())
    with Journal.create(paths.journal) as journal:
        journal.append(preparation())
        journal.append(measured(range(whole if exposures is None else exposures)))
        if exposures is None:
            journal.append(end())
    return paths


def state_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file with its length and time: what must not change under a reader."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def config_with(**changes: object) -> str:
    """The configuration's text with other values at the top."""
    return yaml.safe_dump(yaml.safe_load(yaml_of(CONFIG)) | changes, sort_keys=False)


def write_rows(path: Path, events: Sequence[ScanEvent], *, version: int = FORMAT_VERSION) -> None:
    """A journal of any format, put together row by row, as a hand or an older version would."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA page_size = 4096")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {version}")
        for statement in SCHEMA_OF[version]:
            connection.execute(statement)
        for seq, event in enumerate(events, start=1):
            if isinstance(event, Measured):
                row = encode_exposure(seq, event)[: 17 if version == 1 else 18]
                connection.execute(f"INSERT INTO exposures VALUES ({', '.join('?' * len(row))})", row)
            else:
                connection.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?)", encode_event(seq, event))
        connection.execute("INSERT INTO extent VALUES (1, ?, ?)", (len(events), extent_crc(len(events))))
