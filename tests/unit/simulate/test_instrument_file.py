"""The instrument file is closed, takes paths from its own folder, and agrees with the scan's file beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.faults import UsageError
from edge.simulate.config import load_instrument, twin_settings
from edge.simulate.specimen import load_specimen

MINIMAL = """\
link: port
frames: pictures
specimen:
  kind: cube
  files: [one.npz, sub/two.npz]
  pitch_mm: 0.5
placement: {x_mm: 10, y_mm: 20}
fiducials:
  markers:
    - {id: 0, x_mm: 0, y_mm: 0}
twin:
  clock_factor: 12
  x_limits_mm: [0, 150]
  log: twin.jsonl
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "instrument.yaml"
    path.write_text(text)
    return path


def test_relative_paths_are_taken_from_the_files_own_folder(tmp_path):
    config = load_instrument(written(tmp_path, MINIMAL))
    assert config.link == str(tmp_path / "port")
    assert config.frames == str(tmp_path / "pictures")
    assert config.specimen.kind == "cube"
    assert config.specimen.files == [str(tmp_path / "one.npz"), str(tmp_path / "sub" / "two.npz")]
    assert config.twin.log == str(tmp_path / "twin.jsonl")


def test_twin_settings_are_the_twins_own_where_the_file_says_nothing(tmp_path):
    from firmware_bridge.twins.settings import TwinSettings

    settings = twin_settings(load_instrument(written(tmp_path, MINIMAL)))
    assert settings.clock_factor == 12
    assert settings.x_limits_mm == (0, 150)
    assert settings.log == tmp_path / "twin.jsonl"
    assert settings.dead_time_s == TwinSettings().dead_time_s


def test_settings_that_the_twin_refuses_are_a_usage_error(tmp_path):
    config = load_instrument(written(tmp_path, MINIMAL.replace("[0, 150]", "[150, 0]")))
    with pytest.raises(UsageError, match="give the lower one first"):
        twin_settings(config)


def test_every_twin_key_of_the_file_is_a_setting_of_the_twin():
    from dataclasses import fields

    from edge.simulate.twin_config import TwinConfig
    from firmware_bridge.twins.settings import TwinSettings

    of_its_line = {"faults"}
    assert set(TwinConfig.model_fields) - of_its_line <= {field.name for field in fields(TwinSettings)}


def test_an_unknown_key_is_named_with_its_line(tmp_path):
    text = MINIMAL.replace("clock_factor", "clock_facter")
    with pytest.raises(UsageError, match=r"instrument\.yaml:12:3: twin\.clock_facter: unknown key"):
        load_instrument(written(tmp_path, text))


def test_an_unknown_kind_of_specimen_is_refused(tmp_path):
    with pytest.raises(UsageError, match="specimen"):
        load_instrument(written(tmp_path, MINIMAL.replace("kind: cube", "kind: sculpture")))


def test_a_missing_specimen_file_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"one\.npz: no such file"):
        load_specimen(load_instrument(written(tmp_path, MINIMAL)))


def test_the_demonstrations_two_files_agree(instrument, scan):
    assert scan.instrument.fiducials == instrument.fiducials
    assert Path(scan.instrument.controller.port).resolve() == Path(instrument.link).resolve()
    assert scan.instrument.camera.kind == "http"
    assert scan.instrument.camera.url == f"http://127.0.0.1:{instrument.camera_port}/snapshot.png"
    assert (scan.area.x_mm, scan.area.y_mm) == (instrument.placement.x_mm, instrument.placement.y_mm)
    assert instrument.specimen.kind == "panel"
    assert (scan.area.width_mm, scan.area.height_mm) == (instrument.specimen.width_mm, instrument.specimen.height_mm)


def test_no_marker_reaches_into_the_scan_area(scan):
    area, half = scan.area, scan.instrument.fiducials.side_mm / 2
    for marker in scan.instrument.fiducials.markers:
        beside = abs(marker.x_mm - area.x_mm - area.width_mm / 2) > area.width_mm / 2 + half
        above = abs(marker.y_mm - area.y_mm - area.height_mm / 2) > area.height_mm / 2 + half
        assert beside or above
