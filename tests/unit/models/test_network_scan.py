"""A scan with a mask network: its key, its path, its digest in plan and report, and what happens when it is gone."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from calibration.registration import Registration
from edge.cameras import Frame
from edge.configuration.config import ScanConfig, load_scan_config
from edge.faults import UsageError
from edge.planning.plan import plan_from_json, plan_to_json
from edge.prepare import Sighting, choose_cells, density_of_plan, grid_of, plan_scan, require_known_names
from edge.replaying.replay import replay_source
from firmware_bridge.messages import Capabilities
from models.coverage import widest_hole
from models.faults import MissingModel, UnusableModel
from models.masks import network as netm
from models.masks.network import network_digest
from models.network import open_network
from tests.unit.models.tiny_onnx import edges_network, write_network

SCAN = """\
instrument:
  controller: {kind: native, port: port}
  camera: {kind: folder, path: frames}
  fiducials: {markers: [{id: 0, x_mm: 0, y_mm: 0}]}
area: {x_mm: 10, y_mm: 10, width_mm: 20, height_mm: 15, pitch_mm: 0.5}
sampling: {mask: netm, model: tiny.onnx}
"""
CAPABILITIES = Capabilities("twin", 1, 1, (0.0, 100.0), (0.0, 100.0), 50.0, 500.0, 1024, 64, 0.5)


def config_of(folder: Path, text: str = SCAN) -> ScanConfig:
    path = folder / "scan.yaml"
    path.write_text(text, encoding="utf-8")
    return load_scan_config(path)


def sighting_of(config: ScanConfig) -> Sighting:
    grid = grid_of(config.area)
    rgb = np.random.default_rng(2).integers(0, 256, (*grid.shape, 3), np.uint8)
    registration = Registration(
        stage_from_camera=np.eye(3),
        camera_matrix=np.eye(3),
        distortion=np.zeros(5),
        fiducials=(0,),
        residuals_mm=np.zeros(4),
        camera_identity="test",
        registered_at="2026-01-01T00:00:00+00:00",
        digest="ab" * 32,
    )
    return Sighting(Frame(rgb, "test", "2026-01-01T00:00:00+00:00"), "cd" * 32, registration, grid, rgb)


def test_the_networks_path_is_taken_from_the_files_own_folder(tmp_path: Path) -> None:
    assert config_of(tmp_path).sampling.model == str(tmp_path / "tiny.onnx")


def test_a_network_without_its_mask_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="sampling: model is of no use to the mask 'gradient': write mask: netm"):
        config_of(tmp_path, SCAN.replace("mask: netm, ", "mask: gradient, "))


def test_a_network_is_asked_for_before_anything_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of(tmp_path)
    with pytest.raises(MissingModel, match=r"tiny\.onnx: there is no mask network"):
        require_known_names(config)
    path = write_network(tmp_path)
    require_known_names(config)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UnusableModel, match="changed or damaged"):
        require_known_names(config)
    monkeypatch.setattr(netm, "SHIPPED", tmp_path / "netm.onnx")
    with pytest.raises(MissingModel, match=r"netm\.onnx is missing from this installation"):
        require_known_names(config_of(tmp_path, SCAN.replace(", model: tiny.onnx", "")))


def test_the_plan_holds_the_networks_digest_and_the_exact_count(tmp_path: Path) -> None:
    sha256 = open_network(write_network(tmp_path)).sha256
    config = config_of(tmp_path)
    plan = plan_scan(sighting_of(config), config, CAPABILITIES)
    assert len(plan.exposures) == 120
    assert network_digest(plan_from_json(plan_to_json(plan)).mask.origin) == sha256


def test_the_density_of_a_plan_is_made_again_by_the_same_network_alone(tmp_path: Path) -> None:
    path = write_network(tmp_path)
    config = config_of(tmp_path)
    sighting = sighting_of(config)
    plan = plan_scan(sighting, config, CAPABILITIES)
    density = density_of_plan(sighting, config, plan)
    assert density is not None
    assert (density == choose_cells(sighting, config).density.values).all()
    write_network(tmp_path, edges_network(last="Sigmoid"))
    assert density_of_plan(sighting, config, plan) is None
    path.unlink()
    assert density_of_plan(sighting, config, plan) is None


def test_a_replay_takes_a_network(tmp_path: Path) -> None:
    model = write_network(tmp_path)
    raster = tmp_path / "raster.npz"
    random = np.random.default_rng(4)
    np.savez(
        raster,
        maps=random.random((24, 30, 1), np.float32),
        elements=["Pb"],
        rgb=random.integers(0, 256, (24, 30, 3), np.uint8),
    )
    replay = partial(replay_source, raster, rate=0.1, method="nearest", seed=0, out=tmp_path / "out")
    assert network_digest(replay(mask="netm", model=model).mask.origin) == open_network(model).sha256
    with pytest.raises(UsageError, match="--model is of no use to the mask grid"):
        replay(mask="grid", model=model)


def test_a_stated_hole_is_kept_and_one_that_cannot_be_is_refused_by_its_key(tmp_path: Path) -> None:
    write_network(tmp_path)
    config = config_of(tmp_path, SCAN.replace("model: tiny.onnx", "model: tiny.onnx, max_hole_mm: 1.2"))
    cells = choose_cells(sighting_of(config), config).mask.cells
    assert widest_hole(cells, np.ones(cells.shape, np.bool_)) * 0.5 <= 1.2 + 1e-6
    tight = config_of(tmp_path, SCAN.replace("model: tiny.onnx", "model: tiny.onnx, max_hole_mm: 0.6"))
    with pytest.raises(UsageError, match=r"sampling\.max_hole_mm, 0\.6 mm, cannot be kept: .* raise the rate"):
        choose_cells(sighting_of(tight), tight)
