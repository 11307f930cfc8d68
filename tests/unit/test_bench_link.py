"""The link's bench: what it counts as a gap, what it sends, and which figures should be small."""

from __future__ import annotations

import json

import pytest

from tools.bench.link import gaps_of, joined_strokes
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
