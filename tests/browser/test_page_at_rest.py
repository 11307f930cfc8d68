"""The page of a finished recording: what it shows, how it is used, and that everybody can use it."""

from __future__ import annotations

import base64
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from edge.grid import CellWindow
from edge.monitor import wire
from tests.browser.conftest import SIZES, swipe, violations
from tests.instrument.conftest import await_that
from tests.unit.monitor.page_server import TOKENS, served

LARGE = "#large-map"
AT_MOST_BYTES = 500_000


@pytest.fixture
def page(at_rest, tab):
    """The page as somebody sees it who has never been there."""
    # what an earlier test chose is kept with a delay, but not once another page is shown
    tab.page.goto("about:blank")
    kept = {"origin": at_rest, "storageTypes": "local_storage"}
    tab.page.context.new_cdp_session(tab.page).send("Storage.clearDataForOrigin", kept)
    tab.page.goto(at_rest)
    tab.await_text("#state", "Finished")
    tab.page.locator(".element").first.wait_for()
    yield tab
    said, tab.trouble = tab.trouble, []
    assert said == []


@pytest.fixture
def narrow(tab):
    """The tab is as narrow as a telephone."""
    width, height = SIZES["telephone"]
    tab.page.set_viewport_size({"width": width, "height": height})
    yield
    width, height = SIZES["laptop"]
    tab.page.set_viewport_size({"width": width, "height": height})


@pytest.fixture
def scripts(tab):
    """A tab in which modules of the page can be called."""
    yield tab
    said, tab.trouble = tab.trouble, []
    assert said == []


def show_tools(visit) -> None:
    """Unfold the tools that a newcomer does not need."""
    visit.page.locator("#more").click()


def pixels_of(visit, selector=LARGE) -> bytes:
    """What a canvas shows."""
    return base64.b64decode(visit.page.evaluate(f"document.querySelector('{selector}').toDataURL().split(',')[1]"))


def test_a_finished_scan_says_so_in_letters_read_from_behind_the_safety_line(page):
    page.await_text("#percent", "^100 %$")
    assert page.text("#subject")
    high_px = page.page.evaluate("parseFloat(getComputedStyle(document.getElementById('state')).fontSize)")
    # 50 px on a laptop of 1280 px across 300 mm: letters of 8 mm, 11 minutes of arc at 2.7 m; sharp eyes read 5
    assert high_px >= 50
    assert page.page.locator("#controls").is_hidden()


def test_all_that_a_page_begins_with_comes_from_the_instrument_and_is_small(at_rest, visit):
    found = visit("about:blank")
    session = found.page.context.new_cdp_session(found.page)
    session.send("Network.enable")
    urls, lengths = {}, []
    session.on("Network.responseReceived", lambda told: urls.update({told["requestId"]: told["response"]["url"]}))
    session.on("Network.loadingFinished", lambda told: lengths.append(told["encodedDataLength"]))
    found.page.goto(at_rest)
    found.await_text("#state", "Finished")
    found.await_text("#measured-words", "290 of")
    assert {url.startswith(at_rest) for url in urls.values()} == {True}
    assert any(url.endswith("/api/photo") for url in urls.values())
    assert 100_000 < sum(lengths) < AT_MOST_BYTES


def test_an_element_is_laid_over_the_photograph_and_the_page_comes_back_to_it(page):
    bare = pixels_of(page)
    page.page.locator(".element").nth(2).locator("canvas").first.click()
    page.await_text("#large-title", "^Cu K$")
    page.await_true("!document.getElementById('legend-bar').hidden")
    page.page.locator("#opacity").fill("0.5")
    page.page.wait_for_timeout(300)
    assert pixels_of(page) != bare
    page.await_true("location.hash.includes('map=Cu-K') && location.hash.includes('opacity=0.5')")
    page.page.reload()
    page.await_text("#large-title", "^Cu K$")
    assert page.page.locator("#opacity").input_value() == "0.5"


def test_all_maps_follow_the_wheel_on_one_of_them(page):
    wide = page.page.locator(".element canvas.picture").first
    before = page.page.evaluate("document.querySelectorAll('.element .picture')[3].toDataURL()")
    page.page.locator(LARGE).hover()
    page.page.mouse.wheel(0, -600)
    page.await_true("location.hash.includes('zoom=')")
    page.await_true("before => document.querySelectorAll('.element .picture')[3].toDataURL() !== before", before)
    page.page.locator("#zoom-fit").click()
    page.await_true("!location.hash.includes('zoom=')")
    assert wide.is_visible()


