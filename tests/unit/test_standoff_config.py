"""What a configuration may say of a stand-off sensor, and what the bridge is told of it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from edge.configuration.devices import (
    InputStandoffConfig,
    PairedControllerConfig,
    RangefinderStandoffConfig,
    standoff_options,
)
from firmware_bridge.standoff import StandoffOptions

GRBL = {"kind": "grbl", "port": "stage", "gate": "M8"}
MARLIN = {"kind": "marlin", "port": "stage", "gate": "P57"}
DP5 = {"kind": "dp5", "port": "mca"}
SCPI = {"kind": "scpi", "port": "socket://mca:5025"}
SWITCH = {"kind": "input"}
GOOD = {"kind": "rangefinder", "port": "usb:1234:5678", "nearest_mm": 8.0, "farthest_mm": 12.0}


def test_the_bridge_is_told_all_of_a_rangefinder():
    config = RangefinderStandoffConfig.model_validate(GOOD | {"baud": 9_600, "ask": "M0,1", "mm_per_unit": 0.1})
    assert standoff_options(config) == StandoffOptions("usb:1234:5678", 9_600, "M0,1", 0.1, 8.0, 12.0)


def test_a_switch_has_nothing_to_tell():
    assert standoff_options(InputStandoffConfig()) == StandoffOptions()


@pytest.mark.parametrize(
    "change",
    [
        {"nearest_mm": 12.0},
        {"nearest_mm": -1.0},
        {"mm_per_unit": 0.0},
        {"ask": "\u00b5"},
        {"ask": "M\r"},
        {"ask": "M" * 81},
    ],
)
def test_what_cannot_be_meant_is_refused(change):
    RangefinderStandoffConfig.model_validate(GOOD)
    with pytest.raises(ValidationError):
        RangefinderStandoffConfig.model_validate(GOOD | change)


@pytest.mark.parametrize(
    ("good", "change", "sentence"),
    [
        ({"stage": GRBL, "spectrometer": DP5, "standoff": SWITCH}, {"stage": MARLIN}, "use a rangefinder"),
        ({"stage": GRBL | {"has_trigger": True}, "spectrometer": DP5}, {"spectrometer": SCPI}, "only a dp5"),
    ],
    ids=["a switch without an input", "a trigger without an input"],
)
def test_what_no_input_takes_is_refused_and_not_ignored(good, change, sentence):
    PairedControllerConfig.model_validate({"kind": "paired"} | good)
    with pytest.raises(ValidationError, match=sentence):
        PairedControllerConfig.model_validate({"kind": "paired"} | good | change)
