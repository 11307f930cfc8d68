"""Real spectra and real maps on the simulated instrument, scanned sparsely over the link."""

from __future__ import annotations

import numpy as np
import pytest

from edge.record.folder import open_recording
from edge.record.maps_file import read_maps
from edge.replaying.score import score
from edge.results import cells_of, read_planned

HANDS_PITCH_MM = 1.0
PORTRAIT_CROP = (slice(140, 340), slice(40, 240))


def psnr_db(estimate: np.ndarray, truth: np.ndarray) -> float:
    """Agreement of one map with the truth."""
    return score(estimate[..., None].astype(np.float32), truth[..., None].astype(np.float32)).psnr_db


def marked(x_mm: float, y_mm: float, width_mm: float, height_mm: float) -> dict:
    """Eight markers around an area."""
    xs = (x_mm - 12, x_mm + width_mm / 2, x_mm + width_mm + 12)
    ys = (y_mm - 12, y_mm + height_mm / 2, y_mm + height_mm + 12)
    places = [(x, y) for y in ys for x in xs if (x, y) != (xs[1], ys[1])]
    return {"side_mm": 10.0, "markers": [{"id": i, "x_mm": x, "y_mm": y} for i, (x, y) in enumerate(places)]}


def test_real_recorded_spectra_are_scanned_sparsely_and_arrive_unchanged(bench, measurement_data):
    files = [measurement_data / "maxrf_hands" / f"prova1_det{name}.npz" for name in ("10264", "19511")]
    counts = sum(np.load(file)["counts"].astype(np.uint32) for file in files)
    live_s = 3.0
    markers = marked(40.0, 40.0, 120.0, 60.0)
    bench.instrument |= {
        "specimen": {"kind": "cube", "files": [str(file) for file in files], "pitch_mm": 1.0, "live_s": live_s},
        "placement": {"x_mm": 40.0, "y_mm": 40.0},
        "fiducials": markers,
        "camera": {"width_px": 1600, "height_px": 1100, "focal_px": 1900.0, "distance_mm": 250.0, "seed": 5},
        "twin": {"seed": 1, "clock_factor": 5_000.0, "channels": 1024, "position_error_mm": 0.0}
        | {"x_limits_mm": [0.0, 250.0], "y_limits_mm": [0.0, 250.0]},
    }
    bench.scan |= {
        "area": {"x_mm": 40.0, "y_mm": 40.0, "width_mm": 120.0, "height_mm": 60.0, "pitch_mm": HANDS_PITCH_MM},
        "sampling": {"rate": 0.1, "dwell_s": live_s, "mask": "blue-noise"},
        "elements": ["Ca", "Fe", "Cu", "Pb-L"],
    }
    bench.scan["instrument"]["fiducials"] = markers
    bench.scan["instrument"]["detector"] = {"channels": 1024, "offset_kev": -0.07, "gain_kev": 0.02917}
    bench.scan["instrument"]["tube"] = {"anode": "Ag"}
    with bench.running():
        scan = bench.run("scan", str(bench.config), "--out", str(bench.recording))
    assert scan.returncode == 0, scan.stderr
    with open_recording(bench.recording) as recording:
        planned = read_planned(recording)
        measured = recording.reader.measured_arrays()
    cells = cells_of(measured, planned.plan.grid)
    assert len(measured) == 720
    assert np.array_equal(measured.counts, counts[cells[:, 0], cells[:, 1]])
    reference = np.load(measurement_data / "maxrf_hands" / "prova1_maps.npz")
    lines = {"Ca-K": "Ca_Ka", "Fe-K": "Fe_Ka", "Cu-K": "Cu_Ka", "Pb-L": "Pb_La"}
    ours = read_maps(recording.paths.maps).element_maps
    for i, name in enumerate(ours.elements):
        theirs = reference["net"][..., list(reference["lines"]).index(lines[name])]
        alike = np.corrcoef(ours.maps[..., i].ravel(), theirs.ravel())[0, 1]
        assert alike > 0.8, f"{name}: correlation with the full scan's own map is {alike:.2f}"


@pytest.mark.campaign
@pytest.mark.timeout(1800)
def test_real_maps_with_their_photograph_come_back_from_a_tenth_of_the_cells(bench, measurement_data, tmp_path):
    source = np.load(measurement_data / "maxrf_portrait" / "portrait_811x285.npz")
    crop = {name: source[name][PORTRAIT_CROP] for name in ("maps", "rgb")} | {"elements": source["elements"]}
    np.savez(tmp_path / "crop.npz", **crop)
    markers = marked(40.0, 40.0, 100.0, 100.0)
    bench.instrument |= {
        "specimen": {"kind": "maps", "file": "crop.npz", "pitch_mm": 0.5, "rates_hz": 20_000.0},
        "placement": {"x_mm": 40.0, "y_mm": 40.0},
        "fiducials": markers,
        "camera": {"width_px": 1700, "height_px": 1700, "focal_px": 2400.0, "distance_mm": 230.0, "seed": 5},
        "twin": {"seed": 1, "clock_factor": 1_000.0, "x_limits_mm": [0.0, 250.0], "y_limits_mm": [0.0, 250.0]},
    }
    bench.scan |= {
        "area": {"x_mm": 40.0, "y_mm": 40.0, "width_mm": 100.0, "height_mm": 100.0, "pitch_mm": 0.5},
        "sampling": {"rate": 0.1, "dwell_s": 1.0},
        "elements": ["Ca", "Cr", "Hg-L", "Pb-L", "S", "Zn"],
    }
    bench.scan["instrument"]["fiducials"] = markers
    with bench.running():
        scan = bench.run("scan", str(bench.config), "--out", str(bench.recording), timeout_s=1500.0)
    assert scan.returncode == 0, scan.stderr
    ours = read_maps(bench.recording / "maps.h5").element_maps
    # The detector's efficiency is the instrument's own: each map is compared up to its scale.
    for name, i in (("Hg-L", 2), ("Pb-L", 3)):
        estimate = ours.maps[..., ours.elements.index(name)].astype(float)
        truth = crop["maps"][..., i].astype(float)
        slope = float((estimate * truth).sum() / (truth**2).sum())
        found_db = psnr_db(estimate / slope, truth)
        flat_db = psnr_db(np.full_like(truth, truth.mean()), truth)
        assert found_db > flat_db + 6, f"{name}: {found_db:.1f} dB, a flat map has {flat_db:.1f}"
