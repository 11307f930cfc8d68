"""The documents: links that resolve, tables that agree with the code, and nothing of anybody's machine."""

from __future__ import annotations

import ast
import re
import types
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import pytest
import typer
from pydantic import BaseModel

from edge import faults
from edge.adaptive.batches import ADAPTIVE
from edge.campaign.config import CampaignConfig
from edge.cli import app
from edge.configuration.config import ScanConfig
from edge.modes.registry import AUTOMATIC, MODES
from edge.reconstruct import NAMES
from edge.record.schema import FORMAT_VERSION, SCHEMA
from edge.simulate.config import SimulatedInstrumentConfig
from firmware_bridge.twins.settings import TwinSettings
from models.binarise import BINARISERS
from models.masks import MASKS

CHECKOUT = Path(__file__).resolve().parents[2]
NOT_OURS = {"runs", "build", "dist", "node_modules"}
REFERENCE = CHECKOUT / "docs" / "reference"


def documents() -> list[Path]:
    found = []
    for path in CHECKOUT.rglob("*.md"):
        folders = path.relative_to(CHECKOUT).parts[:-1]
        if not any(part.startswith(".") or part in NOT_OURS for part in folders):
            found.append(path)
    return sorted(found)


DOCUMENTS = documents()


def named(path: Path) -> str:
    return path.relative_to(CHECKOUT).as_posix()


def prose(text: str) -> str:
    """The text without its fenced code."""
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)


def table_rows(text: str) -> list[list[str]]:
    """Cells of every table row, header and rule left out."""
    rows = []
    lines = text.splitlines()
    for i, line in enumerate(lines):
        is_header = i + 1 < len(lines) and re.match(r"^\| *---", lines[i + 1])
        if line.startswith("| ") and not line.startswith("| ---") and not is_header:
            rows.append([cell.strip() for cell in line.strip().strip("|").split("|")])
    return rows


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one of its level."""
    level = heading.split(" ", 1)[0]
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^{level} |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    assert found, f"no heading '{heading}'"
    return found.group(1)


@cache
def anchors(path: Path) -> frozenset[str]:
    """Anchors of a page's headings, made as forges make them."""
    headings = re.findall(r"^#+ (.+)$", prose(path.read_text("utf-8")), flags=re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_every_relative_link_resolves(path):
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(path.read_text("utf-8")))
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        place, _, anchor = target.partition("#")
        page = (path.parent / place).resolve() if place else path
        assert page.exists(), f"{named(path)} links to {target}, which is not there"
        assert not anchor or anchor in anchors(page), f"{named(path)} links to {target}: no such heading"


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_no_document_names_a_place_on_somebodys_machine(path):
    places = re.findall(r"(?<![\w./])(?:/(?:work|root|home|tmp|Users)\b|[A-Z]:\\)\S*", path.read_text("utf-8"))
    assert places == []


def test_every_page_can_be_reached_from_the_index():
    index = CHECKOUT / "docs" / "index.md"
    reached, waiting = set(), [index]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        targets = re.findall(r"\]\(([^)\s#]+\.md)", prose(page.read_text("utf-8")))
        linked = [(page.parent / target).resolve() for target in targets if ":" not in target]
        waiting += [target for target in linked if target.exists()]
    lost = [named(path) for path in DOCUMENTS if path.is_relative_to(CHECKOUT / "docs") and path not in reached]
    assert lost == []


def test_every_decision_is_listed():
    folder = CHECKOUT / "docs" / "adr"
    listed = (folder / "README.md").read_text("utf-8")
    assert [path.name for path in sorted(folder.glob("[0-9]*.md")) if f"({path.name})" not in listed] == []


def exceptions_with_codes() -> dict[str, int]:
    tree = [faults.EdgeError, *faults.EdgeError.__subclasses__()]
    return {exception.__name__: exception.exit_code for exception in tree}


