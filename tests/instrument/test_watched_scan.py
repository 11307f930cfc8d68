"""A scan that is watched, verified and copied while it runs is finished as any other, and its copy is whole."""

from __future__ import annotations

import subprocess

import pytest

from tests.instrument.conftest import Bench, await_that


@pytest.mark.campaign
def test_a_scan_is_watched_verified_and_copied_while_it_runs(bench: Bench) -> None:
    bench.instrument["twin"]["clock_factor"] = 1.0
    bench.scan["sampling"]["mask"] = "gradient"
    copy = bench.folder / "copy"
    with bench.running(), bench.scanning() as scan:
        bench.scan_until(20, scan)
        shown = bench.folder / "watch.words"
        with shown.open("wb") as words:
            watch = subprocess.Popen(
                bench.command("watch", "--interval", "0.1", str(bench.recording)), stdout=words, stderr=words
            )
        try:
            await_that(lambda: b"state: measuring, beam on; exposures: " in shown.read_bytes(), "the first line")
            verified = bench.run("verify", str(bench.recording))
            copied = bench.run("copy", str(bench.recording), str(copy))
            assert scan.poll() is None, "the scan was over too soon: slow the instrument down"
            await_that(lambda: scan.poll() is not None, "the scan's end", 240.0)
            assert (scan.returncode, watch.wait(timeout=60)) == (0, 0), bench.said
        finally:
            watch.kill()
    assert "state: finished; exposures: 384 of 384" in shown.read_text("utf-8")
    assert (verified.returncode, copied.returncode) == (0, 0), (verified.stdout, copied.stderr)
    assert "note  scan                  is being written" in verified.stdout
    assert "The scan goes on" in copied.stdout
    assert not (bench.recording / "journal.sqlite-wal").exists()
    assert bench.run("copy", str(bench.recording), str(copy)).returncode == 0
    assert (copy / "journal.sqlite").read_bytes() == (bench.recording / "journal.sqlite").read_bytes()
    assert bench.run("verify", str(copy)).returncode == 0
