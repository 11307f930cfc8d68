"""PyMca's fast linear fit, set up with the energy scale, peak widths and elements of one of our models.

PyMca5 (MIT licence; V. A. Solé et al., Spectrochimica Acta B 62 (2007) 63-68) is a peer to measure against: the extra
``peers`` installs it, and nothing but benches and tests uses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge.spectra.model import SpectrumModel
from edge.spectra.response import PAIR_KEV, DetectorResponse

Background = Literal["polynomial", "SNIP"]
Weights = Literal["average", "individual"]

HIGHEST_KEV = 18.5
"""PyMca cannot broaden a Compton peak: below the scattered lines of silver and rhodium none is needed."""
_PAIR_KEV = 3.85e-3
"""PyMca's energy per electron-hole pair, ours being `PAIR_KEV`: the Fano factor is scaled for equal widths."""
_POLYNOMIAL_ORDER = 10
_SNIP_CHANNELS_PER_FWHM = 1.5
_WIDTH_AT_KEV = 8.0


@dataclass(frozen=True, slots=True, eq=False)
class PeerRates:
    """What PyMca makes of spectra: counts, not counts per second."""

    elements: tuple[str, ...]
    """Line groups, named as ours, in PyMca's order."""
    counts: NDArray[np.float64]
    """Peak area of each group, shape (n, elements)."""
    errors: NDArray[np.float64]
    """Standard error as PyMca states it, same shape. With average weights far too small: not that of one spectrum."""


def is_installed() -> bool:
    """Whether PyMca5 can be imported."""
    try:
        import PyMca5.PyMcaPhysics.xrf.FastXRFLinearFit  # noqa: F401
    except ImportError:
        return False
    return True


def fit_with_pymca(
    model: SpectrumModel,
    counts: NDArray[np.generic],
    *,
    background: Background = "polynomial",
    weights: Weights = "average",
) -> PeerRates:
    """Fit spectra with PyMca's `FastXRFLinearFit`, negative peaks fitted again without them as it does by default.

    Parameters
    ----------
    model
        Gives energy scale, widths, tail, shelf and line groups; PyMca's own tables give lines and their ratios.
    counts
        Spectra, shape (n, channels).
    background
        A polynomial of order 10 fitted with the peaks, or SNIP taken off before.
    weights
        One weight per channel for all spectra, or each spectrum's own counts (slow, and its errors are Poisson's).
    """
    from PyMca5.PyMcaPhysics.xrf.FastXRFLinearFit import FastXRFLinearFit

    peer = FastXRFLinearFit()
    peer.setFitConfiguration(_configuration(model, background))
    fitted = peer.fitMultipleSpectra(
        x=np.arange(counts.shape[1], dtype=float),
        y=counts.astype(np.float32)[None],
        weight={"average": 1, "individual": 2}[weights],
        save=False,
    )
    names = [str(name).replace(" ", "-").replace("_", "-") for name in fitted.labels("parameters")]
    ours = [i for i, name in enumerate(names) if name in model.components]
    return PeerRates(
        tuple(names[i] for i in ours),
        np.asarray(fitted["parameters"], float)[ours, 0].T,
        np.asarray(fitted["uncertainties"], float)[ours, 0].T,
    )


def _configuration(model: SpectrumModel, background: Background) -> dict[str, Any]:
    from PyMca5.PyMcaPhysics.xrf.ClassMcaTheory import McaTheory

    shape, inside = model.sum_fit.shape, model.sum_fit.fitted
    response = shape.response
    top = min(int(np.searchsorted(shape.energies_kev(), HIGHEST_KEV)), inside.stop)
    fwhm_channels = float(response.fwhm_kev(_WIDTH_AT_KEV)) / shape.gain_kev
    configuration: dict[str, Any] = McaTheory().getConfiguration()
    configuration["peaks"] = _peaks(model)
    configuration["fit"].update(
        {"fitfunction": 0, "linearfitflag": 1, "fitweight": 1, "sumflag": 0, "scatterflag": 0, "energy": None},
        use_limit=1,
        xmin=inside.start,
        xmax=top - 1,
        # Gaussian, short tail and step, of bits 1, 2 and 8.
        hypermetflag=11,
        escapeflag=1,
        continuum=4 if background == "polynomial" else 0,
        linpolorder=_POLYNOMIAL_ORDER,
        stripflag=int(background == "SNIP"),
        stripalgorithm=1,
        stripfilterwidth=1,
        snipwidth=round(_SNIP_CHANNELS_PER_FWHM * fwhm_channels),
    )
    configuration["detector"].update(
        {f"fixed{name}": 1 for name in ("zero", "gain", "noise", "fano", "sum")},
        zero=shape.offset_kev,
        gain=shape.gain_kev,
        noise=response.noise_kev,
        fano=response.fano * PAIR_KEV / _PAIR_KEV,
        sum=0.0,
    )
    configuration["peakshape"].update(_peak_shape(response))
    for layer in ("deadlayer", "contact", "Detector"):
        configuration["attenuators"][layer][0] = 0
    return configuration


def _peaks(model: SpectrumModel) -> dict[str, str | list[str]]:
    """Line groups by element, those above the fitted energies left out."""
    by_name = {group.name: group for group in model.sum_fit.groups}
    chosen: dict[str, list[str]] = {}
    for name in model.components:
        if name in by_name and by_name[name].energies_kev[0] < HIGHEST_KEV:
            chosen.setdefault(by_name[name].element, []).append(by_name[name].group)
    return {element: groups[0] if len(groups) == 1 else groups for element, groups in chosen.items()}


def _peak_shape(response: DetectorResponse) -> dict[str, float]:
    """Tail and step as PyMca counts them: the slope in standard deviations, the step over the Gaussian's height."""
    sigma_kev = float(response.sigma_kev(_WIDTH_AT_KEV))
    height_per_kev = 1.0 / (sigma_kev * np.sqrt(2.0 * np.pi))
    return {
        "st_arearatio": response.tail_fraction,
        "st_sloperatio": response.tail_kev / sigma_kev,
        "step_heightratio": response.shelf_fraction / _WIDTH_AT_KEV / float(height_per_kev),
    }
