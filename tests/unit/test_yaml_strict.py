"""YAML without surprises."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from edge.configuration.yaml_strict import MAX_TEXT, StrictYamlError, parse_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1e-3", 0.001),
        ("a: no", "no"),
        ("a: 12:30", "12:30"),
        ("a: 010", "010"),
        ("a: 0x10", "0x10"),
        ("a: 2026-01-01", "2026-01-01"),
        ("a: '1'", "1"),
        ("a: .5", 0.5),
        ("a: -7", -7),
        ("a: true", True),
        ("a:", None),
        ("a: .inf", ".inf"),
    ],
)
def test_a_plain_value_means_what_it_looks_like(text, value):
    parsed = parse_yaml(text).value["a"]
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("text", "position", "what"),
    [
        ("a: 1\na: 2", "2:1", "stands twice"),
        ("a: &x 1\nb: *x", "1:4", "aliases"),
        ("a: !!python/object:os.system x", "1:4", "tag"),
        ("a: [1", "1:6", "expected"),
        ("a: !odd {b: 1}", "1:4", "tag"),
        ("a: !odd [1]", "1:4", "tag"),
        ("a: !odd 'b'", "1:4", "tag"),
        ("a: " + "9" * 5_000, "1:4", "more than 30 digits"),
        ("? [1, 2]\n: 3", "1:3", "plain word"),
        ("a: \x00", "1:1", "special characters"),
    ],
)
def test_what_is_ambiguous_or_dangerous_is_refused_with_its_place(text, position, what):
    with pytest.raises(StrictYamlError) as refusal:
        parse_yaml(text)
    assert str(refusal.value).startswith(position + ": ")
    assert what in str(refusal.value)


def test_a_document_nested_without_end_is_refused():
    with pytest.raises(StrictYamlError, match="nested more than"):
        parse_yaml("[" * 200 + "]" * 200)


def test_an_oversize_document_is_refused_unread():
    with pytest.raises(StrictYamlError, match="longer than"):
        parse_yaml("a" * (MAX_TEXT + 1))


def test_every_value_knows_its_place():
    document = parse_yaml("stage:\n  speed: 1\n  axes:\n    - x\n    - y\n")
    assert document.position(("stage", "speed")) == (2, 3)
    assert document.position(("stage", "axes", 1)) == (5, 7)
    assert document.position(("stage", "missing")) == (1, 1)


plain = st.recursive(
    st.integers(-(10**9), 10**9)
    | st.booleans()
    | st.none()
    | st.text("abcdefgh", min_size=1)
    | st.floats(-1e6, 1e6, allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("klmnop", min_size=1), inner, max_size=4),
    max_leaves=20,
)


@given(plain)
def test_what_pyyaml_writes_is_read_back(value):
    text = yaml.safe_dump(value, width=10_000)
    assert parse_yaml(text).value == value


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text):
    refusal = ""
    try:
        parse_yaml(text)
    except StrictYamlError as error:
        refusal = str(error)
    assert refusal == "" or refusal.split(":")[0].isdigit()
