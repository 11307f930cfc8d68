"""The guide for a controller of one's own shows code that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[3]
_GUIDE = (_ROOT / "docs" / "how-to" / "new-controller.md").read_text("utf-8")
_SOURCES = [*(_ROOT / "firmware_bridge").rglob("*.py"), _ROOT / "edge" / "configuration" / "devices.py"]
EXCERPTS = re.findall(r"^```python\n(.*?)^```", _GUIDE, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("excerpt", EXCERPTS, ids=range(len(EXCERPTS)))
def test_every_excerpt_of_the_guide_is_real(excerpt: str) -> None:
    assert any(excerpt in path.read_text("utf-8") for path in _SOURCES)


def test_every_file_that_the_guide_names_exists() -> None:
    named = re.findall(r"`((?:firmware_bridge|edge|tests)/[\w./]*)`", _GUIDE)
    assert len(named) > 10
    assert [path for path in named if not (_ROOT / path).exists()] == []
