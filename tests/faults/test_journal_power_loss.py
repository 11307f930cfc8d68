"""Power loss, modelled: what was not synced may be on the medium, whole, in part, or not at all.

A preloaded shim notes what the writer asks of the kernel. From these notes the folder is built as a power loss at any
moment could leave it: synced bytes are there; of the rest, each 512-byte sector and each folder entry by chance.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from journal_writer import exposure_of
from medium import Medium, Operation, operations_in, put

from edge.faults import EdgeError
from edge.record.exposure_codec import is_same_measurement
from edge.record.journal import Journal, JournalReader

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
BATCHES = 250
MOMENTS = [pytest.param(20), pytest.param(1000, marks=[pytest.mark.campaign, pytest.mark.timeout(3600)])]


@pytest.fixture(scope="module")
def noted(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Operation]]:
    """Everything that two writers in turn asked of the kernel, from an empty folder to the closed journal.

    Rows are packed as they go, and when each of them closes the journal.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler: install gcc to model power loss")
    folder = tmp_path_factory.mktemp("power")
    root, log, shim = folder / "scan", folder / "log", folder / "power_loss.so"
    root.mkdir()
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", shim, HERE / "power_loss.c", "-ldl"], check=True)
    environment = os.environ | {
        "LD_PRELOAD": str(shim),
        "POWER_LOSS_ROOT": str(root),
        "POWER_LOSS_LOG": str(log),
        "PYTHONPATH": str(CHECKOUT),
    }
    writer = [sys.executable, HERE / "journal_writer.py", root / "journal.sqlite"]
    first = 0
    for seed in ("5", "6"):
        arguments = [*writer, str(first), seed, str(BATCHES // 2)]
        said = subprocess.run(arguments, check=True, env=environment, stdout=subprocess.PIPE).stdout
        first = int(said.split()[-1]) + 1

    return str(root), operations_in(log.read_bytes())


def _survivors(folder: Path, found: dict[str, bytes]) -> list[int]:
    """Indices that the journal holds after the loss, once it has been opened to go on."""
    put(found, folder)
    journal = folder / "journal.sqlite"
    if not journal.exists():
        return []
    Journal.open(journal).close()
    with JournalReader(journal) as reader:
        exposures = reader.measured()[1]
    assert all(is_same_measurement(done, exposure_of(done.index)) for done in exposures)
    return [done.index for done in exposures]


@pytest.mark.parametrize("count", MOMENTS)
def test_nothing_that_was_reported_durable_is_lost(
    noted: tuple[str, list[Operation]], tmp_path: Path, count: int
) -> None:
    root, operations = noted
    chance = random.Random(7)
    moments = {0, 1, 5, 20, len(operations), *chance.sample(range(len(operations)), min(count, len(operations)))}
    medium = Medium()
    most = 0
    for place, operation in enumerate([*operations, None]):
        if place in moments:
            survivors = _survivors(tmp_path / "after", medium.after_power_loss(chance))
            assert survivors == list(range(len(survivors)))
            assert set(medium.durable) <= set(survivors)
            most = max(most, len(survivors))
        if operation is not None:
            medium.apply(operation, root)
    assert most == len(medium.durable) > BATCHES


def test_the_model_notices_a_writer_that_does_not_sync(noted: tuple[str, list[Operation]], tmp_path: Path) -> None:
    root, operations = noted
    chance = random.Random(8)
    medium = Medium()
    for count, operation in enumerate(operations[: len(operations) // 2]):
        if count < 100 or operation.kind != "S":
            medium.apply(operation, root)
    try:
        survivors = _survivors(tmp_path / "after", medium.after_power_loss(chance))
    except EdgeError:
        survivors = []
    assert not set(medium.durable) <= set(survivors)