def test_a_click_shows_the_spectrum_there_and_another_button_that_of_all(page):
    page.await_text("#spectrum-words", "^Sum of 290 exposures")
    box = page.page.locator(LARGE).bounding_box()
    page.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.await_text("#spectrum-words", "^At x .* live")
    page.page.locator("#spectrum-sum").click()
    page.await_text("#spectrum-words", "^Sum of 290 exposures")
    page.page.locator("#spectrum-log").click()
    page.await_true("location.hash.includes('scale=lin')")


def test_everything_is_reached_by_keys_alone(page):
    press = page.page.keyboard.press
    page.page.locator(LARGE).focus()
    press("ArrowRight")
    press("ArrowDown")
    page.await_text("#readout", "(measured|inferred)")
    press("Enter")
    page.await_text("#spectrum-words", "^At x ")
    press("+")
    page.await_true("location.hash.includes('zoom=')")
    press("0")
    press("Escape")
    page.await_true("!location.hash.includes('pin=') && !location.hash.includes('zoom=')")
    page.page.locator(".element").nth(1).focus()
    press("Enter")
    page.await_text("#large-title", "^Fe K$")
    show_tools(page)
    reached = set()
    page.page.locator("body").click(position={"x": 2, "y": 2})
    for _ in range(40):
        press("Tab")
        reached.add(page.page.evaluate("document.activeElement.id"))
    wanted = {"large-map", "overlay", "opacity", "more", "layer", "inferred", "colours", "marks", "contrast", "zoom-in"}
    assert wanted | {"spectrum-log", "keys-button"} <= reached


def test_inferred_cells_can_be_hidden_hatched_and_faded(page):
    show_tools(page)
    page.page.select_option("#overlay", "Fe-K")
    pictures = set()
    for how in ("shown", "faded", "hatched", "hidden"):
        page.page.select_option("#inferred", how)
        page.page.wait_for_timeout(200)
        pictures.add(pixels_of(page))
    assert len(pictures) == 4


def test_cells_kept_back_to_check_the_maps_are_told_apart_from_what_the_maps_are_made_of(recording, visit):
    with served(recording) as server:
        taken, plan = server.page.shown.feed.taken, server.page.shown.feed.about.plan
        held = np.zeros(plan.grid.shape, bool)
        places = taken.cells[[10, 20, 30, 40]]
        held[places["row0"], places["column0"]] = True
        taken.know(replace(plan, mask=replace(plan.mask, cells=plan.mask.cells & ~held), held_out=held))
        found = visit(f"http://{server.here}/", forgiven="WebSocket|ERR_")
        found.await_text("#measured-words", "286 of 2,640")
        found.await_text("#held-words", "kept back to check the maps: 4$")
        row, column = (int(places[0][name]) for name in ("row0", "column0"))
        found.page.evaluate(f"location.hash = 'pin={row},{column}&spectrum=point&map=Fe-K'")
        found.page.reload()
        found.await_text("#readout", "inferred; measured too, but kept back to check the maps$")
        found.await_text("#spectrum-words", "measured here, kept back to check the maps")
        # where inferred cells are hidden, those are too: the map does not know them
        show_tools(found)
        bare = found.page.evaluate("document.querySelector('#large-map').toDataURL()")
        found.page.select_option("#inferred", "hidden")
        found.await_true("before => document.querySelector('#large-map').toDataURL() !== before", bare)


