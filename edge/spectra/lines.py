"""Emission lines by element and shell, from the checked-in table ``lines.csv``."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from edge.faults import UsageError

_EDGE_MARGIN = 1.15
"""A tube excites a shell usefully from this multiple of the edge upwards."""
_HIGHEST_K_EDGE_KEV = 31.0
"""Above antimony a silicon detector sees the L lines far better than the K lines, whatever the tube."""
_LOWEST_USEFUL_KEV = 1.0
"""Below this, air and window leave nothing of a line."""

_SIEGBAHN = {
    "K-L3": "Kα",
    "K-L2": "Kα₂",
    "K-M3": "Kβ",
    "L3-M5": "Lα",
    "L2-M4": "Lβ",
    "L3-N5": "Lβ₂",
    "L1-M3": "Lβ₃",
    "L2-N4": "Lγ",
    "L3-M1": "Lℓ",
    "M5-N7": "Mα",
    "M4-N6": "Mβ",
}


def siegbahn(line: str) -> str:
    """The name by which the field knows a line: ``L3-M5`` is Lα; lines without a common one keep IUPAC's."""
    return _SIEGBAHN.get(line, line)


@dataclass(frozen=True, slots=True)
class LineGroup:
    """The K, L or M lines of one element: what is fitted with one amplitude."""

    element: str
    atomic_number: int
    group: str
    """``K``, ``L`` or ``M``."""
    energies_kev: tuple[float, ...]
    """Strongest line first."""
    relative_intensities: tuple[float, ...]
    """Photons per line, sum 1, for vacancies made by 25 keV photons."""
    line_names: tuple[str, ...]
    """IUPAC without the element: ``K-L3``."""
    edge_kev: float
    """Absorption edge of the K, L3 or M5 shell."""
    fluorescence_yield: float
    """Photons per vacancy of that shell, 0 where unknown."""
    jump_ratio: float
    """Photoelectric absorption just above that edge over just below it, 0 where unknown."""

    @property
    def name(self) -> str:
        """Element and group: ``Pb-L``."""
        return f"{self.element}-{self.group}"

    @property
    def families(self) -> tuple[tuple[int, ...], ...]:
        """Indices of the lines by family, the strongest line's family first.

        The ratios between families follow excitation and absorption in the object, those within one hardly do: K
        lines fall in alpha and beta, L lines by subshell and by whether an M or an outer electron fills it, M lines
        in alpha and beta, zeta, and the rest.
        """
        return _by_family(self.group, self.line_names)


@cache
def _by_family(group: str, lines: tuple[str, ...]) -> tuple[tuple[int, ...], ...]:
    """A fit asks some thousand times."""
    by_family: dict[str, list[int]] = {}
    for i, name in enumerate(lines):
        by_family.setdefault(_family(group, name), []).append(i)
    return tuple(tuple(indices) for indices in by_family.values())


def _family(group: str, line: str) -> str:
    upper, lower = line.split("-")
    if group == "K":
        return "alpha" if lower[0] == "L" else "beta"
    if group == "L":
        return upper if upper == "L1" else upper + lower[0].replace("O", "N").replace("P", "N")
    if upper in {"M4", "M5"}:
        return "alpha" if lower in {"N6", "N7"} else "zeta"
    return "gamma"


@cache
def load_lines() -> tuple[LineGroup, ...]:
    """Return every line group of the table, by atomic number and group."""
    text = files("edge.spectra").joinpath("lines.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    by_group: dict[tuple[int, str], list[dict[str, str]]] = {}
    for row in rows:
        by_group.setdefault((int(row["atomic_number"]), row["group"]), []).append(row)
    return tuple(
        LineGroup(
            element=lines[0]["element"],
            atomic_number=number,
            group=group,
            energies_kev=tuple(float(line["energy_kev"]) for line in lines),
            relative_intensities=_shares([float(line["relative_intensity"]) for line in lines]),
            line_names=tuple(line["line"] for line in lines),
            edge_kev=float(lines[0]["edge_kev"]),
            fluorescence_yield=float(lines[0]["fluorescence_yield"]),
            jump_ratio=float(lines[0]["jump_ratio"]),
        )
        for (number, group), lines in sorted(by_group.items())
    )


def _shares(strengths: list[float]) -> tuple[float, ...]:
    total = sum(strengths)
    return tuple(strength / total for strength in strengths)


@cache
def _by_name() -> dict[str, LineGroup]:
    return {group.name: group for group in load_lines()}


def line_group(name: str) -> LineGroup:
    """Return the group called ``Pb-L``.

    Raises
    ------
    UsageError
        The table holds no such group.
    """
    found = _by_name().get(name)
    if found is not None:
        return found
    element = name.partition("-")[0]
    known = [group.group for group in load_lines() if group.element == element]
    if known:
        raise UsageError(f"{name}: not a line group of {element} between 0.5 and 40 keV: use {_choice(element, known)}")
    raise _unknown(name)


def default_group(element: str, tube_kv: float, *, max_kev: float = 40.0) -> LineGroup:
    """Return the group that maps an element best, or the group itself where ``element`` already names one.

    Parameters
    ----------
    element
        ``Pb``, or ``Pb-L``.
    tube_kv
        Tube voltage, kV: shells that it cannot excite are passed over.
    max_kev
        Highest energy that the detector records.

    Raises
    ------
    UsageError
        No such element, or none of its lines can be excited and recorded.
    """
    if "-" in element:
        return line_group(element)
    groups = [group for group in load_lines() if group.element == element]
    if not groups:
        raise _unknown(element)
    seen = [group for group in groups if _is_excited(group, tube_kv) and group.energies_kev[0] <= max_kev]
    if not seen:
        raise UsageError(
            f"{element}: no line of it is excited at {tube_kv:g} kV and recorded below {max_kev:g} keV: "
            "remove the element, or raise the tube's voltage or the detector's range"
        )
    for group in seen:
        if group.energies_kev[0] >= _LOWEST_USEFUL_KEV and (group.group != "K" or group.edge_kev < _HIGHEST_K_EDGE_KEV):
            return group
    return seen[0]


def _is_excited(group: LineGroup, tube_kv: float) -> bool:
    return group.edge_kev * _EDGE_MARGIN <= tube_kv


def _unknown(name: str) -> UsageError:
    return UsageError(f"{name}: no such element among the tabulated ones (Na to U): write a chemical symbol such as Pb")


def _choice(element: str, groups: list[str]) -> str:
    return " or ".join(f"{element}-{group}" for group in groups)
