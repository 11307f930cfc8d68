"""The peers of the plan's bench visit everything once, and its table says what it holds."""

from __future__ import annotations

import numpy as np

from tools.bench.plan import SLOT, Visits, mixture, nearest_first, row_by_row, rows_of

FEW = mixture(60, (20, 8 * SLOT), seed=3)


def _undirected(pieces: np.ndarray) -> list[list[float]]:
    return sorted(min(row, row[2:] + row[:2]) for row in pieces.tolist())


def test_peers_visit_every_piece_once() -> None:
    for flown in (row_by_row(FEW), nearest_first(FEW)):
        assert _undirected(flown) == _undirected(FEW)


def test_the_nearest_end_that_is_left_comes_next() -> None:
    flown = nearest_first(FEW)
    for k in range(1, len(flown)):
        here, rest = flown[k - 1, 2:4], flown[k:]
        distances = np.hypot(*(rest.reshape(-1, 2) - here).T)
        assert np.hypot(*(flown[k, 0:2] - here)) == distances.min()


def test_pieces_of_a_mixture_do_not_touch() -> None:
    ahead = FEW[np.lexsort((FEW[:, 0], FEW[:, 1]))]
    same_row = ahead[1:, 1] == ahead[:-1, 1]
    assert (ahead[1:, 0] > ahead[:-1, 2])[same_row].all()


def test_our_travel_is_no_more_than_the_peers_and_no_less_than_the_bound() -> None:
    _, travel, *peers = rows_of(Visits("few", FEW), "laboratory stage", 1)
    assert travel.limit is not None
    assert travel.limit <= travel.value <= min(row.value for row in peers)
