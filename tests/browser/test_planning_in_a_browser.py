"""The instrument's own page: a plan is drawn on the photograph, started, and armed at a terminal."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from tests.browser.conftest import drag, keep_picture
from tests.instrument.conftest import Bench, await_that
from tests.instrument.test_armed_scan import armed_at_a_terminal, openings

LONG_S = 600.0
"""Every way of scanning is priced at lower priority, on whatever else the computer does."""


@dataclass
class PagedBench(Bench):
    """One whose scans are started from its page."""

    @property
    def recording(self) -> Path:
        (found,) = [journal.parent for journal in (self.folder / "runs").glob("*/journal.sqlite")]
        return found


@pytest.fixture
def paged(tmp_path, starter) -> PagedBench:
    """The demonstration's panel, its photograph from a folder."""
    panel = files("edge.simulate") / "panel"
    instrument, scan = (yaml.safe_load((panel / f"{name}.yaml").read_text("utf-8")) for name in ("instrument", "scan"))
    (tmp_path / "camera.yaml").write_text((panel / "camera.yaml").read_text("utf-8"), encoding="utf-8")
    del instrument["camera_port"]
    scan["instrument"]["camera"] = {"kind": "folder", "path": "frames"}
    scan["monitor"] = {"port": 0}
    return PagedBench(tmp_path, instrument, scan, starter)


@pytest.mark.campaign
@pytest.mark.timeout(3 * LONG_S)
def test_a_scan_planned_on_the_page_opens_no_shutter_until_somebody_at_the_instrument_arms_it(paged, visit):
    words = paged.folder / "serve.words"
    with paged.running(), words.open("wb") as said:
        serve = paged.start_unattended("serve", str(paged.config), "--recordings", "runs", words=said, faults=said)
        try:
            await_that(lambda: "http://" in words.read_text() or serve.poll() is not None, "the instrument's page")
            page = visit(re.search(r"http://\S+", words.read_text())[0])
            plan_on(page)
            keep_picture(page, "page-planning")
            page.page.locator("#start").click()
            page.await_text("#state", "^To be armed$")
            page.await_text("#sentence", "pointillist arm")
            assert openings(paged) == 0
            code, answer = armed_at_a_terminal(paged, "yes")
            assert code == 0, answer
            page.await_text("#state", "^Measuring$")
            page.await_true("parseInt(document.getElementById('percent').textContent) >= 60", within_s=LONG_S)
            keep_picture(page, "page-scan")
            page.page.select_option("#overlay", "Cu-K")
            box = page.page.locator("#large-map").bounding_box()
            page.page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.4 * box["height"])
            page.await_text("#spectrum-words", "^At x .* live")
            keep_picture(page, "page-element")
            page.page.locator("#stop").click()
            page.page.locator("#confirm-yes").click()
            page.await_text("#state", "^Stopped$")
            page.await_text("#pause", "^Resume$")
            page.page.close()
        finally:
            serve.terminate()
            serve.wait(timeout=90)


def plan_on(page) -> None:
    """Draw an area and a keep-out, and have their plan worked out."""
    page.await_true(
        "document.getElementById('planning-empty').hidden && !document.getElementById('planning').hidden",
        within_s=LONG_S,
    )
    box = page.page.locator("#planning-map").bounding_box()
    middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    reach = 0.42 * min(box["width"], box["height"])
    drag(page, [(middle[0] - 1.3 * reach, middle[1] - reach), (middle[0] + 1.3 * reach, middle[1] + reach)])
    page.page.locator("#draw-keep-out").click()
    page.page.locator("#draw-lasso").click()
    corner = (middle[0] - 1.2 * reach, middle[1] - 0.9 * reach)
    drag(
        page, [corner, (corner[0] + 0.4 * reach, corner[1]), (corner[0] + 0.2 * reach, corner[1] + 0.4 * reach), corner]
    )
    assert page.page.locator("#shapes li").count() == 2
    page.page.locator("[name=budget][value=time_s]").check()
    page.page.locator("#budget").fill("3")
    page.page.locator("#price").click()
    page.await_true("!document.getElementById('planned').hidden", within_s=LONG_S)
    assert page.page.locator("#alternatives tr").count() >= 1
