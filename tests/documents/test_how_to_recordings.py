"""The pages on recordings, run as they are written, on a recording of a small scan."""

from __future__ import annotations

import io
import math
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from edge.maps import ElementMaps
from edge.record.folder import open_recording
from edge.record.maps_file import write_maps
from edge.recordings.progress import Follower
from edge.recordings.screen import table_of
from edge.results import read_planned
from edge.state import Scanning
from edge.stopping.figure import Estimate
from tests.documents.run_page import DOCUMENTS, blocks_of, run_python, run_sh, unlike

RECORDINGS = Path(__file__).parents[1] / "replay" / "recordings"
NAMED = "runs/20261120T071551Z-inv-1234"
"""The recording that the pages speak of."""


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    """A finished one, with the maps that it gave."""
    folder = Path(shutil.copytree(RECORDINGS / "points", tmp_path_factory.mktemp("runs") / "points"))
    (folder / "expected.json").unlink()
    with np.load(folder / "expected.npz") as archive, open_recording(folder) as opened:
        planned = read_planned(opened)
        maps, errors = archive["maps"], archive["standard_error"]
        element_maps = ElementMaps(tuple(archive["elements"]), maps, errors, planned.plan.mask.cells, "kriging")
        own = {"scan_id": planned.history.scan_id, "plan": planned.plan.digest}
        write_maps(folder / "maps.h5", element_maps, grid=planned.plan.grid, attributes=own)
    (folder / "expected.npz").unlink()
    return folder


def test_a_recording_is_copied_and_looked_through_as_the_page_says(recording, tmp_path):
    page = "how-to/look-after-recordings.md"
    copy, verify = blocks_of(page, "sh")
    archive = str(tmp_path / "archive")
    run_sh(copy, replacing={NAMED: str(recording), "/mnt/archive/inv-1234": archive})
    assert (Path(archive) / "copy.json").is_file()
    printed = run_sh(verify, replacing={"/mnt/archive/inv-1234": archive})
    (shown,) = blocks_of(page, "text")
    varying = [r"\d+ min \d+ s|\d[\d.]* s\b", r"\([A-Z][\w, -]+\)"]
    assert unlike(shown.text, printed, within=math.inf, anything=varying) == []
    table = re.findall(r"^\| (`.*`) \| ", (DOCUMENTS / page).read_text("utf-8"), flags=re.MULTILINE)
    named = {name for row in table for name in re.findall(r"`([a-z ]+)`", row)}
    told = {re.split(r"\s{2,}", line[6:])[0] for line in printed.splitlines() if line[:4].strip() in ("ok", "note")}
    assert told <= named, "every line of the command is explained"


def test_a_scan_is_watched_as_the_page_says(recording):
    (watch,), (shown,) = (blocks_of("how-to/watch-a-scan.md", kind) for kind in ("sh", "text"))
    printed = run_sh(watch, replacing={NAMED: str(recording)})
    assert printed.startswith("state: finished; exposures: 290 of 290 (100.0 %)")
    progress = replace(
        Follower(recording).look(),
        state=Scanning(),
        is_running=True,
        done=9120,
        expected=20665,
        rate_hz=242.0,
        left_s=47.7,
        live_s=90.0,
        beam_s=37.4,
        dead_share=0.03,
        at_mm=(84.6, 61.2),
        residual_mm=0.009,
        error=Estimate(0.0493, 0.0362, 0.0621, 0.01),
        silent_s=0.1,
        preview=Path(NAMED, "live", "maps.png"),
        preview_age_s=0.3,
        length=2_900_000,
        free=80_500_000_000,
        wanted=3.7e6,
    )
    paper = io.StringIO()
    # the bar's rest is drawn on terminals with colours alone
    Console(file=paper, width=120, force_terminal=True, color_system="standard").print(table_of(NAMED, progress))
    assert unlike(shown.text, re.sub(r"\x1b\[[\d;]*m", "", paper.getvalue())) == []


def test_a_recording_is_read_in_python_as_the_page_says(recording):
    page = "how-to/read-a-recording-in-python.md"
    opened, spectra, sums, maps = blocks_of(page, "python")
    names: dict[str, object] = {}
    assert run_python(opened, names, replacing={NAMED: str(recording)}).startswith("290 of 290 exposures;")
    assert run_python(spectra, names).startswith("(290, 2048) [")
    run_python(sums, names)
    run_python(maps, names)
    block, grid = names["block"], names["recording"].plan().grid
    assert names["sum_spectrum"].sum() == block.counts.sum()
    assert names["lead"].shape == names["error"].shape == grid.shape
    rows, columns = names["cells"].T
    assert names["recording"].plan().mask.cells[rows, columns].all()
    for arrays, shape in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (n[^|]*) \|", (DOCUMENTS / page).read_text(), re.M):
        for name in re.findall(r"\w+", arrays):
            sizes = tuple({"n": 290, "channels": 2048}.get(part) or int(part) for part in shape.split(" x "))
            assert getattr(block, name).shape == sizes, f"{name} is {shape}, as its row says"
    assert list(names["recording"].blocks(block.last_seq)) == [], "nothing has come since"
