"""Faults on the line, as an instrument file states them."""

from __future__ import annotations

from dataclasses import fields

import pytest

from edge.faults import UsageError
from edge.simulate.config import load_instrument, twin_settings, twin_wire
from edge.simulate.twin_config import LineFaultConfig
from firmware_bridge.twins.fault_script import FaultKind, LineFault
from tests.unit.simulate.test_instrument_file import MINIMAL, written


def test_a_file_without_faults_has_a_line_of_its_own(tmp_path):
    assert twin_wire(load_instrument(written(tmp_path, MINIMAL))) is None


def test_the_faults_of_a_file_happen_on_the_line(tmp_path):
    text = MINIMAL + "  faults:\n    - {kind: drop, at_byte: 2, count: 3}\n    - {kind: stall, at_s: 4, for_s: 1}\n"
    config = load_instrument(written(tmp_path, text))
    wire = twin_wire(config)
    assert wire is not None
    assert wire.to_host(b"abcdefgh", 0.0) == b"abfgh"
    assert twin_settings(config).clock_factor == 12


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("{kind: gremlin, at_s: 1}", r"instrument\.yaml:16:.*twin\.faults.*kind"),
        ("{kind: stall, at_s: 1}", r"instrument\.yaml:16:.*a stall needs a duration: give for_s"),
        ("{kind: drop}", r"instrument\.yaml:16:.*a drop needs one moment: give either at_byte or at_s"),
        ("{kind: drop, at_s: 1, size: 3}", r"instrument\.yaml:16:.*size: unknown key"),
    ],
)
def test_a_fault_that_cannot_be_is_named_with_its_line(tmp_path, fault, sentence):
    with pytest.raises(UsageError, match=sentence):
        load_instrument(written(tmp_path, MINIMAL + f"  faults:\n    - {fault}\n"))


def test_file_and_script_know_the_same_faults():
    assert set(LineFaultConfig.model_fields) == {field.name for field in fields(LineFault)}
    kinds = LineFaultConfig.model_json_schema()["properties"]["kind"]["enum"]
    assert set(kinds) == {kind.value for kind in FaultKind}
