"""A whole simulated scan, watched and commanded from the page by four browsers at once."""

from __future__ import annotations

import re

from edge.record.reader import JournalReader
from tests.unit.monitor.page_server import served


def events_of(bench) -> list:
    """What happened so far, exposures aside."""
    with JournalReader(bench.recording / "journal.sqlite") as reader:
        return [event for _, event in reader.events() if type(event).__name__ != "Measured"]


def measured(visit) -> int:
    """Cells that a page says are measured."""
    return int(re.search(r"[\d,]+", visit.text("#measured-words"))[0].replace(",", ""))


def test_four_browsers_watch_a_scan_that_is_paused_resumed_and_stopped_from_the_page(slow_bench, visit):
    bench = slow_bench
    with bench.running(), bench.scanning() as scan:
        bench.scan_until(20, scan)
        with served(bench.recording) as server:
            url = f"http://{server.here}/"
            visits = [visit(url, size=size) for size in ("laptop", "desk", "telephone", "laptop")]
            first, second, telephone, _ = visits
            for one in visits:
                one.await_text("#state", "^Measuring$")
            before = measured(first)
            first.await_true(f"Number(document.querySelector('#count').textContent.split(' ')[0]) > {before}")
            first.page.locator(".element").first.wait_for()

            telephone.page.locator("#pause").click()
            for one in visits:
                one.await_text("#state", "^Paused$")
                one.await_text("#pause", "^Resume$")
            assert type(events_of(bench)[-1]).__name__ == "Paused"

            first.page.locator(".element canvas").first.click()
            first.await_text("#large-title", "^[A-Z][a-z]? [KL]$")
            first.page.locator("#large-map").hover()
            first.page.mouse.wheel(0, -400)
            first.await_true("location.hash.includes('zoom=')")
            box = first.page.locator("#large-map").bounding_box()
            first.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            first.await_text("#spectrum-words", "^At x .* live")

            second.page.keyboard.press("p")
            for one in visits:
                one.await_text("#state", "^Measuring$")
            seen = measured(first)
            first.page.reload()
            first.await_text("#state", "^Measuring$")
            first.await_text("#large-title", "^[A-Z][a-z]? [KL]$")
            first.await_true("location.hash.includes('zoom=')")
            assert measured(first) >= seen

            second.page.locator("#stop").click()
            second.page.locator("#confirm-no").click()
            second.page.locator("#stop").click()
            second.page.locator("#confirm-yes").click()
            scan.wait(timeout=120)
            for one in visits:
                one.await_text("#state", "^Stopped$")
                assert one.page.locator("#controls").is_hidden()
                one.page.close()
