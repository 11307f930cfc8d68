"""The error that held-out exposures tell, against the error that is known: is its range as wide as it should be?"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.adaptive.recorded import adaptive_mask
from edge.maps import ElementMaps
from edge.reconstruct import reconstruct
from edge.replaying.score import scale_of, score
from edge.replaying.sources import Stack, load_stack
from edge.stopping.figure import figure_of
from models.masks import MaskRequest
from tools.measurement_folder import measurement_folder
from tools.reproduce import page, provenance
from tools.reproduce.faults import ReproductionError
from tools.reproduce.options import OUT, require_counts

PORTRAIT, HANDS = "maxrf_portrait/portrait_811x285.npz", "maxrf_hands/prova1_maps.npz"
RATES = (0.05, 0.1, 0.3)
PEAK_COUNTS = (0, 100, 10)
"""Expected at each element's 99.9th percentile, with a background of a fiftieth; 0: no noise."""
HELD_OUT = (24, 50, 200)
SEEDS = 2
DRAWS = 25
_CROP, _CROPS = 160, ((100, 60), (300, 60), (550, 60))
"""Side, and first row and column, of squares of the portrait."""
_BACKGROUND = 0.02
HELP = "whether the range of the error that held-out exposures tell holds the error that is known"


@dataclass(frozen=True, slots=True, eq=False)
class _Object:
    """What is measured in thought."""

    name: str
    rates: NDArray[np.float64]
    """Relative to each element's 99.9th percentile, at least 0, shape (rows, columns, elements)."""
    elements: tuple[str, ...]
    rgb: NDArray[np.uint8] | None


@dataclass(slots=True)
class _Tally:
    """Of all draws of one object, rate, counts and number held out."""

    ratios: list[float]
    """Error told over true error."""
    holds: list[bool]
    misses: list[bool]
    """Whether the upper end is below the true error."""
    within: list[tuple[float, float]]


class HeldOutTable:
    """Coverage of the live figure."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Options of this table."""
        parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help=f"masks and noises ({SEEDS})")
        parser.add_argument("--draws", type=int, default=DRAWS, metavar="N", help=f"draws of each ({DRAWS})")
        parser.add_argument("--data", type=Path, metavar="PATH", help="instead of what POINTILLIST_DATA holds")
        parser.add_argument("--out", type=Path, default=OUT, metavar="FOLDER", help=f"where the page goes ({OUT})")
        parser.set_defaults(cache=OUT)

    def run(self, options: argparse.Namespace) -> page.Page:
        """Measure, and make the page.

        Raises
        ------
        ReproductionError
            The maps are not there, or somebody stopped it.
        UsageError
            As `load_stack`.
        """
        require_counts(seeds=options.seeds, draws=options.draws)
        try:
            tallies = self._tallies(options)
        except KeyboardInterrupt:
            raise ReproductionError(
                "stopped, and nothing is kept: begin again, with fewer --draws if need be"
            ) from None
        return page.Page(_lines(tallies, options), _rows(tallies))

    def _tallies(self, options: argparse.Namespace) -> dict[tuple[str, float, int, int], _Tally]:
        tallies: dict[tuple[str, float, int, int], _Tally] = {}
        for shown in _objects(options.data or measurement_folder()):
            for rate in RATES:
                for counts in PEAK_COUNTS:
                    for seed in range(options.seeds):
                        _add(tallies, shown, rate=rate, counts=counts, seed=seed, draws=options.draws)
        return tallies


def _objects(folder: Path) -> Iterator[_Object]:
    try:
        stack = load_stack(folder / PORTRAIT)
        with np.load(folder / HANDS) as hands:
            net, lines = hands["net"].astype(np.float64), tuple(map(str, hands["lines"]))
    except (OSError, KeyError, ValueError) as error:
        raise ReproductionError(f"{folder}: no element maps ({error}): give their folder as --data") from None
    for row, column in _CROPS:
        part = np.s_[row : row + _CROP, column : column + _CROP]
        rgb = None if stack.rgb is None else stack.rgb[part]
        yield _relative("portrait", stack.maps[part].astype(np.float64), stack.elements, rgb)
    yield _relative("hands", net, lines, None)


def _relative(
    name: str, maps: NDArray[np.float64], elements: tuple[str, ...], rgb: NDArray[np.uint8] | None
) -> _Object:
    maps = np.maximum(maps, 0)
    there = [e for e in range(maps.shape[2]) if maps[:, :, e].any()]
    rates = maps[:, :, there]
    return _Object(name, rates / scale_of(rates.reshape(-1, len(there))), tuple(elements[e] for e in there), rgb)


