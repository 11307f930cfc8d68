"""Closed schemas over strict YAML: every key known, every bound stated, every complaint with its line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.configuration.yaml_strict import MAX_TEXT, LocatedYaml, StrictYamlError, parse_yaml
from edge.faults import UsageError

Millimetres = Annotated[float, Field(allow_inf_nan=False, ge=-10_000, le=10_000)]
PositiveMillimetres = Annotated[float, Field(gt=0, le=10_000)]
Schema = TypeVar("Schema", bound=BaseModel)
_LONGEST = 4 * MAX_TEXT
Resolve = Callable[[dict[str, Any], Path], dict[str, Any]]

Name = Annotated[str, Field(min_length=1, max_length=200)]
ElementName = Annotated[str, Field(pattern=r"^[A-Z][a-z]?(-[KLM])?$")]


class Closed(BaseModel):
    """A mapping without unknown keys, read once and never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def validate_yaml(schema: type[Schema], path: Path, resolve: Resolve | None = None) -> Schema:
    """Parse a YAML file against a closed schema; see `load_scan_config`."""
    return validated(schema, read_text(path), path, resolve)


def read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST + 1)
        if len(content) > _LONGEST:
            raise UsageError(f"{path}: is longer than {_LONGEST} bytes: give a configuration")
        return content.decode("utf-8")
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file: give the path of a configuration") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error}): give a text file that this user may read") from None


def validated(schema: type[Schema], text: str, path: Path, resolve: Resolve | None) -> Schema:
    try:
        document = parse_yaml(text)
    except StrictYamlError as error:
        raise UsageError(f"{path}:{error}") from None
    if not isinstance(document.value, dict):
        raise UsageError(f"{path}:1:1: a configuration is a mapping of keys: start from the one that the demo leaves")
    value = resolve(document.value, path.parent) if resolve else document.value
    try:
        return schema.model_validate(value)
    except ValidationError as error:
        raise UsageError(_sentence(path, document, error)) from None


def _sentence(path: Path, document: LocatedYaml, error: ValidationError) -> str:
    # A mistyped key is also a missing one: name the typing, which is what the operator sees in the file.
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    location = _without_tags(document, first["loc"])
    line, column = document.position(location)
    key = ".".join(str(part) for part in location) or "configuration"
    match first["type"]:
        case "extra_forbidden":
            what = "unknown key: remove it, or see docs/reference/configuration.md for the right name"
        case "missing":
            what = "missing: add this key"
        case "value_error":
            what = str(first["ctx"]["error"])
        case _:
            what = f"{first['msg'].lower()} (got {first['input']!r})"
    others = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{path}:{line}:{column}: {key}: {what}{others}"


def _without_tags(document: LocatedYaml, location: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Drop the union tags that pydantic inserts into a location (``camera.folder.path``)."""
    path: tuple[str | int, ...] = ()
    for i, part in enumerate(location):
        last = i == len(location) - 1
        if (*path, part) in document.positions or last:
            path = (*path, part)
    return path
