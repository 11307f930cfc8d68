"""The panel's picture, taken once, and a desk for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from numpy.typing import NDArray

from calibration.fiducials import Fiducial
from calibration.register import register
from calibration.registration import NotRegistered, Registration
from edge.photography import sighting
from edge.simulate.camera import SimulatedCamera, write_frame
from edge.simulate.config import load_instrument
from edge.simulate.specimen import load_specimen
from tests.unit.desk.panel import INSTRUMENT, Desk

_PLACED: dict[tuple[object, ...], Registration | NotRegistered] = {}


def _registered_once(
    image_rgb: NDArray[Any], fiducials: list[Fiducial], *, lens: object, **stated: Any
) -> Registration | NotRegistered:
    if lens is not None:
        return register(image_rgb, fiducials, lens=lens, **stated)  # type: ignore[arg-type]
    key = (image_rgb.tobytes(), image_rgb.shape, *fiducials, *sorted(stated.items()))
    if key not in _PLACED:
        _PLACED[key] = register(image_rgb, fiducials, lens=None, **stated)
    return _PLACED[key]


@pytest.fixture(scope="module", autouse=True)
def _placed_once() -> Iterator[None]:
    """The same picture is placed once: a hundred tests begin with it, and none is about how."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sighting, "register", _registered_once)
        yield


@pytest.fixture(scope="session")
def photograph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The panel as the simulated camera sees it."""
    folder = tmp_path_factory.mktemp("panel")
    (folder / "instrument.yaml").write_text(yaml.safe_dump(INSTRUMENT))
    instrument = load_instrument(folder / "instrument.yaml")
    return write_frame(folder / "frames", SimulatedCamera.of(instrument, load_specimen(instrument)).render())


@pytest.fixture
def desk(tmp_path: Path, photograph: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, photograph, capsys)