def _add(
    tallies: dict[tuple[str, float, int, int], _Tally],
    shown: _Object,
    *,
    rate: float,
    counts: int,
    seed: int,
    draws: int,
) -> None:
    """Measure once by listening, and draw what is held out again and again from the cells that are left."""
    random = np.random.default_rng([seed, counts])
    truth = shown.rates * (counts or 1)
    stack = _measured(shown, truth, counts, random)
    request = MaskRequest(stack.shape, round(rate * stack.known.size), rgb=stack.rgb, allowed=stack.known, seed=seed)
    cells = adaptive_mask(stack, request).cells
    maps = reconstruct(stack.samples(cells), stack.shape, elements=stack.elements, rgb=stack.rgb, method="kriging")
    true_rmse = score(maps.maps, truth.astype(np.float32)).rmse
    for number in HELD_OUT:
        tally = tallies.setdefault((shown.name, rate, counts, number), _Tally([], [], [], []))
        for _ in range(draws):
            _judge(tally, maps, stack, cells, true_rmse, random.choice(np.flatnonzero(~cells), number, replace=False))


def _judge(
    tally: _Tally,
    maps: ElementMaps,
    stack: Stack,
    cells: NDArray[np.bool_],
    true_rmse: float,
    places: NDArray[np.intp],
) -> None:
    held = np.zeros(cells.shape, np.bool_)
    held.ravel()[places] = True
    figure = figure_of(maps, stack.samples(held), stack.known, exposures=int(cells.sum()) + len(places))
    assert figure is not None
    told = figure.overall
    tally.ratios.append(told.rmse / true_rmse)
    tally.holds.append(told.low <= true_rmse <= told.high)
    tally.misses.append(told.high < true_rmse)
    tally.within.append((figure.within_one, figure.within_two))


def _measured(shown: _Object, truth: NDArray[np.float64], counts: int, random: np.random.Generator) -> Stack:
    """Every cell counted once, or known without noise."""
    values, variance = truth, np.zeros_like(truth)
    if counts:
        drawn = random.poisson(truth + _BACKGROUND * counts).astype(np.float64)
        values, variance = drawn - _BACKGROUND * counts, drawn
    return Stack(
        maps=values.astype(np.float32),
        variance=variance.astype(np.float32),
        elements=shown.elements,
        rgb=shown.rgb,
        known=np.ones(truth.shape[:2], np.bool_),
        is_full=True,
        unit="counts",
    )


def _rows(tallies: dict[tuple[str, float, int, int], _Tally]) -> list[page.CsvRow]:
    return [
        {
            "object": name,
            "rate": rate,
            "peak_counts": counts,
            "held_out": number,
            "draws": len(tally.ratios),
            "told_over_true": page.rounded(float(np.mean(tally.ratios))),
            "told_over_true_sd": page.rounded(float(np.std(tally.ratios))),
            "range_holds": page.rounded(float(np.mean(tally.holds))),
            "upper_end_below": page.rounded(float(np.mean(tally.misses))),
            "within_one": page.rounded(float(np.mean([one for one, _ in tally.within]))),
            "within_two": page.rounded(float(np.mean([two for _, two in tally.within]))),
        }
        for (name, rate, counts, number), tally in sorted(tallies.items())
    ]


def _lines(tallies: dict[tuple[str, float, int, int], _Tally], options: argparse.Namespace) -> list[str]:
    lines = [
        "# Error by exposures held out",
        "",
        "Sampling that listens, `kriging`, on three squares of 160 x 160 cells of a portrait (6 elements, photograph) "
        "and on the hands (60 x 120 cells, 14 lines, none); every value as it is, or counted, with so many expected "
        "counts at each element's 99.9th percentile and a background of a fiftieth of them. "
        f"{options.seeds} masks and noises of each, and of each {options.draws} draws of the exposures held out from "
        "the cells that the maps do not know. The error is that of all elements together, over the whole area, against "
        "the truth without noise, scaled by the truth's percentiles.",
        "",
        "*Told / true*: mean and standard deviation of the error told over the true one. *Range holds*: how often the "
        "true error lies within one standard error; 68 % if Gaussian. *Upper end below*: how often a scan would have "
        "stopped at the true error too soon; 16 %. *Within one, two*: shares of held-out values within so many "
        "standard errors of the maps.",
        "",
        "What is systematic in *told / true* comes from the scale, which is the maps' own: where rare peaks are still "
        "hidden it is too small and the error told too large, where noise raises the maps' peaks it is the other way. "
        "Its root mean square over the cases with 200 held out is a tenth, which the range allows for; where the scale "
        "is right, the range therefore holds the true error more often than it says.",
        "",
    ]
    header = ["object, rate, counts", "held out", "told / true", "range holds", "upper end below", "within one, two"]
    rows = []
    for row in _rows(tallies):
        noise = "no noise" if row["peak_counts"] == 0 else f"{row['peak_counts']} counts"
        rows.append(
            [
                f"{row['object']}, {100 * float(row['rate'] or 0):g} %, {noise}",
                str(row["held_out"]),
                f"{float(row['told_over_true'] or 0):.2f} ± {float(row['told_over_true_sd'] or 0):.2f}",
                f"{100 * float(row['range_holds'] or 0):.0f} %",
                f"{100 * float(row['upper_end_below'] or 0):.0f} %",
                f"{100 * float(row['within_one'] or 0):.0f}, {100 * float(row['within_two'] or 0):.0f} %",
            ]
        )
    return [*lines, *page.table(header, rows), f"Measured with {provenance.versions()}.", ""]


TABLE = HeldOutTable()
