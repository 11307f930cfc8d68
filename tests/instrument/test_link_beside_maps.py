"""Maps that are made while exposures stream in never hold up the link."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from edge.maps import Samples
from edge.reconstruct.progressive import ProgressiveMaps
from tools.bench.link_native import collect, controller, gaps_of, joined_strokes
from tools.bench.painted import painted_panel

SHAPE, ELEMENTS = (200, 170), 12
STROKES, STROKE_S = 200, 0.01


@pytest.fixture
def drawing():
    """Maps drawn without a pause, in this very process; how often, is counted."""
    maps, rgb = painted_panel(*SHAPE, ELEMENTS)
    names = tuple(f"E{n}" for n in range(ELEMENTS))
    random = np.random.default_rng(0)
    stop, drawn = threading.Event(), []

    def draw():
        with ProgressiveMaps(SHAPE, names, rgb) as progressive:
            while not stop.is_set():
                rows, columns = random.integers(0, SHAPE[0], 300), random.integers(0, SHAPE[1], 300)
                progressive.add(Samples(rows, columns, maps[rows, columns], np.full((300, ELEMENTS), 0.01, np.float32)))
                progressive.refresh(0.1)
                drawn.append(progressive.current())

    thread = threading.Thread(target=draw)
    thread.start()
    yield drawn
    stop.set()
    thread.join()


def test_strokes_join_without_a_gap_while_maps_are_drawn_in_the_same_process(tmp_path, drawing):
    log = tmp_path / "twin.jsonl"
    with controller(str(tmp_path), baud=None, live_s=STROKE_S, clock_factor=1.0, log=log) as (native, _):
        drawn_before = len(drawing)
        done = list(collect(native, joined_strokes(STROKES, STROKE_S)))
        drawn_after = len(drawing)
    assert [one.index for one in done] == list(range(STROKES))
    # the maps were being drawn all the while
    assert drawn_after > drawn_before
    assert sum(gaps_of(log)) == 0.0
