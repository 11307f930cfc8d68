"""The table of emission lines."""

from __future__ import annotations

import subprocess
import sys

import pytest

from edge.faults import UsageError
from edge.spectra.lines import default_group, line_group, load_lines


def test_every_group_has_positive_intensities_that_sum_to_one() -> None:
    for group in load_lines():
        assert min(group.relative_intensities) > 0
        assert sum(group.relative_intensities) == pytest.approx(1.0, abs=1e-9)


def test_no_line_lies_above_its_elements_binding_energy_by_more_than_the_tables_disagree() -> None:
    # L1 and M1 bind up to 27 % and 55 % more than the L3 and M5 edges that the table states.
    margin = {"K": 1.001, "L": 1.35, "M": 1.75}
    for group in load_lines():
        assert max(group.energies_kev) < margin[group.group] * group.edge_kev + 0.1, group.name


@pytest.mark.parametrize(
    ("name", "energy_kev"),
    [("Fe-K", 6.404), ("Ca-K", 3.692), ("Pb-L", 10.551), ("Hg-L", 9.989), ("Ba-L", 4.466), ("Pb-M", 2.346)],
)
def test_the_strongest_line_is_where_the_x_ray_data_booklet_has_it(name: str, energy_kev: float) -> None:
    assert line_group(name).energies_kev[0] == pytest.approx(energy_kev, abs=0.003)


def test_families_hold_every_line_once_and_the_strongest_first() -> None:
    for group in load_lines():
        members = [i for family in group.families for i in family]
        assert sorted(members) == list(range(len(group.energies_kev)))
        assert group.families[0][0] == 0


@pytest.mark.parametrize(
    ("element", "kv", "max_kev", "expected"),
    [
        ("Pb", 40.0, 40.0, "Pb-L"),
        ("Fe", 40.0, 40.0, "Fe-K"),
        ("Sn", 40.0, 40.0, "Sn-K"),
        ("Sn", 30.0, 40.0, "Sn-L"),
        ("Sn", 40.0, 20.0, "Sn-L"),
        ("Ba", 50.0, 40.0, "Ba-L"),
        ("Pb-M", 40.0, 40.0, "Pb-M"),
    ],
)
def test_an_element_is_mapped_by_the_group_that_tube_and_detector_see_best(
    element: str, kv: float, max_kev: float, expected: str
) -> None:
    assert default_group(element, kv, max_kev=max_kev).name == expected


def test_an_unknown_element_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="Xx: no such element"):
        default_group("Xx", 40.0)


def test_a_group_that_an_element_lacks_is_refused_with_those_it_has() -> None:
    with pytest.raises(UsageError, match="use Pb-L or Pb-M"):
        line_group("Pb-K")


def test_an_element_that_the_tube_cannot_excite_is_refused_with_the_remedy() -> None:
    with pytest.raises(UsageError, match="raise the tube's voltage"):
        default_group("Fe", 0.6)


def test_reading_the_table_loads_no_scientific_library() -> None:
    code = (
        "import sys, edge.spectra.lines as lines; lines.load_lines();"
        "sys.exit(sorted({'numpy', 'scipy', 'numba'} & set(sys.modules)) and 1 or 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
