"""How the suite runs, and where the real measurements are, for the tests that need them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.held_up import Repeater
from tests.order import spread
from tests.shares import Shares, keep_bytecode

keep_bytecode()
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

settings.register_profile("seeded", derandomize=True, deadline=None, max_examples=25)
settings.register_profile("thorough", deadline=None, max_examples=400, print_blob=True)
settings.load_profile("seeded")

_CHECKOUT = Path(__file__).resolve().parents[1]


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Repeater(_CHECKOUT / "tests"))
    worker = getattr(config, "workerinput", None)
    if worker is not None and config.args_source is config.ArgsSource.TESTPATHS:
        number = int(worker["workerid"].removeprefix("gw"))
        config.pluginmanager.register(Shares(_CHECKOUT / "tests", number, worker["workercount"]))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = spread(items, _CHECKOUT / "tests")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """As many processes as there are cores, two at the least and four at the most: tests on instruments keep time."""
    return min(max(len(os.sched_getaffinity(0)), 2), 4)


@pytest.fixture(scope="session")
def measurement_data() -> Path:
    """Folder of real measurements and photographs; skips where it is absent."""
    folder = Path(os.environ.get("POINTILLIST_DATA", _CHECKOUT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no measurement data at {folder}: set POINTILLIST_DATA to their folder")
    return folder