def test_nothing_is_shown_where_the_beam_has_not_been_near_while_a_scan_goes_on(scripts):
    script = """([states, rows, columns, exposures]) => import('/reach.js').then(m => {
      const within = m.nearCells(exposures, rows * columns);
      const one = new Uint8Array(rows * columns);
      if (rows > 10) m.addNear(one, 5 * columns + 6, { rows, columns }, within);
      const near = m.nearOnes(Uint8Array.from(states), (state) => state === 1, { rows, columns }, within);
      return [within, Array.from(near), Array.from(one)];
    })"""
    rng = np.random.default_rng(3)
    states = (rng.random((30, 40)) < 0.004).astype(int)
    # 100 exposures in the end on 1,200 cells lie 3.5 cells apart, and four times that is near
    within, near, added = scripts.page.evaluate(script, [states.ravel().tolist(), 30, 40, {"done": 5, "planned": 100}])
    assert within == np.ceil(4 * 12**0.5)
    rows, columns = np.mgrid[:30, :40]
    assert np.array_equal(np.reshape(added, (30, 40)), np.hypot(rows - 5, columns - 6) <= within)
    away = ndimage.distance_transform_edt(states != 1)
    near = np.array(near).reshape(states.shape) == 1
    # steps to eight neighbours make a way at most 8 % longer than it is
    assert near[away <= within / 1.083].all()
    assert not near[away > within].any()
    assert scripts.page.evaluate(script, [[1], 1, 1, {"done": 5, "planned": 5}])[1] == [1]


def test_three_elements_are_mixed_as_red_green_and_blue(page):
    page.page.select_option("#overlay", "rgb")
    page.page.select_option("#channel-0", "Hg-L")
    page.page.select_option("#channel-2", "Cu-K")
    page.await_text("#large-title", "^Hg L, .* K, Cu K as red, green, blue$")
    page.await_true("location.hash.includes('rgb=Hg-L')")


def test_the_ends_of_the_colours_are_set_on_the_histogram(page):
    page.page.select_option("#overlay", "Cu-K")
    show_tools(page)
    page.page.locator("#contrast").click()
    page.await_true("document.getElementById('stretch-high').hasAttribute('aria-valuetext')")
    before = page.text("#bar-high")
    box = page.page.locator("#histogram").bounding_box()
    page.page.mouse.click(box["x"] + 0.6 * box["width"], box["y"] + 10)
    page.await_true("before => document.getElementById('bar-high').textContent !== before", before)
    page.await_true("location.hash.includes('limits')")
    page.page.select_option("#percentiles", "0")
    page.await_true("!location.hash.includes('limits')")


def test_colours_are_those_that_were_published(scripts):
    matplotlib = pytest.importorskip("matplotlib")
    for name in ("viridis", "cividis"):
        ours = scripts.page.evaluate(f"import('/colours.js').then(m => Array.from(m.tableOf('{name}')))")
        theirs = np.round(matplotlib.colormaps[name](np.arange(256))[:, :3] * 255)
        # 33 points, straight between them: cividis bends by 5 of 256 levels at its dark end
        assert np.abs(np.array(ours).reshape(256, 3) - theirs).max() <= 5


def test_parts_of_maps_are_read_as_they_were_written(scripts):
    rng = np.random.default_rng(1)
    values = rng.gamma(2.0, 50.0, (30, 41)).astype(np.float32)
    values[3:6, 7:11] = np.nan

    def decoded(name: str, content: bytes):
        script = """async ([name, text]) => {
          const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
          const found = await (await import('/decode.js'))[name](bytes.buffer);
          const numbers = (values) => Array.from(values, (value) => Number.isNaN(value) ? null : value);
          return { ...found, parts: found.parts.map((part) => ({ ...part, values: numbers(part.values) })) };
        }"""
        return scripts.page.evaluate(script, [name, base64.b64encode(content).decode()])

    def numbers(found):
        return np.array([np.nan if value is None else value for value in found["values"]])

    # half a step of the range, as it is rounded
    half = (np.nanmax(values) - np.nanmin(values)) / 4_094 / 2 * 1.01
    windows = CellWindow(16, 32, 30, 41), CellWindow(46, 32, 30, 41)
    content = wire.parts_head(5, 9, 2) + b"".join(wire.part_bytes(values, window, 2, 1) for window in windows)
    found = decoded("decodeParts", content)
    assert [found[name] for name in ("n", "generation")] == [5, 9]
    for part, window in zip(found["parts"], windows, strict=True):
        assert [part[name] for name in ("element", "layer", "row", "column")] == [2, "error", window.row, 32]
        np.testing.assert_allclose(numbers(part), values.ravel(), atol=half)


