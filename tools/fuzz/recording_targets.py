"""What is read of recordings: records, plans, journals, maps files, archives, and what processes leave each other.

Whoever makes a hostile recording computes its check sums, so records come here with sound ones. Files of fixed layout
are fuzzed by patches.
"""

from __future__ import annotations

import atexit
import json
import shutil
import struct
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from calibration.registration_record import registration_from_dict
from edge.events import Closed, Measured, Opened, Paused, Planned, ScanEvent
from edge.faults import EdgeError, IntegrityError, UsageError
from edge.grid import ScanGrid
from edge.maps import ElementMaps
from edge.motion.kinematics import StageModel
from edge.npz import load_arrays
from edge.planning.plan import make_plan, plan_from_json, plan_to_json
from edge.record import event_codec, exposure_codec
from edge.record.check import check_journal
from edge.record.damage import DamagedRecord
from edge.record.event_codec import decode_event, encode_event
from edge.record.exposure_codec import decode_exposure, encode_exposure
from edge.record.journal import Journal
from edge.record.maps_file import read_maps, write_maps
from edge.record.reader import JournalReader
from edge.recordings.receipt import NAME, Receipt, read_receipt, write_receipt
from edge.stopping.figure import figure_from_json
from firmware_bridge.messages import ExposureDone, ExposureFlag, StagePose
from models.sampling import SamplingMask
from tools.fuzz.kept import kept
from tools.fuzz.patches import patched
from tools.fuzz.properties import Target, require

_AT: Final = "2026-01-02T03:04:05.000006+00:00"
_KINDS: Final = tuple(event_codec.KINDS)


def events(octets: bytes) -> None:
    """A body under a sound check sum: an event, or refused; an event is written as it was read."""
    kind = _KINDS[octets[0] % len(_KINDS)].encode() if octets else b"paused"
    body = octets[1:]
    row = (1, kind, _AT.encode(), body, event_codec.event_crc(1, kind, _AT.encode(), body))
    try:
        event = decode_event(row)
    except DamagedRecord:
        return
    try:
        again = encode_event(1, event)
    except ValueError:
        # what no scan writes may be read and not written: letters without a code, say
        return
    require(type(decode_event(_as_bytes(again))) is type(event), f"{event!r} comes back as another kind")


def exposures(octets: bytes) -> None:
    """Channels, flags and a spectrum under a sound check sum: an exposure, or refused."""
    channels, flags = struct.unpack("<Hh", octets[:4].ljust(4, b"\0"))
    numbers = (0.0,) * 10
    columns = (1, 2, _AT.encode(), *numbers, flags, channels, octets[4:])
    row = (*columns, exposure_codec.exposure_crc(columns, None), None)
    try:
        done = decode_exposure(row).done
    except DamagedRecord:
        return
    require(done.counts.shape == (channels,), f"{done.counts.shape[0]} channels come of {channels}")


def plans(octets: bytes) -> None:
    """Text: a plan that is written as it was read, or refused."""
    try:
        plan = plan_from_json(octets.decode("utf-8", "replace"))
    except IntegrityError:
        return
    require(plan_from_json(plan_to_json(plan)).digest == plan.digest, "a plan comes back as another one")


def journals(octets: bytes) -> None:
    """A patched journal: read to its end, or refused; what it says is intact can be read."""
    path = _scratch() / "journal.sqlite"
    _clear(path)
    path.write_bytes(patched(_journal(), octets))
    try:
        check = check_journal(path)
        with JournalReader(path) as reader:
            count = sum(1 for _ in reader.events())
    except (IntegrityError, UsageError):
        return
    require(count <= check.records, f"{count} records come of {check.records}")


def maps_files(octets: bytes) -> None:
    """A patched maps file: maps as they were, or refused; where a text changed with its check sum, other names."""
    path = _scratch() / "maps.h5"
    path.write_bytes(patched(_maps(), octets))
    try:
        read = read_maps(path)
    except IntegrityError:
        return
    require(read.element_maps.maps.nbytes <= 4 * len(_maps()), "maps are larger than their file")


def archives(octets: bytes) -> None:
    """An ``.npz``, whole or patched: plain arrays, or refused."""
    path = _scratch() / "raster.npz"
    path.write_bytes(octets if octets[:2] == b"PK" else patched(_archive(), octets))
    try:
        arrays = load_arrays(path)
    except UsageError:
        return
    require(all(array.dtype.kind != "O" for array in arrays.values()), "an array holds Python objects")


