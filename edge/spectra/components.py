"""What spectra are made of: which line groups a model fits, and the columns of the fit of one exposure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.configuration.config import TubeConfig
from edge.faults import UsageError
from edge.spectra.background import hat_functions
from edge.spectra.lines import LineGroup, load_lines
from edge.spectra.response import group_spectra
from edge.spectra.sum_fit import SumFit

_CONTINUUM_STEP_KEV = 5.0
"""Spacing of the knots between which the continuum of one exposure may bend away from the sum's."""


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """What spectra are made of."""

    names: tuple[str, ...]
    """The mapped elements, then companions, scatter, pile-up and continuum."""
    spectra: NDArray[np.float64]
    """Unit area each (of lines' Gaussians; of the continuum in the fitted channels), shape (components, channels)."""
    areas: NDArray[np.float64]
    """The sum spectrum's amplitudes, counts, shape (components,)."""


def components_of(fit: SumFit, elements: tuple[str, ...]) -> Components:
    """Components with the families of each group, and the pieces of the continuum, tied as the sum has them."""
    names: list[str] = []
    spectra: list[NDArray[np.float64]] = []
    areas: list[float] = []
    by_name = {group.name: group for group in fit.groups}
    present = [name for name in by_name if name not in elements and _stands_out(fit, name)]
    for name in (*elements, *present):
        area = fit.area(name)
        if area > 0:
            spectrum = fit.spectrum(name) / area
        else:
            spectrum = group_spectra(fit.shape.edges_kev(), [by_name[name]], fit.shape.response)[0]
        names.append(name)
        spectra.append(spectrum)
        areas.append(area)
    for name in ("elastic", "inelastic", "pile-up"):
        if _stands_out(fit, name):
            names.append(name)
            areas.append(fit.area(name))
            spectra.append(fit.spectrum(name) / fit.area(name))
    for piece in _continuum_pieces(fit):
        area = float(piece[fit.fitted].sum())
        names.append("continuum")
        areas.append(area)
        spectra.append(piece / area)
    return Components(tuple(names), np.array(spectra), np.array(areas))


def _continuum_pieces(fit: SumFit) -> list[NDArray[np.float64]]:
    """The continuum in pieces, going on beyond the fitted channels as it ends there: a shifted scale looks that far."""
    low, high = fit.fitted.start, fit.fitted.stop - 1
    continuum = fit.spectrum("continuum")
    continuum[:low], continuum[high + 1 :] = continuum[low], continuum[high]
    energies = fit.shape.energies_kev()
    count = max(int(np.ceil((energies[high] - energies[low]) / _CONTINUUM_STEP_KEV)), 1)
    hats = hat_functions(energies, np.linspace(energies[low], energies[high], count + 1)) * continuum
    return [hat for hat in hats if hat[fit.fitted].sum() > 0]


def _stands_out(fit: SumFit, name: str) -> bool:
    return fit.area(name) > max(1e-4 * float(fit.expected.sum()), 10.0)


def recorded(group: LineGroup, max_kev: float) -> LineGroup:
    """Return the group, or raise `UsageError` if its strongest line lies beyond the recorded energies."""
    if group.energies_kev[0] > max_kev:
        raise UsageError(
            f"{group.name}: its strongest line, {group.energies_kev[0]:.2f} keV, lies beyond the detector's last "
            f"channel ({max_kev:.2f} keV): map another group of {group.element} or widen the detector's range"
        )
    return group


def with_companions(groups: list[LineGroup], tube: TubeConfig, max_kev: float) -> list[LineGroup]:
    """Add argon (air), the tube anode's L lines and the other groups of the same elements, as far as recorded."""
    elements = {group.element for group in groups}
    chosen = {group.name for group in groups}
    others = [
        group
        for group in load_lines()
        if group.name not in chosen
        and (group.element in elements or group.name in {"Ar-K", f"{tube.anode}-L"})
        and 1.2 <= group.energies_kev[0] <= max_kev
        and group.edge_kev * 1.05 <= tube.kv
    ]
    return [*groups, *others]
