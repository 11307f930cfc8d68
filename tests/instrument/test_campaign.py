"""A painting larger than the stage: two placements, one hung askew by a degree, joined to one map."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from edge.cameras import write_picture
from edge.campaign.join import PlacedScan, join, read_placement
from edge.campaign.whole import Whole, load_whole
from edge.cli import run
from edge.faults import IntegrityError
from edge.maps import Samples
from edge.record.maps_file import read_maps
from edge.simulate.camera import SimulatedCamera
from edge.simulate.config import SimulatedInstrumentConfig
from edge.simulate.emission import paint_rates
from edge.simulate.painted import paint_panel
from edge.simulate.specimen import load_specimen
from tests.instrument.conftest import Bench
from tests.instrument.starter import Starter

WIDTH_MM, HEIGHT_MM, PITCH_MM = 76.0, 30.0, 0.5
PANEL = {"kind": "panel", "seed": 3, "width_mm": WIDTH_MM, "height_mm": HEIGHT_MM}
WHOLE_MARKERS = [(20 + i, x, y) for i, (x, y) in enumerate([(-7, -7), (25, -8), (51, -8), (83, -7)])]
WHOLE_MARKERS += [(30 + i, x, y) for i, (x, y) in enumerate([(-7, 37), (25, 38), (51, 38), (83, 37)])]
STAGE_MARKERS = [(0, 40, 34), (1, 66, 33), (2, 93, 34), (3, 95, 55), (4, 93, 88), (5, 66, 89), (6, 40, 88), (7, 38, 55)]
PLACED = {"left": (46.0, 45.0, 0.0), "right": (14.0, 46.0, 1.0)}
"""Where the panel's corner lies on the stage, and by how many degrees the panel is turned there."""
SEAM_MM = 44.0
"""Where the left placement ends: its area ends at 90 mm, and it was scanned first."""


@dataclass(frozen=True)
class Campaign:
    """Both placements, scanned."""

    file: Path
    whole: Whole
    scans: list[PlacedScan]


def markers(places) -> dict:
    return {"side_mm": 6.0, "markers": [{"id": i, "x_mm": float(x), "y_mm": float(y)} for i, x, y in places]}


def bench_of(folder: Path, name: str, starter: Starter | None = None) -> Bench:
    """The scanner before the panel: its stage reaches 46 mm of the panel's 76."""
    x, y, turn_deg = PLACED[name]
    turn = math.radians(turn_deg)
    middle = (
        x + (WIDTH_MM * math.cos(turn) - HEIGHT_MM * math.sin(turn)) / 2,
        y + (WIDTH_MM * math.sin(turn) + HEIGHT_MM * math.cos(turn)) / 2,
    )
    camera = {"width_px": 1200, "height_px": 880, "focal_px": 2600.0, "distance_mm": 200.0, "seed": 5}
    instrument = {
        "link": "port",
        "frames": "frames",
        "specimen": PANEL,
        "placement": {"x_mm": x, "y_mm": y, "turn_deg": turn_deg},
        "fiducials": markers(STAGE_MARKERS),
        # before the stage's middle, whichever part of the panel hangs there
        "camera": camera | {"aim_x_mm": 66.5 - middle[0], "aim_y_mm": 61.0 - middle[1]},
        "twin": {
            "seed": 1 + list(PLACED).index(name),
            "clock_factor": 200.0,
            "x_limits_mm": [0.0, 150.0],
            "y_limits_mm": [0.0, 150.0],
        },
    }
    scan = {
        "instrument": {
            "controller": {"kind": "native", "port": "port"},
            "camera": {"kind": "folder", "path": "frames"},
            "fiducials": markers(STAGE_MARKERS),
            "detector": {"channels": 2048, "gain_kev": 0.01},
        },
        "area": {"x_mm": 44.0, "y_mm": 43.0, "width_mm": 46.0, "height_mm": 36.0, "pitch_mm": PITCH_MM},
        "sampling": {"dwell_s": 0.1},
        "elements": ["Ca", "Fe", "Cu", "Hg-L", "Pb-L"],
        "placement": {"campaign": "campaign.yaml", "name": name},
    }
    return Bench(folder, instrument, scan, starter, beforehand=("leave_out_maps",))


