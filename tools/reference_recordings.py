"""Make the recordings that the replay tests hold today's code against: python -m tools.reference_recordings FOLDER

Two small scans of a painted panel on the simulated instrument: ``points`` by a mask that is known beforehand, and
``listening``, planned as it goes. Of each remain journal, photograph and configuration, and what is expected: maps, and
digests of what happened and of the plan. Make them anew only where a format ends that they are in: what maps may change
by is the tests' to say.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from edge.record.maps_file import read_maps

KINDS = ("points", "listening")
KEPT = ("scan.yaml", "journal.sqlite", "frame.png")
EXPECTED, MAPS = "expected.json", "expected.npz"
_MARKERS = [(0, 36, 34), (1, 58, 33), (2, 80, 34), (3, 80, 64), (4, 58, 65), (5, 36, 64)]
_TIMEOUT_S = 600.0


def make(folder: Path) -> None:
    """Scan, and keep what is needed, in a folder for each kind."""
    for kind in KINDS:
        # a place without a name of chance or of anybody: the recording holds its configuration's paths
        place = Path(tempfile.gettempdir()) / f"pointillist-{kind}"
        place.mkdir()
        try:
            _write(place, kind)
            _scan(place)
            keep(place / "scan", folder / kind)
        finally:
            shutil.rmtree(place)
        size = sum(path.stat().st_size for path in (folder / kind).iterdir())
        print(f"{folder / kind}: {size / 1e3:.0f} kB")


def keep(recording: Path, folder: Path) -> None:
    """Copy a recording without what can be made again, as small as it goes, and write down what is expected of it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in KEPT:
        shutil.copyfile(recording / name, folder / name)
    picture = cv2.imread(str(folder / "frame.png"), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    cv2.imwrite(str(folder / "frame.png"), picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    with sqlite3.connect(folder / "journal.sqlite") as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    maps = read_maps(recording / "maps.h5").element_maps
    np.savez_compressed(folder / MAPS, maps=maps.maps, standard_error=maps.standard_error, elements=list(maps.elements))
    (folder / EXPECTED).write_text(json.dumps(expected_of(folder), indent=2) + "\n")


def expected_of(folder: Path) -> dict[str, str | int]:
    """Digests of a recording as it is read: of its events, of its spectra, of its plan."""
    from edge.events import Measured
    from edge.planning.plan import plan_from_json
    from edge.record.folder import open_recording
    from edge.results import portions

    events, spectra, exposures = hashlib.sha256(), hashlib.sha256(), 0
    with open_recording(folder) as recording:
        for _, event in recording.reader.events():
            if not isinstance(event, Measured):
                text = getattr(event, "registration_json", getattr(event, "plan_json", ""))
                events.update(f"{type(event).__name__} {event.at} {text}\n".encode())
        for batch in portions(recording.reader):
            exposures += len(batch)
            for array in (batch.indices, batch.starts_mm, batch.ends_mm, batch.live_s, batch.counts):
                spectra.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())
        plan = plan_from_json(recording.history.plan_json).digest
    return {"events": events.hexdigest(), "spectra": spectra.hexdigest(), "plan": plan, "exposures": exposures}


def _write(place: Path, kind: str) -> None:
    fiducials = {"side_mm": 6.0, "markers": [{"id": i, "x_mm": float(x), "y_mm": float(y)} for i, x, y in _MARKERS]}
    instrument: dict[str, Any] = {
        "link": "port",
        "frames": "frames",
        "specimen": {"kind": "panel", "seed": 12, "width_mm": 32.0, "height_mm": 24.0},
        "placement": {"x_mm": 42.0, "y_mm": 37.0},
        "fiducials": fiducials,
        "camera": {"width_px": 640, "height_px": 480, "focal_px": 1500.0, "distance_mm": 160.0, "seed": 5}
        | {"well_electrons": 1e7, "noise_electrons": 0.0},
        "twin": {"seed": 4, "clock_factor": 10.0, "x_limits_mm": [0.0, 120.0], "y_limits_mm": [0.0, 120.0]},
    }
    sampling = {"rate": 0.11, "mask": "netm", "dwell_s": 0.1, "seed": 1}
    scan: dict[str, Any] = {
        "object": {"identifier": kind, "title": "Panel of the replay tests"},
        "instrument": {
            "controller": {"kind": "native", "port": "port"},
            "camera": {"kind": "folder", "path": "frames"},
            "fiducials": fiducials,
            "detector": {"channels": 2048, "gain_kev": 0.01},
        },
        "area": {"x_mm": 43.0, "y_mm": 38.0, "width_mm": 30.0, "height_mm": 22.0, "pitch_mm": 0.5},
        "sampling": sampling | ({"mask": "adaptive"} if kind == "listening" else {}),
        "elements": ["Ca", "Fe", "Cu", "Hg-L", "Pb-L"],
    }
    (place / "instrument.yaml").write_text(yaml.safe_dump(instrument, sort_keys=False))
    (place / "scan.yaml").write_text(yaml.safe_dump(scan, sort_keys=False))


def _scan(place: Path) -> None:
    command = [sys.executable, "-m", "edge.cli"]
    with (place / "words").open("wb") as words:
        simulate = [*command, "simulate", str(place / "instrument.yaml"), "--follow-input"]
        instrument = subprocess.Popen(simulate, stdin=subprocess.PIPE, stdout=words, stderr=words)
        try:
            deadline = time.monotonic() + _TIMEOUT_S
            while not (place / "port").exists():
                if instrument.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit((place / "words").read_text())
                time.sleep(0.05)
            scan = [*command, "scan", str(place / "scan.yaml"), "--out", str(place / "scan")]
            subprocess.run(scan, check=True, timeout=_TIMEOUT_S, stdin=subprocess.DEVNULL)
        finally:
            instrument.terminate()
            instrument.wait(timeout=20)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
