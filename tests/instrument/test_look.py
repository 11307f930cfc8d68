"""A running scan closes the shutter every so often and looks whether the object has moved."""

from __future__ import annotations

import cv2
import numpy as np

from edge.events import Paused, ShutterClosed, ShutterOpened
from edge.record.reader import JournalReader

STOPPED = 6
LOOK = "look at the object"


def story(bench) -> list:
    with JournalReader(bench.recording / "journal.sqlite") as reader:
        return [event for _, event in reader.events()]


def stages(bench) -> None:
    """A scan of some five seconds that looks every second, with the stage out of the way."""
    bench.instrument["twin"]["clock_factor"] = 40.0
    bench.scan["checks"] = {"every_minutes": 1 / 60, "stage": {"x_mm": 1.0, "y_mm": 2.0}}


def test_a_look_closes_the_shutter_and_the_scan_goes_on(bare):
    stages(bare)
    bare.instrument["camera_link"] = "camera"
    with bare.running():
        url = (bare.folder / "camera").read_text().strip()
        bare.scan["instrument"]["camera"] = {"kind": "http", "url": url}
        bare.write()
        ended = bare.run("scan", str(bare.config), "--out", str(bare.recording))
    assert ended.returncode == 0, ended.stderr
    events = story(bare)
    closed = [event.reason for event in events if isinstance(event, ShutterClosed)]
    assert closed.count(LOOK) >= 1
    # counted by what follows, for on a busy computer a lease may have closed the shutter before a look did
    opened = [event.reason for event in events if isinstance(event, ShutterOpened)].count(f"after {LOOK}")
    assert opened >= 1
    # one before the beam, and one that was due with the last exposure may follow it
    assert 0 <= ended.stdout.count("The object is where it was") - (1 + opened) <= 1


def test_an_object_that_moves_meanwhile_pauses_the_scan_resumably(bare):
    stages(bare)
    with bare.running():
        with bare.scanning() as scan:
            bare.scan_until(10, scan)
            picture = bare.folder / "frames" / "frame.png"
            frame = cv2.imread(str(picture))
            inside = (slice(260, 640), slice(330, 880))
            frame[inside] = np.roll(frame[inside], 25, axis=1)
            cv2.imwrite(str(picture.with_name("next.png")), frame)
            assert scan.wait(timeout=120) == STOPPED
        after = [event["event"] for event in bare.twin_events()]
    assert "the object moved by" in bare.said
    (paused,) = [event for event in story(bare) if isinstance(event, Paused)]
    assert paused.reason.startswith("the object moved by")
    assert after.count("shutter_opened") == after.count("shutter_closed")
