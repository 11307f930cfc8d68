"""YAML without surprises: no duplicates, aliases, octal, sexagesimal or yes/no, and ``1e-3`` is a number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

Path = tuple[str | int, ...]

_NULL = re.compile(r"^(?:~|null|)$")
_BOOL = re.compile(r"^(?:true|false)$")
_INT = re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$")
_FLOAT = re.compile(r"^[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$")
_MAX_DEPTH = 32
_MOST_DIGITS = 30
MAX_TEXT = 4 * 1024 * 1024
"""Longest text that is parsed, in characters."""


class StrictYamlError(ValueError):
    """The text is not YAML of the strict kind; the message starts with ``line:column``."""


@dataclass(frozen=True, slots=True)
class LocatedYaml:
    """A parsed document and where each of its values stands."""

    value: Any
    positions: dict[Path, tuple[int, int]]
    """Line and column, from 1, of every key's value (of the key itself for mappings)."""

    def position(self, path: Path) -> tuple[int, int]:
        """Position of the value, or of its nearest parent that exists."""
        while path and path not in self.positions:
            path = path[:-1]
        return self.positions.get(path, (1, 1))


def _fail(node_or_mark: Any, what: str) -> StrictYamlError:
    mark = getattr(node_or_mark, "start_mark", node_or_mark)
    return StrictYamlError(f"{mark.line + 1}:{mark.column + 1}: {what}")


class _PlainLoader(yaml.SafeLoader):
    """Refuses what must not be there before it is read any further."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _fail(event, "anchors and aliases are not allowed: write the value out")
        nested = isinstance(event, yaml.CollectionStartEvent)
        self._depth += nested
        if self._depth > _MAX_DEPTH:
            raise _fail(event, f"nested more than {_MAX_DEPTH} levels deep")
        node = super().compose_node(parent, index)
        self._depth -= nested
        return node


def parse_yaml(text: str) -> LocatedYaml:
    """Parse one document.

    Raises
    ------
    StrictYamlError
        On anything that is not plain mappings, lists and scalars, or is ambiguous.
    """
    if len(text) > MAX_TEXT:
        raise StrictYamlError(f"1:1: the text is longer than {MAX_TEXT} characters")
    try:
        node = yaml.compose(text, Loader=_PlainLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
        raise StrictYamlError(f"{where}: {error.problem or 'not YAML'}") from None
    except yaml.YAMLError as error:
        raise StrictYamlError(f"1:1: {str(error).splitlines()[0]}") from None
    positions: dict[Path, tuple[int, int]] = {}
    if node is None:
        return LocatedYaml(None, positions)
    return LocatedYaml(_value(node, (), positions), positions)


def _value(node: yaml.Node, path: Path, positions: dict[Path, tuple[int, int]]) -> Any:
    positions.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
    match node:
        case yaml.MappingNode():
            _refuse_tag(node)
            mapping: dict[str, Any] = {}
            for key_node, value_node in node.value:
                if not isinstance(key_node, yaml.ScalarNode):
                    raise _fail(key_node, "a key must be a plain word")
                key = key_node.value
                if key in mapping:
                    raise _fail(key_node, f"the key '{key}' stands twice")
                child = (*path, key)
                positions[child] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
                mapping[key] = _value(value_node, child, positions)
            return mapping
        case yaml.SequenceNode():
            _refuse_tag(node)
            return [_value(item, (*path, i), positions) for i, item in enumerate(node.value)]
        case yaml.ScalarNode():
            return _scalar(node)
    raise _fail(node, "not a mapping, list or plain value")


def _refuse_tag(node: yaml.Node) -> None:
    if node.tag not in _PLAIN_TAGS:
        raise _fail(node, f"the tag '{node.tag}' is not allowed")


def _scalar(node: yaml.ScalarNode) -> Any:
    text: str = node.value
    _refuse_tag(node)
    if node.style is not None:
        return text
    if _NULL.match(text):
        return None
    if _BOOL.match(text):
        return text == "true"
    if _INT.match(text):
        if len(text) > _MOST_DIGITS:
            raise _fail(node, f"a whole number of more than {_MOST_DIGITS} digits")
        return int(text)
    if _FLOAT.match(text):
        return float(text)
    return text


_PLAIN_TAGS = {
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value", "map", "seq")
}
