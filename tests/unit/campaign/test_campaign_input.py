"""Campaigns that cannot be used: one sentence each."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import yaml

from edge.cameras import write_picture
from edge.campaign.config import load_campaign
from edge.campaign.whole import load_whole
from edge.campaign.window import may_be_visited, require_one_campaign
from edge.configuration.config import ScanConfig
from edge.faults import SafetyStop, UsageError
from edge.prepare import grid_of

GOOD = {
    "photograph": "whole.png",
    "fiducials": {"markers": [{"id": i, "x_mm": 10.0 * i, "y_mm": 5.0 * i * i} for i in range(5)]},
    "area": {"x_mm": 0.0, "y_mm": 0.0, "width_mm": 40.0, "height_mm": 20.0, "pitch_mm": 0.5},
    "elements": ["Fe"],
    "placements": [{"name": "left", "recording": "left"}, {"name": "right", "recording": "right"}],
}


@pytest.fixture
def campaign(tmp_path: Path):
    """Write a campaign with something changed; gives its file."""

    def write(change=lambda content: None) -> Path:
        content = deepcopy(GOOD)
        change(content)
        file = tmp_path / "campaign.yaml"
        file.write_text(yaml.safe_dump(content))
        return file

    return write


def test_paths_are_taken_from_the_campaigns_folder(campaign, tmp_path):
    config = load_campaign(campaign())
    assert config.photograph == str(tmp_path / "whole.png")
    assert config.placements[1].recording == str(tmp_path / "right")


@pytest.mark.parametrize("what", ["name", "recording"])
def test_two_placements_with_one_name_or_folder_are_refused(campaign, what):
    file = campaign(lambda content: content["placements"][1].update({what: "left"}))
    with pytest.raises(UsageError, match=f"two placements share a {what}"):
        load_campaign(file)


def test_one_placement_is_no_campaign(campaign):
    with pytest.raises(UsageError, match="placements"):
        load_campaign(campaign(lambda content: content["placements"].pop()))


def test_elements_must_be_listed(campaign):
    with pytest.raises(UsageError, match="elements"):
        load_campaign(campaign(lambda content: content.update({"elements": []})))


def test_a_missing_photograph_is_named(campaign):
    with pytest.raises(UsageError, match=r"whole\.png: no such file: give the photograph of the whole"):
        load_whole(campaign())


def test_a_photograph_without_markers_is_refused(campaign, tmp_path):
    write_picture(tmp_path / "whole.png", np.full((300, 400, 3), 128, np.uint8))
    with pytest.raises(SafetyStop, match="the photograph of the whole cannot be placed: 0 of 5 fiducials seen"):
        load_whole(campaign())


def test_an_unknown_mask_is_named_before_anything_is_scanned(campaign):
    with pytest.raises(UsageError, match=r"sampling\.mask: there is no"):
        load_whole(campaign(lambda content: content.update({"sampling": {"mask": "nonsense"}})))


def a_scan(**changes) -> ScanConfig:
    """A scan's configuration that fits the campaign, but for the changes."""
    content = {
        "instrument": {
            "controller": {"kind": "native", "port": "port"},
            "camera": {"kind": "file", "path": "frame.png"},
            "fiducials": {"markers": [{"id": 0, "x_mm": 1.0, "y_mm": 1.0}]},
        },
        "area": {"x_mm": 0.0, "y_mm": 0.0, "width_mm": 30.0, "height_mm": 20.0, "pitch_mm": 0.5},
        "elements": ["Fe"],
        "placement": {"campaign": "campaign.yaml", "name": "left"},
    }
    return ScanConfig.model_validate(content | changes)


def test_a_scan_that_fits_its_campaign_is_let_through(campaign):
    require_one_campaign(load_campaign(campaign()), a_scan(), "left")


@pytest.mark.parametrize(
    ("changes", "name", "told"),
    [
        ({}, "middle", "no placement 'middle': choose one of left, right"),
        (
            {"area": a_scan().area.model_dump() | {"pitch_mm": 0.4}},
            "left",
            "area.pitch_mm is 0.4 and the campaign's 0.5",
        ),
        ({"elements": ["Fe", "Cu"]}, "left", "elements: the placement's are not the campaign's"),
    ],
)
def test_a_scan_that_does_not_fit_its_campaign_is_refused_with_the_key(campaign, changes, name, told):
    with pytest.raises(UsageError, match=re.escape(told)):
        require_one_campaign(load_campaign(campaign()), a_scan(**changes), name)


def test_a_placement_visits_nothing_that_its_own_keep_outs_or_polygon_forbid():
    area = {"x_mm": 0.0, "y_mm": 0.0, "width_mm": 10.0, "height_mm": 10.0, "pitch_mm": 0.5}
    seal = {"name": "seal", "polygon": [[2.0, 2.0], [4.0, 2.0], [4.0, 4.0], [2.0, 4.0]]}
    config = a_scan(area=area | {"keep_out": [seal], "polygon": [[0.0, 0.0], [8.0, 0.0], [8.0, 10.0], [0.0, 10.0]]})
    # the last lies in an allowed cell, beside its centre, and nearer to the keep-out than half a cell
    poses_mm = np.array([[3.0, 3.0], [9.0, 5.0], [6.0, 6.0], [4.1, 3.0]])
    may = may_be_visited(poses_mm, grid_of(config.area), config)
    assert may.tolist() == [False, False, True, False]
    assert may_be_visited(poses_mm, grid_of(a_scan(area=area).area), a_scan(area=area)).all()


def test_a_coarse_raster_is_no_choice_of_a_campaign(campaign):
    with pytest.raises(UsageError, match="a campaign chooses cells: leave coarse out"):
        load_campaign(campaign(lambda content: content.update({"sampling": {"coarse": {"factor": 4}}})))
