"""Fault scripts as an instrument's file has them: YAML, its schema, and what they then do to a line."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from edge.configuration.yaml_strict import StrictYamlError, parse_yaml
from edge.simulate.twin_config import LineFaultConfig
from firmware_bridge.twins.fault_script import FaultScript
from tools.fuzz.properties import Target, require

_LINE = bytes(range(256)) * 4
_TURNS = 30
_MOST_HELD = 1 << 20

_SEEDS = (
    "- {kind: drop, at_byte: 10, count: 3, every_bytes: 50}",
    "- {kind: flip, at_byte: 3, count: 2, bit: 7, towards: controller}\n- {kind: half, at_byte: 0}",
    "- kind: delay\n  at_s: 0.1\n  for_s: 1e-1\n- kind: stall\n  at_s: 0\n  every_s: 0.2\n  for_s: 0.05",
    "- {kind: duplicate, at_byte: 9, count: 65536}\n- {kind: reset, at_s: 0.2}",
    "- {kind: hang_up, at_byte: 600, for_s: 2.5}",
)


def faults(octets: bytes) -> None:
    """Refused by its own exceptions, or a line that carries on."""
    try:
        value = parse_yaml(octets.decode("utf-8", "replace")).value
    except StrictYamlError:
        return
    script = []
    for entry in value if isinstance(value, list) else [value]:
        try:
            script.append(LineFaultConfig.model_validate(entry).scripted())
        except ValidationError:
            continue
    _carry(FaultScript(script))


def _carry(wire: FaultScript) -> None:
    for turn in range(_TURNS):
        now_s = 0.05 * turn
        down, up = wire.to_controller(_LINE, now_s), wire.to_host(_LINE, now_s)
        require(len(down) + len(up) < _MOST_HELD, f"{len(down) + len(up)} bytes came out of {2 * len(_LINE)}")
        wire.take_events(now_s)
        require(wire.deadline_s(now_s) > now_s or turn == 0, "it is due for ever")


def _seeds() -> Sequence[bytes]:
    return [text.encode() for text in _SEEDS]


TARGETS = {"fault-scripts": Target(faults, _seeds)}