def photograph_the_whole(folder: Path) -> None:
    """One picture with markers beside the panel, in the panel's own millimetres."""
    config = SimulatedInstrumentConfig.model_validate(
        {
            "link": "none",
            "frames": "none",
            "specimen": PANEL,
            "placement": {"x_mm": 0.0, "y_mm": 0.0},
            "fiducials": markers(WHOLE_MARKERS),
            "camera": {"width_px": 1800, "height_px": 1000, "focal_px": 3400.0, "distance_mm": 200.0, "seed": 9},
        }
    )
    write_picture(folder / "whole.png", SimulatedCamera.of(config, load_specimen(config)).render())


@pytest.fixture(scope="module")
def campaign(tmp_path_factory, starter) -> Campaign:
    folder = tmp_path_factory.mktemp("campaign")
    photograph_the_whole(folder)
    file = folder / "campaign.yaml"
    content = {
        "object": {"identifier": "wide", "title": "Wide panel"},
        "photograph": "whole.png",
        "fiducials": markers(WHOLE_MARKERS),
        "area": {"x_mm": 0.0, "y_mm": 0.0, "width_mm": WIDTH_MM, "height_mm": HEIGHT_MM, "pitch_mm": PITCH_MM},
        "sampling": {"rate": 0.1, "seed": 1, "mask": "gradient"},
        "elements": bench_of(folder, "left").scan["elements"],
        "placements": [{"name": name, "recording": name} for name in PLACED],
    }
    file.write_text(yaml.safe_dump(content))
    for name in PLACED:
        bench = bench_of(folder, name, starter)
        (folder / "port").unlink(missing_ok=True)
        with bench.running():
            scan = bench.run("scan", str(bench.config), "--out", str(folder / name))
        assert scan.returncode == 0, scan.stderr
    whole = load_whole(file)
    return Campaign(file, whole, [read_placement(whole, folder / name, name) for name in PLACED])


def with_values(scan: PlacedScan, factor) -> PlacedScan:
    """The same exposures under another intensity, of all elements or of each."""
    samples = scan.samples
    scaled = Samples(samples.rows, samples.columns, samples.values * np.float32(factor), samples.variance * factor**2)
    return replace(scan, samples=scaled)


def true_maps(campaign: Campaign, elements: tuple[str, ...]) -> np.ndarray:
    """What the panel radiates at each cell of the object's grid, without noise."""
    panel = paint_panel(3, WIDTH_MM, HEIGHT_MM)
    rates = paint_rates([panel.surface, panel.hidden, panel.ground], tube_rate_hz=6, matrix_rate_hz=9000)
    lines = np.stack([rates.of(line) for line in elements], axis=2)
    grid = campaign.whole.grid
    return np.asarray(cv2.resize(lines, (grid.columns, grid.rows), interpolation=cv2.INTER_AREA), np.float32)


def step_at_the_seam(campaign: Campaign, maps) -> np.ndarray:
    """How much more of the panel's true maps is shown right of the seam than left of it, relative, by element."""
    true, seam = true_maps(campaign, maps.elements), round(SEAM_MM / PITCH_MM)
    left, right = (
        maps.maps[:, part].sum(axis=(0, 1)) / true[:, part].sum(axis=(0, 1))
        for part in (slice(seam - 24, seam), slice(seam, seam + 24))
    )
    return right / left - 1


def as_painted(campaign: Campaign, scan: PlacedScan, *, moved_columns: int) -> PlacedScan:
    """The placement's exposures of an object that has moved since its photograph, under a strong tube."""
    true, samples = true_maps(campaign, scan.elements), scan.samples
    columns = np.clip(samples.columns + moved_columns, 0, true.shape[1] - 1)
    values = true[samples.rows, columns]
    return replace(scan, samples=replace(samples, values=values, variance=np.maximum(values, 1) * np.float32(0.1)))


