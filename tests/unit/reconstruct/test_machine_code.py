"""Compiled loops give the same bits in a process that compiles them and in one that finds them compiled."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_SCRIPT = """
import hashlib
import numpy as np
from edge.reconstruct import tiles

rng = np.random.default_rng(0)
n, count, left_out, elements = 60, 12, 4, 3
features = rng.random((n, 8)).astype(np.float32) * 9
values = rng.random((n, elements)).astype(np.float32)
neighbours = np.array([rng.permutation(n)[:count] for _ in range(40)], np.int32)
out = [np.empty((40 * left_out, *each), np.float32) for each in ((elements,), (), (elements,))]
tiles.leave_one_out(
    neighbours, left_out, features, values, np.ones(n, np.float32), np.tile(np.array([1, 0, 1], np.float32), (40, 1)),
    np.array([0.1, 3, 0.4, 0.3, 5], np.float32), *out,
)
hits = sum(tiles.leave_one_out.stats.cache_hits.values())
print(hashlib.sha256(b"".join(each.tobytes() for each in out)).hexdigest(), hits)
"""


def test_a_process_that_compiles_and_one_that_finds_machine_code_agree_to_the_bit(tmp_path: Path):
    """So that a fresh worker of a cluster gives what those give that have worked before."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    root = Path(__file__).resolve().parents[3]
    told = [
        subprocess.run(
            [sys.executable, "-c", _SCRIPT], cwd=root, env=environment, check=True, capture_output=True, text=True
        ).stdout.split()
        for _ in range(2)
    ]
    assert [hits for _, hits in told] == ["0", "1"]
    assert told[0][0] == told[1][0]
