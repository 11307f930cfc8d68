"""What a line does to its bytes, by script, costs time, and never a measurement or an open shutter."""

from __future__ import annotations

import time
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from firmware_bridge.faults import BridgeError, ControllerFault, LeaseExpired, LinkLost, PortUnavailable, Rebooted
from firmware_bridge.native.client import NativeController, connect
from firmware_bridge.twins.detector import Detector
from firmware_bridge.twins.settings import TwinSettings
from tests.protocol.constant_twin import ConstantSource, TwinProcess, running_twin
from tests.protocol.rehearsal import dwell

COUNT = 90
LIVE_S = 0.01
SPECTRA = {"channels": 256, "gain_kev": 0.08, "gain_drift_per_hour": 0.0}
SETTINGS = {**SPECTRA, "starts_homed": True, "max_speed_mm_s": 500.0, "max_acceleration_mm_s2": 50_000.0}
PATIENCE_S = 30.0
STRIKES = [
    {"kind": "drop", "count": 7},
    {"kind": "flip", "count": 3, "bit": 6},
    {"kind": "duplicate", "count": 40},
    {"kind": "delay", "for_s": 0.3},
    {"kind": "stall", "for_s": 0.3},
    {"kind": "half"},
]
LASTS = [{"kind": "stall", "for_s": 1.2}, {"kind": "delay", "for_s": 1.2}]


@cache
def expected(index: int) -> NDArray[np.uint32]:
    """The counts that the twin must have measured, computed beside it."""
    detector = Detector(TwinSettings(**SPECTRA))
    illumination = detector.illuminate(ConstantSource().at(dwell(0).start, dwell(0).end), 0.0)
    return detector.count(illumination, LIVE_S, index)


class Operator:
    """Measures a scan to its end whatever the line does, and writes down what was said on the way."""

    def __init__(self, port: str) -> None:
        self.recorded: dict[int, NDArray[np.uint32]] = {}
        self.twice: list[int] = []
        self.faults: list[BridgeError] = []
        self._port = port

    def scan(self) -> None:
        """Connect, and again after every fault that ends a session, until all is recorded."""
        ends_s = time.monotonic() + PATIENCE_S
        while len(self.recorded) < COUNT:
            assert time.monotonic() < ends_s, f"{len(self.recorded)} of {COUNT} exposures, {self.faults}"
            try:
                with connect(self._port, 2_000_000) as controller:
                    self._go_on(controller)
            except (LinkLost, Rebooted, PortUnavailable) as fault:
                self.faults.append(fault)
                time.sleep(0.05)

    def _go_on(self, controller: NativeController) -> None:
        if not controller.status().is_homed:
            controller.home()
        controller.begin_scan(9, frozenset(self.recorded))
        waiting = [dwell(index) for index in range(COUNT) if index not in self.recorded]
        controller.open_shutter()
        while len(self.recorded) < COUNT:
            try:
                del waiting[: controller.submit(waiting)]
                done = controller.next_done(1.0)
            except LeaseExpired as fault:
                self.faults.append(fault)
                controller.open_shutter()
                continue
            if done is None:
                continue
            if done.index in self.recorded:
                self.twice.append(done.index)
            self.recorded[done.index] = done.counts
            controller.acknowledge(done.index)

    def check(self) -> None:
        """All is there, once, and unchanged."""
        assert sorted(self.recorded) == list(range(COUNT))
        assert self.twice == []
        for index, counts in self.recorded.items():
            assert np.array_equal(counts, expected(index)), f"exposure {index} has changed on its way"


def exhaust(controller: NativeController) -> None:
    """Take exposures until something happens."""
    while controller.next_done(5.0) is not None:
        pass


def spread(fault: dict[str, Any], towards: str) -> dict[str, Any]:
    """The fault, several times in a scan."""
    first, every = (500, 4_000) if towards == "host" else (300, 900)
    return {**fault, "towards": towards, "at_byte": first, "every_bytes": every}


def run(folder: Path, faults: list[dict[str, Any]], **settings: Any) -> tuple[Operator, TwinProcess]:
    with running_twin(folder, faults=faults, **{**SETTINGS, "clock_factor": 20.0, **settings}) as twin:
        operator = Operator(twin.port)
        operator.scan()
    operator.check()
    return operator, twin


