"""Answers as a configuration with comments, and its file."""

from __future__ import annotations

from pathlib import Path

import yaml

from edge.configuration.config import parse_scan_config
from edge.faults import UsageError
from edge.setting_up.answers import Answers

_MARGIN_MM = 12.0
"""From the area to the middle of a marker beside it, in the example."""
_SIDE_MM = 10.0
_HEAD = """\
# A scan, as pointillist init wrote it. Every key, with its unit and bounds: docs/reference/configuration.md
# Lengths are stage millimetres: x grows to the right and y downwards, as the camera sees the object.
# Paths are taken from this file's folder. Look whether all is there: pointillist doctor {name}
"""


def write_configuration(path: Path, answers: Answers) -> None:
    """Write a new file, read back before anything lies there.

    Raises
    ------
    UsageError
        The file exists, cannot be written, or the answers contradict each other.
    """
    text = configuration_text(answers, path.name)
    parse_scan_config(text, path)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path}: exists already: give another name, or move it away") from None
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written ({error.strerror or error}): give a folder that is there"
        ) from None


def configuration_text(answers: Answers, name: str) -> str:
    """The whole file."""
    x, y, width, height = answers.area_mm
    parts = [
        _HEAD.format(name=name),
        "object:",
        f"  identifier: {_scalar(answers.identifier)}",
        f"  title: {_scalar(answers.title)}",
        f"  operator: {_scalar(answers.operator)}",
        "",
        "instrument:",
        *_controller(answers),
        *_camera(answers),
        *_fiducials(answers),
        "  stage:      # pointillist calibrate motion measures it",
        "    speed_mm_s: 50",
        "    acceleration_mm_s2: 500",
        "    settle_s: 0.02",
        "  detector:",
        f"    channels: {answers.channels}",
        f"    gain_kev: {answers.gain_kev}      # keV per channel; the spectra correct it",
        "  tube:",
        f"    anode: {answers.anode}",
        f"    kv: {answers.kv}",
        f"    ua: {answers.ua}",
        "    filter: none",
        "",
        "area:",
        f"  x_mm: {x}",
        f"  y_mm: {y}",
        f"  width_mm: {width}",
        f"  height_mm: {height}",
        f"  pitch_mm: {answers.pitch_mm}        # about the width of the beam on the object",
        "  # what the open beam must not touch: see docs/how-to/keep-the-beam-out.md",
        "  keep_out: []",
        "",
        "sampling:",
        *_budget(answers),
        f"  dwell_s: {answers.dwell_s}",
        "",
        "# Elements to map, such as [Ca, Fe, Pb-L]; empty: those that the sum spectrum shows",
        "elements: []",
        "",
        "dose:",
        "  max_live_s_per_cell: 60      # no cell receives more, repeats and earlier scans that are named included",
    ]
    return "\n".join(parts) + "\n"


def _scalar(text: str) -> str:
    """As YAML, whatever is in it."""
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=10_000).strip()


def _controller(answers: Answers) -> list[str]:
    if answers.stage is None or answers.spectrometer is None:
        return [
            "  controller:",
            "    kind: native",
            f"    port: {_scalar(answers.port)}      # see docs/how-to/name-your-ports.md",
        ]
    gate = [f"      gate: {answers.stage.gate}"] if answers.stage.gate else []
    kind, port = answers.spectrometer
    return [
        "  controller:",
        "    kind: paired",
        "    stage:",
        f"      kind: {answers.stage.kind}",
        f"      port: {_scalar(answers.stage.port)}      # see docs/how-to/name-your-ports.md",
        *gate,
        "    spectrometer:",
        f"      kind: {kind}",
        f"      port: {_scalar(port)}",
    ]


def _camera(answers: Answers) -> list[str]:
    camera = answers.camera
    key = {"uvc": "device", "http": "url"}.get(camera.kind, "path")
    newest = "    newest_within_s: 120      # an older picture may be of another object"
    return [
        "  camera:",
        f"    kind: {camera.kind}",
        f"    {key}: {_scalar(camera.place)}",
        *([newest] if camera.kind == "folder" else []),
        "  # the lens, as pointillist calibrate camera found it",
        "  # camera_calibration: camera.yaml",
    ]


def _fiducials(answers: Answers) -> list[str]:
    """Eight markers around the area, as an example: where they lie, only somebody before the object can say."""
    x, y, width, height = map(float, answers.area_mm)
    left, middle, right = x - _MARGIN_MM, x + width / 2, x + width + _MARGIN_MM
    top, centre, bottom = y - _MARGIN_MM, y + height / 2, y + height + _MARGIN_MM
    places = [
        (left, top), (middle, top), (right, top), (right, centre),
        (right, bottom), (middle, bottom), (left, bottom), (left, centre),
    ]  # fmt: skip
    return [
        "  # Markers around the object, printed by",
        "  #   pointillist calibrate print fiducials:0-7:10mm:DICT_4X4_50 --out markers.pdf",
        "  # Take the comment signs away and put in where the middle of each lies on the stage; or place photographs",
        "  # by a stored calibration, stage_calibration: see docs/how-to/calibrate.md",
        "  # fiducials:",
        "  #   dictionary: DICT_4X4_50",
        f"  #   side_mm: {_SIDE_MM:g}",
        "  #   markers:",
        *(f"  #     - {{id: {i}, x_mm: {at_x:.10g}, y_mm: {at_y:.10g}}}" for i, (at_x, at_y) in enumerate(places)),
    ]


def _budget(answers: Answers) -> list[str]:
    if answers.time_s:
        return [f"  time_s: {answers.time_s}      # for the whole scan, spent where it shows most"]
    return ["  rate: 0.1      # part of the cells that is visited; or time_s for the whole scan"]
