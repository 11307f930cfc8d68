"""The simulated pair, each device at its own port: whichever are chosen, and with faults on either line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.configuration.devices import (
    Dp5SpectrometerConfig,
    GrblStageConfig,
    MarlinStageConfig,
    ScpiSpectrometerConfig,
    spectrometer_options,
    stage_options,
)
from firmware_bridge.faults import BridgeError
from firmware_bridge.messages import StagePose
from firmware_bridge.registry import SPECTROMETERS, STAGES
from firmware_bridge.stage import Stage


def test_a_marlin_stage_beside_a_scpi_spectrometer_counts_where_it_stands(bench):
    bench.instrument["link"] = "stage"
    bench.instrument["pair"] = {"stage": "marlin", "spectrometer": "scpi", "spectrometer_link": "mca"}
    bench.instrument["twin"]["clock_factor"] = 20.0
    bench.ready = "mca"
    with bench.running():
        address = (bench.folder / "mca").read_text().strip()
        assert address.startswith("socket://127.0.0.1:")
        stage_config = MarlinStageConfig(kind="marlin", port=str(bench.folder / "stage"), gate="P57")
        stage = STAGES["marlin"](stage_options(stage_config))
        spectrometer = SPECTROMETERS["scpi"](spectrometer_options(ScpiSpectrometerConfig(kind="scpi", port=address)))
        stage.home()
        stage.move_to(StagePose(70.0, 59.0))
        spectrometer.begin(0.5)
        stage.hold_beam(0.4)
        spectrum = spectrometer.read(20.0)
        assert spectrum is not None
        assert spectrum.counts.sum() > 100, "the beam was on"
        stage.drop_beam()
        spectrometer.close()
        stage.close()
    assert not (bench.folder / "mca").exists()


def test_the_faults_of_either_line_happen_on_it(bench):
    bench.instrument["link"] = "stage"
    bench.instrument["pair"] = {
        "spectrometer_link": "mca",
        "stage_log": "stage.jsonl",
        "stage_faults": [{"kind": "drop", "at_byte": 1_500, "every_bytes": 101, "count": 2}],
        "spectrometer_faults": [{"kind": "drop", "at_byte": 900, "count": 5}],
    }
    bench.instrument["twin"]["clock_factor"] = 20.0
    bench.ready = "mca"
    with bench.running():
        port = str(bench.folder / "mca")
        options = spectrometer_options(Dp5SpectrometerConfig(kind="dp5", port=port, settings={"MCAC": "256"}))
        spectrometer = SPECTROMETERS["dp5"](options)
        stage = STAGES["grbl"](stage_options(GrblStageConfig(port=str(bench.folder / "stage"), gate="M8")))
        stage.home()
        for _ in range(3):
            spectrometer.begin(0.1)
            assert spectrometer.read(20.0) is not None
        with pytest.raises(BridgeError, match=r"check the (baud rate and the )?cable|see that no other program"):
            shuttle(stage)
        spectrometer.close()
        stage.close()
    assert events(bench.folder / "stage.jsonl", "line_drop")
    assert events(bench.twin_log, "line_drop")


def shuttle(stage: Stage) -> None:
    for _ in range(100):
        stage.move_to(StagePose(100.0, 100.0))
        stage.move_to(StagePose(101.0, 100.0))


def events(log: Path, kind: str) -> list[dict]:
    return [line for line in map(json.loads, log.read_text().splitlines()) if line["event"] == kind]
