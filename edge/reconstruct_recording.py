"""`pointillist reconstruct`: maps of a recording by another method than the scan's, and how far either is off."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from edge.configuration.config import ReconstructConfig
from edge.console import Console
from edge.faults import UsageError
from edge.finish import write_finished
from edge.planning.area import allowed_cells
from edge.planning.folder import refuse_in_use
from edge.record.folder import Recording, RecordingPaths, new_folder, open_recording
from edge.recordings.stored_maps import stored_maps
from edge.results import Asked, FittedRecording, Planned, fit_recording, judged, read_planned, results_from
from edge.stopping.drawing import LEAST_LEFT
from edge.stopping.figure import ErrorFigure


def reconstruct_recording(
    folder: Path, *, method: str, network: Path | None, out: Path | None, console: Console
) -> Path:
    """Write ``maps.h5`` and ``report.html`` by a method, and say how far they and the scan's own maps are off.

    Parameters
    ----------
    folder
        A recording, finished or not; it stays as it is.
    method
        A name of `edge.reconstruct.NAMES` or `edge.reconstruct.WITH_NETWORK`.
    network
        The file that one of the latter needs.
    out
        Folder of the results, new or empty; None: one under ``runs/``.

    Returns
    -------
    The folder of the results.

    Raises
    ------
    UsageError, ModelsError
        A name or file cannot be used, the recording holds nothing to map, or the method does not do for it.
    IntegrityError
        The recording is damaged.
    """
    by = _asked(method, network)
    if out is not None:
        _refuse_inside(out, folder)
        refuse_in_use(out)
    with open_recording(folder) as recording:
        if recording.history.exposures == 0:
            raise UsageError(
                f"{folder}: holds no exposure yet: go on with the scan, pointillist scan --resume {folder}"
            )
        planned = read_planned(recording)
        place = out or new_folder(planned.config.object.identifier, suffix=f"-{method}")
        console.say("Fitting the spectra")
        fitted = fit_recording(recording, planned)
        console.say(f"Reconstructing by {method}")
        results = results_from(fitted, planned, by)
        before = _of_the_scan(recording, planned, fitted)
        place.mkdir(parents=True, exist_ok=True)
        lines = write_finished(
            recording, _by(planned, results.maps.method), results, RecordingPaths(place), _attributes(by)
        )
    for line in [*lines, *compared(before, (results.maps.method, results.figure))]:
        console.say(line)
    for remark in results.maps.remarks:
        console.say(remark)
    return place


def compared(before: tuple[str, ErrorFigure | None], after: tuple[str, ErrorFigure | None]) -> Iterator[str]:
    """Two methods' errors by the same exposures held out, in lines, all elements together first."""
    (old_name, old), (new_name, new) = before, after
    if old is None or new is None:
        yield "No exposures were held out of the maps, so nothing tells which of them are nearer to the truth"
        return
    few = "" if new.held_out >= LEAST_LEFT else ", so few that they tell its order of magnitude alone"
    yield f"Error by {new.held_out} exposures held out{few}, of the scan's maps ({old_name}) and of these ({new_name}):"
    yield f"  all together  {old.overall.words}  {new.overall.words}"
    known = dict(old.elements)
    for name, estimate in new.elements:
        yield f"  {name}  {known[name].words if name in known else 'none'}  {estimate.words}"


def _asked(method: str, network: Path | None) -> Asked:
    from edge.reconstruct import NAMES, WITH_NETWORK

    if method not in (*NAMES, *WITH_NETWORK):
        raise UsageError(f"unknown reconstruction {method!r}: choose one of {', '.join([*NAMES, *WITH_NETWORK])}")
    if method in WITH_NETWORK and network is None:
        raise UsageError(
            f"--method {method} needs the network that learned from this scan: give its file with --model, or make it "
            "with python -m tools.unfold"
        )
    if network is not None and method not in WITH_NETWORK:
        raise UsageError(f"--model is of no use to the method {method}: leave it out, or give --method unfold")
    if network is not None and not network.is_file():
        raise UsageError(f"{network}: no such file: give the network that python -m tools.unfold made of this scan")
    return Asked(method, network)


def _refuse_inside(place: Path, folder: Path) -> None:
    within = place.resolve()
    if folder.resolve() in (within, *within.parents):
        raise UsageError(f"{place}: lies in the recording, which stays as it is: give a place outside with --out")


def _of_the_scan(recording: Recording, planned: Planned, fitted: FittedRecording) -> tuple[str, ErrorFigure | None]:
    """Method and error of the maps that lie in the recording; where none do, of those that the scan would have made."""
    stored = stored_maps(recording, planned)
    if stored is None or stored.element_maps.elements != fitted.model.elements:
        results = results_from(fitted, planned)
        return results.maps.method, results.figure
    maps = stored.element_maps
    if allowed_cells(planned.config, planned.plan.grid).all():
        exposures = len(fitted.samples) + len(fitted.held)
        return maps.method, judged(maps, fitted.held, fitted.held_live_s, planned, exposures=exposures)
    # stored maps end where the scan did, and a share of cells is taken of those within alone
    results = results_from(fitted, planned, Asked(maps.method))
    return maps.method, results.figure


def _by(planned: Planned, method: str) -> Planned:
    config = planned.config.model_copy(update={"reconstruct": ReconstructConfig(method=method)})
    return replace(planned, config=config)


def _attributes(by: Asked) -> dict[str, str | float]:
    if by.network is None:
        return {"asked_method": by.method}
    return {"asked_method": by.method, "network_sha256": hashlib.sha256(by.network.read_bytes()).hexdigest()}
