"""Whatever is wrong ends in one sentence with its remedy, a stated exit code, no traceback, and the shutter closed."""

from __future__ import annotations

import os
import pty
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from edge import cli
from tests.instrument.conftest import Bench, await_that

USAGE, LINK, SAFETY, INTEGRITY, STOPPED = 2, 3, 4, 5, 6


def assert_one_sentence(words: str) -> None:
    assert "Traceback" not in words
    complaints = [line for line in words.splitlines() if line.startswith("pointillist:")]
    assert complaints, words


def shutter_was_opened(bench: Bench) -> bool:
    return any(event["event"] == "shutter_opened" for event in bench.twin_events())


def refused(bench: Bench, code: int, *, out: Path | None = None) -> str:
    """Run a scan that must end with a code; what it said."""
    bench.write()
    scan = bench.run("scan", str(bench.config), "--out", str(out or bench.recording))
    assert scan.returncode == code, (scan.returncode, scan.stdout, scan.stderr)
    assert_one_sentence(scan.stderr)
    return scan.stderr


@pytest.fixture
def without_instrument(bench: Bench, capsys):
    """Run a command in this process, nothing plugged in; its exit code and what it said."""
    bench.write()

    def run(*arguments: str) -> tuple[int, str]:
        code = cli.run(list(arguments))
        words = capsys.readouterr().err
        assert_one_sentence(words)
        return code, words

    return run


def test_a_missing_configuration_is_named(without_instrument, tmp_path):
    code, words = without_instrument("scan", str(tmp_path / "nowhere.yaml"))
    assert code == USAGE
    assert "nowhere.yaml: no such file" in words


def test_an_unknown_key_is_named_with_its_line(bench, without_instrument):
    bench.config.write_text(bench.config.read_text().replace("dwell_s", "dwel_s"))
    code, words = without_instrument("scan", str(bench.config))
    assert code == USAGE
    assert "sampling.dwel_s: unknown key" in words


def test_a_value_out_of_bounds_is_named_with_its_line(bench, without_instrument):
    bench.scan["sampling"]["rate"] = 1.5
    bench.write()
    code, words = without_instrument("scan", str(bench.config))
    assert code == USAGE
    assert "sampling.rate: input should be less than or equal to 1" in words


@pytest.mark.parametrize(
    ("section", "key", "sentence"),
    [
        ("sampling", "mask", "sampling.mask: there is no 'telepathy': choose one of gradient"),
        ("sampling", "binariser", "sampling.binariser: there is no 'telepathy': choose one of"),
        ("reconstruct", "method", "reconstruct.method: there is no 'telepathy': choose one of automatic, kriging"),
    ],
)
def test_an_unknown_method_is_refused_before_anything_moves(bench, without_instrument, section, key, sentence):
    bench.scan.setdefault(section, {})[key] = "telepathy"
    bench.write()
    code, words = without_instrument("scan", str(bench.config))
    assert code == USAGE
    assert sentence in words


def test_an_unknown_element_is_refused_before_anything_moves(bench, without_instrument):
    bench.scan["elements"] = ["Fe", "Xx"]
    bench.write()
    code, words = without_instrument("scan", str(bench.config))
    assert code == USAGE
    assert "Xx" in words


def test_a_missing_port_is_named_and_leaves_nothing_behind(bench, without_instrument):
    code, words = without_instrument("scan", str(bench.config), "--out", str(bench.recording))
    assert code == LINK
    assert "port: no such port" in words
    assert not bench.recording.exists()


def test_something_else_on_the_port_is_told_apart(bench, without_instrument):
    master, slave = pty.openpty()
    ended = threading.Event()

    def chatter() -> None:
        while not ended.wait(0.02):
            os.write(master, b"ok\r\nGrbl 1.1h ['$' for help]\r\n")

    os.set_blocking(slave, False)
    talker = threading.Thread(target=chatter)
    talker.start()
    try:
        bench.scan["instrument"]["controller"]["port"] = os.ttyname(slave)
        bench.write()
        code, words = without_instrument("scan", str(bench.config))
    finally:
        ended.set()
        talker.join()
        os.close(slave)
        os.close(master)
    assert code == LINK
    assert "protocol" in words


