"""NeXus/HDF5: spectra as PyMca takes them for a stack, maps as silx shows them, and where all of it comes from.

Two layouts. On the grid, cells without a spectrum hold zeros with a live time of zero, for stacks have no gaps; as a
list, exposures stand as they were made, at the positions measured.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.export.contents import Contents, Progress
from edge.export.cube import write_cube
from edge.export.format import Format
from edge.export.nexus_maps import write_masks, write_pictures
from edge.export.nexus_words import group_of, put, put_all
from edge.export.packed import write_list
from edge.record.hdf5_file import new_hdf5
from edge.record.reader import MeasuredArrays

_TEXT_SECTIONS = ("object", "scan", "instrument", "dose", "energy_scale", "maps", "digests", "software")


def _on_grid(mca: Any, positioners: Any, contents: Contents, progress: Progress) -> None:
    totals = contents.totals
    write_cube(mca, "data", contents, progress)
    put(mca, "live_time", totals.live_s, units="s")
    put(mca, "elapsed_time", totals.real_s, units="s")
    put(positioners, "x", totals.x_mm, units="mm")
    put(positioners, "y", totals.y_mm, units="mm")


_TIMES: dict[str, Callable[[MeasuredArrays], NDArray[Any]]] = {
    "live_time": lambda batch: batch.live_s,
    "elapsed_time": lambda batch: batch.real_s,
}
_PLACES: dict[str, Callable[[MeasuredArrays], NDArray[Any]]] = {
    "x": lambda batch: (batch.starts_mm[:, 0] + batch.ends_mm[:, 0]) / 2,
    "y": lambda batch: (batch.starts_mm[:, 1] + batch.ends_mm[:, 1]) / 2,
    "x_start": lambda batch: batch.starts_mm[:, 0],
    "y_start": lambda batch: batch.starts_mm[:, 1],
    "x_end": lambda batch: batch.ends_mm[:, 0],
    "y_end": lambda batch: batch.ends_mm[:, 1],
    "uncertainty": lambda batch: batch.pose_uncertainty_mm,
}
_OTHERS: dict[str, Callable[[MeasuredArrays], NDArray[Any]]] = {
    "index": lambda batch: batch.indices,
    "flags": lambda batch: batch.flags,
    "input_rate": lambda batch: batch.input_rate_hz,
    "output_rate": lambda batch: batch.output_rate_hz,
}


def _as_list(mca: Any, positioners: Any, contents: Contents, progress: Progress) -> None:
    write_list(mca, "data", contents, progress)
    columns = _TIMES | _PLACES | _OTHERS
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in (*columns, "row", "column")}
    for batch, cells in contents.spectra():
        for name, column in columns.items():
            parts[name].append(column(batch))
        parts["row"].append(cells[:, 0].astype(np.int32))
        parts["column"].append(cells[:, 1].astype(np.int32))
    # whatever lies beside the spectra PyMca takes for spectra: the rest goes elsewhere
    others = group_of(mca.file["scan"], "exposures", "NXcollection")
    for name, batches in parts.items():
        values = np.concatenate(batches)
        if name in _TIMES:
            put(mca, name, values, units="s")
        elif name not in _PLACES:
            put(others, name, values, units="Hz" if name.endswith("rate") else "")
        elif not np.isnan(values).all():
            put(positioners, name, values, units="mm")


_Layout = Callable[[Any, Any, Contents, Progress], None]


def _write(path: Path, contents: Contents, progress: Progress, layout: _Layout) -> None:
    with new_hdf5(path) as made:
        file, progress = made.file, made.checked(progress)
        file.attrs["NX_class"] = "NXroot"
        file.attrs["default"] = "scan"
        file.attrs["creator"] = contents.provenance["software"]["exported by"]
        scan = group_of(file, "scan", "NXentry")
        put(scan, "title", contents.title)
        put(scan, "start_time", contents.started_at)
        put(scan, "end_time", contents.ended_at)
        put(scan, "entry_identifier", contents.provenance["scan"]["scan_id"])
        instrument = _instrument(scan, contents)
        _spectra(scan, instrument, contents, progress, layout)
        _sample(scan, contents)
        write_masks(scan, contents)
        scan.attrs["default"] = write_pictures(scan, contents)
        _provenance(scan, contents)


def _spectra(scan: Any, instrument: Any, contents: Contents, progress: Progress, layout: _Layout) -> None:
    import h5py

    mca = group_of(instrument, "mca0", "NXdetector")
    positioners = group_of(instrument, "positioners", "NXcollection")
    layout(mca, positioners, contents, progress)
    data = mca["data"]
    data.attrs["interpretation"] = "spectrum"
    data.attrs["units"] = "counts"
    data.attrs["long_name"] = "counts"
    put(mca, "calibration", [contents.scale.zero_kev, contents.scale.gain_kev, 0.0], units="keV")
    put(mca, "channels", np.arange(contents.channels, dtype=np.int32))
    put(mca, "energy", contents.scale.energies_kev(contents.channels), units="keV", long_name="energy (keV)")
    put(mca, "description", contents.provenance["instrument"].get("detector", "energy-dispersive detector"))
    measurement = group_of(scan, "measurement", "NXcollection")
    measurement["mca0"] = h5py.SoftLink(mca.name)
    for name in positioners:
        measurement[name] = h5py.SoftLink(f"{positioners.name}/{name}")
    spectrum = group_of(scan, "sum_spectrum", "NXdata", signal="counts", axes=["energy"], title="All spectra added up")
    put(spectrum, "counts", contents.sum_counts, interpretation="spectrum", units="counts")
    spectrum["energy"] = h5py.SoftLink(f"{mca.name}/energy")


def _instrument(scan: Any, contents: Contents) -> Any:
    stated = contents.provenance["instrument"]
    instrument = group_of(scan, "instrument", "NXinstrument")
    put(instrument, "name", stated.get("name", "macro X-ray fluorescence scanner"))
    tube = group_of(instrument, "tube", "NXsource")
    put(tube, "type", "Fixed Tube X-ray")
    put(tube, "probe", "x-ray")
    put(tube, "target_material", stated["anode"])
    put(tube, "voltage", stated["tube_kv"], units="kV")
    put(tube, "current", stated["tube_ua"], units="uA")
    if "filter" in stated:
        put(group_of(instrument, "filter", "NXfilter"), "description", stated["filter"])
    beam = group_of(instrument, "beam", "NXbeam")
    if "optics" in stated:
        put(group_of(instrument, "optics", "NXcollection"), "description", stated["optics"])
    if "beam_fwhm_mm" in stated:
        put(beam, "extent", [stated["beam_fwhm_mm"]] * 2, units="mm")
    if "flux_per_s" in stated:
        put(beam, "total_flux", stated["flux_per_s"], units="1/s")
    return instrument


def _sample(scan: Any, contents: Contents) -> None:
    stated = contents.provenance["object"]
    sample = group_of(scan, "sample", "NXsample")
    put(sample, "name", stated.get("title", stated["identifier"]))
    put(sample, "identifier", stated["identifier"])
    if "operator" in stated:
        put(group_of(scan, "user", "NXuser"), "name", stated["operator"])


def _provenance(scan: Any, contents: Contents) -> None:
    process = group_of(scan, "process", "NXprocess")
    program, _, release = str(contents.provenance["software"]["exported by"]).partition(" ")
    put(process, "program", program)
    put(process, "version", release)
    for section in _TEXT_SECTIONS:
        put_all(group_of(process, section, "NXcollection"), contents.provenance[section])
    for name, kind, text in (
        ("configuration", "application/yaml", contents.config_yaml),
        ("provenance", "application/json", json.dumps(contents.provenance, ensure_ascii=False, indent=1)),
    ):
        note = group_of(process, name, "NXnote")
        put(note, "type", kind)
        put(note, "data", text)


def _write_grid(path: Path, contents: Contents, progress: Progress) -> None:
    _write(path, contents, progress, _on_grid)


def _write_list(path: Path, contents: Contents, progress: Progress) -> None:
    _write(path, contents, progress, _as_list)


GRID = Format(_write_grid, ending=".nxs", holds="spectra on the grid, maps, everything else; for PyMca and silx")
LIST = Format(_write_list, ending="-points.nxs", holds="the same with spectra as a list, each at its measured place")
