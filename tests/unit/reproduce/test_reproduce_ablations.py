"""The ablations are those of the papers' tables, and their page says what it is made of."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import pytest

pytest.importorskip("torch")

from models.training.unfolding.plans import PLANS
from tools.reproduce.ablations import ABLATIONS, PAPERS, STEPS, TABLE, Row, _csv_row, _lines
from tools.reproduce.faults import ReproductionError

FULL, *OTHERS = ABLATIONS


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    TABLE.add_options(parser)
    return parser.parse_args(["--stacks", "panel"])


def _row(plan: str, name: str, rmse: float) -> Row:
    return Row("panel", plan, name, rmse, 0.02, (600, 24), 5.0)


@pytest.mark.parametrize("plan", PAPERS)
@pytest.mark.parametrize("ablation", OTHERS, ids=lambda one: one.name)
def test_every_ablation_takes_something_away_from_the_full_model(plan, ablation):
    assert FULL.change(PLANS[plan]) == PLANS[plan]
    assert ablation.change(PLANS[plan]) != PLANS[plan]


def test_terms_of_the_loss_go_one_by_one():
    named = {one.name: one.change(PLANS["verinaz-jadan-2025"]).plan.stages[-1] for one in ABLATIONS}
    weights = {
        name: (stage.measurement_weight, stage.colour_weight, stage.adversarial_weight) for name, stage in named.items()
    }
    assert weights["c1 and adv"] == (1, 0, 0.5e-6)
    assert weights["c1"] == (1, 0, 0)
    assert weights["c1 and c2"] == (1, 0.003, 0)
    assert weights["c2 and adv"] == (0, 0.003, 0.5e-6)


def test_the_full_model_is_the_best_of_the_papers_rows():
    assert max(one.paper_db for one in ABLATIONS) == FULL.paper_db
    assert min(one.paper_rmse for one in ABLATIONS) == FULL.paper_rmse


def test_the_page_sets_differences_beside_the_papers():
    rows = [_row("", "bicubic", 0.05), _row("pointillist", "whole", 0.03)]
    rows += [_row(plan, one.name, 0.04 + 0.001 * index) for plan in PAPERS for index, one in enumerate(ABLATIONS)]
    text = "\n".join(_lines(rows, _options()))
    assert "| c1 and adv | 0.0410 | 27.74 | -0.21 | 37.31 | +0.00 |" in text
    assert "| no projection | 0.0470 | 26.56 | -1.40 | 36.34 | -0.97 |" in text
    assert "100,000 epochs" in text
    assert _csv_row(rows[-1])["steps"] == "600 24"


def test_no_steps_are_refused():
    options = _options()
    options.steps = [5, 0]
    with pytest.raises(ReproductionError, match="give a whole number from 1"):
        TABLE.run(options)


def test_the_page_that_is_kept_is_of_the_steps_that_are_taken_unless_told_otherwise():
    with Path("docs/results/ablations.csv").open(encoding="utf-8", newline="") as file:
        taken = [tuple(map(int, row["steps"].split())) for row in csv.DictReader(file) if row["plan"] in PAPERS]
    assert tuple(map(max, zip(*taken, strict=True))) == STEPS
