"""Something goes wrong in the middle of a scan: the sentence, the exit code, the beam off, and nothing lost.

A few telling cases here; every fault on every line of three instruments behind ``make faults``.
"""

from __future__ import annotations

import signal
import time

import pytest

from tests.instrument.conftest import Bench
from tests.instrument.fault_campaign import (
    CASES,
    LEASE_S,
    Case,
    arrange,
    assert_beam_ends,
    assert_beam_is_over,
    assert_on_the_page,
    beam_of,
    choose,
    endure,
    is_finished,
    resume,
)

LINK, SAFETY = 3, 4
TELLING = [
    pytest.param(
        Case("native", "controller", "host", "stall"),
        0,
        "has not answered for 2 s: check its power and cable, then connect again; its shutter closes by itself",
        id="native, controller: stall towards host",
    ),
    pytest.param(
        Case("grbl", "stage", "host", "reset"),
        0,
        "has restarted and doesn't know where it is: check its supply, home it, and resume the scan",
        id="grbl, stage: reset towards host",
    ),
    pytest.param(
        Case("marlin", "spectrometer", "host", "reset"),
        SAFETY,
        "stopped counting before its preset was reached: it has restarted, or another program uses it",
        marks=pytest.mark.campaign,
        id="marlin, spectrometer: reset towards host",
    ),
    pytest.param(
        Case("marlin", "stage", "host", "gone"),
        LINK,
        "the controller was not found again within 3 s",
        id="marlin, stage: gone towards host",
    ),
]


@pytest.mark.parametrize(("case", "code", "words"), TELLING)
def test_a_fault_on_a_line_is_read_as_the_page_says(bench: Bench, case: Case, code: int, words: str) -> None:
    arrange(bench, case)
    with bench.running():
        ended, said = endure(bench, case)
    assert ended == code, said
    assert words in said


def test_a_scan_ended_by_a_damaged_line_is_resumed_on_the_same_instrument(bench: Bench) -> None:
    case = Case("grbl", "stage", "host", "flip")
    arrange(bench, case)
    with bench.running():
        code, said = endure(bench, case)
        assert code == LINK, said
        assert "was misunderstood ('" in said
        assert "check the baud rate and the cable's shielding; it was stopped" in said
        resume(bench)


def test_a_clock_that_jumps_ends_the_scan_resumably(bench: Bench) -> None:
    choose(bench, "native")
    bench.instrument["twin"] |= {"clock_step_s": -30.0, "clock_steps_after": 150, "starts_homed": True}
    bench.instrument["twin"]["clock_factor"] = 40.0
    bench.scan["sampling"]["rate"] = 0.0625
    with bench.running():
        scan = bench.run("scan", str(bench.config), "--out", str(bench.recording))
        assert scan.returncode == LINK, scan.stderr
        assert_on_the_page(scan.stderr, LINK, "native")
        assert "has jumped back by " in scan.stderr
        assert beam_of(bench, "native")
        assert bench.measured() > 0


def test_a_setting_that_is_refused_ends_the_command_before_any_beam(bench: Bench) -> None:
    choose(bench, "grbl")
    bench.scan["instrument"]["controller"]["spectrometer"]["settings"]["GAIN"] = "9999"
    with bench.running():
        scan = bench.run("scan", str(bench.config), "--out", str(bench.recording))
        assert beam_of(bench, "grbl") == []
    assert scan.returncode == SAFETY, scan.stderr
    assert "refuses GAIN=9999: a parameter lies outside what the device takes: correct the setting" in scan.stderr
    assert not bench.recording.exists()


@pytest.mark.campaign
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_fault_on_every_line_is_on_the_page_and_the_scan_is_finished_in_the_end(bench: Bench, case: Case) -> None:
    arrange(bench, case)
    with bench.running():
        code, _ = endure(bench, case)
        if code and case.fault != "gone":
            resume(bench)
    assert code in (0, LINK, SAFETY)
    assert case.fault != "gone" or code == LINK


@pytest.mark.campaign
@pytest.mark.parametrize("instrument", ["native", "grbl", "marlin"])
def test_a_killed_scan_leaves_no_beam_and_is_resumed(bench: Bench, instrument: str) -> None:
    choose(bench, instrument)
    bench.instrument["twin"]["clock_factor"] = 2.0
    with bench.running():
        with bench.scanning() as scan:
            bench.scan_until(5, scan)
            scan.kill()
            killed_s = time.monotonic()
            scan.wait(timeout=60)
        assert_beam_is_over(bench, instrument, killed_s)
        assert not is_finished(bench)
        resume(bench)


@pytest.mark.campaign
@pytest.mark.parametrize("instrument", ["native", "grbl", "marlin"])
def test_a_computer_that_stands_still_for_longer_than_a_lease_goes_on_by_itself(bench: Bench, instrument: str) -> None:
    choose(bench, instrument)
    bench.instrument["twin"]["clock_factor"] = 2.0
    with bench.running():
        with bench.scanning() as scan:
            bench.scan_until(5, scan)
            scan.send_signal(signal.SIGSTOP)
            stopped_s = time.monotonic()
            time.sleep(4 * LEASE_S)
            scan.send_signal(signal.SIGCONT)
            assert scan.wait(timeout=120) == 0, bench.said
        assert_beam_ends(bench, instrument, stopped_s)
    assert is_finished(bench)
    if instrument == "native":
        assert "its lease was not renewed in time: see what kept this computer busy" in bench.said
        assert "opening it again" in bench.said