def test_a_disk_too_small_for_the_plan_is_refused(bench, without_instrument, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _path: type("Usage", (), {"free": 1_000_000})())
    code, words = without_instrument("scan", str(bench.config), "--out", str(bench.recording))
    assert code == USAGE
    assert "free some space or record elsewhere" in words


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["scan"], "scan needs a configuration"),
        (["scan", "a.yaml", "--resume", "b"], "takes neither a configuration nor --out"),
        (["scan", "--resume", "nowhere"], "nowhere: no such folder"),
        (["dance"], "dance"),
        (["scan", "a.yaml", "--colour"], "--colour"),
        (["replay", "nowhere.npz", "--out", "x"], "nowhere.npz: no such file or folder"),
        (["replay", "nowhere.npz", "--rate", "0", "--out", "x"], "--rate 0 is no fraction"),
        (["simulate", "nowhere.yaml"], "nowhere.yaml: no such file"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused(without_instrument, arguments, sentence):
    code, words = without_instrument(*arguments)
    assert code == USAGE
    assert sentence in words


def test_a_folder_that_holds_something_is_not_recorded_over(bench, without_instrument):
    bench.recording.mkdir()
    (bench.recording / "thesis.txt").write_text("irreplaceable")
    code, words = without_instrument("scan", str(bench.config), "--out", str(bench.recording))
    assert code == USAGE
    assert "holds something already" in words
    assert (bench.recording / "thesis.txt").read_text() == "irreplaceable"


def test_what_the_camera_or_the_stage_cannot_do_is_refused_before_the_beam(bench):
    """One instrument, many mistakes: each is mended before the next is made."""
    good = yaml.safe_dump(bench.scan)

    def mistaken(change, name: str) -> str:
        bench.scan = yaml.safe_load(good)
        change(bench.scan)
        return refused(bench, expected[name], out=bench.folder / name)

    def few(scan):
        scan["instrument"]["fiducials"]["markers"] = scan["instrument"]["fiducials"]["markers"][:3]

    def misplaced(scan):
        for marker, shift in zip(scan["instrument"]["fiducials"]["markers"], (3, -3, 2, -2, 3, -3, 2, -2), strict=True):
            marker["x_mm"] += shift

    def outside(scan):
        scan["area"]["x_mm"] = 140.0

    def unseen(scan):
        scan["area"].update(x_mm=0.0, width_mm=140.0)

    def too_much(scan):
        scan["dose"] = {"max_beam_s": 5.0}

    def blind(scan):
        scan["instrument"]["camera"]["path"] = "nowhere"

    def narrow(scan):
        scan["instrument"]["detector"]["channels"] = 1024

    expected = {"few": 4, "misplaced": 4, "outside": 4, "unseen": 4, "too_much": 4, "blind": 3, "narrow": 3}
    with bench.running():
        assert "fiducial" in mistaken(few, "few")
        assert "cannot be placed on the stage" in mistaken(misplaced, "misplaced")
        assert "move or shrink the area" in mistaken(outside, "outside")
        assert "the scan area leaves the picture" in mistaken(unseen, "unseen")
        assert "dose.max_beam_s" in mistaken(too_much, "too_much")
        assert "nowhere: no such folder" in mistaken(blind, "blind")
        assert "set instrument.detector.channels to 2048" in mistaken(narrow, "narrow")
        picture = bench.folder / "frames" / "frame.png"
        cv2.imwrite(str(picture), np.zeros((880, 1200, 3), np.uint8))
        expected["black"] = LINK
        assert "picture" in mistaken(lambda scan: None, "black")
        assert not shutter_was_opened(bench)


def test_an_open_door_is_named_and_the_shutter_stays_closed(bench):
    bench.instrument["twin"]["door_open_at_s"] = 0.0
    with bench.running():
        words = refused(bench, SAFETY)
        assert not shutter_was_opened(bench)
    assert "close the door" in words


def test_a_door_opened_in_mid_scan_stops_it_and_nothing_is_lost(bare):
    bare.instrument["twin"] |= {"door_opens_after": 100, "door_stays_open_s": 2_000.0, "clock_factor": 1_000.0}
    with bare.running():
        words = refused(bare, SAFETY)
        assert "door" in words
        assert "--resume" in words
        events = [event["event"] for event in bare.twin_events()]
        assert events.index("shutter_closed") > events.index("shutter_opened")
        await_that(lambda: "door_closed" in [event["event"] for event in bare.twin_events()], "the door's closing")
        assert 0 < bare.measured() < 384
        resumed = bare.run("scan", "--resume", str(bare.recording))
        assert resumed.returncode == 0, resumed.stderr
        exposed = [event["index"] for event in bare.twin_events() if event["event"] == "exposed"]
    assert bare.measured() == 384
    assert sorted(exposed) == list(range(384)), "what the controller had kept is fetched, not exposed again"


def test_an_instrument_that_dies_in_mid_scan_is_a_lost_link_and_resumable(bare):
    bare.instrument["twin"]["clock_factor"] = 40.0
    bare.scan["instrument"]["reconnect_s"] = 1.0
    with bare.running() as instrument, bare.scanning() as scan:
        bare.scan_until(30, scan)
        bare.kill(instrument)
        assert scan.wait(timeout=120) == LINK, bare.said
    assert_one_sentence(bare.said)
    assert "--resume" in bare.said
    assert bare.measured() >= 30
    with bare.running():
        resumed = bare.run("scan", "--resume", str(bare.recording))
    assert resumed.returncode == 0, resumed.stderr
    assert bare.measured() == 384


def test_a_damaged_journal_is_refused_and_kept(bare):
    bare.instrument["twin"]["clock_factor"] = 40.0
    with bare.running():
        with bare.scanning() as scan:
            bare.scan_until(60, scan)
            scan.terminate()
            scan.wait(timeout=120)
        journal = bare.recording / "journal.sqlite"
        content = bytearray(journal.read_bytes())
        middle = len(content) // 2
        content[middle : middle + 64] = bytes(64)
        journal.write_bytes(content)
        resumed = bare.run("scan", "--resume", str(bare.recording))
        assert resumed.returncode == INTEGRITY
        assert_one_sentence(resumed.stderr)
        assert "keep the file" in resumed.stderr
        assert journal.read_bytes() == content


def test_an_object_that_has_moved_is_not_scanned_on(bare):
    bare.instrument["twin"]["clock_factor"] = 40.0
    with bare.running():
        with bare.scanning() as scan:
            bare.scan_until(20, scan)
            scan.kill()
            scan.wait(timeout=120)
        before = len(bare.twin_events())
        picture = bare.folder / "frames" / "frame.png"
        frame = cv2.imread(str(picture))
        inside = (slice(260, 640), slice(330, 880))
        frame[inside] = np.roll(frame[inside], 25, axis=1)
        cv2.imwrite(str(picture), frame)
        resumed = bare.run("scan", "--resume", str(bare.recording))
        after = [event["event"] for event in bare.twin_events()[before:]]
    assert resumed.returncode == SAFETY, resumed.stderr
    assert "the object moved by" in resumed.stderr
    assert "shutter_opened" not in after
