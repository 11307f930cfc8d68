"""A panel at a desk: its configuration, and the console run in a folder where the camera's picture of it lies."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from edge import cli

PLACES = [(38, 38), (70, 36), (102, 38), (104, 59), (102, 82), (70, 84), (38, 82), (36, 59)]
FIDUCIALS = {
    "side_mm": 8.0,
    "markers": [{"id": i, "x_mm": float(x), "y_mm": float(y)} for i, (x, y) in enumerate(PLACES)],
}
INSTRUMENT = {
    "link": "port",
    "frames": "frames",
    "specimen": {"kind": "panel", "seed": 3, "width_mm": 48.0, "height_mm": 32.0},
    "placement": {"x_mm": 46.0, "y_mm": 43.0},
    "fiducials": FIDUCIALS,
    "camera": {"width_px": 1200, "height_px": 880, "focal_px": 2600.0, "distance_mm": 200.0, "seed": 5},
}


def configuration() -> dict[str, Any]:
    """A scan of that panel with 64 x 96 cells, on a controller that is not there."""
    return {
        "instrument": {
            "controller": {"kind": "native", "port": "nowhere"},
            "camera": {"kind": "folder", "path": "frames"},
            "fiducials": FIDUCIALS,
        },
        "area": {"x_mm": 46.0, "y_mm": 43.0, "width_mm": 48.0, "height_mm": 32.0, "pitch_mm": 0.5},
        "sampling": {"rate": 0.0625, "mask": "netm", "dwell_s": 0.1, "seed": 1, "held_out": 0},
    }


class Said(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


class Desk:
    """A folder with a configuration and the camera's picture, and the command run in it."""

    def __init__(self, folder: Path, photograph: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.scan = configuration()
        self.frame = folder / "frames" / photograph.name
        self.frame.parent.mkdir()
        shutil.copy2(photograph, self.frame)
        self._capsys = capsys

    @property
    def config(self) -> Path:
        return self.folder / "scan.yaml"

    def plan(self, *more: str) -> Said:
        """Run `pointillist plan` on the configuration as it stands."""
        self.write()
        return self.run("plan", str(self.config), "--out", str(self.out), *more)

    def write(self) -> None:
        """Put the configuration where commands find it."""
        self.config.write_text(yaml.safe_dump(self.scan))

    def run(self, *arguments: str) -> Said:
        """Run any command."""
        code = cli.run(list(arguments))
        said = self._capsys.readouterr()
        return Said(code, said.out, said.err)

    def refused(self, code: int, *more: str) -> str:
        """The one sentence of a plan that must be refused, with nothing left behind."""
        before = self.left()
        said = self.plan(*more)
        assert said.code == code, said
        assert self.left() == before
        (sentence,) = said.err.splitlines()
        assert sentence.startswith("pointillist: ")
        return sentence

    def left(self) -> set[str]:
        return {path.relative_to(self.out).as_posix() for path in self.out.rglob("*") if path.is_file()}
