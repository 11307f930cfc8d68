"""The processes of a run share the work of making test modules ready, and none is forgotten."""

from __future__ import annotations

import sys

import pytest

from tests.shares import Shares, share


def imported() -> set[str]:
    return {name.removeprefix("shared_suite.") for name in sys.modules if name.startswith("shared_suite.")}


@pytest.mark.parametrize("processes", [1, 2, 3, 4])
def test_every_file_falls_to_one_process(processes):
    files = [f"test_{n}.py" for n in range(11)]
    shares = [share(files, number, processes) for number in range(processes)]
    assert [file for one in shares for file in one] == files
    assert all(len(one) >= 11 // processes for one in shares)


def test_only_the_share_is_imported_and_a_broken_module_is_left_to_collection(tmp_path, monkeypatch):
    folder = tmp_path / "shared_suite"
    folder.mkdir()
    for name, code in {
        "__init__": "",
        "test_a": "",
        "test_b": "import nothing_of_that_name",
        "test_c": "import pytest\npytest.skip('not here', allow_module_level=True)",
        "test_d": "",
    }.items():
        (folder / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    Shares(folder, 1, 2).pytest_collection()
    assert imported() == {"test_d"}
    Shares(folder, 0, 2).pytest_collection()
    assert imported() == {"test_a", "test_d"}
