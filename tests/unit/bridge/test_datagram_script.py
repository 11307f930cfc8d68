"""Faults that strike whole datagrams."""

from __future__ import annotations

from typing import Any

import pytest

from firmware_bridge.twins.datagram_script import DatagramScript
from firmware_bridge.twins.fault_script import LineFault, fault_of

WORDS = [b"one", b"two", b"three"]


def carried(*faults: LineFault) -> list[bytes]:
    script = DatagramScript(faults)
    for number, word in enumerate(WORDS):
        script.carry(word, float(number))
    return script.arrived(2.0)


@pytest.mark.parametrize(
    ("fault", "arrived"),
    [
        ({"kind": "drop", "at_byte": 4}, [b"one", b"three"]),
        ({"kind": "drop", "at_s": 0.5}, [b"one", b"three"]),
        ({"kind": "drop", "at_byte": 0, "every_bytes": 3}, []),
        ({"kind": "duplicate", "at_byte": 4}, [b"one", b"two", b"two", b"three"]),
        ({"kind": "flip", "at_byte": 4, "bit": 1}, [b"one", b"tuo", b"three"]),
        ({"kind": "delay", "at_byte": 4, "for_s": 9.0}, [b"one", b"three"]),
        ({"kind": "stall", "at_byte": 4, "for_s": 9.0}, WORDS),
    ],
    ids=str,
)
def test_a_fault_strikes_the_datagram_that_it_falls_on(fault: dict[str, Any], arrived: list[bytes]) -> None:
    assert carried(fault_of(fault)) == arrived


def test_a_late_datagram_is_overtaken_and_comes_when_it_is_due() -> None:
    script = DatagramScript([fault_of({"kind": "delay", "at_byte": 0, "for_s": 2.0})])
    script.carry(b"late", 0.0)
    script.carry(b"next", 0.5)
    assert script.arrived(0.5) == [b"next"]
    assert script.deadline_s() == 2.0
    assert script.arrived(2.0) == [b"late"]
