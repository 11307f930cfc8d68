"""Write the checked-in table of emission lines, ``edge/spectra/lines.csv``, from xraylib.

Run ``python -m tools.make_line_table`` with the ``tables`` extra installed; the application itself never needs xraylib.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

TABLE = Path(__file__).resolve().parents[1] / "edge" / "spectra" / "lines.csv"
ELEMENTS = (
    *("Na", "Mg", "Al", "Si", "P", "S", "Cl", "Ar", "K", "Ca", "Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu"),
    *("Zn", "Ga", "Ge", "As", "Se", "Br", "Rb", "Sr", "Y", "Zr", "Nb", "Mo", "Ru", "Rh", "Pd", "Ag", "Cd", "In"),
    *("Sn", "Sb", "Te", "I", "Cs", "Ba", "La", "Ce", "Pr", "Nd", "Sm", "Eu", "Gd", "W", "Re", "Os", "Ir", "Pt"),
    *("Au", "Hg", "Tl", "Pb", "Bi", "Th", "U"),
)
MIN_KEV, MAX_KEV = 0.5, 40.0
EXCITATION_KEV = 25.0
"""Mean excitation of a 40 kV tube after its own filtering: sets how a group's subshells share their vacancies."""
FAINTEST = 5e-4
"""Lines below this share of their group are left out."""

_SINGLE_LINE = re.compile(r"([KLM][1-5]?)([LMNOPQ][1-7])_LINE")
_OUTERMOST_SHELL = {"K": "K", "L": "L3", "M": "M5"}
_SUBSHELLS = {"K": ("K",), "L": ("L1", "L2", "L3"), "M": ("M1", "M2", "M3", "M4", "M5")}


@dataclass(frozen=True, slots=True)
class Row:
    """One emission line as the table holds it."""

    element: str
    atomic_number: int
    group: str
    line: str
    energy_kev: float
    relative_intensity: float
    edge_kev: float
    fluorescence_yield: float
    jump_ratio: float

    def cells(self) -> list[str]:
        return [
            self.element,
            str(self.atomic_number),
            self.group,
            self.line,
            f"{self.energy_kev:.5f}",
            f"{self.relative_intensity:.6f}",
            f"{self.edge_kev:.5f}",
            f"{self.fluorescence_yield:.5f}",
            f"{self.jump_ratio:.4f}",
        ]


def group_rows(element: str, group: str) -> list[Row]:
    """Lines of one element's K, L or M group, strongest first; empty where xraylib or the energy range has none.

    Intensities are photons per line with vacancies shared between the subshells as photons of `EXCITATION_KEV` (or of
    1.5 times the K edge, where that is higher) make them, with full cascades (Kissel photoelectric cross-sections).
    Transitions within one shell (L1-L3) are left out: they lie far below their group.
    """
    import xraylib

    number = xraylib.SymbolToAtomicNumber(element)
    shell = getattr(xraylib, f"{_OUTERMOST_SHELL[group]}_SHELL")
    try:
        edge_kev = xraylib.EdgeEnergy(number, shell)
    except ValueError:
        return []
    excitation_kev = max(EXCITATION_KEV, 1.5 * edge_kev)
    strengths: dict[str, tuple[float, float]] = {}
    for name in dir(xraylib):
        match = _SINGLE_LINE.fullmatch(name)
        if match is None or match.group(1) not in _SUBSHELLS[group] or match.group(2)[0] == group:
            continue
        try:
            line = getattr(xraylib, name)
            energy_kev = xraylib.LineEnergy(number, line)
            strength = xraylib.CS_FluorLine_Kissel_Cascade(number, line, excitation_kev)
        except ValueError:
            continue
        if MIN_KEV <= energy_kev <= MAX_KEV and strength > 0:
            strengths[f"{match.group(1)}-{match.group(2)}"] = (energy_kev, strength)
    if not strengths:
        return []
    strongest = max(strength for _, strength in strengths.values())
    kept = {line: pair for line, pair in strengths.items() if pair[1] >= FAINTEST * strongest}
    total = sum(strength for _, strength in kept.values())
    constants = (edge_kev, _value(xraylib.FluorYield, number, shell), _value(xraylib.JumpFactor, number, shell))
    rows = [
        Row(element, number, group, line, energy, strength / total, *constants)
        for line, (energy, strength) in kept.items()
    ]
    return sorted(rows, key=lambda row: -row.relative_intensity)


def _value(function: object, number: int, shell: int) -> float:
    try:
        return float(function(number, shell))  # type: ignore[operator]
    except ValueError:
        return 0.0


def write_table(path: Path) -> int:
    """Write the table and return how many lines it holds."""
    import xraylib

    rows = [row for element in ELEMENTS for group in ("K", "L", "M") for row in group_rows(element, group)]
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(
            f"# X-ray emission lines, {MIN_KEV:g} to {MAX_KEV:g} keV, by tools/make_line_table.py; do not edit.\n"
            f"# Source: xraylib {xraylib.__version__} (BSD-3-Clause), T. Schoonjans et al., Spectrochimica Acta B 66 "
            "(2011) 776-784.\n"
            "# relative_intensity: photons, sum 1 within a group; subshell vacancies of "
            f"{EXCITATION_KEV:g} keV photons (1.5 times the edge where that is higher), full cascade.\n"
            "# edge_kev, fluorescence_yield and jump_ratio: of the K, L3 or M5 shell; 0 where not tabulated.\n"
        )
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Row.__dataclass_fields__)
        writer.writerows(row.cells() for row in rows)
    return len(rows)


def main(path: Annotated[Path, typer.Argument(help="Where the table goes.")] = TABLE) -> None:
    """Write the table of emission lines."""
    typer.echo(f"{path}: {write_table(path)} lines")


if __name__ == "__main__":
    typer.run(main)
