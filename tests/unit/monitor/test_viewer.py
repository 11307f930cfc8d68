"""What one browser is sent: what is new, once, and never more than it takes."""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from edge.alerts.fold import Alert
from edge.monitor import wire
from edge.monitor.shown import Shown
from edge.monitor.viewer import Viewer


class Scene:
    """What there is to be seen, set by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.edition = 1
        self.status = {"state": {"name": "scanning"}}
        self.alerts: tuple[Alert, ...] = ()
        self.cells = np.zeros(5, wire.CELL)
        self.samples = SimpleNamespace(count=5)
        self.maps = SimpleNamespace(generation=1, elements=("Fe-K", "Pb-L"), versions=np.ones((2, 2, 3, 4), np.uint32))
        self.body = b"x" * 40_000
        """One such fills a message."""
        self.packed_parts: list[tuple[int, ...]] = []

    def listed(self, first: int, last: int, viewed: Sequence[int]) -> bytes:
        values = np.zeros((last - first, len(viewed)), np.float32)
        return wire.exposures_body(first, self.cells[first:last], viewed, values)

    def packed(self, *part: int) -> bytes:
        self.packed_parts.append(part)
        return self.body

    def expose(self, count: int, *, fitted: int) -> None:
        self.cells = np.zeros(len(self.cells) + count, wire.CELL)
        self.samples.count += fitted


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def viewer(scene: Scene) -> Viewer:
    viewer = Viewer(cast(Shown, scene), clock=lambda: scene.now)
    kinds(viewer.messages())
    return viewer


def kinds(messages: Iterator[str | bytes]) -> list[str | int]:
    return [json.loads(message)["type"] if isinstance(message, str) else message[0] for message in messages]


def exposures(messages: Iterator[str | bytes]) -> list[tuple[Any, ...]]:
    return [struct.unpack_from("<II", each, 8) for each in messages if isinstance(each, bytes) and each[0] == 1]


def test_nothing_is_sent_twice(scene: Scene, viewer: Viewer) -> None:
    viewer.look_at([0, 1], ["estimate"])
    assert kinds(viewer.messages()) == [2] * 6
    assert kinds(viewer.messages()) == []


def test_an_exposure_is_sent_when_recorded_and_again_with_its_values(scene: Scene, viewer: Viewer) -> None:
    scene.expose(2, fitted=0)
    assert exposures(viewer.messages()) == [(5, 2)]
    scene.expose(0, fitted=2)
    assert exposures(viewer.messages()) == [(5, 2)]
    scene.expose(3, fitted=3)
    assert exposures(viewer.messages()) == [(7, 3)]
    assert exposures(viewer.messages()) == []


def test_many_exposures_come_in_messages_of_bounded_length(scene: Scene, viewer: Viewer) -> None:
    scene.expose(10_000, fitted=10_000)
    assert exposures(viewer.messages()) == [(5, 4_096), (4_101, 4_096), (8_197, 1_808)]


def test_the_state_is_told_at_most_twice_a_second(scene: Scene, viewer: Viewer) -> None:
    told = 0
    for tenth in range(1, 51):
        scene.now = tenth / 10
        told += kinds(viewer.messages()).count("status")
    assert told == 10


def test_only_parts_that_changed_are_sent_again(scene: Scene, viewer: Viewer) -> None:
    viewer.look_at([1], ["estimate", "error"])
    kinds(viewer.messages())
    scene.packed_parts.clear()
    versions = scene.maps.versions.copy()
    versions[1, 1, 2, 3] += 1
    versions[0, 0] += 1
    scene.maps.versions = versions
    assert kinds(viewer.messages()) == [2]
    assert scene.packed_parts == [(1, 1, 2, 3, 1)]


def test_small_parts_come_together_in_one_message(scene: Scene, viewer: Viewer) -> None:
    scene.body = b"x" * 1_000
    viewer.look_at([0, 1], ["estimate"])
    (message,) = [each for each in viewer.messages() if isinstance(each, bytes)]
    assert struct.unpack_from("<BBH", message) == (2, 0, 6)
    assert len(message) == 12 + 6_000


def test_who_takes_less_than_changes_gets_each_element_in_turn(scene: Scene, viewer: Viewer) -> None:
    scene.body = b"x" * 300_000
    viewer.look_at([0, 1], ["estimate"])
    for second in range(12):
        scene.now = float(second)
        scene.maps.versions = scene.maps.versions + np.uint32(1)
        kinds(viewer.messages())
    assert {part[:3] for part in scene.packed_parts[-6:]} == {
        (element, 0, down) for element in (0, 1) for down in range(3)
    }


def test_what_is_no_longer_looked_at_is_sent_whole_when_it_is_looked_at_again(scene: Scene, viewer: Viewer) -> None:
    viewer.look_at([0, 1], ["estimate"])
    kinds(viewer.messages())
    viewer.look_at([1], ["estimate"])
    assert kinds(viewer.messages()) == []
    scene.packed_parts.clear()
    viewer.look_at([0, 1], ["estimate"])
    kinds(viewer.messages())
    assert {part[0] for part in scene.packed_parts} == {0}


def test_an_exposure_whose_values_are_soon_to_come_goes_with_those_before_it(scene: Scene, viewer: Viewer) -> None:
    scene.expose(2, fitted=0)
    kinds(viewer.messages())
    scene.expose(1, fitted=2)
    assert exposures(viewer.messages()) == [(5, 3)]
    scene.expose(0, fitted=1)
    assert exposures(viewer.messages()) == [(7, 1)]


def test_values_that_are_far_behind_do_not_have_the_newest_exposures_sent_again(scene: Scene, viewer: Viewer) -> None:
    scene.expose(1_000, fitted=0)
    kinds(viewer.messages())
    scene.expose(1, fitted=10)
    assert exposures(viewer.messages()) == [(5, 10), (1_005, 1)]


def test_another_generation_is_sent_whole(scene: Scene, viewer: Viewer) -> None:
    viewer.look_at([0], ["estimate"])
    kinds(viewer.messages())
    scene.maps.generation, scene.maps.versions = 2, np.ones((2, 2, 1, 1), np.uint32)
    assert kinds(viewer.messages()) == [2]


def test_parts_that_changed_many_times_meanwhile_are_sent_once(scene: Scene, viewer: Viewer) -> None:
    viewer.look_at([0], ["estimate"])
    kinds(viewer.messages())
    for _ in range(100):
        scene.maps.versions = scene.maps.versions + 1
        scene.expose(1, fitted=1)
    sent = kinds(viewer.messages())
    assert sent.count(2) == 3
    assert sent.count(1) == 1


def test_maps_flow_no_faster_than_two_megabytes_a_second(scene: Scene, viewer: Viewer) -> None:
    scene.body = b"x" * 100_000
    scene.maps.versions = np.ones((2, 2, 100, 4), np.uint32)
    viewer.look_at([0, 1], ["estimate"])
    sent = 0
    for tenth in range(100):
        scene.now = tenth / 10
        sent += 100_000 * kinds(viewer.messages()).count(2)
    # what was saved up counts once, and the last message may overdraw
    assert 0 < sent <= 10 * 1.2e6 + 1.5e6 + 1e5
    assert viewer.rest_s() >= 0.01


def test_another_plan_or_photograph_is_announced_before_anything_else(scene: Scene, viewer: Viewer) -> None:
    scene.edition, scene.now = 2, 1.0
    scene.expose(1, fitted=1)
    assert kinds(viewer.messages()) == ["scan", 1, "status"]


def test_alerts_come_once_and_old_ones_not_at_all(scene: Scene) -> None:
    scene.alerts = (Alert(1, "paused", "long ago", "2026-01-02T03:04:05+00:00"),)
    viewer = Viewer(cast(Shown, scene), clock=lambda: scene.now)
    assert "alert" not in kinds(viewer.messages())
    scene.alerts = (*scene.alerts, Alert(2, "finished", "now", "2026-01-02T04:04:05+00:00"))
    told = [json.loads(message) for message in viewer.messages() if isinstance(message, str)]
    assert [(alert["kind"], alert["sentence"]) for alert in told] == [("finished", "now")]
    assert kinds(viewer.messages()) == []


def test_messages_are_numbered_one_by_one(scene: Scene, viewer: Viewer) -> None:
    scene.expose(5_000, fitted=5_000)
    scene.now = 1.0
    viewer.look_at([0], ["error"])
    before, numbers = viewer.n, []
    for message in viewer.messages():
        is_text = isinstance(message, str)
        numbers.append(json.loads(message)["n"] if is_text else int.from_bytes(cast(bytes, message)[4:8], "little"))
    assert numbers == list(range(before + 1, viewer.n + 1))


def test_elements_that_there_are_not_yet_wait(scene: Scene, viewer: Viewer) -> None:
    scene.maps.elements = ()
    viewer.look_at([0, 1], ["estimate"])
    scene.expose(1, fitted=1)
    assert kinds(viewer.messages()) == [1]


def test_an_exposure_goes_before_the_parts_that_still_wait(scene: Scene, viewer: Viewer) -> None:
    viewer.look_at([0, 1], ["estimate"])
    messages = viewer.messages()
    first = next(messages)
    scene.expose(1, fitted=1)
    assert kinds(iter([first])) == [2]
    # no more parts in this round, and the next one begins with the exposure
    assert kinds(messages) == []
    assert viewer.rest_s() == 0
    assert kinds(viewer.messages()) == [1, 2, 2, 2, 2, 2]


def test_values_of_exposures_that_are_not_read_yet_wait_for_them(scene: Scene, viewer: Viewer) -> None:
    scene.samples.count += 3
    assert kinds(viewer.messages()) == []
    assert viewer.rest_s() > 0
    scene.expose(3, fitted=0)
    assert exposures(viewer.messages()) == [(5, 3)]


def test_a_browser_that_comes_back_is_sent_the_maps_again(scene: Scene, viewer: Viewer) -> None:
    viewer.look_at([0], ["estimate"])
    assert kinds(viewer.messages()) == [2] * 3
    again = Viewer(cast(Shown, scene), clock=lambda: scene.now)
    again.look_at([0], ["estimate"])
    assert kinds(again.messages()) == ["status", 2, 2, 2]


def test_ten_hours_leave_nothing_behind(scene: Scene, viewer: Viewer) -> None:
    viewer.look_at([0, 1], ["estimate", "error"])
    sizes = []
    for hour in range(10):
        for minute in range(60):
            scene.now = 3_600.0 * hour + 60.0 * minute
            scene.samples.count = 5
            scene.maps.versions = scene.maps.versions + np.uint32(1)
            kinds(viewer.messages())
        scene.packed_parts.clear()
        sizes.append(len(pickle.dumps([viewer._sent, viewer._viewed, viewer._layers])))
    assert len(set(sizes)) == 1
