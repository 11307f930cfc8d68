"""A scan whose cells a mask network chose, on the simulated instrument."""

from __future__ import annotations

import numpy as np

from edge.record.folder import open_recording
from edge.results import read_planned
from models.masks.network import network_digest
from models.network import open_network
from tests.unit.models.tiny_onnx import write_network


def test_plan_and_report_name_the_network_and_the_report_outlives_it(bench):
    model = write_network(bench.folder)
    sha256 = open_network(model, threads=1).sha256
    bench.scan["sampling"] |= {"mask": "netm", "model": "tiny.onnx"}
    bench.scan["area"] |= {"width_mm": 24.0, "height_mm": 16.0}
    with bench.running():
        scan = bench.run("scan", str(bench.config), "--out", str(bench.recording))
    assert scan.returncode == 0, scan.stderr
    with open_recording(bench.recording) as recording:
        planned = read_planned(recording)
    assert network_digest(planned.plan.mask.origin) == sha256
    assert np.count_nonzero(planned.plan.mask.cells) == 96
    page = recording.paths.report.read_text("utf-8")
    assert sha256 in page
    assert "No sampling density was recorded" not in page
    model.unlink()
    again = bench.run("report", str(bench.recording))
    assert again.returncode == 0, again.stderr
    assert "No sampling density was recorded" in recording.paths.report.read_text("utf-8")


def test_a_damaged_network_ends_a_scan_before_anything_moves(bench):
    model = write_network(bench.folder)
    model.write_bytes(model.read_bytes()[:-1] + b"\x00")
    bench.scan["sampling"] |= {"mask": "netm", "model": "tiny.onnx"}
    bench.write()
    scan = bench.run("scan", str(bench.config), "--out", str(bench.recording))
    assert scan.returncode == 2
    assert "tiny.onnx: its SHA-256 is" in scan.stderr
    assert "Traceback" not in scan.stderr
    assert not bench.recording.exists()