def test_nobody_is_shut_out_by_contrast_names_or_roles(page):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="the extra `browser` is not installed")
    page.page.select_option("#overlay", "Cu-K")
    show_tools(page)
    page.page.locator("#contrast").click()
    checked = axe.Axe()
    for scheme in ("light", "dark"):
        page.page.emulate_media(color_scheme=scheme)
        assert violations(checked, page) == []
    page.page.locator("#keys-button").click()
    for scheme in ("light", "dark"):
        page.page.emulate_media(color_scheme=scheme)
        assert violations(checked, page) == []


def test_a_telephone_shows_everything_in_one_column_without_scrolling_sideways(narrow, page):
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 390
    lefts = page.page.evaluate(
        "[...document.querySelectorAll('.live > section')].map(s => s.getBoundingClientRect().left)"
    )
    assert len(lefts) == 4
    assert len(set(lefts)) == 1


def test_two_fingers_magnify_all_maps_and_one_moves_them(at_rest, visit):
    found = visit(at_rest, size="telephone", has_touch=True)
    found.await_text("#state", "Finished")
    found.page.locator(LARGE).scroll_into_view_if_needed()
    box = found.page.locator(LARGE).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    swipe(found, [[(x - 20, y), (x - 40, y), (x - 60, y)], [(x + 20, y), (x + 40, y), (x + 60, y)]])
    found.await_true("location.hash.includes('zoom=')")
    factor, _, column = place_of(found)
    # fingers three times as far apart in the end
    assert factor == pytest.approx(3, rel=0.1)
    swipe(found, [[(x, y), (x + 30, y), (x + 60, y)]])
    found.await_true("column => Number(location.hash.match(/zoom=[0-9.]+%2C[0-9.]+%2C([0-9.]+)/)[1]) < column", column)
    assert place_of(found)[0] == pytest.approx(factor)


def place_of(visit) -> list[float]:
    """Magnification, row and column that the address holds."""
    return visit.page.evaluate("location.hash.match(/zoom=([^&]*)/)[1].split('%2C').map(Number)")


def test_a_page_that_asks_for_a_token_lets_nobody_else_in_and_shows_visitors_no_buttons(recording, visit):
    with served(recording, TOKENS) as server:
        axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="the extra `browser` is missing")
        found = visit(f"http://{server.here}/", forgiven="401")
        found.page.locator("#token").fill("a-guess-that-is-wrong")
        found.page.keyboard.press("Enter")
        found.await_text("#login-words", "token")
        for scheme in ("dark", "light"):
            found.page.emulate_media(color_scheme=scheme)
            assert violations(axe.Axe(), found) == []
        found.page.locator("#who").fill("Anna")
        found.page.locator("#token").fill(TOKENS.visitor)
        found.page.keyboard.press("Enter")
        found.await_text("#state", "Finished")
        assert found.text("#whoami") == "You look on as a visitor"
        assert found.page.locator("#controls").is_hidden()
        found.page.locator("#logout").click()
        found.page.locator("#token").wait_for()
        for _ in range(3):
            found.page.keyboard.press("Escape")
        found.page.locator("#token").fill(TOKENS.visitor)
        found.page.keyboard.press("Enter")
        found.await_text("#state", "Finished")
        await_that(lambda: len(server.page.streams) == 1, "the stream")
        # the login runs out, here or by another tab that logs out
        server.page.access._sessions.clear()
        found.page.locator("#token").wait_for()


@pytest.mark.parametrize(
    ("name", "state", "words"),
    [
        ("scanning", "Measuring", "The scan does not need this page; what is shown here is from before"),
        ("finished", "Finished", "The scan has ended, and its page with it"),
    ],
)
def test_a_page_whose_server_went_away_says_what_of_the_scan_and_comes_back_by_itself(
    recording, visit, name, state, words
):
    with served(recording) as server:
        port = int(server.here.rpartition(":")[2])
        shown = server.page.shown
        shown.refresh = lambda: False
        shown.status = shown.status | {"state": {"name": name, "sentence": name}, "running": True}
        found = visit(f"http://{server.here}/", forgiven="WebSocket|ERR_")
        found.await_text("#state", state)
        found.page.select_option("#overlay", "Cu-K")
    found.await_text("#connection", words)
    with served(recording, port=port):
        found.await_true("document.getElementById('connection').hidden")
        assert found.text("#large-title") == "Cu K"