def notes(octets: bytes) -> None:
    """What processes leave each other, and a copy's receipt: read, or refused."""
    text = octets.decode("utf-8", "replace")
    for read in (figure_from_json, lambda given: registration_from_dict(json.loads(given))):
        try:
            read(text)
        except (ValueError, TypeError, AttributeError, RecursionError, OverflowError):
            continue
    (_scratch() / NAME).write_bytes(octets)
    try:
        read_receipt(_scratch())
    except EdgeError:
        return


def _as_bytes(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(value.encode() if isinstance(value, str) else value for value in row)


@cache
def _scratch() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="pointillist-fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _clear(path: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _events() -> Iterator[ScanEvent]:
    yield Opened(_AT, "scan", "area:\n", (("pointillist", "0.1.0"),), 7)
    yield Planned(_AT, _plan(), "aa")
    for index in range(6):
        yield Measured(_AT, _done(index))
    yield Paused(_AT, "lunch")
    yield Closed(_AT, "aborted")


def _done(index: int) -> ExposureDone:
    counts = np.random.default_rng(index).poisson(2.0, 48).astype(np.uint32)
    pose = StagePose(1.0 * index, 2.0)
    return ExposureDone(index, pose, pose, 0.11, 0.1, 1.0, 1.1, 1e3, 9e2, ExposureFlag.NONE, counts)


@cache
def _plan() -> str:
    cells = np.eye(4, dtype=np.bool_)
    plan = make_plan(
        grid=ScanGrid(0.0, 0.0, 1.0, 4, 4),
        mask=SamplingMask(cells, 0.25, "gradient", "exact", 0),
        dwell_s=0.1,
        stage=StageModel(10.0, 100.0),
        registration_digest="aa",
    )
    return plan_to_json(plan)


@cache
def _journal() -> bytes:
    path = _scratch() / "whole.sqlite"
    with Journal.create(path) as journal:
        journal.append(list(_events()))
    return path.read_bytes()


@cache
def _maps() -> bytes:
    path = _scratch() / "whole.h5"
    some = np.random.default_rng(0).random((4, 5, 2)).astype(np.float32)
    write_maps(path, ElementMaps(("Fe", "Pb-L"), some, some, np.ones((4, 5), np.bool_), "kriging"))
    return path.read_bytes()


@cache
def _archive() -> bytes:
    path = _scratch() / "whole.npz"
    np.savez(path, maps=np.zeros((2, 3, 2), np.float32), elements=np.array(["Fe", "Pb"]))
    return path.read_bytes()


def _event_seeds() -> Sequence[bytes]:
    rows = [encode_event(1, event) for event in _events() if not isinstance(event, Measured)]
    return [*(bytes([_KINDS.index(row[1])]) + row[3] for row in rows), *kept("events")]


def _exposure_seeds() -> Sequence[bytes]:
    row = encode_exposure(1, Measured(_AT, _done(3)))
    return [struct.pack("<Hh", row[14], row[13]) + row[15], *kept("exposures")]


def _plan_seeds() -> Sequence[bytes]:
    return [_plan().encode(), *kept("plans")]


def _patch_seeds(name: str) -> Sequence[bytes]:
    return [struct.pack("<IB", 60, 2) + b"\0\1", struct.pack("<IB", 4_200, 1) + b"\xff", *kept(name)]


def _note_seeds() -> Sequence[bytes]:
    write_receipt(_scratch(), Receipt("aa", is_complete=True, is_final=True, records=3, files={"scan.yaml": "bb"}))
    receipt = (_scratch() / NAME).read_bytes()
    estimate = {"rmse": 0.1, "low": 0.1, "high": 0.2, "floor": 0.0}
    figure = {"exposures": 3, "held_out": 2, "overall": estimate, "elements": [["Fe", estimate]]}
    return [receipt, json.dumps(figure | {"within_one": 0.7, "within_two": 0.9}).encode(), *kept("notes")]


TARGETS = {
    "recorded-events": Target(events, _event_seeds),
    "recorded-exposures": Target(exposures, _exposure_seeds),
    "recorded-plans": Target(plans, _plan_seeds),
    "journals": Target(journals, lambda: _patch_seeds("journals")),
    "maps-files": Target(maps_files, lambda: _patch_seeds("maps")),
    "archives": Target(archives, lambda: [_archive(), *_patch_seeds("archives")]),
    "notes": Target(notes, _note_seeds),
}
