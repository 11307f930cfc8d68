"""Two recordings of earlier code, replayed through today's: the same events give the same plan and the same maps."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from edge import app, steps
from edge.adaptive.batches import Batches
from edge.adaptive.growth import left_text
from edge.adaptive.scanning import GrowingPlan
from edge.configuration.config import parse_scan_config
from edge.console import Console
from edge.events import Planned
from edge.planning.plan import plan_from_json
from edge.planning.text import sealed
from edge.record.folder import open_recording
from edge.replaying.sources import load_stack
from edge.results import Results, read_planned, results_of
from firmware_bridge.messages import Capabilities
from tests.replay.recorded_controller import RecordedController
from tools.reference_recordings import EXPECTED, KINDS, MAPS, expected_of

RECORDINGS = Path(__file__).parent / "recordings"
SAME_MAPS = 2e-3
"""Root mean square of today's maps less the kept ones, of each map's 99.9th percentile.

Rounding of other processors and libraries moves the learned covariance a little, and maps by 1e-4. What the maps
get wrong is 20 times this: a change of a method that matters shows.
"""
SCANNED = [pytest.param(kind, marks=[pytest.mark.campaign] if kind == "points" else []) for kind in KINDS]
"""What listens does all that the other does, and grows."""
SAME_ERRORS = 0.02
"""Mean of today's standard errors over the kept ones, less 1."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """Copies, so that nothing of what lies in the repository is touched."""
    place = tmp_path_factory.mktemp("recordings")
    return {kind: Path(shutil.copytree(RECORDINGS / kind, place / kind)) for kind in KINDS}


@pytest.fixture(scope="module")
def results(folders) -> Callable[[str], Results]:
    """What today's code makes of each, once."""

    @cache
    def of(kind: str) -> Results:
        with open_recording(folders[kind]) as recording:
            return results_of(recording, read_planned(recording))

    return of


def kept_maps(folder):
    with np.load(folder / MAPS) as archive:
        return archive["maps"].astype(float), archive["standard_error"].astype(float), tuple(archive["elements"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_recording_is_read_as_it_was_written(folders, kind):
    assert expected_of(folders[kind]) == json.loads((folders[kind] / EXPECTED).read_text())


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_events_give_the_same_maps(folders, results, kind):
    maps, errors, elements = kept_maps(folders[kind])
    found = results(kind).maps
    assert found.elements == elements
    scale = np.percentile(maps, 99.9, axis=(0, 1))
    off = np.sqrt(np.square((found.maps - maps) / scale).mean(axis=(0, 1)))
    assert off.max() < SAME_MAPS
    assert np.abs(found.standard_error.mean(axis=(0, 1)) / errors.mean(axis=(0, 1)) - 1).max() < SAME_ERRORS


def test_replay_measures_what_was_measured(folders, results):
    stack = load_stack(folders["points"])
    rows, columns = np.nonzero(stack.known)
    assert len(rows) == json.loads((folders["points"] / EXPECTED).read_text())["exposures"]
    maps = results("points").maps.maps
    assert np.allclose(stack.maps[rows, columns], maps[rows, columns], rtol=1e-5, atol=1e-3)


def recorded_again(folder, out, monkeypatch):
    """The recording's scan, carried out by today's code with the recording in the controller's place."""
    with open_recording(folder) as recording:
        _, measured = recording.reader.measured()
        history = recording.history
    place = out / "frames"
    place.mkdir(parents=True)
    shutil.copyfile(folder / "frame.png", place / "frame.png")
    limits = (0.0, 120.0)
    capabilities = Capabilities("recorded", 1, 1, limits, limits, 100.0, 1000.0, 2048, 64, 2.0)
    controller = RecordedController(measured, capabilities)
    monkeypatch.setattr(app, "_connect", lambda _config: controller)
    monkeypatch.setattr(steps, "LiveMaps", lambda _folder: Quiet())
    config = parse_scan_config(history.config_yaml, folder / "scan.yaml")
    camera = config.instrument.camera.model_copy(update={"path": str(place)})
    config = config.model_copy(update={"instrument": config.instrument.model_copy(update={"camera": camera})})
    app.record(config, out / "again", Console(quiet=True, log_level="error"))
    return controller, out / "again"


def planned_texts(folder):
    """Each plan of a recording, the first and as it grew."""
    with open_recording(folder) as recording:
        return [event.plan_json for _, event in recording.reader.events() if isinstance(event, Planned)]


def choose_as_then(folder, monkeypatch):
    """What was chosen to follow each plan, in the chooser's place: how much it knew by then was a matter of time."""
    plans = [plan_from_json(text) for text in planned_texts(folder)]
    chosen = {len(one.table): np.flatnonzero(two.mask.cells & ~one.mask.cells) for one, two in pairwise(plans)}

    def ask(growing):
        growing._is_asked = True
        growing._paths.next_batch.parent.mkdir(exist_ok=True)
        growing._paths.next_batch.write_text(left_text(growing.plan, chosen[len(growing.plan.table)].tolist()))

    monkeypatch.setattr(GrowingPlan, "_ask", ask)


class Quiet:
    """A preview that draws nothing."""

    def __enter__(self) -> Quiet:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""

    def trouble(self) -> str:
        return ""


@pytest.mark.parametrize("kind", SCANNED)
def test_with_the_recording_in_the_controllers_place_a_scan_makes_the_same_recording(
    folders, results, tmp_path, monkeypatch, kind
):
    folder = folders[kind]
    choose_as_then(folder, monkeypatch)
    controller, again = recorded_again(folder, tmp_path, monkeypatch)
    assert controller.unlike == [], "every exposure was asked for where and as long as it was then"
    assert expected_of(again)["spectra"] == expected_of(folder)["spectra"], "every one of them once, in its order"
    then, now = planned_texts(folder), planned_texts(again)
    assert len(then) == (1 if kind == "points" else 1 + Batches().count)
    for one, other in zip(map(plan_from_json, then), map(plan_from_json, now), strict=True):
        # a registration is of its own time, and has a digest of its own
        same = sealed(replace(other, registration_digest=one.registration_digest))
        assert same.digest == one.digest, "from the photograph to the last exposure's place, batch after batch"
    with open_recording(again) as recording:
        maps = results_of(recording, read_planned(recording)).maps
    assert np.array_equal(maps.maps, results(kind).maps.maps), "to the last bit"
    assert np.array_equal(maps.standard_error, results(kind).maps.standard_error)