def test_the_readme_states_the_exit_codes_that_the_code_has():
    rows = table_rows(section((CHECKOUT / "README.md").read_text("utf-8"), "## Exit codes"))
    assert [int(row[0]) for row in rows] == [0, *sorted(set(exceptions_with_codes().values()))]


def test_readme_and_reference_call_the_exit_codes_alike():
    readme = table_rows(section((CHECKOUT / "README.md").read_text("utf-8"), "## Exit codes"))
    reference = table_rows((REFERENCE / "exit-codes.md").read_text("utf-8"))
    assert [row[:2] for row in readme] == [row[:2] for row in reference]


def test_the_reference_of_exit_codes_names_every_exception_of_the_application():
    rows = table_rows((REFERENCE / "exit-codes.md").read_text("utf-8"))
    assert {row[3].strip("`"): int(row[0]) for row in rows if row[3]} == exceptions_with_codes()


def inner_models(annotation: Any) -> list[tuple[type[BaseModel], str]]:
    """Models that a field may hold, with the brackets that its key gets."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [(annotation, "")]
    origin = get_origin(annotation)
    if origin is typing.Annotated:
        return inner_models(get_args(annotation)[0])
    if origin is list:
        return [(model, "[]") for model, _ in inner_models(get_args(annotation)[0])]
    if origin in (Union, types.UnionType):
        return [found for option in get_args(annotation) for found in inner_models(option)]
    return []


def keys(model: type[BaseModel], prefix: str = "", *, is_choice: bool = False) -> Iterator[tuple[str, str]]:
    """Every key of a schema, with its default as the reference writes it; once for each model that has it."""
    for name, field in model.model_fields.items():
        inner = inner_models(field.annotation)
        for child, brackets in inner:
            yield from keys(child, f"{prefix}{name}{brackets}.", is_choice=len(inner) > 1)
        if not inner:
            # the key that tells the models of a choice apart has to be written
            tells_apart = is_choice and get_origin(field.annotation) is Literal
            yield prefix + name, "required" if field.is_required() or tells_apart else default_text(field.default)


def default_text(value: Any) -> str:
    if value is None or value in ("", []):
        return {"None": "none", "": "empty", "[]": "empty list"}[str(value)]
    match value:
        case list() | tuple():
            return "`[" + ", ".join(f"{one:g}" for one in value) + "]`"
        case bool():
            return f"`{str(value).lower()}`"
        case float():
            return f"`{value:g}`"
    return f"`{value}`"


def stated_keys(page: Path) -> list[tuple[str, str]]:
    """Key and default of every row whose table has them."""
    stated = []
    for row in table_rows(page.read_text("utf-8")):
        if len(row) == 4:
            stated.append((row[0].strip("`"), row[3]))
    return stated


def test_the_reference_has_every_key_of_a_scan_with_its_default_and_no_other():
    assert sorted(stated_keys(REFERENCE / "configuration.md")) == sorted(keys(ScanConfig))


def test_the_reference_has_every_key_of_a_campaign_that_a_scan_does_not_have():
    shared = ("object.", "sampling.", "reconstruct.", "elements")
    own = [(key, default) for key, default in keys(CampaignConfig) if not key.startswith(shared)]
    assert sorted(stated_keys(REFERENCE / "campaign.md")) == sorted(own)


def test_the_reference_has_every_key_of_a_simulated_instrument_with_its_default_and_no_other():
    expected = []
    for key, default in keys(SimulatedInstrumentConfig):
        room, _, name = key.partition(".")
        # what the file leaves out of the twin is the twin's own
        is_own = room == "twin" and name in TwinSettings.__dataclass_fields__
        expected.append((key, default_text(TwinSettings.__dataclass_fields__[name].default) if is_own else default))
    assert sorted(stated_keys(REFERENCE / "simulated-instrument.md")) == sorted(expected)


@pytest.mark.parametrize(
    ("heading", "known"),
    [("## sampling", {ADAPTIVE, *MASKS, *BINARISERS, AUTOMATIC, *MODES}), ("## reconstruct", {*NAMES})],
    ids=["sampling", "reconstruct"],
)
def test_the_reference_names_every_method_and_no_other(heading, known):
    rows = table_rows(section((REFERENCE / "configuration.md").read_text("utf-8"), heading))
    assert {row[0].strip("`") for row in rows if len(row) == 2} == known


@cache
def commands(group: Any = None, prefix: str = "") -> dict[str, list[Any]]:
    """Parameters of every command; those of a group are named with it, as they are typed."""
    found: dict[str, list[Any]] = {}
    for name, command in (group or typer.main.get_command(app)).commands.items():
        if hasattr(command, "commands"):
            found |= commands(command, f"{prefix}{name} ")
        else:
            found[prefix + name] = command.params
    return found


COMMAND_LINE = (REFERENCE / "command-line.md").read_text("utf-8")


def test_the_reference_names_every_command_and_no_other():
    headings = re.findall(r"^## (.+)$", COMMAND_LINE, flags=re.MULTILINE)
    assert sorted(headings) == sorted(["pointillist", *commands()])


@pytest.mark.parametrize("command", sorted(commands()))
def test_the_reference_names_every_argument_and_option_of_a_command_and_no_other(command):
    rows = table_rows(section(COMMAND_LINE, f"## {command}"))
    stated = {word.split()[0] for row in rows for word in re.findall(r"`([^`]+)`", row[0])}
    options = {text for parameter in commands()[command] for text in parameter.opts if text.startswith("-")}
    arguments = {parameter.name.upper() for parameter in commands()[command] if parameter.param_type_name == "argument"}
    assert stated == (options - {"--help"}) | arguments


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_no_document_shows_a_command_or_option_that_does_not_exist(path):
    known = commands()
    for line in re.findall(r"\bpointillist ((?:[a-z]+\b)[^\n`]*)", "\n".join(code_of(path))):
        words = line.split()
        if any(name.startswith(f"{words[0]} ") for name in known):
            if len(words) == 1:
                continue
            words = [" ".join(words[:2]), *words[2:]]
        assert words[0] in known, f"{named(path)}: {line}"
        options = {text for parameter in known[words[0]] for text in parameter.opts} | {"--help"}
        used = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        assert used <= options, f"{named(path)}: {line}"


def code_of(path: Path) -> list[str]:
    """Shell code of a page: fenced blocks for the shell, and what stands between backquotes in the prose."""
    text = path.read_text("utf-8")
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", text, flags=re.MULTILINE | re.DOTALL)
    return blocks + re.findall(r"`(pointillist [^`\n]+)`", prose(text))


def test_the_code_overview_names_functions_that_exist():
    text = (CHECKOUT / "docs" / "code-overview.md").read_text("utf-8")
    named_functions = re.findall(r"`([\w/]+\.py):(\w+)`", text)
    assert named_functions
    for file, function in named_functions:
        tree = ast.parse((CHECKOUT / file).read_text("utf-8"))
        defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert function in defined, f"{file} has no {function}"


def test_the_overview_and_the_guide_name_files_that_exist():
    for page in (CHECKOUT / "docs" / "code-overview.md", CHECKOUT / "CONTRIBUTING.md"):
        paths = re.findall(
            r"`((?:edge|models|calibration|firmware_bridge|tests|tools|docs)/[\w./-]*)`", page.read_text("utf-8")
        )
        assert [path for path in paths if not (CHECKOUT / path).exists()] == []


def test_the_reference_names_every_column_of_the_journal_and_its_format():
    text = (REFERENCE / "recording.md").read_text("utf-8")
    for statement in SCHEMA:
        table = re.match(r"CREATE TABLE (\w+) \((.*)\)$", statement)
        if table and table.group(1) != "extent":
            columns = [column.split()[0] for column in table.group(2).split(",")]
            stated = section(text, f"### {table.group(1)}")
            assert [column for column in columns if f"`{column}`" not in stated] == []
    assert f"`user_version` the format, {FORMAT_VERSION}." in text
