"""The papers' figures stand here as they are printed."""

from __future__ import annotations

import math

import pytest

from tools.reproduce import published

COLUMN_SUMS = {
    (0.05, "nete"): 92.86,
    (0.05, "harmonic"): 90.37,
    (0.05, "mumford-shah"): 96.26,
    (0.05, "bpfa"): 73.79,
    (0.1, "nete"): 101.13,
    (0.1, "harmonic"): 101.65,
    (0.1, "mumford-shah"): 105.44,
    (0.1, "bpfa"): 94.54,
    (0.2, "nete"): 109.23,
    (0.2, "harmonic"): 112.34,
    (0.2, "mumford-shah"): 115.36,
    (0.2, "bpfa"): 108.50,
}
"""Added up from the printed columns."""


@pytest.mark.parametrize(("rate", "method"), COLUMN_SUMS)
def test_a_column_of_table_i_adds_up_to_what_the_printed_one_does(rate, method):
    column = [published.TABLE_I_DB[rate][mask][method] for mask in published.MASKS]
    # sums of five figures of two decimals: off by the rounding of float64 alone
    assert sum(column) == pytest.approx(COLUMN_SUMS[rate, method], abs=1e-9)


@pytest.mark.parametrize(("rate", "gain_db"), [(0.05, 2.07), (0.1, 2.54), (0.2, 2.62)])
def test_the_networks_gain_under_harmonic_is_the_papers(rate, gain_db):
    table = published.TABLE_I_DB[rate]
    assert table["netm"]["harmonic"] - table["random"]["harmonic"] == pytest.approx(gain_db, abs=1e-9)


def test_the_network_is_the_best_row_of_every_column_as_the_paper_says():
    for table in published.TABLE_I_DB.values():
        for method in published.METHODS:
            assert max(table, key=lambda mask: table[mask][method]) == "netm"


def test_table_iv_repeats_the_rows_that_it_shares_with_table_i():
    shared = {mask: mask for mask in ("random", "airs", "kbas", "mascar")} | {"netm-sequential": "netm"}
    for row, row_of_i in shared.items():
        for method, db in published.TABLE_IV_DB[row].items():
            assert db == published.TABLE_I_DB[published.TABLE_IV_RATE][row_of_i][method]


@pytest.mark.parametrize(
    ("row", "figures"),
    [("netm-pre-train-joint", (19.53, 19.72, 19.89)), ("netm-rand-init-joint", (15.37, 19.87, 20.08))],
)
def test_the_joint_rows_of_table_iv_are_those_printed(row, figures):
    assert tuple(published.TABLE_IV_DB[row].values()) == figures


def test_figure_9_has_the_printed_sums_and_its_masks_their_order_in_time():
    sums = {"harmonic": 111.50, "mumford-shah": 132.53, "bpfa": 129.12}
    for method, total in sums.items():
        figures = [row[method] for row in published.FIGURE_9_DB.values()]
        assert sum(figures) == pytest.approx(total, abs=1e-9)
    in_order = sorted(published.FIGURE_9_MASK_S, key=lambda mask: published.FIGURE_9_MASK_S[mask])
    assert in_order == ["netm", "mascar", "airs", "kbas"]


def test_a_mask_takes_no_less_at_a_higher_rate_in_table_i():
    times = [published.TABLE_I_MASK_S[rate] for rate in (0.05, 0.1, 0.2)]
    for mask in ("airs", "kbas", "mascar", "netm"):
        assert [row[mask] for row in times] == sorted(row[mask] for row in times)


def _off_db(method: str) -> list[float]:
    """How far the printed PSNR is from the one that follows from the printed RMSE, at every rate and mask."""
    return [
        abs(-20 * math.log10(published.TABLE_II_RMSE[rate][mask][method]) - published.TABLE_II_DB[rate][mask][method])
        for rate in published.TABLE_II_RMSE
        for mask in published.MASKS
    ]


@pytest.mark.parametrize("method", ["harmonic", "mumford-shah"])
def test_the_printed_psnr_of_table_ii_follows_from_its_rmse_where_nothing_was_fused(method):
    # RMSE of four decimals, and three at least that count: 0.04 dB
    assert max(_off_db(method)) < 0.05


def test_the_printed_psnr_of_the_fusion_does_not():
    off = _off_db("fusion")
    assert max(off) > 8
    assert sum(each > 4 for each in off) == 12
