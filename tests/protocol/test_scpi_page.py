"""The pages about SCPI spectrometers are true of the code: commands, worked exchanges, and the gateway."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from firmware_bridge.faults import SettingRefused
from firmware_bridge.messages import StagePose
from firmware_bridge.scpi import vocabulary
from firmware_bridge.scpi.spectrometer import connect_scpi
from firmware_bridge.spectrometer import SpectrometerOptions
from firmware_bridge.twins.scpi.commands import ERROR_TEXTS
from firmware_bridge.twins.scpi.device import _COMMANDS, ScpiDevice
from firmware_bridge.twins.scpi.electronics import ScpiElectronics
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.shared_pose import resting_beam
from firmware_bridge.twins.source import RecordedCounts
from firmware_bridge.twins.twin_log import TwinLog

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "reference" / "scpi-spectrometer.md").read_text(encoding="utf-8")
GUIDE = (DOCS / "how-to" / "new-detector.md").read_text(encoding="utf-8")


def fenced(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)


class OneSpectrum:
    """A recorded spectrum, everywhere the same, of the time that the page counts."""

    def at(self, start: StagePose, end: StagePose) -> RecordedCounts:
        counts = np.zeros(16, dtype=np.uint32)
        counts[[3, 7, 8]] = [2, 300, 70_000]
        return RecordedCounts(counts, live_s=0.25)


def spoken(block: str) -> str:
    """An exchange as the simulated spectrometer carries it out."""
    settings = TwinSettings(channels=16, gain_kev=1.28, dead_time_s=0.0)
    pose = resting_beam(StagePose(10.0, 10.0))
    device = ScpiDevice(OneSpectrum(), settings, ScpiElectronics(), pose, TwinLog(None), 0.0)
    now_s, lines = 0.0, []
    for line in block.splitlines():
        if line.startswith("<"):
            continue
        lines.append(line)
        if passing := re.fullmatch(r"\(([\d.]+) s pass\)", line):
            now_s += float(passing[1])
            continue
        device.receive(line.removeprefix("> ").encode("ascii") + b"\n", now_s)
        while reply := device.outgoing(now_s, 1 << 20):
            shown = re.sub(rb"(#264)(.{64})", lambda m: b"%s{%s}" % (m[1], m[2].hex().encode()), reply, flags=re.DOTALL)
            lines.append(f"< {shown.decode('ascii').rstrip()}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("block", fenced(PAGE, "exchange"), ids=lambda block: block.split("\n")[0])
def test_a_worked_exchange_is_what_the_simulated_spectrometer_says(block: str) -> None:
    assert spoken(block) == block


def test_the_page_lists_every_command_and_no_other() -> None:
    listed = set(re.findall(r"^\| `(\*?[A-Z][\w:*]*\??)`", PAGE, flags=re.MULTILINE))
    named = listed | set(re.findall(r"\. `(SENSe:[\w:]+)` followed by", PAGE))
    assert named == set(_COMMANDS)


def test_every_command_that_the_host_sends_is_the_short_form_of_one_on_the_page() -> None:
    short = {re.sub(r"[a-z]", "", name) for name in _COMMANDS}
    sent = {text for name, text in vars(vocabulary).items() if name.isupper() and isinstance(text, str)}
    assert sent
    assert sent <= short


def test_the_errors_on_the_page_are_the_twins() -> None:
    texts = {code.value: text.lower() for code, text in ERROR_TEXTS.items()}
    listed = re.findall(r"(-\d{3}) ([a-z ]+[a-z])", PAGE.split("Usual ones:")[1].split("###")[0].replace("\n", " "))
    assert listed
    assert [(number, text) for number, text in listed if texts[int(number)] != text] == []


@contextmanager
def gateway(folder: Path) -> Iterator[str]:
    """The guide's example, run as its reader would; yields its address."""
    (code,) = [block for block in fenced(GUIDE, "python") if "class Gateway" in block]
    script = folder / "gateway.py"
    script.write_text(code, encoding="utf-8")
    process = subprocess.Popen([sys.executable, str(script), "0"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"socket://127.0.0.1:{process.stdout.readline().split()[-1]}"
    finally:
        process.terminate()
        process.wait(timeout=60)
        process.stdout.close()


def test_the_gateway_of_the_guide_is_a_spectrometer(tmp_path: Path) -> None:
    with gateway(tmp_path) as address:
        spectrometer = connect_scpi(SpectrometerOptions(address, 0, {"SENS:CHAN": "2048"}))
        assert spectrometer.capabilities.model == "ACME Example detector"
        for preset_s in (0.05, 0.12):
            spectrometer.begin(preset_s)
            spectrum = spectrometer.read(60.0)
            assert spectrum is not None
            assert spectrum.is_preset_reached
            assert spectrum.live_s == pytest.approx(preset_s, abs=1e-6)
            assert spectrum.counts.sum() > 0
        spectrometer.begin(math.inf)
        chain = [spectrometer.snapshot() for _ in range(10)]
        assert all(spectrum.real_s > 0 for spectrum in chain)
        spectrometer.stop()
        assert {each.what for each in spectrometer.diagnose()} == {"identity", "preset", "round trip", "spectra"}
        spectrometer.close()
        with pytest.raises(SettingRefused, match="refuses SENS:GAIN 2"):
            connect_scpi(SpectrometerOptions(address, 0, {"SENS:GAIN": "2"}))
