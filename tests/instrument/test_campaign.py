"""A painting larger than the stage: two placements, one turned by a degree, joined to one map."""

from __future__ import annotations

import json
import math
from copy import deepcopy

import numpy as np
import pytest
import yaml

from edge.cameras import write_picture
from edge.cli import run
from edge.record.maps_file import read_maps
from edge.simulate.camera import SimulatedCamera
from edge.simulate.config import SimulatedInstrumentConfig
from edge.simulate.specimen import load_specimen
from tests.instrument.conftest import Bench

SIZE_MM = (76.0, 30.0)
PITCH_MM = 0.5
WHOLE_MARKERS = [(20 + i, x, y) for i, (x, y) in enumerate([(-7, -7), (25, -8), (51, -8), (83, -7)])]
WHOLE_MARKERS += [(30 + i, x, y) for i, (x, y) in enumerate([(-7, 37), (25, 38), (51, 38), (83, 37)])]
STAGE_MARKERS = [(0, 40, 34), (1, 66, 33), (2, 93, 34), (3, 95, 55), (4, 93, 88), (5, 66, 89), (6, 40, 88), (7, 38, 55)]
PLACED = {"left": (46.0, 45.0, 0.0), "right": (14.0, 46.0, 1.0)}
"""Where the panel's corner lies on the stage, and by how many degrees it hangs askew."""


def markers(places) -> dict:
    return {"side_mm": 6.0, "markers": [{"id": i, "x_mm": float(x), "y_mm": float(y)} for i, x, y in places]}


def instrument(bench: Bench, name: str) -> dict:
    """The scanner before the panel: its stage reaches 46 mm of the panel's 76."""
    x, y, turn = PLACED[name]
    wanted = deepcopy(bench.instrument)
    wanted["specimen"] = {"kind": "panel", "seed": 3, "width_mm": SIZE_MM[0], "height_mm": SIZE_MM[1]}
    wanted["placement"] = {"x_mm": x, "y_mm": y, "turn_deg": turn}
    wanted["fiducials"] = markers(STAGE_MARKERS)
    # the camera stands before the stage's middle, whichever part of the panel hangs there
    centre = np.array([x, y]) + turned(np.array(SIZE_MM) / 2, turn)
    wanted["camera"] |= {"aim_x_mm": float(66.5 - centre[0]), "aim_y_mm": float(61.0 - centre[1])}
    wanted["twin"]["seed"] = 1 + list(PLACED).index(name)
    return wanted


def turned(points, turn_deg: float):
    turn = math.radians(turn_deg)
    return points @ np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])


def scan_config(bench: Bench, name: str) -> dict:
    wanted = deepcopy(bench.scan)
    wanted["instrument"]["fiducials"] = markers(STAGE_MARKERS)
    wanted["area"] = {"x_mm": 44.0, "y_mm": 43.0, "width_mm": 46.0, "height_mm": 36.0, "pitch_mm": PITCH_MM}
    wanted["placement"] = {"campaign": str(bench.folder / "campaign.yaml"), "name": name}
    return wanted


def photograph_the_whole(bench: Bench) -> None:
    """One picture with markers beside the panel, in the panel's own millimetres."""
    config = SimulatedInstrumentConfig.model_validate(
        {
            "link": "none",
            "frames": "none",
            "specimen": {"kind": "panel", "seed": 3, "width_mm": SIZE_MM[0], "height_mm": SIZE_MM[1]},
            "placement": {"x_mm": 0.0, "y_mm": 0.0},
            "fiducials": markers(WHOLE_MARKERS),
            "camera": {"width_px": 1800, "height_px": 1000, "focal_px": 3400.0, "distance_mm": 200.0, "seed": 9},
        }
    )
    write_picture(bench.folder / "whole.png", SimulatedCamera.of(config, load_specimen(config)).render())


def campaign(bench: Bench) -> dict:
    return {
        "object": {"identifier": "wide", "title": "Wide panel"},
        "photograph": "whole.png",
        "fiducials": markers(WHOLE_MARKERS),
        "area": {"x_mm": 0.0, "y_mm": 0.0, "width_mm": SIZE_MM[0], "height_mm": SIZE_MM[1], "pitch_mm": PITCH_MM},
        "sampling": {"rate": 0.1, "seed": 1, "mask": "gradient"},
        "elements": bench.scan["elements"],
        "placements": [{"name": name, "recording": name} for name in PLACED],
    }


@pytest.fixture
def scanned(bench) -> Bench:
    """Both placements scanned, the second with a tube that gives a fifth less."""
    photograph_the_whole(bench)
    (bench.folder / "campaign.yaml").write_text(yaml.safe_dump(campaign(bench)))
    for name in PLACED:
        bench.instrument, bench.scan = instrument(bench, name), scan_config(bench, name)
        (bench.folder / "port").unlink(missing_ok=True)
        with bench.running():
            scan = bench.run("scan", str(bench.config), "--out", str(bench.folder / name))
        assert scan.returncode == 0, scan.stderr
    return bench


def test_two_placements_make_one_map_without_a_seam(scanned, capfd):
    folder = scanned.folder
    assert run(["join", str(folder / "campaign.yaml"), "--out", str(folder / "joined")]) == 0, capfd.readouterr().err
    said = capfd.readouterr().out
    print(said)
    kept = read_maps(folder / "joined" / "maps.h5")
    assert kept.grid is not None
    assert kept.grid.shape == (60, 152)
    print(json.dumps({"measured": int(kept.element_maps.measured.sum()), "mask": int(kept.mask.sum())}))
