"""The shutter test on a stage and a spectrometer that are paired, whose shutter is open only while something counts."""

from __future__ import annotations

import time

from edge.configuration.area import AreaConfig
from edge.console import Console
from edge.readiness import shutter_test
from edge.readiness.doctor import Finding
from edge.readiness.shutter_test import ShutterTest
from firmware_bridge.pairing import leave
from firmware_bridge.registry import SPECTROMETERS, STAGES, connect_pair
from firmware_bridge.spectrometer import SpectrometerOptions
from firmware_bridge.stage import StageOptions
from tests.protocol.dp5_twin import running_dp5
from tests.protocol.grbl_twin_process import running_grbl


class Helper(Console):
    """Agrees to everything, and takes a moment over it."""

    def __init__(self) -> None:
        super().__init__(quiet=True, log_level="error")

    def ask(self, question: str, answers: tuple[str, ...]) -> str:
        time.sleep(0.05)
        return answers[0]


def test_the_shutter_test_goes_through_on_grbl_and_dp5(tmp_path, monkeypatch):
    for module in (leave, shutter_test):
        monkeypatch.setattr(module, "ATTENTION_S", 1.0)
    found: list[Finding] = []
    area = AreaConfig(x_mm=2.0, y_mm=2.0, width_mm=6.0, height_mm=6.0, pitch_mm=0.5)
    grbl = {"door_opens_after_beam_s": 80.0, "door_stays_open_s": 40.0, "clock_factor": 40.0}
    with running_grbl(tmp_path, **grbl) as stage, running_dp5(tmp_path, clock_factor=40.0) as detector:
        controller = connect_pair(
            lambda: STAGES["grbl"](StageOptions(stage.port, 115_200, gate="M8")),
            lambda: SPECTROMETERS["dp5"](SpectrometerOptions(detector.port, 115_200, {})),
        )
        try:
            ShutterTest(controller, area, Helper(), found.append).run()
            assert not controller.status().is_shutter_open
        finally:
            controller.close()
        beam = [event["event"] for event in stage.events("beam_on", "beam_off")]
    assert [finding.what for finding in found] == ["shutter test", "spectrum rate", "door test", "lease test"]
    assert beam[-1] == "beam_off"
