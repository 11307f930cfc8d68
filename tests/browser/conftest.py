"""The page in Debian's Chromium, and servers of it on loopback."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.maps import ElementMaps
from edge.record.maps_file import write_maps
from edge.results import MAPS_UNIT
from tests.instrument.conftest import await_that, bench_in, starter
from tests.unit.monitor.page_server import served

__all__ = ["starter"]

RECORDINGS = Path(__file__).parents[1] / "replay" / "recordings"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_MS = 120_000
"""However busy the machine is."""
SIZES = {"laptop": (1280, 800), "desk": (1920, 1080), "telephone": (390, 844)}


PICTURES = "POINTILLIST_PICTURES"
"""Environment variable: a folder for the pictures of the page, `docs/images` to renew those of the README."""


def keep_picture(visit: Visit, name: str) -> None:
    """Leave a picture of a page where somebody wants to see it."""
    if folder := os.environ.get(PICTURES):
        # a look without the pointer's traces
        visit.page.mouse.move(0, 0)
        visit.page.wait_for_timeout(500)
        visit.page.screenshot(path=str(Path(folder) / f"{name}.png"))


def drag(visit: Visit, places: list[tuple[float, float]]) -> None:
    """With the button held from the first place to the last."""
    mouse = visit.page.mouse
    mouse.move(*places[0])
    mouse.down()
    for place in places[1:]:
        mouse.move(*place, steps=8)
    mouse.up()


def swipe(visit: Visit, fingers: list[list[tuple[float, float]]]) -> None:
    """Fingers on the screen, each from its first place to its last, all in step."""
    session = visit.page.context.new_cdp_session(visit.page)
    for step, places in enumerate(zip(*fingers, strict=True)):
        points = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(places)]
        kind = "touchMove" if step else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def violations(axe: object, visit: Visit) -> list[str]:
    """What axe-core objects to, with the places."""
    found = axe.run(visit.page).response["violations"]
    return [f"{one['id']}: {[node['html'][:120] for node in one['nodes']]}" for one in found]


@dataclass
class Visit:
    """One tab, and what went wrong in it."""

    page: object
    trouble: list[str] = field(default_factory=list)

    def text(self, selector: str) -> str:
        return self.page.locator(selector).inner_text()

    def await_text(self, selector: str, pattern: str) -> None:
        """Wait until a place says what is expected."""
        from playwright.sync_api import expect

        expect(self.page.locator(selector)).to_have_text(re.compile(pattern), timeout=PATIENCE_MS)

    def await_true(self, script: str, given: object = None, *, within_s: float = PATIENCE_MS / 1000) -> None:
        """Wait until an expression of the page is true."""
        # Asked from here: a page whose policy forbids eval can be asked from outside, but not by a timer inside.
        await_that(lambda: self.page.evaluate(script, given), script, timeout_s=within_s)


@pytest.fixture(scope="module")
def chromium():
    """A browser for all tests of a module: its driver keeps a loop in the thread, and other modules begin their own."""
    library = pytest.importorskip("playwright.sync_api", reason="the extra `browser` is not installed")
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("there is no Chromium: sudo apt-get install chromium")
    # Chromium refuses to run as root in its sandbox.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with library.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


class Visits:
    """Tabs of one browser, each with a memory of its own."""

    def __init__(self, chromium: Any) -> None:
        self._chromium = chromium
        self._contexts: list[Any] = []
        self._visits: list[Visit] = []

    def opened(
        self, url: str, *, size: str = "laptop", scheme: str = "dark", forgiven: str = "^$", has_touch: bool = False
    ) -> Visit:
        """Open a page as a scientist would; what is forgiven may stand in its console."""
        width, height = SIZES[size]
        context = self._chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, has_touch=has_touch
        )
        context.set_default_timeout(PATIENCE_MS)
        self._contexts.append(context)
        found = Visit(context.new_page())
        self._visits.append(found)

        def note(said: str) -> None:
            if not re.search(forgiven, said):
                found.trouble.append(said)

        found.page.on("console", lambda said: note(said.text) if said.type in {"error", "warning"} else None)
        found.page.on("pageerror", lambda error: note(str(error)))
        found.page.goto(url)
        return found

    def trouble(self) -> list[list[str]]:
        """What the tabs said in their consoles, beside what was forgiven."""
        return [one.trouble for one in self._visits if one.trouble]

    def close(self) -> None:
        for context in self._contexts:
            context.close()


@pytest.fixture
def visit(chromium) -> Iterator[Callable[..., Visit]]:
    """Open a page in a tab of this test's own; what it says in its console, beside what is forgiven, fails the test."""
    visits = Visits(chromium)
    yield visits.opened
    visits.close()
    assert visits.trouble() == []


@pytest.fixture(scope="module")
def tab(chromium, at_rest) -> Iterator[Visit]:
    """A tab for all tests of a module: opening one takes thrice as long as loading a page."""
    visits = Visits(chromium)
    yield visits.opened(at_rest)
    visits.close()


@pytest.fixture(scope="session")
def recording(tmp_path_factory) -> Path:
    """A finished recording of the simulated panel, with the maps that its scan ended with."""
    folder = Path(shutil.copytree(RECORDINGS / "points", tmp_path_factory.mktemp("finished") / "scan"))
    with np.load(folder / "expected.npz") as kept:
        maps, error, elements = kept["maps"], kept["standard_error"], tuple(map(str, kept["elements"]))
    found = ElementMaps(elements, maps, error, measured=np.isfinite(maps[..., 0]), method="kriging")
    write_maps(folder / "maps.h5", found, attributes={"unit": MAPS_UNIT})
    return folder


@pytest.fixture(scope="session")
def at_rest(recording) -> Iterator[str]:
    """Address of the page of a finished recording, which no test changes."""
    with served(recording) as page:
        yield f"http://{page.here}/"


@pytest.fixture
def slow_bench(tmp_path, starter):
    """A small panel, scanned at a pace at which a person could press buttons, for two minutes and more."""
    bench = bench_in(tmp_path, starter)
    bench.beforehand = ("leave_out_report",)
    bench.instrument["twin"]["clock_factor"] = 4.0
    bench.scan["area"]["pitch_mm"] = 0.75
    bench.scan["sampling"] |= {"rate": 0.9, "dwell_s": 0.2}
    return bench
