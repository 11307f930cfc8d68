"""What the maps of a large scan take of memory."""

from __future__ import annotations

import subprocess
import sys

SIDE, ELEMENTS = 300, 20
MOST_BYTES_PER_CELL = 500
"""2 GB for 2,000 x 2,000 x 20; maps and standard errors alone are 160 of it."""

PROGRAM = f"""
import resource
import numpy as np
from edge.maps import Samples
from edge.reconstruct import reconstruct

def peak():
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

def mapped(side):
    cells = np.arange(0, side * side, 11)
    rows, columns = np.divmod(cells, side)
    values = (2 + np.sin(rows[:, None] / 40 + np.arange({ELEMENTS}))).astype(np.float32)
    rgb = np.broadcast_to((np.arange(side) % 251).astype(np.uint8)[:, None, None], (side, side, 3)).copy()
    names = tuple(map(str, range({ELEMENTS})))
    samples = Samples(rows, columns, values, np.full_like(values, 0.01))
    return reconstruct(samples, (side, side), elements=names, rgb=rgb)

mapped(64)
before = peak()
mapped({SIDE})
print(peak() - before)
"""


def test_full_maps_take_less_than_two_gigabytes_for_four_million_cells_of_twenty_elements():
    finished = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert int(finished.stdout) < MOST_BYTES_PER_CELL * SIDE**2
