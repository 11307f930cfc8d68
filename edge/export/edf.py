"""EDF, the ESRF data format: all maps in one file, each with its name, as PyMca's own maps are.

Blocks of a text header, filled up to a multiple of 512 bytes, and the values behind it; P. Boesecke, J. Appl. Cryst. 40
(2007) s423, section 2.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.export.contents import Contents, Progress
from edge.export.format import Format
from edge.export.layers import layers, masks

_BLOCK = 512


def _write(path: Path, contents: Contents, progress: Progress) -> None:
    with path.open("wb") as file:
        for number, (name, image) in enumerate([*layers(contents), *masks(contents)], start=1):
            file.write(_header(number, name, image, contents if number == 1 else None))
            file.write(np.ascontiguousarray(image, "<f4").tobytes())
    progress(contents.exposures)


def _header(number: int, name: str, image: NDArray[Any], contents: Contents | None) -> bytes:
    """Of one image; the first one's says where all of them come from."""
    entries: dict[str, str | float | int] = {
        "HeaderID": f"EH:{number:06d}:000000:000000",
        "Image": number,
        "ByteOrder": "LowByteFirst",
        "DataType": "FloatValue",
        "Dim_1": image.shape[1],
        "Dim_2": image.shape[0],
        "Size": image.size * 4,
        "Title": name,
    }
    if contents is not None:
        grid = contents.grid
        entries |= {
            "PSize_1": grid.pitch_mm / 1_000,
            "PSize_2": grid.pitch_mm / 1_000,
        }
        for section, values in contents.provenance.items():
            entries |= {f"{section}.{key}".replace(" ", "_"): value for key, value in values.items()}
    text = "{\n" + "".join(f"{key} = {_plain(value)} ;\n" for key, value in entries.items())
    written = text.encode("utf-8")
    return written + b" " * (-(len(written) + 2) % _BLOCK) + b"}\n"


def _plain(value: str | float | int) -> str:
    """On one line, without what ends an entry or a header."""
    return " ".join(str(value).translate({ord(sign): "," for sign in ";{}"}).split())


FORMAT = Format(_write, ending=".edf", holds="maps and standard errors, all in one file", needs_maps=True)
