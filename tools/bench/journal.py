"""The journal: exposures a second with every promise kept, and its size beside coders of the spectra alone."""

from __future__ import annotations

import lzma
import os
import tempfile
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.beam.session import utc_now
from edge.events import Measured
from edge.record.journal import Journal, JournalReader
from firmware_bridge.messages import ExposureDone, ExposureFlag, StagePose
from tools.bench.spectra import hands_counts, in_half_channels
from tools.bench.table import Row

TARGET_BATCHED_PER_S = 5_000.0
TARGET_SYNCED_PER_S = 200.0
TARGET_SIZE = 1.3
CHANNELS = 2_048
SPECTRA = 4_096
"""At the most: of long dwells a quarter will do."""
_BATCH = 64
_ONE_BY_ONE = 200
_SUSTAINED = 40_000
"""Exposures that are appended without a break: many foldings of the log, and longer than caches hold back."""
_ZSTD_LEVEL = 19
_FEW = 100
NOTES = (
    "Spectra of the painted hands, two half channels to one, each count kept by chance until the mean is as named; "
    "without the measurement data, made-up ones. Poses, times and rates are those of a controller that counts "
    "micrometres, microseconds and events, and differ from exposure to exposure.",
    "Durability as in a scan: append returns when SQLite has synced its log, checkpoints included. Batches of 64 are "
    "what a scan takes at a time. The limit of one by one is the disk's own rate of syncs, 4 KiB appended each time, "
    "measured in turn; that of batches is 64 times it, or one processor's time, whichever is less. Per second of "
    "the clock, everything else on this machine included; the row with processor time leaves other work and the disk "
    "out.",
    "Size: the whole closed file, times, positions, events and empty pages included, over zstd -19 of the spectra "
    "alone, 32-bit counts in one block (the limit: a ratio of 1). Peers' sizes are of the spectra alone, too. zstd "
    "needs the module zstandard; without it, xz stands in, which is smaller by some percent.",
)


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """Spectra as a dwell gives them."""

    name: str
    mean_counts: float
    live_us: int


KINDS = (
    Kind("1 ms at 10 kcps", 10, 1_000),
    Kind("1 ms at 30 kcps", 30, 1_000),
    Kind("10 ms at 30 kcps", 300, 10_000),
    Kind("100 ms at 30 kcps", 3_000, 100_000),
    Kind("rich, all there is", 66_000, 2_000_000),
)


