"""A scan's spectra in ranges: added up, learned from as a whole, and fitted one by one."""

from __future__ import annotations

import hashlib
import math
import pickle
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.faults import IntegrityError
from edge.folds.standard_course import StandardCourse, course_of
from edge.maps import Samples
from edge.record.reader import JournalReader, MeasuredArrays
from edge.reprocess.job import worker_name
from edge.reprocess.look import Look, Range, opened
from edge.reprocess.pieces import Pieces
from edge.results import FittedPart, portions, spectrum_model
from edge.results import fitted_part as fitted
from edge.spectra.drift import BlockSums
from edge.spectra.scan_fit import ScanFit, fit_of_scan


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What all spectra of a scan together say: every range is fitted by it."""

    fit: ScanFit
    standard: StandardCourse
    sum_counts: NDArray[np.float64]
    digest: str
    """Ranges that were fitted by another one are not used."""


@dataclass(frozen=True, slots=True, eq=False)
class _Portion:
    """Exposures that were added up."""

    after_seq: int
    last_seq: int
    sum_counts: NDArray[np.float64]
    totals: NDArray[np.int64]
    """Counts of each, in their order."""


def add_up(look: Look, number: int) -> str:
    """Read a range once: counts of each exposure, and sums of some thousand at a time; gives the worker's name."""
    look.job.enter()
    pieces, name = look.job.pieces, f"sums-{number}.npz"
    if pieces.has(name):
        return worker_name()
    portion = look.ranges[number]
    found: list[_Portion] = []
    lives: list[NDArray[np.float64]] = []
    after = portion.after_seq
    for batch in _batches(look, portion):
        total = batch.counts.sum(axis=0, dtype=np.float64)
        found.append(_Portion(after, batch.last_seq, total, batch.counts.sum(axis=1, dtype=np.int64)))
        lives.append(batch.telling().live_s)
        after = batch.last_seq
    pieces.keep(
        name,
        {
            "seqs": np.array([(one.after_seq, one.last_seq, len(one.totals)) for one in found], np.int64),
            "sums": np.array([one.sum_counts for one in found]),
            "totals": np.concatenate([one.totals for one in found]),
            "live_s": np.concatenate(lives),
        },
    )
    return worker_name()


def learn(look: Look) -> Learned:
    """Energy scale, its drift, elements and background, from the sums of all ranges."""
    look.job.enter()
    found, lives = _added_up(look)
    blocks = _blocks(look, found)
    config = look.config
    standard = course_of(look.visits, config)
    live_s = math.fsum(lives)
    fit = fit_of_scan(blocks, live_s, lambda total, seconds: spectrum_model(total, seconds, config), standard.scale)
    digest = hashlib.sha256(pickle.dumps((fit, standard))).hexdigest()
    return Learned(fit, standard, blocks.total(), digest)


def fit_range(look: Look, learned: Learned, number: int) -> str:
    """Fit the spectra of a range; gives the worker's name."""
    look.job.enter()
    pieces, name = look.job.pieces, fits_name(learned, number)
    if pieces.has(name):
        return worker_name()
    first = look.ranges[number].first
    parts: list[FittedPart] = []
    for batch in _batches(look, look.ranges[number]):
        parts.append(fitted(batch, learned.fit, learned.standard.output, look.grid, first=first))
        first += len(batch)
    samples = Samples.joined([part.samples for part in parts])
    pieces.keep(
        name,
        {
            "rows": samples.rows,
            "columns": samples.columns,
            "values": samples.values,
            "variance": samples.variance,
            **({} if samples.ends is None else {"ends": samples.ends}),
            "live_s": np.concatenate([part.live_s for part in parts]),
            "indices": np.concatenate([part.indices for part in parts]),
        },
    )
    return worker_name()


def fits_name(learned: Learned, number: int) -> str:
    """Of the piece that holds a range's rates."""
    return f"fits-{number}-{learned.digest[:12]}.npz"


def fitted_parts(look: Look, learned: Learned) -> Iterator[FittedPart]:
    """The rates of all ranges, in their order."""
    for number in range(len(look.ranges)):
        piece = look.job.pieces.load(fits_name(learned, number))
        samples = Samples(piece["rows"], piece["columns"], piece["values"], piece["variance"], piece.get("ends"))
        yield FittedPart(samples, piece["live_s"], piece["indices"])


def _batches(look: Look, part: Range) -> Iterator[MeasuredArrays]:
    channels = look.config.instrument.detector.channels
    paths = look.job.recording
    with opened(paths), JournalReader(paths.journal, upto_seq=part.last_seq, mode="untouched") as reader:
        seen = 0
        for batch in portions(reader, part.after_seq):
            if batch.counts.shape[1] != channels:
                raise IntegrityError(
                    f"{paths.folder}: its spectra have {batch.counts.shape[1]} channels where its configuration says "
                    f"{channels}: this is no recording of one scan"
                )
            seen += len(batch)
            yield batch
    if seen != part.exposures:
        raise IntegrityError(
            f"{paths.folder}: changed while it was reprocessed: leave the archive alone, and run again"
        )


def _added_up(look: Look) -> tuple[list[_Portion], NDArray[np.float64]]:
    found: list[_Portion] = []
    lives: list[NDArray[np.float64]] = []
    pieces: Pieces = look.job.pieces
    for number in range(len(look.ranges)):
        piece = pieces.load(f"sums-{number}.npz")
        ends = np.cumsum(piece["seqs"][:, 2])
        totals = np.split(piece["totals"], ends[:-1])
        for (after, last, _), sum_counts, each in zip(piece["seqs"], piece["sums"], totals, strict=True):
            found.append(_Portion(int(after), int(last), sum_counts, each))
        lives.append(piece["live_s"])
    return found, np.concatenate(lives)


def _blocks(look: Look, found: list[_Portion]) -> BlockSums:
    """The blocks that `BlockSums` makes of all exposures in their order.

    Where they end follows from the counts of each exposure; only portions in which one ends are read again.
    """
    lengths_alone = BlockSums(1)
    for portion in found:
        lengths_alone.add(portion.totals[:, None].astype(np.uint64))
    lengths = lengths_alone.lengths()
    ends = np.cumsum(lengths)
    sums = np.zeros((len(lengths), look.config.instrument.detector.channels))
    first = 0
    for portion in found:
        last = first + len(portion.totals)
        begins, finishes = (int(np.searchsorted(ends, at, side="right")) for at in (first, last - 1))
        if begins == finishes:
            sums[begins] += portion.sum_counts
        else:
            for block, counts in _cut(look, portion, ends, first):
                sums[block] += counts
        first = last
    return BlockSums.of(sums, lengths)


def _cut(
    look: Look, portion: _Portion, ends: NDArray[np.intp], first: int
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """What a portion, before which ``first`` exposures were measured, gives to each block."""
    paths = look.job.recording
    with JournalReader(paths.journal, upto_seq=portion.last_seq, mode="untouched") as reader:
        for batch in portions(reader, portion.after_seq):
            blocks = np.searchsorted(ends, first + np.arange(len(batch)), side="right")
            for block in np.unique(blocks):
                yield int(block), batch.counts[blocks == block].sum(axis=0, dtype=np.float64)
            first += len(batch)
