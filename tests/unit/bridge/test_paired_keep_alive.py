"""What becomes of a pair whose spectrometer is told in pauses that it is still used."""

from __future__ import annotations

import pytest

from firmware_bridge.faults import LinkLost
from firmware_bridge.paired_controller import PairedController
from firmware_bridge.pairing import measuring_thread
from tests.unit.bridge.test_paired_controller import Clock, Counter, Table, collected, dwell


def test_in_a_pause_the_spectrometer_is_told_that_it_is_still_used(monkeypatch):
    monkeypatch.setattr(measuring_thread, "_IDLE_S", 0.01)
    counter = Counter(Clock())
    controller = PairedController(Table(), counter)
    assert counter.was_kept_alive.wait(5.0)
    controller.pause()
    counter.was_kept_alive.clear()
    assert counter.was_kept_alive.wait(5.0)
    controller.close()


def test_a_spectrometer_that_is_gone_in_a_pause_is_named_when_it_is_used_and_not_before(monkeypatch):
    monkeypatch.setattr(measuring_thread, "_IDLE_S", 0.01)
    clock = Clock()
    counter = Counter(clock)

    def gone(*_: object) -> None:
        counter.was_kept_alive.set()
        raise LinkLost("the spectrometer does not answer")

    counter.keep_alive = counter.begin = gone
    controller = PairedController(Table(clock), counter, clock=clock)
    assert counter.was_kept_alive.wait(5.0)
    assert controller.next_done(0.05) is None
    controller.submit([dwell(0)])
    controller.open_shutter()
    with pytest.raises(LinkLost, match="does not answer"):
        controller.next_done(5.0)
    controller.close()


def test_a_mistake_of_the_spectrometer_in_a_pause_does_not_end_the_measuring(monkeypatch):
    monkeypatch.setattr(measuring_thread, "_IDLE_S", 0.01)
    clock = Clock()
    counter = Counter(clock)

    def broken() -> None:
        counter.was_kept_alive.set()
        raise RuntimeError("a mistake in a detector's driver")

    counter.keep_alive = broken
    controller = PairedController(Table(clock), counter, clock=clock)
    assert counter.was_kept_alive.wait(5.0)
    controller.submit([dwell(0)])
    controller.open_shutter()
    assert collected(controller, 1) == [0]
    controller.close()
