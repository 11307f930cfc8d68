"""A simulated scan, watched and commanded from the page by several browsers at once."""

from __future__ import annotations

import re

import pytest

from edge.record.reader import JournalReader
from tests.unit.monitor.page_server import served


def events_of(bench) -> list:
    """What happened so far, exposures aside."""
    with JournalReader(bench.recording / "journal.sqlite") as reader:
        return [event for _, event in reader.events() if type(event).__name__ != "Measured"]


FORGIVEN = "409|WebSocket|ERR_"
"""What a browser says in its console of an order that was refused, and of a network that was gone."""
MORE = "least => Number(document.querySelector('#measured-words').textContent.match(/[0-9,]+/)[0]) >= least"
ORDER = """order => fetch('api/control', { method: 'POST', headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(order) }).then((answer) => answer.json())"""


def sleeps_and_comes_back(sleeper, awake) -> None:
    """A page that slept shows what it showed, and all that was measured meanwhile."""
    sleeper.page.locator(".element canvas").first.click()
    sleeper.page.locator("#opacity").fill("0.4")
    sleeper.page.locator("#zoom-in").click()
    sleeper.await_true("location.hash.includes('zoom=') && location.hash.includes('opacity=0.4')")
    looked_at = sleeper.text("#large-title"), sleeper.page.evaluate("location.hash")
    sleep_until(sleeper, lambda: awake.await_true(MORE, measured(awake) + 20))
    sleeper.await_true(MORE, measured(awake))
    assert (sleeper.text("#large-title"), sleeper.page.evaluate("location.hash")) == looked_at


def paused_by_one_and_refused_to_the_stale(first, second, visits) -> None:
    """One operator pauses, all see it alike; who saw an earlier pause, or none, lets nothing go on."""
    nothing = second.page.evaluate(ORDER, {"do": "resume"})
    assert (nothing["ok"], "nothing is paused" in nothing["sentence"]) == (False, True)
    first.page.locator("#pause").click()
    for one in visits:
        one.await_text("#sentence", "^Paused by 127.0.0.1 on the page. The beam is off")
    assert len({one.text("#count") for one in visits}) == 1
    stale = second.page.evaluate(ORDER, {"do": "resume", "pauses": 1})
    assert (stale["ok"], "paused again" in stale["sentence"]) == (False, True)


def sleep_until(visit, woken) -> None:
    """Have a page sleep, its network gone and it standing still, until something has happened elsewhere."""
    session = visit.page.context.new_cdp_session(visit.page)
    visit.page.context.set_offline(True)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    woken()
    session.send("Page.setWebLifecycleState", {"state": "active"})
    visit.page.context.set_offline(False)


def measured(visit) -> int:
    """Cells that a page says are measured."""
    return int(re.search(r"[\d,]+", visit.text("#measured-words"))[0].replace(",", ""))


WATCHED_BY = [
    pytest.param(("laptop", "telephone"), id="two"),
    pytest.param(("laptop", "desk", "telephone", "laptop"), id="four", marks=pytest.mark.campaign),
]


@pytest.mark.parametrize("sizes", WATCHED_BY)
def test_browsers_watch_a_scan_that_is_paused_resumed_and_stopped_from_the_page(slow_bench, visit, sizes):
    bench = slow_bench
    with bench.running(), bench.scanning() as scan:
        bench.scan_until(20, scan)
        with served(bench.recording) as server:
            visits = [visit(f"http://{server.here}/", size=size, forgiven=FORGIVEN) for size in sizes]
            first, last, telephone = visits[0], visits[-1], visits[sizes.index("telephone")]
            for one in visits:
                one.await_text("#state", "^Measuring$")
            first.await_true(MORE, measured(first) + 1)
            first.page.locator(".element").first.wait_for()

            telephone.page.locator("#pause").click()
            for one in visits:
                one.await_text("#state", "^Paused$")
                one.await_text("#pause", "^Resume$")
            assert type(events_of(bench)[-1]).__name__ == "Paused"
            looks_into_a_map(first)

            first.page.keyboard.press("p")
            for one in visits:
                one.await_text("#state", "^Measuring$")
            seen = measured(first)
            first.page.reload()
            first.await_text("#state", "^Measuring$")
            first.await_text("#large-title", "^[A-Z][a-z]? [KL]$")
            first.await_true("location.hash.includes('zoom=')")
            assert measured(first) >= seen

            sleeps_and_comes_back(last, first)
            paused_by_one_and_refused_to_the_stale(first, last, visits)

            last.page.locator("#stop").click()
            last.page.locator("#confirm-no").click()
            last.page.locator("#stop").click()
            last.page.locator("#confirm-yes").click()
            scan.wait(timeout=120)
            for one in visits:
                one.await_text("#state", "^Stopped$")
                one.await_text("#sentence", "^Stopped by 127.0.0.1 on the page; no scan is running")
                assert one.page.locator("#controls").is_hidden()
                one.page.close()


def looks_into_a_map(visit) -> None:
    """An element is chosen, magnified and asked for a spectrum."""
    visit.page.locator(".element canvas").first.click()
    visit.await_text("#large-title", "^[A-Z][a-z]? [KL]$")
    visit.page.locator("#large-map").hover()
    visit.page.mouse.wheel(0, -400)
    visit.await_true("location.hash.includes('zoom=')")
    box = visit.page.locator("#large-map").bounding_box()
    visit.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    visit.await_text("#spectrum-words", "^At x .* live")
