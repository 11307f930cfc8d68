"""Whether all that runs on an instrument comes as wheels: for x86_64 and aarch64, so that nothing is compiled there.

``python -m tools.check_wheels`` asks the package index that pip uses; it needs the environment of `make demo`, whose
versions it asks for, and downloads nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = "pointillist"
ARCHITECTURES = ("x86_64", "aarch64")
_PYTHONS = ("3.11", "3.13")
_GLIBC = ("manylinux_2_17", "manylinux2014", "manylinux_2_24", "manylinux_2_26", "manylinux_2_27", "manylinux_2_28")
"""Up to that of Debian 11 and Ubuntu 20.04; 64-bit Raspberry Pi OS has a newer one."""


@dataclass(frozen=True, slots=True)
class Found:
    """The wheel that pip takes for one package on one kind of machine."""

    package: str
    version: str
    python: str
    architecture: str
    wheel: str
    """Empty: there is none."""


def needed(project: str = PROJECT) -> dict[str, str]:
    """Version of every package that the project needs at run time, and that these need, as installed here."""
    versions: dict[str, str] = {}
    waiting = list(_requirements(project, frozenset()))
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name not in versions:
            versions[name] = distribution(name).version
        waiting += [
            each
            for each in _requirements(name, frozenset(requirement.extras))
            if canonicalize_name(each.name) not in versions
        ]
    return dict(sorted(versions.items()))


def _requirements(name: str, extras: frozenset[str]) -> Iterator[Requirement]:
    """Those that hold on Linux with these extras."""
    for text in distribution(name).requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras | {""}):
            yield requirement


def wheels_of(versions: Mapping[str, str], python: str, architecture: str) -> list[Found]:
    """Ask pip which wheels it would install there: all at once, and one by one where one is missing."""
    wheels = _asked([f"{package}=={version}" for package, version in versions.items()], python, architecture)
    if wheels is None and len(versions) > 1:
        return [
            each
            for package, version in versions.items()
            for each in wheels_of({package: version}, python, architecture)
        ]
    return [
        Found(package, version, python, architecture, (wheels or {}).get(package, ""))
        for package, version in versions.items()
    ]


def _asked(requirements: list[str], python: str, architecture: str) -> dict[str, str] | None:
    platforms = [f"--platform={glibc}_{architecture}" for glibc in _GLIBC]
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--no-deps",
        "--only-binary=:all:", "--report=-", "--target=unused", "--implementation=cp", f"--python-version={python}",
        f"--abi=cp{python.replace('.', '')}", "--abi=abi3", "--abi=none", *platforms, *requirements,
    ]  # fmt: skip
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    return wheels_in(asked.stdout) if asked.returncode == 0 else None


def wheels_in(report: str) -> dict[str, str]:
    """File names of the wheels in a report of pip, by package."""
    return {
        canonicalize_name(each["metadata"]["name"]): each["download_info"]["url"].rsplit("/", 1)[-1]
        for each in json.loads(report)["install"]
    }


def missing(found: Iterable[Found]) -> list[Found]:
    """What would have to be compiled."""
    return [each for each in found if not each.wheel]


def table(found: Iterable[Found]) -> str:
    """A line for each package and Python, a column for each kind of machine."""
    rows: dict[tuple[str, str, str], dict[str, str]] = {}
    for each in found:
        rows.setdefault((each.package, each.version, each.python), {})[each.architecture] = _tags(each.wheel)
    lines = [f"{'package':<26}{'Python':<8}" + "".join(f"{name:<44}" for name in ARCHITECTURES)]
    lines += [_row(*key, wheels) for key, wheels in rows.items()]
    return "\n".join(line.rstrip() for line in lines)


def _row(package: str, version: str, python: str, wheels: Mapping[str, str]) -> str:
    return f"{f'{package} {version}':<26}{python:<8}" + "".join(f"{wheels.get(name, ''):<44}" for name in ARCHITECTURES)


def _tags(wheel: str) -> str:
    """Python, ABI and platform of a wheel, the first of each."""
    if not wheel:
        return "NONE"
    return "-".join(part.split(".")[0] for part in wheel.removesuffix(".whl").split("-")[-3:])


def main() -> int:
    """Print the table; 1 where something would be compiled."""
    versions = needed()
    found = [
        each
        for python in _PYTHONS
        for architecture in ARCHITECTURES
        for each in wheels_of(versions, python, architecture)
    ]
    print(table(found))
    lacking = missing(found)
    for each in lacking:
        print(
            f"{each.package} {each.version}: no wheel for Python {each.python} on {each.architecture}", file=sys.stderr
        )
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
