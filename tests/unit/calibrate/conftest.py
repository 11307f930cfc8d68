"""A small panel on a simulated easel, photographed as anybody wants it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml

from edge.cameras import Frame
from edge.configuration.config import ScanConfig, load_scan_config
from edge.simulate.camera import SimulatedCamera
from edge.simulate.config import load_instrument
from edge.simulate.specimen import Specimen, load_specimen

MARKERS = [(0, 38, 38), (1, 70, 36), (2, 102, 38), (3, 104, 59), (4, 102, 82), (5, 70, 84), (6, 38, 82), (7, 36, 59)]
FIDUCIALS = {"side_mm": 8.0, "markers": [{"id": i, "x_mm": float(x), "y_mm": float(y)} for i, x, y in MARKERS]}
AREA = {"x_mm": 46.0, "y_mm": 43.0, "width_mm": 48.0, "height_mm": 32.0, "pitch_mm": 0.5}
Photograph = Callable[..., Frame]


@pytest.fixture
def scan_yaml(tmp_path):
    """A configuration's file; its camera is an empty folder."""
    (tmp_path / "frames").mkdir()
    path = tmp_path / "scan.yaml"
    instrument = {
        "controller": {"kind": "native", "port": "port"},
        "camera": {"kind": "folder", "path": "frames"},
        "fiducials": FIDUCIALS,
    }
    path.write_text(yaml.safe_dump({"instrument": instrument, "area": AREA}))
    return path


@pytest.fixture
def config(scan_yaml) -> ScanConfig:
    return load_scan_config(scan_yaml)


@pytest.fixture(scope="session")
def painted() -> dict[float, Specimen]:
    """Panels by where they lie; painting one takes most of a photograph's time."""
    return {}


@pytest.fixture
def photograph(tmp_path, painted) -> Photograph:
    """Photographs of a panel, with the camera's settings, the panel's place or the markers' shift changed."""

    def take(*, panel_x_mm: float = 0.0, easel_x_mm: float = 0.0, identity: str = "bench", **camera: object) -> Frame:
        markers = [{**each, "x_mm": each["x_mm"] + easel_x_mm} for each in FIDUCIALS["markers"]]
        described = {
            "link": "port",
            "frames": "frames",
            "specimen": {"kind": "panel", "seed": 3, "width_mm": 48.0, "height_mm": 32.0},
            "placement": {"x_mm": 46.0 + panel_x_mm + easel_x_mm, "y_mm": 43.0},
            "fiducials": {**FIDUCIALS, "markers": markers},
            # aimed at the same place wherever the panel lies
            "camera": {
                "width_px": 900,
                "height_px": 660,
                "focal_px": 1950.0,
                "distance_mm": 200.0,
                "aim_x_mm": -panel_x_mm - easel_x_mm,
                **camera,
            },
        }
        path = tmp_path / "instrument.yaml"
        path.write_text(yaml.safe_dump(described))
        instrument = load_instrument(path)
        key = described["placement"]["x_mm"]
        if key not in painted:
            painted[key] = load_specimen(instrument)
        image = SimulatedCamera.of(instrument, painted[key]).render()
        return Frame(image, identity, "2026-01-02T03:04:05+00:00")

    return take
