"""Dense and photon-starved: every cell for a short dwell, against some cells for longer, and against denoisers."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.kriging import krige, kriging, learn_parameters
from edge.reconstruct.photon_starved import photon_starved
from edge.reconstruct.reconstruction import Reconstruction
from edge.reconstruct.tiling import tile_count
from tools.measurement_folder import measurement_folder
from tools.reproduce import page
from tools.reproduce.denoisers import Denoiser, denoised_counts, variants
from tools.reproduce.faults import ReproductionError
from tools.reproduce.options import CACHE, OUT, require_counts
from tools.reproduce.photon_budget import (
    HALF,
    Divided,
    Raster,
    divided,
    every_cell,
    read_raster,
    seen_within,
    some_cells,
    thinned,
)
from tools.reproduce.scoring import elements
from tools.reproduce.starved_page import ALONE, CEILING, OURS, RAW, SPECTRA, Scores, starved_page

HELP = "full rasters of few photons: reconstructions and denoisers at equal photons"
BUDGETS = (0.1, 0.01, 0.001)
SEEDS = 5
PARTS = (0.3, 0.1)
Maps = NDArray[np.floating]


class StarvedTable:
    """The same photons spent in several ways."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Options of this table."""
        parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help=f"divisions of the photons ({SEEDS})")
        parser.add_argument(
            "--budgets", type=float, nargs="+", default=list(BUDGETS), metavar="C", help="shares of the photons"
        )
        parser.add_argument("--data", type=Path, metavar="PATH", help="instead of what POINTILLIST_DATA holds")
        parser.add_argument("--cache", type=Path, default=CACHE, metavar="FOLDER", help="not used: nothing is kept")
        parser.add_argument("--out", type=Path, default=OUT, metavar="FOLDER", help=f"where the page goes ({OUT})")

    def run(self, options: argparse.Namespace) -> page.Page:
        """Measure, and make the page.

        Raises
        ------
        ReproductionError
            An option that cannot be, or no raster.
        """
        require_counts(seeds=options.seeds)
        for budget in options.budgets:
            if not 0 < budget <= HALF:
                raise ReproductionError(f"--budgets {budget:g}: give shares above 0 and up to {HALF:g}")
        raster = read_raster(options.data or measurement_folder())
        scores = Scores()
        denoisers = _denoisers(scores)
        for seed in range(options.seeds):
            parted = divided(raster, seed)
            scores.add(CEILING, HALF, _db(parted.kept / HALF, parted.truth))
            for budget in options.budgets:
                _measure(scores, raster, parted, budget, seed, denoisers)
        return starved_page(scores, raster, options.budgets, options.seeds)


def _denoisers(scores: Scores) -> Mapping[str, Mapping[str, Denoiser]]:
    try:
        return variants()
    except ImportError:
        scores.absent["denoisers of scikit-image"] = "scikit-image is not installed: install the extra `rivals`"
        return {}


def _measure(
    scores: Scores,
    raster: Raster,
    parted: Divided,
    budget: float,
    seed: int,
    denoisers: Mapping[str, Mapping[str, Denoiser]],
) -> None:
    counts, names = thinned(parted.kept, budget, seed), raster.elements
    scores.add(RAW, budget, _db(counts / budget, parted.truth))
    for part in PARTS:
        cells = some_cells(parted.kept, budget, part, seed, names)
        _reconstructed(scores, _of_cells(part), budget, parted, partial(kriging, cells))
        everywhere = f"{_of_cells(part)}, measured cells estimated too"
        _reconstructed(scores, everywhere, budget, parted, partial(_kriged_everywhere, cells))
    for name, settings in denoisers.items():
        for setting, denoiser in settings.items():
            if name not in scores.absent:
                _denoised(scores, name, setting, denoiser, counts, budget, parted)
    cells = every_cell(counts, budget, names)
    found = _reconstructed(scores, OURS, budget, parted, partial(photon_starved, cells))
    for deviations in (1.0, 2.0):
        scores.within.setdefault((budget, deviations), []).append(seen_within(found, parted.truth, deviations))
    if seed == 0:
        _reconstructed(scores, ALONE, budget, parted, partial(_one_by_one, counts, budget, names))
    rest = np.concatenate([counts, thinned(parted.rest, budget, seed)], axis=2)
    cells = every_cell(rest, budget, tuple(map(str, range(rest.shape[2]))))
    _reconstructed(scores, SPECTRA, budget, parted, partial(photon_starved, cells))


def _reconstructed(
    scores: Scores, row: str, budget: float, parted: Divided, method: Callable[[], Reconstruction]
) -> Reconstruction:
    start = time.process_time()
    found = method()
    seconds = time.process_time() - start
    scores.add(row, budget, _db(found.maps[:, :, : parted.truth.shape[2]], parted.truth), seconds=seconds)
    return found


def _denoised(
    scores: Scores,
    name: str,
    setting: str,
    denoiser: Denoiser,
    counts: NDArray[np.int64],
    budget: float,
    parted: Divided,
) -> None:
    start = time.process_time()
    try:
        found = denoised_counts(counts, denoiser) / budget
    except ImportError:
        scores.absent[name] = "a library is not installed: install the extra `rivals`"
        return
    seconds = time.process_time() - start
    scores.add(name, budget, _db(found, parted.truth), setting=setting, seconds=seconds)


def _kriged_everywhere(cells: MeasuredCells) -> Reconstruction:
    maps = np.empty((*cells.shape, cells.elements), np.float32)
    error = np.empty_like(maps)
    which = np.arange(tile_count(cells.shape))
    krige(cells, learn_parameters(cells, None), None, which=which, maps=maps, standard_error=error)
    return Reconstruction(maps, error)


def _one_by_one(counts: NDArray[np.int64], budget: float, names: Sequence[str]) -> Reconstruction:
    found = [photon_starved(every_cell(counts[:, :, e : e + 1], budget, [name])) for e, name in enumerate(names)]
    return Reconstruction(
        np.concatenate([one.maps for one in found], axis=2),
        np.concatenate([one.standard_error for one in found], axis=2),
    )


def _db(estimate: Maps, truth: NDArray[np.float32]) -> float:
    return elements(estimate, truth, np.ones(truth.shape[:2], np.bool_)).db


def _of_cells(part: float) -> str:
    return f"{100 * part:g} % of the cells, `kriging`"


TABLE = StarvedTable()
