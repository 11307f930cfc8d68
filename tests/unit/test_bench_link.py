"""The link's bench: what it counts as a gap, what it sends, and which figures should be small."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from firmware_bridge.twins.grbl.settings import GrblTwinSettings
from tools.bench.counting_port import CountingPort
from tools.bench.link_grbl import STEPS_MM, executable_per_s, row_of
from tools.bench.link_native import gaps_of, joined_strokes
from tools.bench.link_twin import CHANNELS, sparse_spectrum
from tools.bench.table import Row


@pytest.mark.parametrize(("value", "unit", "met"), [(60.0, "B", True), (65.0, "B", False), (0.4, "cores", True)])
def test_bytes_and_processors_are_better_when_fewer(value, unit, met):
    target = {"B": 64.0, "cores": 1.0}[unit]
    assert Row("native", "unpaced", value, unit, target=target).met is met


def test_a_gap_is_time_without_an_exposure(tmp_path):
    log = tmp_path / "twin.jsonl"
    ends_s = (0.002, 0.004, 0.0065, 0.0085)
    lines = [{"event": "exposed", "device_s": end_s, "real_s": 0.002} for end_s in ends_s]
    log.write_text("\n".join(json.dumps(line) for line in [{"event": "boot"}, *lines]), encoding="utf-8")
    assert gaps_of(log) == [0.0, pytest.approx(0.0005), 0.0]


def test_a_sparse_spectrum_has_all_its_counts():
    spectrum = sparse_spectrum(300, seed=1)
    assert spectrum.shape == (CHANNELS,)
    assert spectrum.sum() == 300
    assert (spectrum == sparse_spectrum(300, seed=1)).all()


def test_strokes_of_the_bench_join():
    strokes = joined_strokes(5)
    assert [stroke.start for stroke in strokes[1:]] == [stroke.end for stroke in strokes[:-1]]


@pytest.mark.parametrize("step_mm", STEPS_MM)
def test_a_row_of_the_bench_has_equal_moves_and_stays_on_the_stage(step_mm):
    places_mm = [float(line.split(b"X")[1].split(b"Y")[0]) for line in row_of(step_mm, (0.0, 0.0))]
    steps_mm = {round(after - before, 3) for before, after in pairwise(places_mm)}
    assert steps_mm == {step_mm}
    assert places_mm[-1] < 300.0


def test_a_board_executes_short_moves_as_fast_as_it_reads_lines_and_long_ones_as_fast_as_it_moves():
    # Short ones wait for the reading of their lines; 0.5 mm at 50 mm/s take 10 ms.
    most = 1.0 / GrblTwinSettings().line_s
    assert 0.9 * most < executable_per_s(0.1) < 1.001 * most
    assert 90 < executable_per_s(0.5) < 100


def test_a_counting_port_counts_what_it_hands_on():
    class Echo:
        def __init__(self) -> None:
            self.held = b""

        def read_available(self, timeout_s: float) -> bytes:
            octets, self.held = self.held, b""
            return octets

        def write(self, octets: bytes) -> None:
            self.held += octets

        def wake(self) -> None: ...

        def close(self) -> None: ...

    port = CountingPort(Echo())
    port.write(b"twelve bytes")
    assert port.read_available(0.0) == b"twelve bytes"
    assert (port.said, port.heard) == (12, 12)