@pytest.mark.parametrize("towards", ["host", "controller"])
@pytest.mark.parametrize("fault", STRIKES, ids=lambda fault: fault["kind"])
def test_a_scan_over_a_faulty_line_records_every_exposure_once_and_byte_exact(
    tmp_path: Path, fault: dict[str, Any], towards: str
) -> None:
    operator, twin = run(tmp_path, [spread(fault, towards)])
    assert len(twin.events(f"line_{fault['kind']}")) >= 2
    assert len(twin.events("exposed")) == COUNT
    assert all(isinstance(each, LeaseExpired) for each in operator.faults)


@pytest.mark.parametrize("fault", LASTS, ids=lambda fault: fault["kind"])
def test_a_line_that_is_silent_for_longer_than_a_lease_closes_the_shutter_and_the_scan_goes_on(
    tmp_path: Path, fault: dict[str, Any]
) -> None:
    operator, twin = run(tmp_path, [{**fault, "towards": "controller", "at_byte": 500}], clock_factor=2.0)
    (silent,) = twin.events(f"line_{fault['kind']}")
    closed = next(each for each in twin.events("shutter_closed") if each["device_s"] >= silent["device_s"])
    assert closed["reason"] == "lease_expired"
    # The lease, half a second of the wall clock, is a second on a clock of twice its pace.
    assert closed["device_s"] - silent["device_s"] <= 0.5 * 2.0 + 1e-3
    assert [type(each) for each in operator.faults] == [LeaseExpired]
    assert len(twin.events("exposed")) == COUNT


def test_a_reset_is_named_and_the_scan_goes_on_after_homing(tmp_path: Path) -> None:
    operator, twin = run(tmp_path, [{"kind": "reset", "at_byte": 4_000}], homing_s=1.0)
    assert [type(each) for each in operator.faults] == [Rebooted]
    assert "home" in str(operator.faults[0])
    assert len(twin.events("boot")) == 2
    exposed_again = len(twin.events("exposed")) - COUNT
    assert 0 <= exposed_again <= 64 + 32, "only what was not recorded is measured again"


def test_a_port_that_hangs_up_and_returns_under_another_name_costs_no_exposure(tmp_path: Path) -> None:
    hang_up = {"kind": "hang_up", "at_byte": 4_000, "for_s": 0.8}
    with running_twin(tmp_path, faults=[hang_up], **SETTINGS) as twin:
        before = Path(twin.port).readlink()
        operator = Operator(twin.port)
        operator.scan()
        assert Path(twin.port).readlink() != before
    operator.check()
    assert operator.faults
    assert all(isinstance(each, LinkLost | PortUnavailable) for each in operator.faults)
    assert len(twin.events("exposed")) == COUNT


def test_while_the_port_is_gone_the_shutter_closes_within_its_lease(tmp_path: Path) -> None:
    hang_up = {"kind": "hang_up", "at_s": 0.7, "for_s": 5.0}
    with running_twin(tmp_path, faults=[hang_up], **SETTINGS) as twin, connect(twin.port, 2_000_000) as controller:
        controller.open_shutter()
        controller.submit([dwell(index, live_s=0.5) for index in range(60)])
        with pytest.raises(LinkLost, match="has gone"):
            exhaust(controller)
        time.sleep(0.7)
    (gone,) = twin.events("line_hang_up")
    (closed,) = twin.events("shutter_closed")
    assert closed["reason"] == "lease_expired"
    assert 0 <= closed["device_s"] - gone["device_s"] <= 0.5


def test_after_a_hang_up_the_host_continues_within_two_seconds_of_the_return(tmp_path: Path) -> None:
    hang_up = {"kind": "hang_up", "at_byte": 4_000, "for_s": 0.6}
    _, twin = run(tmp_path, [hang_up], clock_factor=1.0)
    (gone,) = twin.events("line_hang_up")
    times_s = [each["monotonic_s"] for each in twin.events("exposed")]
    (pause_s,) = [after - before for before, after in pairwise(times_s) if before < gone["monotonic_s"] + 0.5 < after]
    # The lease lets exposures go on for half a second; then nothing until the port is back.
    assert pause_s < 0.6 + 2.0


def test_faults_in_both_directions_together_lose_nothing(tmp_path: Path) -> None:
    faults = [spread(fault, towards) for fault in STRIKES[:4] for towards in ("host", "controller")]
    operator, twin = run(tmp_path, faults)
    assert len(twin.events("exposed")) == COUNT
    assert not any(isinstance(each, ControllerFault) and not isinstance(each, LeaseExpired) for each in operator.faults)
