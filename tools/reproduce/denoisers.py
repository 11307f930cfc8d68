"""Denoisers of scikit-image for counts: what a full raster of few photons would be given to otherwise.

Counts are made to have a variance of about 1 (F. J. Anscombe 1948), denoised element by element or all at once, and
taken back by the inverse without bias (M. Mäkitalo and A. Foi 2011, their closed form).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

Maps = NDArray[np.float64]
Denoiser = Callable[[Maps], Maps]
_SHIFTS = 3
"""Cells each way that wavelets are moved by, and averaged over."""


def stabilised(counts: NDArray[np.integer]) -> Maps:
    """Counts with a variance of about 1, above four of them."""
    return np.asarray(2 * np.sqrt(counts + 0.375), np.float64)


def expected_counts(denoised: Maps) -> Maps:
    """The expected counts of which `stabilised` ones would have this mean."""
    root = np.maximum(denoised, 2 * np.sqrt(0.375))
    half = np.sqrt(1.5)
    counts = root**2 / 4 + half / (4 * root) - 11 / (8 * root**2) + 5 * half / (8 * root**3) - 1 / 8
    return np.asarray(np.maximum(counts, 0), np.float64)


def denoised_counts(counts: NDArray[np.integer], denoiser: Denoiser) -> Maps:
    """Expected counts, shape (rows, columns, elements)."""
    return expected_counts(denoiser(stabilised(counts)))


def variants() -> Mapping[str, Mapping[str, Denoiser]]:
    """By the denoiser's name, its settings by what they are.

    Raises
    ------
    ImportError
        Without scikit-image; wavelets need PyWavelets as well, and raise when they are called.
    """
    from skimage import restoration  # noqa: F401 - says at once whether it is there

    reaches = (0.4, 0.6, 0.8, 1.0, 1.2)
    alone = {f"h = {reach}, each element": partial(_non_local_means, reach) for reach in reaches}
    jointly = {f"h = {reach}, all elements": partial(_joint_non_local_means, reach) for reach in reaches}
    return {
        "non-local means": alone | jointly,
        "total variation": {
            f"weight = {weight}{', all elements' if together else ', each element'}": partial(
                _joint_total_variation if together else _total_variation, weight
            )
            for weight in (0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
            for together in (False, True)
        },
        "wavelets": {f"{wavelet}": partial(_wavelets, wavelet) for wavelet in ("haar", "db2", "sym4")},
    }


def _each(maps: Maps, denoise: Denoiser) -> Maps:
    return np.stack([denoise(np.ascontiguousarray(maps[:, :, e])) for e in range(maps.shape[2])], axis=2)


def _non_local_means(reach: float, maps: Maps) -> Maps:
    from skimage.restoration import denoise_nl_means

    return _each(maps, partial(denoise_nl_means, patch_size=5, patch_distance=8, h=reach, sigma=1.0, fast_mode=True))


def _joint_non_local_means(reach: float, maps: Maps) -> Maps:
    from skimage.restoration import denoise_nl_means

    found = denoise_nl_means(maps, patch_size=5, patch_distance=8, h=reach, sigma=1.0, fast_mode=True, channel_axis=2)
    return np.asarray(found, np.float64)


def _total_variation(weight: float, maps: Maps) -> Maps:
    from skimage.restoration import denoise_tv_chambolle

    return _each(maps, partial(denoise_tv_chambolle, weight=weight, eps=1e-6, max_num_iter=500))


def _joint_total_variation(weight: float, maps: Maps) -> Maps:
    from skimage.restoration import denoise_tv_chambolle

    denoise: Denoiser = partial(denoise_tv_chambolle, weight=weight, eps=1e-6, max_num_iter=500, channel_axis=2)
    return np.asarray(denoise(maps), np.float64)


def _wavelets(wavelet: str, maps: Maps) -> Maps:
    """BayesShrink (S. G. Chang, B. Yu and M. Vetterli 2000), averaged over shifts (R. Coifman and D. Donoho 1995)."""
    from skimage.restoration import denoise_wavelet

    shrink = partial(denoise_wavelet, sigma=1.0, wavelet=wavelet, method="BayesShrink", mode="soft")

    def spun(image: Maps) -> Maps:
        total = np.zeros_like(image)
        for down in range(_SHIFTS + 1):
            for right in range(_SHIFTS + 1):
                moved = np.roll(image, (down, right), axis=(0, 1))
                total += np.roll(shrink(moved, rescale_sigma=False), (-down, -right), axis=(0, 1))
        return total / (_SHIFTS + 1) ** 2

    return _each(maps, spun)
