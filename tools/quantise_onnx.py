"""Eight-bit mask networks: ranges learnt from photographs, and what the eight bits cost."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.binarise import binarise
from models.density import density_from_importance
from models.faults import ModelsError
from models.network import MaskNetwork

_RATE = 0.1
_SIDE_PX = 256
_MOST_PHOTOGRAPHS = 32
_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff"}


class UnusableCalibration(ModelsError):
    """No photographs to learn ranges from."""


def read_photographs(folder: Path) -> list[NDArray[np.float32]]:
    """Middles of up to 32 of a folder's photographs, sRGB in [0, 1], shape (rows, columns, 3), in order of name.

    Raises
    ------
    UnusableCalibration
        There is none that can be read.
    """
    import cv2

    photographs: list[NDArray[np.float32]] = []
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB) if path.suffix.lower() in _SUFFIXES else None
        if image is None:
            continue
        top, left = (max(0, length - _SIDE_PX) // 2 for length in image.shape[:2])
        middle = image[top : top + _SIDE_PX, left : left + _SIDE_PX]
        photographs.append(middle.astype(np.float32) / np.float32(255))
        if len(photographs) == _MOST_PHOTOGRAPHS:
            break
    if not photographs:
        raise UnusableCalibration(f"{folder}: no photograph that can be read: give a folder of JPEG, PNG or TIFF files")
    return photographs


def quantised(
    content: bytes, runtime: MaskNetwork, photographs: Sequence[NDArray[np.float32]]
) -> tuple[bytes, dict[str, float | int]]:
    """The network with eight-bit weights and activations, and its loss as `models.manifest.Quantisation` holds it."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    alignment = runtime.manifest.alignment

    class Photographs(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left = iter(photographs)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            rgb = next(self._left, None)
            if rgb is None:
                return None
            rows, columns = (-(-length // alignment) * alignment for length in rgb.shape[:2])
            padded = np.pad(rgb, ((0, rows - rgb.shape[0]), (0, columns - rgb.shape[1]), (0, 0)), mode="reflect")
            return {
                "rgb": np.ascontiguousarray(padded.transpose(2, 0, 1))[None],
                "rate": np.array([_RATE], np.float32),
            }

    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        before.write_bytes(content)
        logging.getLogger().disabled = True
        try:
            quantize_static(
                before,
                after,
                Photographs(),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv"],
                per_channel=True,
                weight_type=QuantType.QInt8,
                activation_type=QuantType.QUInt8,
            )
        finally:
            logging.getLogger().disabled = False
        eight = after.read_bytes()
    return eight, _loss(eight, runtime, photographs)


def _loss(eight: bytes, runtime: MaskNetwork, photographs: Sequence[NDArray[np.float32]]) -> dict[str, float | int]:
    manifest = runtime.manifest.model_copy(update={"sha256": hashlib.sha256(eight).hexdigest()})
    lighter = MaskNetwork(eight, manifest, name="the eight-bit network", threads=1)
    largest, squares, cells, moved, taken = 0.0, 0.0, 0, 0, 0
    for rgb in photographs:
        wanted = runtime.importance(rgb, _RATE)
        found = lighter.importance(rgb, _RATE)
        difference = (found - wanted) / wanted.mean()
        largest = max(largest, float(np.abs(difference).max()))
        squares += float(np.square(difference, dtype=np.float64).sum())
        cells += difference.size
        before, after = _cells(wanted), _cells(found)
        moved += int(np.count_nonzero(before & ~after))
        taken += int(np.count_nonzero(before))
    return {
        "photographs": len(photographs),
        "largest_difference": largest,
        "rms_difference": float(np.sqrt(squares / cells)),
        "cells_moved": moved / taken,
    }


def _cells(importance: NDArray[np.float32]) -> NDArray[np.bool_]:
    allowed = np.ones(importance.shape, np.bool_)
    count = max(1, round(_RATE * allowed.size))
    density = density_from_importance(importance, count=count, allowed=allowed, origin="quantisation")
    return binarise(density, count=count, allowed=allowed, binariser="blue-noise", seed=0).cells
