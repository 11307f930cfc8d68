"""Which exposures a journal holds, and what is recorded under one's index: each is recorded once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from edge.events import Measured, ScanEvent
from edge.faults import IntegrityError
from edge.record.block import decode_columns, decode_spectra
from edge.record.damage import DamagedRecord
from edge.record.exposure_codec import decode_exposure, exposure_of, is_same_measurement
from edge.record.schema import BLOCK_COLUMNS, EXPOSURE_COLUMNS, TRUNCATED
from firmware_bridge.messages import ExposureDone

_PAGE = 1024
_BLOCKS = f"SELECT {BLOCK_COLUMNS} FROM blocks ORDER BY last_seq DESC"
_FULL = f"SELECT exposure_index FROM exposures WHERE (flags & {TRUNCATED}) = 0"


class Known:
    """Indices of the exposures that are recorded in full: some bytes for a thousand neighbours."""

    def __init__(self) -> None:
        self._pages: dict[int, int] = {}

    @classmethod
    def of(cls, connection: sqlite3.Connection, path: Path) -> Self:
        """What a journal of the present format holds."""
        known = cls()
        known.add(index for (index,) in connection.execute(_FULL))
        for block in connection.execute(_BLOCKS):
            known.add(row[1] for row in _columns_of(block, path))
        return known

    def add(self, indices: Iterable[int]) -> None:
        """Take indices in."""
        for index in indices:
            page, bit = divmod(index, _PAGE)
            self._pages[page] = self._pages.get(page, 0) | 1 << bit

    def __contains__(self, index: int) -> bool:
        page, bit = divmod(index, _PAGE)
        return bool(self._pages.get(page, 0) >> bit & 1)

    def has_news_only(self, events: Sequence[ScanEvent]) -> bool:
        """Whether events bring each full exposure for the first time, and no truncated one."""
        indices = [event.done.index for event in events if isinstance(event, Measured)]
        return (
            len(set(indices)) == len(indices)
            and not any(index in self for index in indices)
            and not any(isinstance(event, Measured) and event.done.flags & TRUNCATED for event in events)
        )


def without_repeats(
    connection: sqlite3.Connection, path: Path, events: Sequence[ScanEvent], known: Known
) -> list[ScanEvent]:
    """Events without the exposures that are recorded already, or stand twice among them.

    Raises
    ------
    IntegrityError
        An exposure's index is recorded with another measurement, or what is recorded of it is damaged.
    """
    kept: list[ScanEvent] = []
    recorded: dict[int, list[ExposureDone]] = {event.done.index: [] for event in events if isinstance(event, Measured)}
    for done in _recorded(connection, path, frozenset(recorded), known):
        recorded[done.index].append(done)
    for event in events:
        if isinstance(event, Measured):
            earlier = recorded[event.done.index]
            if any(is_same_measurement(event.done, other) for other in earlier):
                continue
            if any(_are_both_full(event.done, other) for other in earlier):
                raise IntegrityError(
                    f"{path}: exposure {event.done.index} arrived twice with different measurements:"
                    " the controller's exposures are not those of this scan; start another one"
                )
            earlier.append(event.done)
        kept.append(event)
    return kept


def _recorded(
    connection: sqlite3.Connection, path: Path, indices: frozenset[int], known: Known
) -> Iterator[ExposureDone]:
    """Everything recorded under indices: rows through the index of each kind, blocks from the newest on."""
    sought = {index for index in indices if index in known}
    for index in indices:
        for kind in ("= 0", "<> 0"):
            query = (
                f"SELECT {EXPOSURE_COLUMNS} FROM exposures WHERE exposure_index = ? AND (flags & {TRUNCATED}) {kind}"
            )
            for row in connection.execute(query, (index,)):
                try:
                    yield decode_exposure(row).done
                except DamagedRecord as reason:
                    raise _damage(path, row[0], reason) from None
                if kind == "= 0":
                    sought.discard(index)
    blocks = connection.execute(_BLOCKS)
    while sought and (block := blocks.fetchone()) is not None:
        found = [(place, row) for place, row in enumerate(_columns_of(block, path)) if row[1] in sought]
        if found:
            counts = decode_spectra(block)
            yield from (exposure_of(row, counts[place]).done for place, row in found)
            sought -= {row[1] for _, row in found}


def _columns_of(block: tuple[Any, ...], path: Path) -> list[tuple[Any, ...]]:
    try:
        return decode_columns(block)
    except DamagedRecord as reason:
        raise _damage(path, block[1], reason) from None


def _damage(path: Path, seq: int, reason: DamagedRecord) -> IntegrityError:
    return IntegrityError(f"{path}: record {seq} is damaged ({reason}): keep the file")


def _are_both_full(one: ExposureDone, other: ExposureDone) -> bool:
    return not (one.flags & TRUNCATED or other.flags & TRUNCATED)
