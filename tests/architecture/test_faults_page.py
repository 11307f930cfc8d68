"""The page of faults against the program: its sentences, its exit codes, and the tests that it names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from edge.outcome import sentence_and_code
from firmware_bridge import faults
from tests.faults_page import PAGE, Row, rows

CHECKOUT = PAGE.parents[2]
ROWS = list(rows())
HOLE = "\0"
LOOKED_FOR = {"LinkLost", "PortUnavailable", "Rebooted"}
"""What a scan overcomes by looking for the device."""
PAUSE = 6
SHORTEST = 12
"""Letters that a test and a sentence have in common at the least, for the one to be about the other."""


def shown(row: Row) -> str:
    return f"{row.family}: {row.what}"


def text_of(node: ast.AST) -> str | None:
    """A string of the source, joined, with a hole for whatever it formats."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(text_of(value) or HOLE for value in values)
        case _:
            return None


def texts_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        text = text_of(node)
        if text:
            yield text


@cache
def program() -> tuple[str, ...]:
    """Every string of the two rooms that speak to the operator; not the twins, which say what devices say."""
    files = [
        path
        for room in ("firmware_bridge", "edge")
        for path in sorted((CHECKOUT / room).rglob("*.py"))
        if "twins" not in path.parts
    ]
    return tuple(text for path in files for text in texts_of(ast.parse(path.read_text("utf-8"))))


@cache
def known_tests() -> dict[str, list[str]]:
    """Every test function that the page names, with the strings in it and in its module's constants."""
    named = {name for row in ROWS for name in row.tests}
    found: dict[str, list[str]] = {}
    for path in sorted((CHECKOUT / "tests").rglob("test_*.py")):
        if path == Path(__file__):
            continue
        text = path.read_text("utf-8")
        if named.isdisjoint(re.findall(r"^def (test_\w+)", text, re.MULTILINE)):
            continue
        tree = ast.parse(text)
        constants = [text for node in tree.body if isinstance(node, ast.Assign) for text in texts_of(node)]
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name in named:
                found.setdefault(node.name, []).extend([*texts_of(node), *constants])
    return found


def is_said(words: str) -> bool:
    return any(words in text for text in program())


def clauses_of(part: str) -> list[str]:
    """A part of a sentence where the program may have put it together."""
    return [clause for clause in re.split(r": | \(|\)|^: ", part) if clause.strip(" ,:()")]


def in_common(expectation: str, sentence: str) -> bool:
    """Whether a pattern or text of a test holds words of a sentence."""
    plain = re.sub(r"\\(.)", r"\1", expectation)
    parts = [part for part in sentence.split("...") if len(part.strip()) >= SHORTEST]
    return any(part[at : at + SHORTEST] in plain for part in parts for at in range(len(part) - SHORTEST + 1))


@pytest.mark.parametrize("row", ROWS, ids=shown)
def test_every_sentence_of_the_page_is_one_that_the_program_says(row):
    if not row.sentence:
        assert row.does.startswith(("goes on", "ends; resumed")), "whatever is not gone on from is named"
    unsaid = [part for part in row.parts if not is_said(part)]
    assert [clause for part in unsaid for clause in clauses_of(part) if not is_said(clause)] == []


@pytest.mark.parametrize("row", ROWS, ids=shown)
def test_every_row_of_the_page_names_tests_that_exist(row):
    assert row.tests
    assert [name for name in row.tests if name not in known_tests()] == []


@pytest.mark.parametrize("row", [row for row in ROWS if row.sentence], ids=shown)
def test_a_test_of_every_row_expects_words_of_its_sentence(row):
    expected = [text for name in row.tests for text in known_tests().get(name, [])]
    assert any(in_common(text, row.sentence) for text in expected)


@pytest.mark.parametrize("row", [row for row in ROWS if row.classes], ids=shown)
def test_the_page_states_the_codes_that_the_program_ends_with(row):
    for name in row.classes:
        _, code = sentence_and_code(getattr(faults, name)("a fault"))
        assert row.codes == ((PAUSE,) if name == "StandoffExceeded" else (code,))
        assert name in LOOKED_FOR or not row.is_looked_for


def test_the_page_has_every_exception_of_the_bridge():
    known = {name for name, each in vars(faults).items() if isinstance(each, type) and issubclass(each, Exception)}
    assert {name for row in ROWS for name in row.classes} == known


def test_no_sentence_of_a_family_stands_there_twice_with_another_outcome():
    outcomes: dict[tuple[str, str], set[tuple[int, ...]]] = {}
    for row in ROWS:
        if row.sentence:
            outcomes.setdefault((row.family, row.sentence), set()).add(row.codes)
    assert [key for key, codes in outcomes.items() if len(codes) > 1] == []
