"""The benches' rows: what meets its target, and what the JSON file holds."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tools.bench import table


@pytest.mark.parametrize(
    ("value", "unit", "target", "met"), [(0.08, "s", 0.1, True), (0.12, "s", 0.1, False), (35.0, "dB", 34.0, True)]
)
def test_a_row_knows_whether_its_target_is_met(value, unit, target, met):
    row = table.Row(what="kriging", size="10 x 10", value=value, unit=unit, target=target)
    assert row.met is met


@pytest.mark.parametrize(
    ("value", "unit", "peer", "against"),
    [(0.1, "s", 0.4, "4 x"), (5e5, "spectra/s", 1e5, "5 x"), (36.0, "dB", 35.5, "+0.50")],
)
def test_times_and_rates_are_set_against_the_peer_as_times_as_fast(value, unit, peer, against):
    row = table.Row(what="kriging", size="10 x 10", value=value, unit=unit, peer=peer)
    assert row.against_peer == against


def test_an_unknown_bench_is_named():
    run = subprocess.run(
        [sys.executable, "-m", "tools.bench", "telepathy"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert "telepathy" in run.stderr
    assert "Traceback" not in run.stderr


def test_the_file_holds_a_list_of_rows(tmp_path):
    rows = [table.Row(what="kriging", size="10 x 10", value=0.1, unit="s", peer=0.4, limit=0.01, target=0.2)]
    table.write_json(tmp_path / "rows.json", rows)
    assert json.loads((tmp_path / "rows.json").read_text()) == [
        {"what": "kriging", "size": "10 x 10", "value": 0.1, "unit": "s", "peer": 0.4, "limit": 0.01}
        | {"target": 0.2, "met": True}
    ]
