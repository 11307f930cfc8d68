"""What somebody asks of a plan on the page, held against the schema before anything is worked out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from edge.configuration.config import ScanConfig, parse_scan_config
from edge.faults import UsageError
from edge.serving.asked import Asked
from tests.unit.desk.panel import configuration

SQUARE = [[50.0, 50.0], [60.0, 50.0], [60.0, 60.0], [50.0, 60.0]]
HERE = Path("scan.yaml")


def config(**area: Any) -> ScanConfig:
    document = configuration() | {"monitor": {"port": 8765}}
    document["area"] = document["area"] | area
    return parse_scan_config(yaml.safe_dump(document), HERE)


def asked(**content: Any) -> Asked:
    return Asked.of({"budget": {"rate": 0.1}} | content)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"budget": {}},
        {"budget": {"rate": 0.1, "error": 0.1}},
        {"budget": {"rate": 0}},
        {"budget": {"rate": 1.5}},
        {"budget": {"rate": True}},
        {"budget": {"rate": "0.1"}},
        {"budget": {"rate": float("nan")}},
        {"budget": {"time_s": 1e12}},
        {"budget": {"rate": 0.1}, "area": [[1, 2]]},
        {"budget": {"rate": 0.1}, "area": [[1, 2, 3]] * 3},
        {"budget": {"rate": 0.1}, "area": [[1, float("inf")]] * 3},
        {"budget": {"rate": 0.1}, "area": [[0, 0]] * 401},
        {"budget": {"rate": 0.1}, "keep_outs": "all"},
        {"budget": {"rate": 0.1}, "keep_outs": [SQUARE] * 101},
        {"budget": {"rate": 0.1}, "shutter": "open"},
    ],
)
def test_what_is_no_question_is_refused_in_a_sentence(content: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"\w+ \w+"):
        Asked.of(content)


def test_area_and_keep_outs_take_the_place_of_the_configured_ones() -> None:
    before = config(keep_out=[{"name": "seal", "polygon": SQUARE}])
    made = asked(area=[[47, 44], [90, 44], [90, 70]], keep_outs=[SQUARE, [[70, 50], [80, 50], [75, 60]]])
    after = made.config(before, HERE)
    assert after.area.polygon == [[47, 44], [90, 44], [90, 70]]
    assert [out.name for out in after.area.keep_out] == ["seal", "drawn on the page, 2"]
    assert after.sampling.rate == 0.1


def test_an_area_that_is_not_drawn_stays_as_configured() -> None:
    before = config(polygon=SQUARE)
    assert asked().config(before, HERE).area.polygon == SQUARE


@pytest.mark.parametrize("shape", [[[0, 0], [500, 0], [500, 500]], [[50, 50], [60, 60], [60, 50], [50, 60]]])
def test_a_shape_that_cannot_be_scanned_is_refused_by_the_schema(shape: list[list[float]]) -> None:
    with pytest.raises(UsageError, match=r"area"):
        asked(area=shape).config(config(), HERE)


def test_a_scan_that_the_page_starts_brings_no_page_of_its_own() -> None:
    assert asked().config(config(), HERE).monitor is None


def test_a_time_is_planned_though_the_configuration_gives_a_rate() -> None:
    made = Asked.of({"budget": {"time_s": 600}})
    found = made.config(config(), HERE)
    assert found.sampling.dwell_s == 0.1
    assert made.value == 600
