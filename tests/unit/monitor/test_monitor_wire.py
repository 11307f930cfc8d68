"""The bytes that browsers get, read back as the protocol's page says."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge.grid import CellWindow
from edge.monitor import wire
from edge.monitor.wire import UNKNOWN
from tests.unit.monitor.page_server import unpacked_part

FLOATS = st.floats(-1e6, 1e6, width=32) | st.just(float("nan"))
PLANES = arrays(np.float32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=FLOATS)


@given(PLANES)
def test_a_part_comes_back_within_half_a_step_of_its_own_range(plane: np.ndarray) -> None:
    back = unpacked_part(wire.part_bytes(plane, CellWindow(3, 5, *plane.shape), 0, 0))[2]
    assert np.array_equal(np.isnan(back), np.isnan(plane))
    known = plane[~np.isnan(plane)].astype(np.float64)
    if len(known):
        # half of 4,094 steps, and what 32 bits round
        allowed = (known.max() - known.min()) / 4_094 * 0.5 + 1e-6 * np.abs(known).max()
        assert np.abs(back - plane)[~np.isnan(plane)].max() <= allowed


@given(PLANES)
def test_a_whole_map_comes_back_within_half_a_step_of_its_range(plane: np.ndarray) -> None:
    content = wire.map_bytes(plane, 7)
    generation, rows, columns, low, high = struct.unpack_from("<IHHff", content)
    steps = np.frombuffer(content, "<u2", offset=16).reshape(rows, columns)
    assert generation == 7
    assert np.array_equal(steps == UNKNOWN, np.isnan(plane))
    known = ~np.isnan(plane)
    if known.any():
        back = low + steps[known] / 65_534 * (np.float64(high) - low)
        span, largest = np.ptp(plane[known].astype(np.float64)), np.abs(plane[known]).max()
        assert np.abs(back - plane[known]).max() <= span / 65_534 * 0.5 + 1e-6 * largest


@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 2)))
def test_what_is_known_of_cells_comes_back_from_two_bits_each(states: np.ndarray) -> None:
    content = wire.states_bytes(70_000, states)
    assert struct.unpack_from("<I", content) == (70_000,)
    packed = np.frombuffer(content, np.uint8, offset=4)
    assert len(packed) == -(-states.size // 4)
    back = (np.repeat(packed, 4) >> np.tile([0, 2, 4, 6], len(packed))) & 3
    assert np.array_equal(back[: states.size].reshape(states.shape), states)


@pytest.mark.parametrize("viewed", [(), (0,), (3, 1), (0, 1, 2), tuple(range(20))])
def test_exposures_are_aligned_and_carry_a_value_for_each_viewed_element(viewed: tuple[int, ...]) -> None:
    cells = np.zeros(2, wire.CELL)
    cells["row0"], cells["live_s"], cells["held"] = [7, 8], [0.5, 0.25], [0, 1]
    values = np.arange(2 * len(viewed), dtype=np.float32).reshape(2, -1)
    message = wire.exposures_head(9) + wire.exposures_body(100, cells, viewed, values)
    kind, n, first, count = message[0], *struct.unpack_from("<III", message, 4)
    assert (kind, n, first, count) == (1, 9, 100, 2)
    assert tuple(message[17 : 17 + message[16]]) == viewed
    at = -(-(17 + len(viewed)) // 4) * 4
    assert np.array_equal(np.frombuffer(message, wire.CELL, 2, at), cells)
    assert np.array_equal(np.frombuffer(message, "<f4", -1, at + 32), values.ravel())


def test_parts_follow_each_other_behind_a_head_that_counts_them() -> None:
    parts = [wire.part_bytes(np.full((2, 3), value, np.float32), CellWindow(0, 0, 2, 3), 4, 1) for value in (1, 2)]
    message = wire.parts_head(7, 9, 2) + b"".join(parts)
    assert struct.unpack_from("<BBHII", message) == (2, 0, 2, 7, 9)
    second = 12 + 24 + struct.unpack_from("<I", message, 16)[0]
    for at, value in ((12, 1.0), (second, 2.0)):
        element, layer, values = unpacked_part(message[at:])
        assert (element, layer) == (4, 1)
        assert np.array_equal(values, np.full((2, 3), value))


def test_a_part_is_smaller_than_its_numbers() -> None:
    rows, columns = np.mgrid[:64, :64]
    smooth = np.sin(rows / 20 + columns / 30).astype(np.float32)
    assert len(wire.part_bytes(smooth, CellWindow(0, 0, 64, 64), 0, 0)) < 2 * smooth.size
