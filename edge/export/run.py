"""The command: a recording in, a file or folder that is whole or absent out."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from edge.console import Console
from edge.export import FORMATS
from edge.export.contents import Contents
from edge.export.format import Format
from edge.export.gather import contents_of
from edge.faults import UsageError
from edge.record.durable import sync_file, sync_folder


def export_recording(folder: Path, *, name: str, out: Path | None, console: Console) -> Path:
    """Write a recording as a format, beside the recording or where it is wanted; gives the place.

    Raises
    ------
    UsageError
        No such format or recording, something is there already, or the place cannot be written.
    IntegrityError
        The recording is damaged.
    """
    kind = FORMATS.get(name)
    if kind is None:
        raise UsageError(f"format {name!r} is not known: give one of {', '.join(FORMATS)}")
    place = out or _beside(folder, kind)
    _refuse_inside(place, folder)
    _refuse_taken(place)
    with contents_of(folder, console) as contents:
        if kind.needs_maps and contents.maps is None:
            raise UsageError(f"{folder}: has no maps, and {name} holds nothing else: export its spectra, as nexus")
        _put(place, kind, contents, console)
    console.say(f"{contents.exposures} spectra on {contents.grid.words}")
    console.say(f"Energy scale: {contents.scale.origin}")
    console.say(f"Written: {place}")
    return place


def _beside(folder: Path, kind: Format) -> Path:
    if folder.name in ("", ".."):
        folder = folder.resolve()
    return folder.parent / f"{folder.name}{kind.ending}"


def _refuse_inside(place: Path, folder: Path) -> None:
    if folder.resolve() in place.resolve().parents:
        raise UsageError(f"{place}: lies in the recording, which stays as it is: give a place outside with --out")


def _refuse_taken(place: Path) -> None:
    if place.exists() or place.is_symlink():
        raise UsageError(f"{place}: is there already, and nothing is overwritten: give another place with --out")
    if not place.parent.is_dir():
        raise UsageError(f"{place.parent}: no such folder: make it, or give another place with --out")


def _put(place: Path, kind: Format, contents: Contents, console: Console) -> None:
    """Write beside the place, sync, and rename, so that what has its name is whole."""
    part = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        if kind.is_folder:
            part.mkdir()
        with console.progress("Writing", contents.exposures) as progress:
            kind.write(part, contents, progress)
        for file in part.iterdir() if kind.is_folder else [part]:
            sync_file(file)
        _refuse_taken(place)
        part.rename(place)
        sync_folder(place.parent)
    except OSError as error:
        reason = error.strerror or (str(error).splitlines() or [""])[0]
        raise UsageError(f"{place}: cannot be written ({reason}): free space, or give another place") from None
    finally:
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)
