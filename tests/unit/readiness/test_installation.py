"""What is put on an instrument: a unit that its service manager takes, a user without rights, rules without slips."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from edge.cli import app

CHECKOUT = Path(__file__).parents[3]
FILES = CHECKOUT / "tools" / "install"
INSTRUCTIONS = {"FROM", "WORKDIR", "COPY", "RUN", "USER", "ENV", "STOPSIGNAL", "ENTRYPOINT", "CMD"}


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit as it is installed, of a program that is there."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "pointillist"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    path = tmp_path / "pointillist.service"
    path.write_text((FILES / "pointillist.service.in").read_text().replace("@prefix@", str(tmp_path)))
    return path


def settings_of(unit: Path) -> dict[str, str]:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment]
    # DeviceAllow comes again and again, and the last one stands; none is asked for here
    parser.read(unit)
    return dict(parser["Service"])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd")
def test_the_service_manager_takes_the_unit(unit: Path) -> None:
    looked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False, timeout=120
    )
    assert "pointillist.service" not in looked.stderr
    assert looked.returncode == 0, looked.stderr


def test_the_unit_gives_no_rights_and_is_watched(unit: Path) -> None:
    settings = settings_of(unit)
    assert settings["User"] == "pointillist"
    assert settings["SupplementaryGroups"].split() == ["dialout", "video"]
    assert settings["CapabilityBoundingSet"] == ""
    assert (settings["NoNewPrivileges"], settings["ProtectSystem"], settings["DevicePolicy"]) == (
        "yes",
        "strict",
        "closed",
    )
    assert settings["Type"] == "notify"
    assert int(settings["WatchdogSec"]) > 0


def test_the_unit_starts_the_page_and_never_a_scan(unit: Path) -> None:
    words = settings_of(unit)["ExecStart"].split()
    assert words[1] == "serve"
    assert not {"scan", "arm"} & set(words)


def test_the_user_may_open_ports_and_cameras_alone() -> None:
    lines = [
        line.split() for line in (FILES / "pointillist.sysusers").read_text().splitlines() if line[:1] not in ("", "#")
    ]
    assert [words[:3] for words in lines if words[0] == "m"] == [
        ["m", "pointillist", "dialout"],
        ["m", "pointillist", "video"],
    ]


def test_every_rule_is_of_a_known_form() -> None:
    part = re.compile(r'(ACTION|SUBSYSTEM|ATTRS\{\w+\}|GROUP|MODE|ENV\{\w+\}|GOTO|LABEL)(==|!=|=)"[^"]*"')
    rules = [line for line in (FILES / "60-pointillist.rules").read_text().splitlines() if line and line[0] != "#"]
    assert len(rules) > 5
    for rule in rules:
        for each in rule.split(", "):
            assert part.fullmatch(each), each


@pytest.mark.parametrize("script", ["install.sh", "uninstall.sh"])
def test_the_scripts_are_of_a_shell_that_every_system_has(script: str) -> None:
    assert subprocess.run(["sh", "-n", FILES / script], check=False).returncode == 0


def test_a_prefix_that_is_no_path_is_refused(tmp_path: Path) -> None:
    refused = subprocess.run(
        ["sh", FILES / "install.sh", "opt", "."],
        env={"DESTDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 2
    assert "PREFIX has to begin with /" in refused.stderr
    assert not list(tmp_path.iterdir())


def test_what_was_installed_is_taken_away_and_what_is_the_users_stays(tmp_path: Path) -> None:
    places = {
        "usr/local/lib/pointillist/bin/python": False,
        "usr/local/bin/pointillist": False,
        "etc/systemd/system/pointillist.service": False,
        "etc/udev/rules.d/60-pointillist.rules": False,
        "etc/sysusers.d/pointillist.conf": False,
        "etc/pointillist/scan.yaml": True,
        "var/lib/pointillist/a-scan/journal.sqlite": True,
        "usr/local/bin/other": True,
    }
    for place in places:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    environment = {"DESTDIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    subprocess.run(["sh", FILES / "uninstall.sh", "/usr/local"], env=environment, check=True, capture_output=True)
    assert {place: (tmp_path / place).exists() for place in places} == places


def recipe() -> list[tuple[str, str]]:
    """The container's: each instruction and what it is given, continued lines put together."""
    lines = [line for line in (FILES / "Containerfile").read_text().splitlines() if line.strip() and line[0] != "#"]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(word, " ".join(rest.split())) for word, _, rest in (line.partition(" ") for line in joined.splitlines())]


def told_by_the_recipe() -> list[list[str]]:
    """The commands in its first lines."""
    comment = [line[1:] for line in (FILES / "Containerfile").read_text().splitlines() if line.startswith("#   ")]
    return [shlex.split(line) for line in "\n".join(comment).replace("\\\n", " ").splitlines()]


def test_the_container_is_made_of_what_there_is() -> None:
    steps = recipe()
    assert steps[0][0] == "FROM"
    assert {word for word, _ in steps} <= INSTRUCTIONS
    copied = {
        source
        for word, rest in steps
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    for source in copied:
        assert (CHECKOUT / source).exists(), source
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    needed = {"pyproject.toml", "constraints.txt", project["project"]["readme"], *project["project"]["license-files"]}
    assert copied == needed | set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])


def test_the_containers_shell_lines_and_lists_can_be_read() -> None:
    for word, rest in recipe():
        if word == "RUN":
            assert subprocess.run(["sh", "-n", "-c", rest], check=False).returncode == 0, rest
        if word in ("ENTRYPOINT", "CMD"):
            assert all(isinstance(each, str) for each in json.loads(rest))
    stages = [rest.split()[-1] for word, rest in recipe() if word == "FROM" and " AS " in rest]
    used = [rest.split()[0].removeprefix("--from=") for word, rest in recipe() if rest.startswith("--from=")]
    assert used == stages


def test_a_container_beside_an_instrument_is_run_so_that_its_page_can_be_reached() -> None:
    runs = [words for words in told_by_the_recipe() if {"scan", "serve"} & set(words)]
    assert len(runs) == 2
    for words in runs:
        assert words[words.index("--network") + 1] == "host"
        assert "--publish" not in words
    commands = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    for words in told_by_the_recipe()[1:]:
        given = [word for word in words if word in commands]
        assert len(given) == 1, words
