"""The model of what an archive costs: more workers help, and never beyond a scan's own chain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tools.bench.reprocess_model import Constants, Scan, alone_s, archive_s, processor_s, steps, work_s

KNOWN = Constants(1e-5, 3e-5, 5.0, 4e-5, 5e-5, 1e-6, 10.0, 5e-5, 2e-5, 1e-6, 1e-3, 500.0, 3e6)
SCAN = Scan(1_600_000, 16_000_000)


def test_one_worker_takes_as_long_as_all_tasks():
    assert alone_s(SCAN, KNOWN, 1) == pytest.approx(work_s(SCAN, KNOWN))


@pytest.mark.parametrize("workers", [2, 16, 64, 10_000])
def test_a_scan_takes_no_less_than_one_task_of_each_step_and_no_more_than_on_one_worker(workers: int):
    chain = sum(step.seconds for step in steps(SCAN, KNOWN) if step.name != "account")
    assert chain <= alone_s(SCAN, KNOWN, workers) < work_s(SCAN, KNOWN)


def test_many_scans_share_workers_out_until_the_last_ones_wait():
    one, many = archive_s(100, SCAN, KNOWN, 1), archive_s(100, SCAN, KNOWN, 64)
    assert 0.5 < one / many / 64 <= 1


def test_each_worker_costs_its_beginning_and_what_it_does_beside_tasks():
    known = replace(KNOWN, start_s=3.0, beside_share=0.02)
    assert processor_s(2, SCAN, known, 4, lasts_s=100.0) == pytest.approx(2 * work_s(SCAN, known) + 4 * 5.0)


def test_tasks_cover_all_exposures_and_cells():
    tasks = {step.name: step.tasks for step in steps(SCAN, KNOWN)}
    assert (tasks["fit"], tasks["estimate"]) == (49, 62)
