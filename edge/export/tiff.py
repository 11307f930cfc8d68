"""TIFF: one image of floating point for each map, its scale in the tags; or all of them as one OME-TIFF.

Unpacked: noise packs to four fifths, and PyMca opens nothing packed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from edge.export.contents import Contents, Progress
from edge.export.format import Format
from edge.export.layers import layers, maps_of, masks
from edge.export.side_files import provenance_text, write_provenance


def _write_folder(folder: Path, contents: Contents, progress: Progress) -> None:
    import tifffile

    tags = _tags(contents)
    # a tag holds ASCII: JSON says everything else in escapes
    note = json.dumps(contents.provenance, indent=1)
    for name, image in [*layers(contents), *masks(contents), *sorted(maps_of(contents).received.items())]:
        tifffile.imwrite(folder / f"{_file_name(name)}.tif", image, description=note, metadata=None, **tags)
    if (rgb := maps_of(contents).rgb) is not None:
        tifffile.imwrite(folder / "photograph.tif", rgb, description=note, metadata=None, photometric="rgb", **tags)
    write_provenance(folder, contents)
    progress(contents.exposures)


def _write_ome(path: Path, contents: Contents, progress: Progress) -> None:
    import tifffile

    shown = [*layers(contents), *masks(contents)]
    pitch_um = 1_000 * contents.grid.pitch_mm
    metadata = {
        "axes": "CYX",
        "Name": contents.title,
        "Channel": {"Name": [name for name, _ in shown]},
        "PhysicalSizeX": pitch_um,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": pitch_um,
        "PhysicalSizeYUnit": "µm",
        "Description": provenance_text(contents),
    }
    shape = (len(shown), *contents.grid.shape)
    images = (np.ascontiguousarray(image, np.float32) for _, image in shown)
    options = {"photometric": "minisblack", "metadata": metadata, **_tags(contents)}
    tifffile.imwrite(path, images, shape=shape, dtype=np.float32, ome=True, **options)
    progress(contents.exposures)


def _tags(contents: Contents) -> dict[str, Any]:
    per_cm = 10.0 / contents.grid.pitch_mm
    return {
        "resolution": (per_cm, per_cm),
        "resolutionunit": "CENTIMETER",
        "software": str(contents.provenance["software"]["exported by"]),
    }


def _file_name(layer: str) -> str:
    """``s(Pb-L)`` as ``Pb-L_s``, so that files of an element lie together."""
    kind, bracket, element = layer.removesuffix(")").partition("(")
    return f"{element}_{kind}" if bracket else layer


FOLDER = Format(_write_folder, ending="-tiff", holds="maps, standard errors and photograph as images", needs_maps=True)
OME = Format(_write_ome, ending=".ome.tif", holds="maps and standard errors as channels of one image", needs_maps=True)
