"""A replay that stops at an error, and the held-out figure beside the score."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edge.faults import UsageError
from edge.replaying.replay import replay_source
from edge.stopping.asked import asked_stop

SHAPE = (36, 48)


@pytest.fixture(scope="module")
def raster(tmp_path_factory):
    """Smooth maps with an edge, and a photograph that shows it."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] / 36
    edge = (x + 0.3 * np.sin(6 * y) > 0.7).astype(float)
    maps = np.stack([edge + 0.2 * np.sin(9 * x), 0.5 + 0.4 * np.cos(7 * x) * np.sin(6 * y)], axis=2) * 100 + 30
    rgb = np.repeat((255 * (0.2 + 0.6 * edge))[:, :, None], 3, axis=2).astype(np.uint8)
    path = tmp_path_factory.mktemp("raster") / "raster.npz"
    np.savez(path, maps=maps.astype(np.float32), elements=np.array(["Fe", "Pb"]), rgb=rgb)
    return path


@pytest.fixture(scope="module")
def to_its_end(raster):
    """A replay that is asked for no error, and its report."""
    return replayed(raster)


def replayed(raster, *errors: str, mask: str | None = "adaptive", rate: float = 0.2):
    out = raster.parent / "out"
    result = replay_source(raster, rate=rate, mask=mask, method="kriging", seed=0, out=out, stop=asked_stop(errors))
    return result, json.loads((out / "report.json").read_text("utf-8"))


def test_the_held_out_figure_stands_beside_the_score_and_holds_it(to_its_end):
    result, report = to_its_end
    held_out = report["held_out"]
    assert held_out["stopped_because"] is None
    assert held_out["counting_alone"] == 0
    assert set(held_out["elements"]) == {"Fe", "Pb"}
    # within two of its deviations: this draw, this mask
    low = held_out["rmse"] - 2 * (held_out["rmse"] - held_out["low"])
    high = held_out["rmse"] + 2 * (held_out["high"] - held_out["rmse"])
    assert low <= report["overall"]["rmse"] <= high
    assert "held out: error" in result.summary()


def test_what_is_held_out_changes_nothing_of_the_cells_that_are_chosen(raster, to_its_end):
    plain, _ = to_its_end
    never, _ = replayed(raster, "0.000001")
    assert np.array_equal(plain.mask.cells, never.mask.cells)
    assert never.stopped_because == ""


def test_a_replay_stops_at_its_error_with_fewer_cells_and_says_why(raster, to_its_end):
    whole, _ = to_its_end
    stopped, report = replayed(raster, "0.15")
    assert report["samples"] < int(whole.mask.cells.sum())
    assert "asked for 0.15" in report["held_out"]["stopped_because"]
    assert report["rate_of_known"] == pytest.approx(report["samples"] / (SHAPE[0] * SHAPE[1]))
    assert "stopped: " in stopped.summary()


def test_other_masks_hold_nothing_out(raster):
    _, report = replayed(raster, mask="grid")
    assert report["held_out"] is None


def test_an_error_is_refused_of_a_mask_that_does_not_listen_and_of_an_element_that_is_not_there(raster):
    with pytest.raises(UsageError, match="give --mask adaptive"):
        replayed(raster, "0.1", mask="grid")
    with pytest.raises(UsageError, match="--error names Au, of which there is no map: choose among Fe, Pb"):
        replayed(raster, "Au=0.1")
