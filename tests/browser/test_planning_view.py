"""The planning view with nothing worked out behind it: what is drawn, what is shown of a plan, and who can use it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.monitor.tokens import Tokens
from edge.serving import desk as desk_module
from edge.serving.work import leave
from tests.browser.conftest import drag, swipe, violations
from tests.instrument.conftest import await_that
from tests.unit.serving.test_planning_on_the_page import Bench, Work, serving

PLANNED = {
    "plan": {"exposures": 1200, "seconds": 171.0, "rate": 0.21, "dose_s": 120.0, "digest": "ab"},
    "alternatives": [
        {"mode": "points", "words": "dwells on chosen cells", "seconds": 171.0, "error": 0.03, "chosen": True},
        {"mode": "rows", "words": "every so many rows in motion", "seconds": 175.0, "error": 0.05, "chosen": False},
    ],
    "figures": ["1200 exposures", "2 min 51 s"],
    "more": "The rest of 3 min follows, where what is measured says",
    "frame": {"origin_mm": [46.0, 43.0], "size_mm": [48.0, 32.0]},
    "pictures": {"concentration": "spent.png", "mask": "mask.png", "path": "path.png"},
}


def picture(path: Path) -> None:
    """Of one grey, each name's its own."""
    cv2.imwrite(str(path), np.full((64, 96, 3), 40 + 10 * len(path.stem), np.uint8))


class Drawn(Work):
    """Looks and plans have pictures that a browser can show."""

    def __init__(self, module: str, arguments: list[str], settings: dict) -> None:
        super().__init__(module, arguments, settings)
        picture(self.folder / "photograph.jpg")
        if settings["work"] == "look":
            leave(self.folder, {"photo": "photograph.jpg", "frame": PLANNED["frame"], "sentence": "registered"})
            return
        for name in PLANNED["pictures"].values():
            picture(self.folder / name)
        self.plan()

    def plan(self) -> None:
        leave(self.folder, PLANNED)


class Slow(Drawn):
    """Plans take for ever."""

    def plan(self) -> None:
        pass


@pytest.fixture
def planning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    Work.made = []
    monkeypatch.setattr(desk_module, "Child", Drawn)
    with serving(tmp_path, Tokens()) as bench:
        bench.page.more = lambda: {"planning": True, "trouble": "", "state": {"name": "new", "sentence": "plan a scan"}}
        yield bench


def middle_of(visit, selector: str) -> tuple[float, float, float]:
    """Of a canvas on the screen, and a length that lies well within the picture on it."""
    box = visit.page.locator(selector).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, 0.2 * min(box["width"], box["height"])


def test_a_time_is_planned_with_its_ways_priced_and_a_picture_of_where_it_is_spent(planning, visit):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="the extra `browser` is not installed")
    found = visit(f"http://{planning.here}/")
    found.await_true("document.getElementById('planning-empty').hidden")
    found.await_text("#state", "^No scan$")
    x, y, reach = middle_of(found, "#planning-map")
    drag(found, [(x - reach, y - reach), (x + reach, y + reach)])
    found.await_text("#area-note", "maps still cover the configured 48 x 32 mm, and are empty outside it")
    found.page.locator("[name=budget][value=time_s]").check()
    found.page.locator("#budget").fill("3")
    found.page.locator("#price").click()
    found.await_text("#alternatives", "dwells on chosen cells \\(chosen\\).*3 %.*every so many rows")
    found.await_text("#planned-more", "first part .* follows, where what is measured says")
    asked = json.loads((Work.made[-1].folder / "asked.json").read_text())
    assert asked["budget"] == {"time_s": 180}
    shown = found.page.evaluate(
        "[...document.getElementById('planning-picture').options].filter((o) => !o.hidden).map((o) => o.textContent)"
    )
    assert shown == ["photograph", "where time is spent", "cells to be measured", "way of the beam"]
    before = found.page.evaluate("document.getElementById('planning-map').toDataURL()")
    found.page.select_option("#planning-picture", "concentration_url")
    found.await_true("before => document.getElementById('planning-map').toDataURL() !== before", before)
    for scheme in ("dark", "light"):
        found.page.emulate_media(color_scheme=scheme)
        assert violations(axe.Axe(), found) == []


def test_an_area_is_drawn_with_a_finger(planning, visit):
    found = visit(f"http://{planning.here}/", size="telephone", has_touch=True)
    found.await_true("document.getElementById('planning-empty').hidden")
    found.page.locator("#planning-map").scroll_into_view_if_needed()
    x, y, reach = middle_of(found, "#planning-map")
    swipe(found, [[(x - reach, y - reach), (x, y), (x + reach, y + reach)]])
    found.await_text("#area-note", "Only the drawn area is measured")
    corners = found.page.locator("#shapes input").first.input_value().split(", ")
    assert len(corners) == 4
    assert found.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_keep_out_that_is_drawn_while_a_plan_is_worked_out_gives_that_plan_up(planning, visit, monkeypatch):
    monkeypatch.setattr(desk_module, "Child", Slow)
    found = visit(f"http://{planning.here}/")
    found.await_true("document.getElementById('planning-empty').hidden")
    found.page.locator("#price").click()
    found.await_true("!document.getElementById('cancel-job').hidden")
    found.page.locator("#draw-keep-out").click()
    x, y, reach = middle_of(found, "#planning-map")
    drag(found, [(x - reach, y - reach), (x, y)])
    found.await_text("#planning-words", "have changed: work out the plan again")
    found.await_true("document.getElementById('cancel-job').hidden")
    await_that(lambda: Work.made[-1].is_ended, "the plan is given up")
    assert not found.page.locator("#start").is_visible()


def test_another_object_is_photographed_and_what_was_planned_before_is_not_offered(planning, visit):
    found = visit(f"http://{planning.here}/")
    found.await_true("document.getElementById('planning-empty').hidden")
    found.page.locator("#price").click()
    found.page.locator("#start").wait_for()
    found.page.locator("#look-again").click()
    await_that(lambda: Work.made[-1].settings["work"] == "look", "another photograph")
    found.await_text("#planning-words", "^Photograph: registered")
    assert not found.page.locator("#start").is_visible()
