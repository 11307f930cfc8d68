"""What `doctor` makes of what it sees: three levels, ports by their devices, and no fault that isn't a finding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge import app as composition
from edge.cli import app
from edge.configuration.config import ChecksConfig, PoseConfig, ScanConfig, StandardConfig
from edge.console import Console
from edge.faults import DeviceError, UsageError
from edge.outcome import sentence_and_code
from edge.readiness import examination
from edge.readiness.doctor import Finding, examine_controller, examine_observations, examine_ports, examine_standoff
from edge.readiness.examination import Examination
from firmware_bridge.controller import Controller
from firmware_bridge.faults import BridgeError, LinkLost, SettingRefused
from firmware_bridge.messages import Capabilities, ControllerState, ControllerStatus, Observation, StagePose
from firmware_bridge.usb_identity import UsbPort

NATIVE = {"kind": "native", "port": "/dev/ttyACM0"}
PAIR = {
    "kind": "paired",
    "stage": {"kind": "grbl", "port": "usb:1a86:7523", "gate": "M8"},
    "spectrometer": {"kind": "dp5", "port": "udp://192.168.1.10:10001"},
    "standoff": {"kind": "rangefinder", "port": "/dev/ttyUSB7", "nearest_mm": 8.0, "farthest_mm": 12.0},
}
STATUS = ControllerStatus(ControllerState.IDLE, StagePose(0.0, 0.0), True, False, True, 0.0, 16, "")


def configured(controller: Mapping[str, object]) -> ScanConfig:
    return ScanConfig.model_validate(
        {
            "instrument": {
                "controller": controller,
                "camera": {"kind": "folder", "path": "/nowhere"},
                "fiducials": {"markers": [{"id": 0, "x_mm": 0.0, "y_mm": 0.0}]},
            },
            "area": {"x_mm": 0.0, "y_mm": 0.0, "width_mm": 10.0, "height_mm": 10.0, "pitch_mm": 0.5},
        }
    )


def texts(config: ScanConfig, *listed: UsbPort) -> list[str]:
    return [finding.text for finding in examine_ports(config, listed)]


def test_every_port_is_shown_with_its_identity_and_whether_the_configuration_names_it() -> None:
    found = texts(
        configured(NATIVE),
        UsbPort("/dev/ttyACM0", 0x2341, 0x0043, "A1"),
        UsbPort("/dev/ttyUSB3", 0x0403, 0x6001, None),
        UsbPort("/dev/ttyS0", None, None, None),
    )
    assert found == [
        "/dev/ttyACM0 (2341:0043, serial number A1): the controller",
        "/dev/ttyS0 (not USB): not named in the configuration",
        "/dev/ttyUSB3 (0403:6001): not named in the configuration",
    ]


def test_a_port_is_known_by_its_usb_identity_and_what_is_no_serial_port_is_named_too() -> None:
    found = texts(configured(PAIR), UsbPort("/dev/ttyUSB2", 0x1A86, 0x7523, None))
    assert found == [
        "/dev/ttyUSB2 (1a86:7523): the stage",
        "udp://192.168.1.10:10001: the spectrometer, an address",
        "/dev/ttyUSB7: the rangefinder, not among the serial ports that this system lists",
    ]


def test_a_link_to_a_port_is_that_port(tmp_path: Path) -> None:
    device = tmp_path / "device"
    device.touch()
    (tmp_path / "by-id").symlink_to(device)
    config = configured({"kind": "native", "port": str(tmp_path / "by-id")})
    assert texts(config, UsbPort(str(device), 1, 2, None)) == [f"{device} (0001:0002): the controller"]


def test_what_is_not_good_is_a_note_and_stops_no_scan() -> None:
    (finding,) = examine_observations([Observation("clock", "runs backwards: mend it", is_good=False)])
    assert finding.line() == "note  clock                 runs backwards: mend it"
    assert finding.exit_code == 0


def test_what_fails_is_shouted_whether_it_is_called_good_or_not() -> None:
    assert Finding("door", False, "open: close it", DeviceError).line().startswith("FAIL  door ")
    assert Finding("door", True, "closed").line().startswith("ok    door ")


@pytest.mark.parametrize(
    ("distance_mm", "level"), [(10.0, "ok    "), (7.9, "note  "), (12.1, "note  ")], ids=["right", "near", "far"]
)
def test_a_distance_out_of_range_is_a_note(distance_mm: float, level: str) -> None:
    (finding,) = examine_standoff(configured(PAIR), replace(STATUS, standoff_mm=distance_mm))
    assert finding.line().startswith(f"{level}stand-off")


@pytest.mark.parametrize("distance_mm", [None, 7.4], ids=["told by a switch", "measured by the controller"])
def test_a_controller_that_takes_the_object_for_out_of_range_is_believed(distance_mm: float | None) -> None:
    status = replace(STATUS, standoff_mm=distance_mm, is_in_range=False)
    (finding,) = examine_standoff(configured(NATIVE), status)
    assert finding.line().startswith("note  stand-off")
    assert "too near or too far" in finding.text


def test_a_stage_that_lets_no_beam_through_at_rest_is_refused_before_it_moves() -> None:
    capabilities = Capabilities("Grbl", 1, 7, (0.0, 300.0), (0.0, 300.0), 50.0, 500.0, 2048, 64, 0.5)
    gated = list(examine_controller(configured(PAIR), capabilities))
    assert all(finding.passed for finding in gated)
    stage = {"kind": "grbl", "port": "usb:1a86:7523"}
    (failed,) = (f for f in examine_controller(configured(PAIR | {"stage": stage}), capabilities) if not f.passed)
    assert (failed.what, failed.exit_code) == ("gate", 2)


@pytest.mark.parametrize(("x_mm", "passes"), [(290.0, True), (310.0, False)])
def test_a_standard_must_lie_within_the_stages_travel(x_mm: float, passes: bool) -> None:
    capabilities = Capabilities("native", 1, 7, (0.0, 300.0), (0.0, 300.0), 50.0, 500.0, 2048, 64, 0.5)
    config = configured(NATIVE)
    standard = StandardConfig(x_mm=x_mm, y_mm=280.0)
    config = config.model_copy(update={"instrument": config.instrument.model_copy(update={"standard": standard})})
    (found,) = (f for f in examine_controller(config, capabilities) if f.what == "standard")
    assert found.passed is passes
    assert passes or "beyond the travel" in found.text


@pytest.mark.parametrize(("x_mm", "passes"), [(10.0, True), (900.0, False)])
def test_the_stage_must_be_able_to_stand_where_the_checks_want_it(x_mm: float, passes: bool) -> None:
    capabilities = Capabilities("native", 1, 7, (0.0, 300.0), (0.0, 300.0), 50.0, 500.0, 2048, 64, 0.5)
    checks = ChecksConfig(stage=PoseConfig(x_mm=x_mm, y_mm=5.0))
    config = configured(NATIVE).model_copy(update={"checks": checks})
    failed = [f.text for f in examine_controller(config, capabilities) if f.what == "limits" and not f.passed]
    assert (failed == []) is passes
    assert passes or "checks.stage, (900, 5) mm, is beyond the travel" in failed[0]


def test_nothing_is_said_of_a_distance_that_nothing_measures() -> None:
    assert list(examine_standoff(configured(NATIVE), STATUS)) == []


@pytest.mark.parametrize(
    ("fault", "code"),
    [(LinkLost("nothing answers: check its power"), 3), (SettingRefused("soft limits are off: set $20=1"), 4)],
)
def test_a_controller_that_is_refused_ends_with_the_code_of_a_scan(fault: BridgeError, code: int) -> None:
    def refuse() -> Controller:
        raise fault

    shown: list[Finding] = []
    Examination(configured(NATIVE), refuse, shown.append).run()
    (failed,) = (finding for finding in shown if finding.what == "controller")
    assert failed.exit_code == sentence_and_code(fault)[1] == code


def test_a_controller_that_cannot_be_reached_is_a_finding_and_the_rest_is_still_looked_at() -> None:
    def refuse() -> Controller:
        raise LinkLost("nothing answers: check its power")

    shown: list[Finding] = []
    Examination(configured(NATIVE), refuse, shown.append).run()
    failed = {finding.what: finding for finding in shown if not finding.passed}
    assert failed["controller"].text == "nothing answers: check its power"
    assert failed["controller"].exit_code == 3
    assert "camera" in failed


def test_the_shutter_test_is_refused_before_anything_is_connected_when_nobody_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Console, "can_ask", False)

    def never() -> Controller:
        raise AssertionError("connected all the same")

    looked = Examination(configured(NATIVE), never, lambda finding: None)
    with pytest.raises(UsageError, match="--shutter needs somebody at a terminal"):
        looked.run_with_shutter(Console(quiet=True, log_level="error"))
    assert looked.findings == []


def test_the_command_ends_with_the_code_of_the_first_failure_and_notes_do_not_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Looked(examination.Examination):
        def run(self) -> None:
            self._take([Finding("clock", True, "fast", is_good=False), Finding("camera", False, "gone", DeviceError)])

    monkeypatch.setattr(composition, "Examination", Looked)
    monkeypatch.setattr(composition, "load_scan_config", lambda _path: configured(NATIVE))
    ended = CliRunner().invoke(app, ["doctor", str(tmp_path / "scan.yaml")])
    assert ended.output.splitlines() == ["note  clock                 fast", "FAIL  camera                gone"]
    assert ended.exit_code == 3