def measure(repeats: int) -> list[Row]:
    """Throughput and size for each kind."""
    full = _full()
    rows: list[Row] = []
    for kind in KINDS:
        counts = thinned(full[: SPECTRA if kind.mean_counts < _FEW else SPECTRA // 4], kind.mean_counts)
        done = exposures(counts, kind.live_us)
        rows += _rates(kind, done, repeats)
        rows += _sizes(kind, done, counts)
    return rows


def _full() -> NDArray[np.uint32]:
    found = hands_counts()
    if found is None:
        rng = np.random.default_rng(2)
        shape = 4 * np.exp(-np.linspace(0, 6, CHANNELS))
        peaks = sum(90 * np.exp(-(((np.arange(CHANNELS) - at) / 9) ** 2)) for at in rng.integers(100, 1900, 12))
        made: NDArray[np.uint32] = rng.poisson(shape + peaks, (SPECTRA, CHANNELS)).astype(np.uint32)
        return made
    return in_half_channels(found[0], seed=1)[:SPECTRA].astype(np.uint32)


def thinned(full: NDArray[np.uint32], mean_counts: float) -> NDArray[np.uint32]:
    """The same spectra with each count kept by chance, so that their mean is as given; never more than there are."""
    kept = min(1.0, mean_counts / float(full.sum(axis=1).mean()))
    if kept > 0.99:
        return full
    return np.random.default_rng(3).binomial(full, kept).astype(np.uint32)


def exposures(counts: NDArray[np.uint32], live_us: int) -> list[ExposureDone]:
    """Spectra with what a controller tells beside them."""
    rng = np.random.default_rng(4)
    done = []
    for index, spectrum in enumerate(counts):
        events = int(spectrum.sum())
        x_um, y_um = index % 120 * 500 + int(rng.integers(-2, 3)), index // 120 * 500 + int(rng.integers(-2, 3))
        real_us = live_us + 2 * events + int(rng.integers(0, 5))
        opened_us = index * (live_us + 20_000) + int(rng.integers(0, 400))
        done.append(
            ExposureDone(
                index=index,
                start=StagePose(x_um / 1e3, y_um / 1e3),
                end=StagePose((x_um + int(rng.integers(-1, 2))) / 1e3, y_um / 1e3),
                real_s=real_us / 1e6,
                live_s=live_us / 1e6,
                opened_at_s=opened_us / 1e6,
                closed_at_s=(opened_us + real_us) / 1e6,
                input_rate_hz=(events + int(rng.integers(0, 9))) / (live_us / 1e6),
                output_rate_hz=events / (real_us / 1e6),
                flags=ExposureFlag.NONE,
                counts=spectrum,
            )
        )
    return done


def _rates(kind: Kind, done: list[ExposureDone], repeats: int) -> list[Row]:
    """Batches, one by one, and reading; the fastest of the repeats."""
    size = f"{kind.name}, {CHANNELS:,} channels"
    batched = [_appended(done, _BATCH) for _ in range(repeats)]
    alone, syncs = max(_one_by_one(done[:_ONE_BY_ONE]) for _ in range(repeats))
    per_cpu_s = max(cpu for _, cpu, _ in batched)
    sustained, _, _ = _appended(_again(done, _SUSTAINED), _BATCH)
    return [
        Row(
            f"append, batches of 64, {_SUSTAINED:,} on end",
            size,
            sustained,
            "1/s",
            limit=min(_BATCH * syncs, per_cpu_s),
            target=TARGET_BATCHED_PER_S,
        ),
        Row(
            "append, batches of 64",
            size,
            max(rate for rate, _, _ in batched),
            "1/s",
            limit=min(_BATCH * syncs, per_cpu_s),
            target=TARGET_BATCHED_PER_S,
        ),
        Row("append, per s of processor", size, per_cpu_s, "1/s", target=TARGET_BATCHED_PER_S),
        Row(
            "append, one by one",
            size,
            alone,
            "1/s",
            limit=syncs,
            target=TARGET_SYNCED_PER_S,
        ),
        Row("read back as arrays", size, max(read for _, _, read in batched), "1/s"),
    ]


def _again(done: list[ExposureDone], count: int) -> list[ExposureDone]:
    """So many exposures, the same ones again and again under new indices."""
    return [replace(done[index % len(done)], index=index) for index in range(count)]


def _appended(done: list[ExposureDone], batch: int) -> tuple[float, float, float]:
    """Exposures appended per second of the clock and of the processor, and read back per second."""
    with tempfile.TemporaryDirectory(dir=_folder()) as folder:
        path = Path(folder) / "journal.sqlite"
        with Journal.create(path) as journal:
            began_s, began_cpu_s = time.perf_counter(), time.process_time()
            for first in range(0, len(done), batch):
                journal.append([Measured(utc_now(), each) for each in done[first : first + batch]])
            took_s, took_cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
        began_s = time.perf_counter()
        with JournalReader(path) as reader:
            found = len(reader.measured_arrays())
        return len(done) / took_s, len(done) / took_cpu_s, found / (time.perf_counter() - began_s)


def _one_by_one(done: list[ExposureDone]) -> tuple[float, float]:
    """Exposures appended one by one a second, and how often a second the disk syncs 4 KiB, both in turn."""
    page, appending_s, syncing_s = os.urandom(4096), 0.0, 0.0
    with (
        tempfile.TemporaryDirectory(dir=_folder()) as folder,
        Journal.create(Path(folder) / "journal.sqlite") as journal,
        (Path(folder) / "plain").open("wb", 0) as file,
    ):
        for each in done:
            began_s = time.perf_counter()
            journal.append([Measured(utc_now(), each)])
            between_s = time.perf_counter()
            file.write(page)
            os.fdatasync(file.fileno())
            appending_s += between_s - began_s
            syncing_s += time.perf_counter() - between_s
    return len(done) / appending_s, len(done) / syncing_s


def _folder() -> Path:
    """On the disk that recordings lie on: temporary folders may be memory."""
    runs = Path("runs")
    runs.mkdir(exist_ok=True)
    return runs


def _sizes(kind: Kind, done: list[ExposureDone], counts: NDArray[np.uint32]) -> list[Row]:
    """The closed journal's size against coders of the spectra alone, in bytes an exposure, and the ratio asked for."""
    size = f"{kind.name}, {len(done):,}"
    raw = counts.astype("<u4").tobytes()
    best_name, best = _best_block(raw)
    peers = {
        best_name: best,
        "raw, 32 bits": len(raw),
        "zlib 9 in one block": len(zlib.compress(raw, 9)),
        "HDF5, gzip 9 and shuffle": _hdf5_bytes(counts),
    }
    whole = _journal_bytes(done)
    rows = [Row("journal, all of it", size, whole / len(done), "B", peer=best / len(done))]
    rows += [Row(name, size, found / len(done), "B") for name, found in peers.items()]
    return [*rows, Row(f"journal over {best_name}", size, whole / best, "B", limit=1.0, target=TARGET_SIZE)]


def _best_block(raw: bytes) -> tuple[str, int]:
    coder: Callable[[bytes], bytes]
    try:
        import zstandard
    except ImportError:
        return "xz in one block", len(lzma.compress(raw, preset=9))
    coder = zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress
    return "zstd -19 in one block", len(coder(raw))


def _journal_bytes(done: list[ExposureDone]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.sqlite"
        with Journal.create(path) as journal:
            for first in range(0, len(done), _BATCH):
                journal.append([Measured(utc_now(), each) for each in done[first : first + _BATCH]])
        return path.stat().st_size


def _hdf5_bytes(counts: NDArray[np.uint32]) -> int:
    import h5py

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spectra.h5"
        with h5py.File(path, "w") as file:
            file.create_dataset(
                "counts", data=counts, chunks=(_BATCH, CHANNELS), compression="gzip", compression_opts=9, shuffle=True
            )
        return path.stat().st_size
