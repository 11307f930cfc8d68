"""A piece of a large map takes the memory of a piece, whatever the map's size."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np

from edge.grid import ScanGrid
from edge.reconstruct.tiling import tile_count
from edge.reprocess.estimate import estimate_piece
from edge.reprocess.pieces import Pieces
from edge.reprocess.settle import Rectangle

SHAPE, ELEMENTS, SAMPLES = (4_000, 4_000), 15, 64
SIDE = 64


def settled(folder: Path) -> Pieces:
    """What `settle` leaves of a scan of 16 million cells, mostly zeros that take no room on the disk."""
    pieces = Pieces(folder)
    pieces.folder.mkdir()
    rng = np.random.default_rng(0)
    places = np.sort(rng.choice(SHAPE[0] * SHAPE[1], SAMPLES, replace=False))
    rows, columns = np.divmod(places, SHAPE[1])
    values = rng.random((SAMPLES, ELEMENTS)).astype(np.float32)
    features = np.zeros((SAMPLES, 8), np.float32)
    features[:, 0], features[:, 1] = rows, columns
    for name, array in {
        "features-0.npy": features,
        "values-0.npy": values,
        "noise.npy": np.ones(SAMPLES, np.float32),
        "cells-rows.npy": rows,
        "cells-columns.npy": columns,
        "cells-values.npy": values,
        "cells-variance.npy": values,
    }.items():
        pieces.keep_array(name, array)
    for name, shape, dtype in (
        ("colour.npy", (*SHAPE, 3), np.float32),
        ("guide.npy", (*SHAPE, 3), np.float32),
        ("allowed.npy", SHAPE, np.bool_),
        ("metric.npy", (tile_count(SHAPE), 3), np.float32),
        ("neighbours.npy", (tile_count(SHAPE), 32), np.int32),
    ):
        np.lib.format.open_memmap(folder / name, "w+", dtype, shape).flush()
    pieces.keep(
        "laws.npz",
        {
            "scaling": np.ones((8, ELEMENTS), np.float32),
            "groups": np.array(1),
            "elements-0": np.arange(ELEMENTS),
            "law-0": np.array([0.1, 3, 0.4, 0.3, 5], np.float32),
            "follows-0": np.array([True, True]),
        },
    )
    return pieces


def test_a_piece_takes_no_room_of_the_whole_grid(tmp_path: Path):
    """A map of the grid would take 960 MB; a piece with its ring takes 0.4 MB, rows of the photograph 4 MB."""
    pieces, grid = settled(tmp_path / "pieces"), ScanGrid(0.0, 0.0, 1.0, *SHAPE)
    piece = Rectangle(3_200, 1_600, 3_200 + SIDE, 1_600 + SIDE)
    tracemalloc.start()
    try:
        estimate_piece(pieces, grid.shape, piece)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert pieces.load(piece.name)["maps"].shape == (SIDE, SIDE, ELEMENTS)
    assert peak < 40e6
