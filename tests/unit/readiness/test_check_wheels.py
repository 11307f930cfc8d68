"""What would have to be compiled on an instrument is found, from what is installed and what pip says."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.check_wheels import Found, missing, needed, table, wheels_in

WHEEL = "onnxruntime-1.27.0-cp311-cp311-manylinux_2_27_aarch64.manylinux_2_28_aarch64.whl"


def test_everything_that_the_project_states_is_looked_at_and_what_that_needs() -> None:
    stated = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    found = needed()
    assert {canonicalize_name(Requirement(each).name) for each in stated} <= set(found)
    assert "llvmlite" in found, "numba needs it"
    assert "torch" not in found


def test_a_package_without_a_wheel_is_named() -> None:
    there = Found("numpy", "2.4.6", "3.11", "x86_64", "numpy-2.4.6-cp311-cp311-manylinux_2_27_x86_64.whl")
    lacking = Found("numpy", "2.4.6", "3.11", "aarch64", "")
    assert missing([there, lacking]) == [lacking]
    text = table([there, lacking]).splitlines()[1]
    assert "cp311-cp311-manylinux_2_27_x86_64" in text
    assert text.endswith("NONE")


def test_what_pip_would_install_is_read_from_its_report() -> None:
    found = {"metadata": {"name": "OnnxRuntime"}, "download_info": {"url": f"file:///somewhere/{WHEEL}"}}
    assert wheels_in(json.dumps({"install": [found]})) == {"onnxruntime": WHEEL}
    assert wheels_in(json.dumps({"install": []})) == {}
