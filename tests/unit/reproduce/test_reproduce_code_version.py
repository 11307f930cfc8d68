"""The digest of code: what it follows, and what it overlooks."""

from __future__ import annotations

import importlib
import sys

import pytest

from models.masks import MASKS
from tools.reproduce import code_version as module
from tools.reproduce import masks

ENTRY = '''"""What it does."""
from reproduced_part import part


def entry(x):
    """Explained."""
    return part(x)
'''
PART = "def part(x):\n    return x + 1\n"


@pytest.fixture
def version_of(tmp_path, monkeypatch):
    """Writes a module and the one it imports, and gives the digest of its function."""
    monkeypatch.setattr(module, "CHECKOUT", tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def version(entry=ENTRY, part=PART):
        (tmp_path / "reproduced_entry.py").write_text(entry)
        (tmp_path / "reproduced_part.py").write_text(part)
        for name in ("reproduced_entry", "reproduced_part"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        importlib.invalidate_caches()
        for cached in (module._file, module._tree):
            cached.cache_clear()
        return module.code_version(importlib.import_module("reproduced_entry").entry)

    yield version
    for cached in (module._file, module._tree):
        cached.cache_clear()


def test_comments_docstrings_and_layout_do_not_count(version_of):
    told = ENTRY.replace("Explained.", "Explained better.").replace("(x):", "(x):  # why\n")
    assert version_of() == version_of(entry=told)


def test_what_only_type_checkers_import_does_not_count(version_of):
    checked = (
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import reproduced_part\n\n\ndef entry(x): ...\n"
    )
    assert version_of(entry=checked) == version_of(entry=checked, part=PART.replace("1", "2"))


def test_a_change_in_an_imported_module_counts(version_of):
    assert version_of() != version_of(part=PART.replace("1", "2"))


def test_a_change_in_the_function_counts(version_of):
    assert version_of() != version_of(entry=ENTRY.replace("part(x)", "part(-x)"))


def test_masks_of_different_modules_have_different_digests():
    assert module.code_version(MASKS["random"]) != module.code_version(MASKS["laplacian"])


def _asked(x):
    """Explained."""
    return x + 1


def _asked_otherwise(x):
    return x + 2


def test_the_digest_of_bodies_is_that_of_the_functions_named_in_order():
    assert module.bodies_version(_asked) != module.bodies_version(_asked_otherwise)
    assert module.bodies_version(_asked, _asked_otherwise) != module.bodies_version(_asked_otherwise, _asked)


def test_a_mask_asked_in_another_way_is_another_version(monkeypatch):
    [before] = masks.mask_candidates(["random"], {})
    monkeypatch.setattr(masks, "_of_registry", _asked)
    [after] = masks.mask_candidates(["random"], {})
    assert before.version != after.version