def test_every_cell_of_the_shared_mask_is_visited_and_a_share_of_the_overlap_twice(campaign):
    visited = np.zeros(campaign.whole.grid.shape, int)
    for scan in campaign.scans:
        np.add.at(visited, (scan.samples.rows, scan.samples.columns), 1)
    mask = campaign.whole.mask().cells
    assert np.array_equal(visited > 0, mask)
    assert set(np.unique(visited)) == {0, 1, 2}
    columns = np.nonzero(visited == 2)[1]
    assert columns.max() * PITCH_MM < SEAM_MM + PITCH_MM


def test_placements_are_found_in_the_whole_within_a_tenth_of_a_cell(campaign):
    for scan, (x, y, turn_deg) in zip(campaign.scans, PLACED.values(), strict=True):
        turn = math.radians(turn_deg)
        rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
        on_object = np.array([[32.0, 2.0], [42.0, 28.0], [35.0, 15.0]])
        on_stage = on_object @ rotation.T + [x, y]
        assert np.abs(scan.placed.whole_from_part(on_stage) - on_object).max() < PITCH_MM / 10


def test_one_command_leaves_maps_and_report_in_the_objects_frame(campaign, capfd):
    out = campaign.file.parent / "joined"
    assert run(["join", str(campaign.file), "--out", str(out)]) == 0, capfd.readouterr().err
    said = capfd.readouterr().out
    assert re.search(r"right: \d+ exposures, turned by -(0\.99|1\.0[01]) degrees", said)
    assert "cells shared" in said
    kept = read_maps(out / "maps.h5")
    assert kept.grid == campaign.whole.grid
    assert kept.element_maps.elements == ("Ca-K", "Fe-K", "Cu-K", "Hg-L", "Pb-L")
    page = (out / "report.html").read_text("utf-8")
    assert "This map joins 2 placements of the scanner" in page
    assert "Placements in the object’s frame" in page


def test_a_weaker_tube_in_one_placement_is_evened_out_and_leaves_no_seam(campaign):
    left, right = campaign.scans
    even = join(campaign.whole, [left, right])
    weaker = join(campaign.whole, [left, with_values(right, 0.8)])
    assert weaker.factors[1] == pytest.approx(0.8, abs=4 * weaker.deviations[1])
    assert weaker.deviations[1] < 0.02
    steps = [step_at_the_seam(campaign, joined.maps) for joined in (even, weaker)]
    np.testing.assert_allclose(steps[1], steps[0], atol=1e-3)
    # lead is everywhere and strong: what 10 % of the cells say of a strip of 12 mm is within some per cent
    assert abs(steps[0][even.maps.elements.index("Pb-L")]) < 0.04


def test_a_placement_whose_object_moved_is_refused(campaign):
    left, right = campaign.scans
    still = [as_painted(campaign, scan, moved_columns=0) for scan in (left, right)]
    assert join(campaign.whole, still).factors[1] == pytest.approx(1.0, abs=1e-3)
    moved = as_painted(campaign, right, moved_columns=2)
    with pytest.raises(IntegrityError, match=r"'left' and 'right' lie (0.[89]|1.[012]).* mm from each other"):
        join(campaign.whole, [still[0], moved])


def test_placements_under_different_conditions_are_refused(campaign):
    left, right = campaign.scans
    other = with_values(right, np.array([0.6, 1, 1.2, 1, 1.5], np.float32))
    with pytest.raises(IntegrityError, match="differ from element to element"):
        join(campaign.whole, [left, other])


def test_placements_without_an_overlap_are_refused(campaign):
    left, right = campaign.scans
    apart = right.samples.columns * PITCH_MM > SEAM_MM
    with pytest.raises(IntegrityError, match="do not hang together"):
        join(campaign.whole, [left, replace(right, samples=right.samples.picked(apart))])
