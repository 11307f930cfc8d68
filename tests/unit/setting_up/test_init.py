"""A newcomer answers a few questions and has a configuration that a scan takes; nonsense is asked again."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge import cli
from edge.configuration.camera import FolderCameraConfig, UvcCameraConfig
from edge.configuration.config import ScanConfig, load_scan_config, parse_scan_config
from edge.configuration.devices import (
    GrblStageConfig,
    MarlinStageConfig,
    NativeControllerConfig,
    PairedControllerConfig,
)
from edge.faults import UsageError
from edge.setting_up.answers import ask_all
from edge.setting_up.interview import Choice, Interview
from edge.setting_up.plugged_in import choices_of, lasting_name
from edge.setting_up.written import configuration_text, write_configuration
from firmware_bridge.usb_identity import UsbPort, device_of

PICO = UsbPort("/dev/ttyACM0", 0x2E8A, 0x000A, "E661")
CLONE = UsbPort("/dev/ttyUSB0", 0x1A86, 0x7523, None)
OTHER_CLONE = UsbPort("/dev/ttyUSB1", 0x1A86, 0x7523, None)
ON_BOARD = UsbPort("/dev/ttyS0", None, None, None)
WEBCAM = UsbPort("/dev/video0", 0x046D, 0x082D, "A1")


def answered(*lines: str, ports: list[UsbPort] | None = None, cameras: list[UsbPort] | None = None) -> ScanConfig:
    """The configuration after these answers; the rest as proposed."""
    said = io.StringIO("".join(f"{line}\n" for line in (*lines, *[""] * 40)))
    answers = ask_all(Interview(answers=said, questions=io.StringIO()), ports=ports or [], cameras=cameras or [])
    return parse_scan_config(configuration_text(answers, "scan.yaml"), Path("/tmp/scan.yaml"))


def test_one_controller_that_is_plugged_in_is_named_by_what_it_is() -> None:
    config = answered("inv-1", "A: #lady\\", "me", "native", "1", ports=[ON_BOARD, PICO], cameras=[WEBCAM])
    assert (config.object.identifier, config.object.title, config.object.operator) == ("inv-1", "A: #lady\\", "me")
    assert config.instrument.controller == NativeControllerConfig(port="usb:2e8a:000a:E661")
    assert config.instrument.camera == UvcCameraConfig(device="usb:046d:082d:A1")


def test_a_stage_and_a_spectrometer_of_their_own_are_a_pair() -> None:
    config = answered(
        *["", "", "", "grbl", "/dev/ttyUSB0", "4", "dp5", "udp://10.0.0.9:10001", "folder", "pictures"],
        ports=[CLONE, OTHER_CLONE],
    )
    controller = config.instrument.controller
    assert isinstance(controller, PairedControllerConfig)
    assert controller.stage == GrblStageConfig(port="/dev/ttyUSB0", gate="M8")
    assert (controller.spectrometer.kind, controller.spectrometer.port) == ("dp5", "udp://10.0.0.9:10001")
    assert isinstance(config.instrument.camera, FolderCameraConfig)
    assert Path(config.instrument.camera.path) == Path("/tmp/pictures")


def test_a_marlin_stage_gives_its_pin_and_a_pin_that_is_none_is_asked_again() -> None:
    config = answered("", "", "", "3", "/dev/ttyACM0", "57", "P58", "scpi")
    controller = config.instrument.controller
    assert isinstance(controller, PairedControllerConfig)
    assert controller.stage == MarlinStageConfig(port="/dev/ttyACM0", gate="P58")


def test_figures_are_asked_again_until_the_schema_takes_them() -> None:
    config = answered(
        *["", "", "", "native", "/dev/x", "file", "a.png"],
        *["ten", "10", "1e9", "20", "0", "-3", "30", "40", "0.25", "0", "0.2", "two hours", "2h"],
        *["rh", "Mo", "1000", "50"],
    )
    area, sampling = config.area, config.sampling
    assert (area.x_mm, area.y_mm, area.width_mm, area.height_mm, area.pitch_mm) == (10, 20, 30, 40, 0.25)
    assert (sampling.dwell_s, sampling.time_s) == (0.2, 7_200)
    assert (config.instrument.tube.anode, config.instrument.tube.kv) == ("Mo", 50)


def test_all_as_proposed_is_a_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "scan.yaml"
    assert cli.run(["init", str(path), "--yes"]) == 0
    assert f"pointillist doctor {path}" in capsys.readouterr().out
    config = load_scan_config(path)
    assert config.sampling.rate == 0.1
    assert "# " in path.read_text(encoding="utf-8")


def test_the_markers_in_the_comments_lie_around_the_area() -> None:
    answers = ask_all(Interview(takes_defaults=True), ports=[], cameras=[])
    lines = configuration_text(answers, "scan.yaml").splitlines()
    start = lines.index("  # fiducials:")
    stop = next(i for i in range(start, len(lines)) if not lines[i].startswith("  #"))
    text = "\n".join([*lines[:start], *(line.replace("  # ", "  ", 1) for line in lines[start:stop]), *lines[stop:]])
    config = parse_scan_config(text, Path("/tmp/scan.yaml"))
    markers, area = config.instrument.fiducials.markers, config.area
    assert len(markers) == 8
    for marker in markers:
        assert not (
            area.x_mm <= marker.x_mm <= area.x_mm + area.width_mm
            and area.y_mm <= marker.y_mm <= area.y_mm + area.height_mm
        )


def test_a_file_that_exists_stays_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "scan.yaml"
    path.write_text("mine")
    assert cli.run(["init", str(path), "--yes"]) == UsageError.exit_code
    assert "exists already" in capsys.readouterr().err
    answers = ask_all(Interview(takes_defaults=True), ports=[], cameras=[])
    with pytest.raises(UsageError, match="exists already"):
        write_configuration(path, answers)
    assert path.read_text() == "mine"


def test_answers_that_end_too_early_write_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("inv-1\n"))
    assert cli.run(["init", str(tmp_path / "scan.yaml")]) == UsageError.exit_code
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    answers = ask_all(Interview(takes_defaults=True), ports=[], cameras=[])
    with pytest.raises(UsageError, match="cannot be written"):
        write_configuration(tmp_path / "none" / "scan.yaml", answers)


def test_a_choice_is_taken_by_number_or_word_and_nothing_else() -> None:
    heard = io.StringIO()
    ask = Interview(answers=io.StringIO("0\n3\nthree\n2\n"), questions=heard)
    assert ask.choose("Which", [Choice("a", "first"), Choice("b", "second")]) == "b"
    assert heard.getvalue().count("is none of them") == 3


@given(
    st.lists(
        st.builds(
            UsbPort,
            st.sampled_from([f"/dev/tty{i}" for i in range(6)]),
            st.sampled_from([None, 1, 2]),
            st.sampled_from([1, 2]),
            st.sampled_from([None, "", "A", "B"]),
        ),
        unique_by=lambda port: port.device,
    )
)
def test_a_lasting_name_means_its_port_and_no_other(ports: list[UsbPort]) -> None:
    for port in ports:
        name = lasting_name(port, ports)
        assert name == port.device or device_of(name, ports) == port.device
    assert len({choice.value for choice in choices_of(ports)}) == len(ports)


@given(st.text(max_size=40), st.text(max_size=40))
@settings(max_examples=15)
def test_whatever_is_typed_for_a_title_is_read_back(title: str, operator: str) -> None:
    lines = ["".join(letter for letter in text if letter.isprintable()).strip() for text in (title, operator)]
    config = answered("inv", *lines)
    assert [config.object.title, config.object.operator] == lines
