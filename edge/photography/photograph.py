"""What the configuration says of a photograph's colours, put on it when it is resampled to the scan grid."""

from __future__ import annotations

import hashlib
import shutil
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.registration import Registration
from edge.cameras.frame import Frame
from edge.cameras.picture import decode_file
from edge.configuration.camera import WhiteCardConfig
from edge.configuration.config import InstrumentConfig, ScanConfig
from edge.faults import IntegrityError, UsageError
from edge.grid import ScanGrid
from edge.photography.balance import Balance, card_factors, flat_factors
from edge.photography.colour import ColourSpace, colour_space
from edge.photography.resample import light_on_grid, refuse_unseen_area, rgb_on_grid
from edge.record.durable import sync_file, sync_folder

_CARD_CELLS = 24
"""Cells along a white card's shorter side over which its light is looked at."""
_FLAT_CELLS = 96
"""Cells along a grid's longer side over which a flat field is averaged: light varies slowly, its noise does not."""


def photograph_on_grid(
    frame: Frame, registration: Registration, grid: ScanGrid, instrument: InstrumentConfig
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The photograph on the scan grid, sRGB, of the frame's own type, and what somebody should know of its colours.

    Raises
    ------
    SafetyStop
        The grid or the white card is not wholly in the picture, or card or flat field cannot be used.
    UsageError
        The flat field is no picture of the frame's size.
    IntegrityError
        It is another file than the configuration's digest says.
    """
    space = colour_space(instrument.colour.space, frame.profile)
    rgb = rgb_on_grid(
        frame.image,
        registration,
        grid,
        space=space,
        beam_fwhm_mm=instrument.beam.fwhm_mm,
        balance=_balance(frame, registration, grid, instrument, space),
    )
    return rgb, (space.remark,) if space.remark else ()


def keep_flat_field(config: ScanConfig, folder: Path) -> ScanConfig:
    """Copy the flat field into a recording's folder; the configuration that names the copy there, relative to it.

    The copy's digest goes into the configuration, and with it into the journal.

    Raises
    ------
    UsageError
        There is no such picture.
    """
    stated = config.instrument.colour.flat_field
    if stated is None:
        return config
    name = f"flat_field{Path(stated).suffix.lower()}"
    try:
        shutil.copyfile(stated, folder / name)
        sync_file(folder / name)
        sync_folder(folder)
        digest = _digest_of(folder / name)
    except OSError as error:
        raise UsageError(f"{stated}: cannot be kept ({error.strerror}): check instrument.colour.flat_field") from None
    _refuse_another(stated, digest, config.instrument.colour.flat_field_sha256)
    colour = config.instrument.colour.model_copy(update={"flat_field": name, "flat_field_sha256": digest})
    return config.model_copy(update={"instrument": config.instrument.model_copy(update={"colour": colour})})


def _balance(
    frame: Frame, registration: Registration, grid: ScanGrid, instrument: InstrumentConfig, space: ColourSpace
) -> Balance | None:
    colour = instrument.colour
    if colour.white_card is None and colour.flat_field is None:
        return None
    flat = None
    if colour.flat_field is not None:
        flat = _flat_field(colour.flat_field, frame.image.shape[:2], colour.flat_field_sha256)
    factors = np.ones(3, dtype=np.float32)
    if flat is not None:
        factors = flat_factors(_even(flat, registration, grid, space))
    if colour.white_card is not None:
        card = grid_of_card(colour.white_card)
        height, width = frame.image.shape[:2]
        refuse_unseen_area(registration, card, width, height, key="instrument.colour.white_card")
        white = light_on_grid(frame.image, registration, card, space=space)
        if flat is not None:
            seen = _even(flat, registration, card, space).astype(np.float32)
            level = _even(flat, registration, grid, space).mean()
            white = np.clip(white * (level / seen), 0, 65535).astype(np.uint16)
        factors = factors * card_factors(white, colour.white_card.reflectance)
    return Balance(np.asarray(factors, dtype=np.float32))


def grid_of_card(card: WhiteCardConfig) -> ScanGrid:
    """A fine grid over a white card."""
    pitch_mm = min(card.width_mm, card.height_mm) / _CARD_CELLS
    rows, columns = int(card.height_mm / pitch_mm + 1e-6), int(card.width_mm / pitch_mm + 1e-6)
    return ScanGrid(card.x_mm, card.y_mm, pitch_mm, rows=rows, columns=columns)


def _even(flat: NDArray[Any], registration: Registration, grid: ScanGrid, space: ColourSpace) -> NDArray[np.uint16]:
    """A flat field's light on a grid, averaged over coarser cells."""
    block = max(1, max(grid.shape) // _FLAT_CELLS)
    rows, columns = -(-grid.rows // block), -(-grid.columns // block)
    coarse = ScanGrid(grid.origin_x_mm, grid.origin_y_mm, grid.pitch_mm * block, rows=rows, columns=columns)
    light = light_on_grid(flat, registration, coarse, space=space)
    if block == 1:
        return light
    size = (columns * block, rows * block)
    fine = cv2.resize(light, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(fine[: grid.rows, : grid.columns], dtype=np.uint16)


def _flat_field(path: str, size: tuple[int, ...], sha256: str | None) -> NDArray[Any]:
    try:
        stamp = Path(path).stat().st_mtime_ns
    except OSError:
        raise UsageError(f"{path}: no such picture: check instrument.colour.flat_field") from None
    digest, flat = _decoded(path, stamp)
    _refuse_another(path, digest, sha256)
    if flat is None:
        raise UsageError(f"{path}: not a whole picture: give instrument.colour.flat_field a PNG, JPEG or TIFF file")
    if flat.shape[:2] != size:
        (height, width), (high, wide) = flat.shape[:2], size
        raise UsageError(
            f"{path}: the flat field is {width} x {height} pixels, the photograph {wide} x {high}: take it with the "
            "same camera at the same size"
        )
    return flat


@lru_cache(maxsize=1)
def _decoded(path: str, stamp: int) -> tuple[str, NDArray[Any] | None]:
    """A file's digest and its picture, read once as long as it stays as it is."""
    picture = decode_file(Path(path))
    return _digest_of(Path(path)), None if picture is None else picture.image


def _digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _refuse_another(path: str, digest: str, stated: str | None) -> None:
    if stated is not None and digest != stated:
        raise IntegrityError(
            f"{path}: is not the flat field that instrument.colour.flat_field_sha256 names: restore it from a copy"
        )
