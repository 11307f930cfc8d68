"""How a scan ended, as a program beside it tells it: with the code that the scan itself ended with."""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator

from edge.outcome import TREES, sentence_and_code

ROOMS = ("firmware_bridge", "models", "edge")
ASK = """
import json, sys
from edge.recordings.outcome import fault_of
from edge.state import Broken
import inspect
rest = [True] * (len(inspect.signature(Broken).parameters) - 2)
print(json.dumps([fault_of(Broken(name, "broken", *rest), "scan").exit_code for name in json.loads(sys.argv[1])]))
"""


def below(tree: type[BaseException]) -> Iterator[type[BaseException]]:
    yield tree
    for each in tree.__subclasses__():
        yield from below(each)


def test_every_fault_has_the_code_that_the_scan_itself_ends_with() -> None:
    """In a program that has loaded what the command loads, and no more."""
    for name in ROOMS:
        room = importlib.import_module(name)
        for module in pkgutil.walk_packages(room.__path__, f"{name}."):
            if not module.name.startswith("models.training"):
                importlib.import_module(module.name)
    faults = {each for tree, _ in TREES for each in below(tree) if each.__module__.partition(".")[0] in ROOMS}
    faults = {each for each in faults if not each.__module__.startswith("models.training")}
    names = sorted(each.__name__ for each in faults)
    assert {"ReadLate", "Withdrawn", "LinkLost", "UnusableModel", "ScanStopped"} <= set(names)
    known = {each.__name__: sentence_and_code(each("broken"))[1] for each in faults}
    asked = subprocess.run(
        [sys.executable, "-c", ASK, json.dumps([*names, "RuntimeError"])], capture_output=True, text=True, check=True
    )
    said = dict(zip([*names, "RuntimeError"], json.loads(asked.stdout), strict=True))
    assert said == known | {"RuntimeError": sentence_and_code(RuntimeError("broken"))[1]}
