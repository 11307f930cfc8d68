"""Calibrations as files: YAML with a digest, and pictures beside it; an older one is never replaced."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

FORMAT = "pointillist-calibration"
VERSION = 1
_LONGEST = 16 * 1024 * 1024
_NAME = re.compile(r"^[a-z0-9][a-z0-9-]*$")
_KEYS = {"format", "version", "kind", "made_at", "content", "pictures", "digest"}


class DamagedCalibration(ValueError):
    """A stored calibration that is missing, of another kind, too new, or not as it was written."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredCalibration:
    """What a calibration's file holds."""

    path: Path
    kind: str
    made_at: str
    """UTC, ISO 8601."""
    digest: str
    """SHA-256 over everything else, hexadecimal: the calibration's name in journals and reports."""
    content: dict[str, Any]
    pictures: dict[str, tuple[Path, str]]
    """Name of each picture: its file, and the SHA-256 of the file's bytes."""


def store(
    folder: Path,
    kind: str,
    content: Mapping[str, Any],
    *,
    made_at: str,
    pictures: Mapping[str, NDArray[Any]] | None = None,
) -> Path:
    """Write ``<kind>-<stamp>.yaml`` and its pictures ``<kind>-<stamp>-<name>.png``; gives the YAML file's path.

    The file appears whole or not at all, after its pictures. An older file of the same second is kept: the newer one
    gets a number.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    kind : str
        Lower-case word: ``camera``, ``stage``.
    content : mapping
        Numbers, words, lists and mappings; keys say the units.
    made_at : str
        UTC, ISO 8601.
    pictures : mapping
        RGB or grey, uint8 or uint16, shape (h, w, 3) or (h, w).

    Raises
    ------
    ValueError
        The content has numbers that are not finite, or a name is not of lower-case letters, digits and hyphens.
    OSError
        The folder cannot be written.
    """
    for name in (kind, *(pictures or {})):
        if not _NAME.match(name):
            raise ValueError(f"'{name}' cannot name a calibration or its picture: use lower-case letters and hyphens")
    plain = json.loads(json.dumps(dict(content), allow_nan=False))
    folder.mkdir(parents=True, exist_ok=True)
    path, mark = _reserved(folder, f"{kind}-{_stamp(made_at)}")
    try:
        kept = {name: _write_picture(path, name, image) for name, image in (pictures or {}).items()}
        record = {
            "format": FORMAT,
            "version": VERSION,
            "kind": kind,
            "made_at": made_at,
            "content": plain,
            "pictures": kept,
        }
        record["digest"] = _digest(record)
        text = yaml.safe_dump(record, sort_keys=False, width=120)
        _write_whole(path, text.encode())
    finally:
        mark.unlink(missing_ok=True)
    return path


def load_stored(path: Path, kind: str) -> dict[str, Any]:
    """The content of a calibration's file.

    Raises
    ------
    DamagedCalibration
        As `read_stored`.
    """
    return read_stored(path, [kind]).content


def read_stored(path: Path, kinds: Iterable[str]) -> StoredCalibration:
    """Read and check a calibration's file of one of these kinds; any kind where none is named.

    Raises
    ------
    DamagedCalibration
        It is missing, no calibration, of another kind, written by a newer version, or changed since it was written;
        one sentence with the remedy.
    """
    record = _parsed(path)
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise DamagedCalibration(f"{path}: not a stored calibration: give a file that pointillist calibrate wrote")
    version = record.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise DamagedCalibration(f"{path}: written in format {version}, newer than {VERSION}: update this program")
    wanted = sorted(kinds)
    if wanted and record.get("kind") not in wanted:
        raise DamagedCalibration(
            f"{path}: a calibration of the kind '{record.get('kind')}', not '{' or '.join(wanted)}': give that one"
        )
    _refuse_changed(path, record)
    pictures = {
        name: (path.with_name(entry["file"]), entry["sha256"]) for name, entry in dict(record["pictures"]).items()
    }
    return StoredCalibration(path, record["kind"], record["made_at"], record["digest"], record["content"], pictures)


def stored_picture(stored: StoredCalibration, name: str) -> NDArray[Any]:
    """A picture of a calibration as it was given to `store`: RGB or grey.

    Raises
    ------
    DamagedCalibration
        The calibration has no such picture, or its file is missing or changed.
    """
    import cv2

    if name not in stored.pictures:
        raise DamagedCalibration(f"{stored.path}: has no picture '{name}': calibrate again")
    path, digest = stored.pictures[name]
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != digest:
        raise DamagedCalibration(f"{path}: missing or changed since the calibration: restore it, or calibrate again")
    image = np.asarray(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED))
    return image if image.ndim == 2 else np.ascontiguousarray(image[:, :, ::-1])


def _parsed(path: Path) -> Any:
    try:
        if path.stat().st_size > _LONGEST:
            raise DamagedCalibration(f"{path}: too long for a calibration: give one that pointillist wrote")
        text = path.read_text(encoding="utf-8")
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            return None
        return yaml.safe_load(text)
    except OSError as error:
        raise DamagedCalibration(
            f"{path}: cannot be read ({error.strerror}): check the path, or calibrate with pointillist calibrate"
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, DamagedCalibration):
            raise
        raise DamagedCalibration(f"{path}: not a whole calibration's file: restore it, or calibrate again") from None


def _refuse_changed(path: Path, record: dict[str, Any]) -> None:
    rest = {key: value for key, value in record.items() if key != "digest"}
    try:
        is_as_written = record.keys() == _KEYS and _digest(rest) == record["digest"]
    except (TypeError, ValueError):
        is_as_written = False
    if not is_as_written:
        raise DamagedCalibration(
            f"{path}: changed since it was written (its digest does not match): restore it, or calibrate again"
        )


def _digest(record: Mapping[str, Any]) -> str:
    """SHA-256 over canonical JSON: sorted keys, no spaces, floats in the shortest form that reads back exactly."""
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _stamp(made_at: str) -> str:
    return datetime.fromisoformat(made_at).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _reserved(folder: Path, name: str) -> tuple[Path, Path]:
    """A path of this name, or of the next free number, and the hidden file that keeps others from taking it."""
    for number in itertools.count(1):
        path = folder / f"{name}.yaml" if number == 1 else folder / f"{name}-{number}.yaml"
        mark = path.with_name(f".{path.name}.reserved")
        try:
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        except FileExistsError:
            continue
        if not path.exists():
            return path, mark
        mark.unlink()
    raise AssertionError("numbers do not end")


def _write_picture(beside: Path, name: str, image: NDArray[Any]) -> dict[str, str]:
    import cv2

    picture = np.ascontiguousarray(image if image.ndim == 2 else image[:, :, ::-1])
    if picture.ndim not in (2, 3) or picture.shape[2:] not in ((), (3,)) or picture.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"a picture of shape {image.shape} and type {image.dtype} cannot be stored")
    _, content = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    path = beside.with_name(f"{beside.stem}-{name}.png")
    _write_whole(path, content.tobytes())
    return {"file": path.name, "sha256": hashlib.sha256(content.tobytes()).hexdigest()}


def _write_whole(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
