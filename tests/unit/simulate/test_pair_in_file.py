"""A pair of devices, as an instrument file states it."""

from __future__ import annotations

import pytest

from edge.faults import UsageError
from edge.simulate.config import load_instrument
from edge.simulate.twin_config import PairConfig
from tests.unit.simulate.test_instrument_file import MINIMAL, written


def pair_of(folder, entry: str) -> PairConfig:
    pair = load_instrument(written(folder, f"{MINIMAL}pair: {entry}\n")).pair
    assert pair is not None
    return pair


def test_a_pair_is_a_grbl_stage_and_a_dp5_unless_told_otherwise(tmp_path):
    pair = pair_of(tmp_path, "{spectrometer_link: mca}")
    assert (pair.stage, pair.spectrometer, pair.gate_output, pair.has_trigger) == ("grbl", "dp5", "M8", False)
    assert pair.spectrometer_link == str(tmp_path / "mca")


def test_a_marlin_stage_has_its_gate_on_a_pin(tmp_path):
    pair = pair_of(tmp_path, "{stage: marlin, spectrometer: scpi}")
    assert pair.gate_output == "P57"
    assert pair_of(tmp_path, "{stage: marlin, spectrometer: scpi, gate: P12}").gate_output == "P12"


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("{}", "a dp5 spectrometer needs spectrometer_link: name the link to its serial port"),
        ("{spectrometer_link: mca, gate: P57}", "gate P57: give M3, M7 or M8 of a grbl stage"),
        ("{stage: marlin, spectrometer_link: mca, gate: M8}", "gate M8: .* or a pin as P57 of a marlin stage"),
        ("{spectrometer: scpi, has_trigger: true}", "has_trigger: only a grbl stage triggers, and only a dp5"),
        ("{stage: marlin, spectrometer_link: mca, has_trigger: true}", "has_trigger: only a grbl stage triggers"),
        ("{spectrometer_link: mca, network_port: 0}", "a dp5 spectrometer has no network_port: leave it out"),
        ("{spectrometer: scpi, udp_port: 0}", "a scpi spectrometer has no udp_port: leave it out"),
        ("{stage: klipper, spectrometer_link: mca}", "stage"),
        ("{spectrometer_link: mca, stage_faults: [{kind: stall, at_s: 1}]}", "a stall needs a duration: give for_s"),
    ],
)
def test_a_pair_that_does_not_fit_together_is_refused_with_its_line(tmp_path, entry, sentence):
    with pytest.raises(UsageError, match=rf"instrument\.yaml:15:.*{sentence}"):
        pair_of(tmp_path, entry)


def test_faults_of_the_native_line_are_refused_beside_a_pair_and_the_two_keys_are_named(tmp_path):
    text = f"{MINIMAL}  faults: [{{kind: drop, at_byte: 1}}]\npair: {{spectrometer_link: mca}}\n"
    with pytest.raises(UsageError, match=r"use pair\.stage_faults and pair\.spectrometer_faults"):
        load_instrument(written(tmp_path, text))


@pytest.mark.parametrize("entry", ["door_opens_after: 5", "lease_s: 0.3", "settle_s: 0.1"])
def test_what_only_the_native_controller_heeds_is_refused_beside_a_pair(tmp_path, entry):
    text = f"{MINIMAL}  {entry}\npair: {{spectrometer_link: mca}}\n"
    with pytest.raises(UsageError, match=rf"twin\.{entry.split(':')[0]} is of the native controller.*leave it out"):
        load_instrument(written(tmp_path, text))
