"""What became of one scan: a few words and figures beside its maps, by which a finished scan is known again."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edge.faults import IntegrityError
from edge.reprocess.archive import PIECES
from edge.reprocess.comparison import Comparison, compared
from edge.reprocess.job import Job
from edge.reprocess.look import RESULT, Look
from edge.reprocess.pieces import Pieces

_THUMBNAIL_CELLS = 150
THUMBNAIL = "thumbnail.png"


@dataclass(frozen=True, slots=True)
class Result:
    """A scan that was reprocessed."""

    key: str
    elements: tuple[str, ...]
    method: str
    exposures: int
    rows: int
    columns: int
    pieces: int
    """That the maps were made in."""
    lines: tuple[str, ...]
    """What the operator would have read after a scan."""
    software: str
    """SHA-256, of `edge.reprocess.software.software_digest`."""
    settings: str
    """As JSON: what stood in place of the recording's own."""
    comparison: Comparison = field(default_factory=Comparison)
    """With the maps that lie beside the recording."""


def kept_result(look: Look, lines: Sequence[str], *, pieces: int) -> Result:
    """Compare a scan's new maps with its old ones, write down what became of it, and clear its pieces away."""
    import h5py

    job = look.job
    with h5py.File(job.results.maps, "r") as file:
        elements, method = tuple(str(name) for name in file["elements"].asstr()[()]), str(file.attrs["method"])
        _draw_thumbnail(file, job.results.folder / THUMBNAIL)
    result = Result(
        key=job.key,
        elements=elements,
        method=method,
        exposures=look.exposures,
        rows=look.grid.rows,
        columns=look.grid.columns,
        pieces=pieces,
        lines=tuple(lines),
        software=job.software,
        settings=job.settings.changes,
        comparison=compared(job.recording.maps, job.results.maps),
    )
    Pieces(job.results.folder).note(RESULT, asdict(result))
    clear(job)
    return result


def read_result(job: Job) -> Result:
    """What was written down.

    Raises
    ------
    IntegrityError
        It was edited.
    """
    noted = Pieces(job.results.folder).noted(RESULT)
    noted |= {key: tuple(value) for key, value in noted.items() if isinstance(value, list)}
    try:
        return Result(**{**noted, "comparison": Comparison(**noted["comparison"])})
    except (LookupError, TypeError):
        raise IntegrityError(
            f"{job.results.folder / RESULT}: is not as it was written: delete it, and run again"
        ) from None


def clear(job: Job) -> None:
    """Take a scan's pieces away, and the folders that held no others."""
    shutil.rmtree(job.pieces.folder, ignore_errors=True)
    folder = job.pieces.folder.parent
    with suppress(OSError):
        while folder.is_relative_to(job.out / PIECES):
            folder.rmdir()
            folder = folder.parent


def _draw_thumbnail(file: Any, path: Path) -> None:
    """The map with the largest mean, small."""
    from edge.report.figures import colour_limits, map_png

    maps = file["maps"]
    step = max(1, -(-max(maps.shape[:2]) // _THUMBNAIL_CELLS))
    few = maps[::step, ::step, :]
    strongest = int(np.argmax(np.nan_to_num(np.nanmean(few, axis=(0, 1)), nan=-1.0)))
    shown = few[:, :, strongest]
    path.write_bytes(map_png(shown, "viridis", colour_limits(shown)))
