"""The configuration is closed, and complains with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.configuration.config import load_scan_config
from edge.faults import UsageError

GOOD = """\
instrument:
  controller: {kind: native, port: port}
  camera: {kind: folder, path: frames}
  fiducials:
    markers:
      - {id: 0, x_mm: 0, y_mm: 0}
      - {id: 1, x_mm: 90, y_mm: 0}
      - {id: 2, x_mm: 0, y_mm: 90}
      - {id: 3, x_mm: 90, y_mm: 90}
area: {x_mm: 10, y_mm: 10, width_mm: 60, height_mm: 50, pitch_mm: 0.5}
sampling: {rate: 0.1, dwell_s: 1e-1}
elements: [Pb, Fe, Hg-L]
"""
LENS = "  lens: {{matrix: [{row}, [0, 1, 0], [0, 0, 1]], distortion: [0, 0, 0, 0, 0], width_px: 9, height_px: 9}}\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "scan.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def complaint(folder: Path, text: str) -> str:
    with pytest.raises(UsageError) as refusal:
        load_scan_config(written(folder, text))
    return str(refusal.value).removeprefix(str(folder) + "/")


def test_relative_paths_are_taken_from_the_files_own_folder(tmp_path):
    config = load_scan_config(written(tmp_path, GOOD))
    assert config.instrument.controller.port == str(tmp_path / "port")
    assert config.instrument.camera.path == str(tmp_path / "frames")


def test_addresses_are_left_as_they_are(tmp_path):
    text = GOOD.replace("port: port", "port: 'socket://127.0.0.1:4000'")
    assert load_scan_config(written(tmp_path, text)).instrument.controller.port == "socket://127.0.0.1:4000"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("rate: 0.1", "rat: 0.1"), "scan.yaml:11:12: sampling.rat: unknown key"),
        (("rate: 0.1", "rate: 1.5"), "scan.yaml:11:12: sampling.rate: input should be less than or equal to 1"),
        (("rate: 0.1", "rate: '0.1'"), "scan.yaml:11:12: sampling.rate: input should be a valid number"),
        (("dwell_s: 1e-1", "dwell_s: 90"), "sampling.dwell_s is above dose.max_live_s_per_cell"),
        (("dwell_s: 1e-1", "max_hole_mm: 0.01"), "sampling.max_hole_mm is 0.01 and below area.pitch_mm"),
        (("rate: 0.1", "rate: 0.001, max_hole_mm: 1"), "sampling.max_hole_mm is 1, which no mask keeps"),
        (("path: frames", "path: frames, colour: 3"), "scan.yaml:3:40: instrument.camera.colour: unknown key"),
        (("kind: native", "kind: telepathy"), "scan.yaml:2:"),
        (("id: 1", "id: 0"), "instrument.fiducials: two markers share an id"),
        (("pitch_mm: 0.5", "pitch_mm: 0.01"), "more than 20 million cells"),
        (("pitch_mm: 0.5", "pitch_mm: 50.1"), "area.pitch_mm: input should be less than or equal to 50"),
        (
            ("pitch_mm: 0.5", "pitch_mm: 0.5}\ndose: {max_live_s_per_cell: 1e999"),
            "dose.max_live_s_per_cell: input should be a f",
        ),
        (
            ("width_mm: 60, height_mm: 50, pitch_mm: 0.5", "width_mm: 9000, height_mm: 1, pitch_mm: 0.25"),
            "more than 30,000 cells on a side",
        ),
        (("  fiducials:", LENS.format(row="[1, 0]") + "  fiducials:"), "instrument.lens: matrix is not 3 x 3"),
        (("  fiducials:", LENS.format(row="[-1, 0, 0]") + "  fiducials:"), "a focal length is not positive"),
        (
            ("  fiducials:", LENS.format(row="[1, 0, 0]") + "  camera_calibration: camera.yaml\n  fiducials:"),
            "instrument: lens and camera_calibration both say what the lens is: keep one of them",
        ),
        (("x_mm: 10", "x_mm: .nan"), "area.x_mm: input should be a valid number"),
        (("Hg-L", "Hg-Q"), "scan.yaml:12:20: elements.2: string should match pattern"),
        (("area:", "areas:"), "areas: unknown key"),
        (("elements", "sampling"), "scan.yaml:12:1: the key 'sampling' stands twice"),
    ],
)
def test_a_wrong_value_is_named_with_its_line(tmp_path, change, expected):
    assert expected in complaint(tmp_path, GOOD.replace(*change))


@pytest.mark.parametrize(("x_mm", "y_mm"), [(10, 10), (40, 30), (70, 60)])
def test_a_standard_in_the_scanned_area_is_refused(tmp_path, x_mm, y_mm):
    text = GOOD.replace("  fiducials:", f"  standard: {{x_mm: {x_mm}, y_mm: {y_mm}}}\n  fiducials:")
    assert "lies in the area that is scanned: place it beside the object" in complaint(tmp_path, text)


@pytest.mark.parametrize(("x_mm", "y_mm"), [(9.9, 30), (70.1, 30), (40, 9.9), (40, 60.1)])
def test_a_standard_beside_the_scanned_area_is_taken(tmp_path, x_mm, y_mm):
    text = GOOD.replace("  fiducials:", f"  standard: {{x_mm: {x_mm}, y_mm: {y_mm}}}\n  fiducials:")
    standard = load_scan_config(written(tmp_path, text)).instrument.standard
    assert (standard.x_mm, standard.y_mm, standard.live_s, standard.every_minutes) == (x_mm, y_mm, 20.0, 30.0)


@pytest.mark.parametrize("kind", ["file", "mosaic"])
def test_looks_by_a_camera_that_gives_the_same_picture_each_time_are_refused(tmp_path, kind):
    text = GOOD.replace("kind: folder", f"kind: {kind}")
    assert text != GOOD
    load_scan_config(written(tmp_path, text))
    assert "gives the same picture each time" in complaint(tmp_path, f"{text}checks: {{every_minutes: 30}}\n")


def test_a_missing_section_is_named(tmp_path):
    without = "".join(line for line in GOOD.splitlines(keepends=True) if not line.startswith("area"))
    assert "area: missing: add this key" in complaint(tmp_path, without)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"nowhere\.yaml: no such file"):
        load_scan_config(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("text", ["", "- 1\n- 2\n", "hello"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, text):
    assert "a configuration is a mapping of keys" in complaint(tmp_path, text)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "scan.yaml"
    path.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(UsageError, match="cannot be read"):
        load_scan_config(path)


@pytest.mark.parametrize("key", ["rate: 0.2", "mask: blue-noise", "batches: 3"])
def test_what_chooses_cells_for_a_rate_is_refused_beside_a_time(tmp_path, key):
    text = GOOD.replace("{rate: 0.1,", f"{{time_s: 600, {key},")
    assert "time_s" in complaint(tmp_path, text)
    assert f"sampling: {key.partition(':')[0]}" in complaint(tmp_path, text)


def test_a_placement_is_given_no_time_but_one_to_stop_at(tmp_path):
    placed = GOOD + "placement: {campaign: c.yaml, name: left}\n"
    assert "of a placement its campaign does" in complaint(tmp_path, placed.replace("rate: 0.1", "time_s: 60"))
    stopped = placed.replace("rate: 0.1", "stop: {time_s: 60}")
    assert load_scan_config(written(tmp_path, stopped)).sampling.stop.time_s == 60
