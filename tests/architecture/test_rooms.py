"""The rooms: who may import whom, what the console may load, and whose names they are."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from edge.readiness.doctor import examine_installation

CHECKOUT = Path(__file__).resolve().parents[2]
RUNTIME_ROOMS = ("firmware_bridge", "calibration", "models", "edge")


@cache
def modules_loaded_by(statement: str) -> frozenset[str]:
    code = f"import sys\n{statement}\nprint('\\n'.join(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CHECKOUT)
    return frozenset(result.stdout.split())


def test_imports_point_one_way():
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([linter, "--no-cache"], capture_output=True, text=True, check=False, cwd=CHECKOUT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    "heavy", ["torch", "numpy", "cv2", "scipy", "h5py", "numba", "pydantic", "onnxruntime", "serial"]
)
def test_the_console_starts_without_loading(heavy):
    assert heavy not in modules_loaded_by("import edge.cli")


def test_importing_the_whole_application_never_loads_torch():
    assert "torch" not in modules_loaded_by(
        "import edge.app, edge.replaying.replay, edge.demo, edge.preview.live, edge.simulate.run"
    )


def test_one_module_alone_imports_serial():
    importers = []
    for room in RUNTIME_ROOMS:
        for path in sorted((CHECKOUT / room).rglob("*.py")):
            text = path.read_text("utf-8")
            for node in ast.walk(ast.parse(text)) if "serial" in text else ():
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                if any(name.split(".")[0] == "serial" for name in names):
                    importers.append(path.relative_to(CHECKOUT).as_posix())
    assert set(importers) == {"firmware_bridge/ports.py"}


def test_the_wheel_carries_the_runtime_rooms_only():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == list(RUNTIME_ROOMS)
    assert all((CHECKOUT / room / "__init__.py").is_file() for room in RUNTIME_ROOMS)


def test_no_other_distribution_owns_a_rooms_name():
    assert [finding.text for finding in examine_installation() if not finding.passed] == []


def test_a_foreign_owner_of_a_rooms_name_is_found(monkeypatch):
    owners = {room: ["pointillist"] for room in RUNTIME_ROOMS} | {"models": ["pointillist", "tensorflow-models"]}
    monkeypatch.setattr("importlib.metadata.packages_distributions", lambda: owners)
    (finding,) = examine_installation()
    assert not finding.passed
    assert "'models' is also installed by tensorflow-models" in finding.text


def test_no_two_test_modules_have_one_name():
    # folders of tests are no packages: the second of a name is not collected where the first one was
    names = Counter(path.name for path in (CHECKOUT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []
