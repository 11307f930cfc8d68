"""Spectra to element rates: spectra a second on one core beside PyMca's fast linear fit, and how the maps agree."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.configuration.config import DetectorConfig, TubeConfig
from edge.spectra.model import SpectrumModel
from edge.spectra.roi import RoiModel
from tools.bench.pymca_fit import Background, fit_with_pymca, is_installed
from tools.bench.table import Row

TARGET_PER_S = 20_000.0
_HANDS_DETECTOR = DetectorConfig(channels=1024, offset_kev=-0.0697, gain_kev=0.029168, fwhm_mn_kev=0.15)
_HANDS_TUBE = TubeConfig(anode="Ag", kv=40.0)
_COMPARED = 600
"""Spectra that PyMca fits with weights of their own: some hundred a second."""
_BATCHES = 2
"""PyMca has a fixed cost a call: it gets the stack this many times over in one."""
NOTES = (
    "Everything runs on one core. Rates are of processor time, so that other work on the machine does not count, the "
    "fastest of the repeats, errors included. Our model of the sum spectrum is at hand (its time has a row of its "
    "own); PyMca's fixed cost a call, some tenths of a second, is spread over 14,400 spectra.",
    "The spectra are those of the painted hands, both detectors together, each count of 1,024 channels put into one "
    "of two half channels by chance; without the measurement data, made-up ones of the same kind.",
    "PyMca gets our energy scale, widths, tail and line groups; it cannot broaden Compton's peak, so that it fits up "
    "to 18.5 keV only, and fewer columns. Its background is a polynomial fitted with the peaks, or SNIP.",
    "The limit is set by whichever takes longer: reading 16-bit counts once at the read bandwidth measured in this "
    "run, or one float32 product of the fitted channels with all components at the matrix rate measured in this run.",
    "Agreement: PyMca's counts with each spectrum's own weights against ours. Slope: of a line through all spectra. "
    "Chi-square: mean squared difference over both variances; below 1 is within the error bars. About a line: the "
    "same once slope and offset are taken off, which come from the tables' line ratios and the two backgrounds.",
    "On the hands, Ca, Ti, Cr, Zr, Hg and Pb differ by 1.0 to 1.3 error bars. We take the ratios between families of "
    "lines from the sum spectrum (the paint absorbs Ti Kα more than Ti Kβ, half as strong again as tabulated), "
    "PyMca takes them from its tables. Bi-L differs by far more: its lines lie under lead's, whose ratios decide it.",
)


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Spectra of one scan, and the model that their sum makes."""

    name: str
    counts: NDArray[np.uint16]
    live_s: NDArray[np.float64]
    model: SpectrumModel
    regions: RoiModel
    model_s: float
    """Processor time that making the model took."""

    @property
    def size(self) -> str:
        """Spectra and channels, for the table."""
        return f"{self.name}, {len(self.counts):,} x {self.counts.shape[1]:,}"


def measure(repeats: int) -> list[Row]:
    """Throughput, latency and agreement."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    stack = _stack()
    peers = _peer_rates(stack, repeats)
    best = max(peers.values(), default=None)
    limit = 1.0 / _least_seconds_each(stack.model)
    few = np.random.default_rng(1).binomial(stack.counts, 20.0 / stack.counts.sum(axis=1, keepdims=True))
    thin = few.astype(np.uint16)
    components = len(stack.model.components)
    rows = [
        Row(
            f"weighted linear fit, {components} components, with errors",
            stack.size,
            _per_s(lambda: stack.model.fit(stack.counts, stack.live_s), len(stack.counts), repeats),
            "spectra/s",
            best,
            limit,
            TARGET_PER_S,
        ),
        Row(
            "the same, 20 counts a spectrum",
            stack.size,
            _per_s(lambda: stack.model.fit(thin, stack.live_s), len(thin), repeats),
            "spectra/s",
            best,
            limit,
            TARGET_PER_S,
        ),
        Row(
            "regions of interest, with errors",
            stack.size,
            _per_s(lambda: stack.regions.fit(stack.counts, stack.live_s), len(stack.counts), repeats),
            "spectra/s",
            best,
        ),
        Row(
            "weighted linear fit, each spectrum alone",
            stack.size,
            _per_s(lambda: _one_by_one(stack, 200), 200, repeats),
            "spectra/s",
        ),
        Row("model from the sum spectrum", stack.size, stack.model_s, "s"),
    ]
    rows += [Row(name, stack.size, rate, "spectra/s") for name, rate in peers.items()]
    return rows + (_agreement(stack) if is_installed() else [])


def hands_counts() -> tuple[NDArray[np.uint32], NDArray[np.float64]] | None:
    """Spectra of the painted hands, shape (7200, 1024), and seconds of each; None where the data are absent."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("POINTILLIST_DATA", beside)) / "maxrf_hands"
    if not folder.is_dir():
        return None
    with np.load(folder / "prova1_det10264.npz") as one, np.load(folder / "prova1_det19511.npz") as other:
        counts = (one["counts"].astype(np.uint32) + other["counts"]).reshape(-1, 1024)
        return counts, one["real_time_s"].reshape(-1).astype(float)


def in_half_channels(counts: NDArray[np.uint32], seed: int) -> NDArray[np.uint16]:
    """Put each count into one of its channel's halves by chance, shape (n, 2 x channels): Poisson stays Poisson."""
    lower = np.random.default_rng(seed).binomial(counts, 0.5)
    halves = np.empty((counts.shape[0], 2 * counts.shape[1]), np.uint16)
    halves[:, 0::2] = lower
    halves[:, 1::2] = counts - lower
    return halves


def _stack() -> Stack:
    measured = hands_counts()
    name = "hands" if measured else "made up"
    counts, live_s = measured or _made_up()
    halves = in_half_channels(counts, seed=0)
    gain = _HANDS_DETECTOR.gain_kev / 2
    detector = _HANDS_DETECTOR.model_copy(
        update={"channels": 2048, "gain_kev": gain, "offset_kev": _HANDS_DETECTOR.offset_kev - gain / 2}
    )
    total, seconds = halves.sum(axis=0, dtype=np.int64), float(live_s.sum())
    start = time.process_time()
    model = SpectrumModel.from_sum_spectrum(total, seconds, detector=detector, tube=_HANDS_TUBE)
    model_s = time.process_time() - start
    roi = [element for element in model.elements if model.sum_fit.area(element) > 1e-3 * total.sum()]
    regions = RoiModel.from_sum_spectrum(total, seconds, detector=detector, tube=_HANDS_TUBE, elements=roi)
    return Stack(name, halves, live_s, model, regions, model_s)


def _made_up() -> tuple[NDArray[np.uint32], NDArray[np.float64]]:
    """Lead white with iron and calcium on a smooth continuum, the mixture changing from spectrum to spectrum."""
    from edge.spectra.lines import line_group
    from edge.spectra.response import group_spectra, nominal_response

    energies = _HANDS_DETECTOR.offset_kev + _HANDS_DETECTOR.gain_kev * np.arange(1024)
    edges = np.append(energies, energies[-1] + _HANDS_DETECTOR.gain_kev) - _HANDS_DETECTOR.gain_kev / 2
    groups = [line_group(name) for name in ("Pb-L", "Pb-M", "Fe-K", "Ca-K", "Cu-K", "Hg-L")]
    lines = group_spectra(edges, groups, nominal_response(0.15))
    hump = np.exp(-0.5 * np.square((energies - 14.0) / 6.0)) * (energies > 0.8)
    rng = np.random.default_rng(0)
    areas = rng.gamma(2.0, 0.5, (7200, len(groups))) * [18_000, 900, 700, 2_000, 650, 2_400]
    return rng.poisson(areas @ lines + 35_000 * hump / hump.sum()).astype(np.uint32), np.full(7200, 3.0)


def _per_s(run: Callable[[], object], spectra: int, repeats: int) -> float:
    run()
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        seconds.append(time.process_time() - start)
    return spectra / min(seconds)


def _one_by_one(stack: Stack, spectra: int) -> None:
    for i in range(spectra):
        stack.model.fit(stack.counts[i : i + 1], stack.live_s[i : i + 1])


def _peer_rates(stack: Stack, repeats: int) -> dict[str, float]:
    if not is_installed():
        return {}
    many = np.concatenate([stack.counts] * _BATCHES)

    def rate(background: Background) -> float:
        return _per_s(lambda: fit_with_pymca(stack.model, many, background=background), len(many), repeats)

    few = stack.counts[:: max(len(stack.counts) // _COMPARED, 1)]
    return {
        "PyMca, fast linear fit, polynomial": rate("polynomial"),
        "PyMca, fast linear fit, SNIP": rate("SNIP"),
        "PyMca, each spectrum's own weights": _per_s(
            lambda: fit_with_pymca(stack.model, few, weights="individual"), len(few), 1
        ),
    }


def _least_seconds_each(model: SpectrumModel) -> float:
    """Seconds a spectrum that no fit of this kind can undercut on this machine."""
    reading = 2.0 * model.sum_fit.shape.channels / _read_bytes_per_s()
    return max(reading, model.weighted.size / _multiply_adds_per_s())


def _read_bytes_per_s() -> float:
    numbers = np.ones(2**25, np.float32)
    return numbers.nbytes * _per_s(lambda: float(numbers.sum()), 1, 3)


def _multiply_adds_per_s() -> float:
    square = np.ones((1024, 1024), np.float32)
    return 1024.0**3 * _per_s(lambda: square @ square, 1, 3)


def _agreement(stack: Stack) -> list[Row]:
    step = max(len(stack.counts) // _COMPARED, 1)
    found = agreement(stack.model, stack.counts[::step], stack.live_s[::step])
    size = f"{stack.name}, {len(stack.counts[::step]):,} spectra"
    rows = []
    for element, one in found.items():
        rows += [
            Row(f"{element} against PyMca: slope", size, one.slope, "x"),
            Row(f"{element} against PyMca: chi-square", size, one.chi2, ""),
            Row(f"{element} against PyMca: chi-square about a line", size, one.chi2_about_line, ""),
        ]
    return rows


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two maps of one element compare, spectrum by spectrum."""

    slope: float
    """PyMca's counts over ours, of a straight line through all spectra."""
    offset: float
    """Of the same line, in standard errors of one spectrum."""
    correlation: float
    chi2: float
    """Mean squared difference over the sum of both variances. Both fit the same counts: perfect twins give 0."""
    chi2_about_line: float
    """The same about that line."""


def agreement(
    model: SpectrumModel, counts: NDArray[np.unsignedinteger], live_s: NDArray[np.float64]
) -> dict[str, Agreement]:
    """Compare our rates with PyMca's, with each spectrum's own weights, for every element that both map."""
    ours, theirs = model.fit(counts, live_s), fit_with_pymca(model, counts, weights="individual")
    found = {}
    for column, element in enumerate(theirs.elements):
        if element not in model.elements:
            continue
        i = model.elements.index(element)
        mine, other = ours.values[:, i] * live_s, theirs.counts[:, column]
        variance = ours.variance[:, i] * live_s**2 + theirs.errors[:, column] ** 2
        slope, offset = np.polyfit(mine, other, 1)
        found[element] = Agreement(
            slope=float(slope),
            offset=float(offset / np.sqrt(variance.mean() / 2)),
            correlation=float(np.corrcoef(mine, other)[0, 1]),
            chi2=float(np.mean(np.square(other - mine) / variance)),
            chi2_about_line=float(np.mean(np.square(other - slope * mine - offset) / variance)),
        )
    return found
