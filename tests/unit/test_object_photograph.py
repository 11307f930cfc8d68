"""White card and flat field make colours neutral and the light even, or say why not."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from calibration.registration import Registration
from calibration.srgb import encoded_8
from edge.app import yaml_of
from edge.cameras import Frame, read_picture, write_picture
from edge.configuration.camera import ColourConfig, FolderCameraConfig, WhiteCardConfig
from edge.configuration.config import BeamConfig, InstrumentConfig, ScanConfig, load_scan_config
from edge.faults import IntegrityError, SafetyStop, UsageError
from edge.grid import ScanGrid
from edge.photography.photograph import keep_flat_field, photograph_on_grid
from edge.prepare import Sighting

GRID = ScanGrid(10.0, 10.0, 0.5, rows=30, columns=40)
CARD = WhiteCardConfig(x_mm=35.0, y_mm=10.0, width_mm=6.0, height_mm=6.0, reflectance=0.9)
SHAPE = (300, 450)
GREY = 0.36
"""Reflectance of everything but the card."""


def scene(tint=(1.0, 1.0, 1.0), shade: float = 0.0, exposure: float = 0.8) -> np.ndarray:
    """Reflectances on the stage at 10 px per mm, in a light that falls off to the right."""
    reflectance = np.full((*SHAPE, 3), GREY)
    reflectance[100:160, 350:410] = 0.9
    return encoded_8(65535 * exposure * reflectance * light(tint, shade))


def half_in_shadow() -> np.ndarray:
    image = scene()
    image[:, 380:] //= 2
    return image


def light(tint, shade: float) -> np.ndarray:
    fall = 1 - shade * np.linspace(0, 1, SHAPE[1])
    return np.asarray(tint) * fall[None, :, None]


def frame(image: np.ndarray) -> Frame:
    return Frame(image, "bench", "2026-01-02T03:04:05+00:00")


def on_grid(image: np.ndarray, **colour) -> np.ndarray:
    stage_from_camera = np.array([[0.1, 0, 0.05], [0, 0.1, 0.05], [0, 0, 1]])
    matrix = np.array([[900.0, 0, 225], [0, 900, 150], [0, 0, 1]])
    view = Registration(stage_from_camera, matrix, np.zeros(5), (), np.zeros(4), "bench", "2026-01-02", "")
    instrument = InstrumentConfig.model_construct(
        camera=FolderCameraConfig(path="frames"), beam=BeamConfig(), colour=ColourConfig(**colour)
    )
    return photograph_on_grid(frame(image), view, GRID, instrument)[0]


def level(reflectance: float) -> int:
    return int(encoded_8(np.array([65535 * reflectance]))[0])


def test_a_white_card_makes_a_tinted_picture_neutral_and_its_lightness_true():
    rgb = on_grid(scene(tint=(1.0, 0.8, 0.6)), white_card=CARD)
    # half a level for the picture's rounding, as much for the result's, and what rounding adds through the factors
    assert np.abs(rgb.astype(int) - level(GREY)).max() <= 2


def test_a_flat_field_evens_the_light_and_its_colour(tmp_path):
    sheet = encoded_8(65535 * 0.7 * np.ones((*SHAPE, 3)) * light((1.0, 0.9, 0.8), 0.5))
    write_picture(tmp_path / "flat.png", sheet)
    rgb = on_grid(scene(tint=(1.0, 0.9, 0.8), shade=0.5), flat_field=str(tmp_path / "flat.png"))
    assert np.ptp(rgb.astype(int)) <= 3


def test_card_and_flat_field_together_give_true_lightness(tmp_path):
    sheet = encoded_8(65535 * 0.7 * np.ones((*SHAPE, 3)) * light((1.0, 0.9, 0.8), 0.3))
    write_picture(tmp_path / "flat.png", sheet)
    rgb = on_grid(scene((1.0, 0.9, 0.8), 0.3), flat_field=str(tmp_path / "flat.png"), white_card=CARD)
    assert np.abs(rgb.astype(int) - level(GREY)).max() <= 3


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (scene(exposure=1.2), "is overexposed: expose the photograph less"),
        (scene(exposure=0.01), "is dark"),
        (half_in_shadow(), "is not evenly white"),
    ],
)
def test_a_card_that_cannot_be_used_is_named(image, words):
    with pytest.raises(SafetyStop, match=words):
        on_grid(image, white_card=CARD)


def test_a_card_beyond_the_picture_is_named():
    beyond = CARD.model_copy(update={"x_mm": 44.0})
    words = r"the white card leaves the picture.*keep instrument\.colour\.white_card within"
    with pytest.raises(SafetyStop, match=words):
        on_grid(scene(), white_card=beyond)


def test_a_recording_keeps_its_flat_field_beside_the_configuration_that_names_it(tmp_path):
    write_picture(tmp_path / "flat.PNG", scene())
    recording = tmp_path / "recording"
    recording.mkdir()
    stated = {
        "instrument": {
            "controller": {"kind": "native", "port": "port"},
            "camera": {"kind": "folder", "path": "frames"},
            "fiducials": {"markers": [{"id": 0, "x_mm": 0.0, "y_mm": 0.0}]},
            "colour": {"flat_field": str(tmp_path / "flat.PNG")},
        },
        "area": {"x_mm": 10.0, "y_mm": 10.0, "width_mm": 6.0, "height_mm": 4.0, "pitch_mm": 0.5},
    }
    kept = keep_flat_field(ScanConfig.model_validate(stated), recording)
    (recording / "scan.yaml").write_text(yaml_of(kept))
    again = load_scan_config(recording / "scan.yaml").instrument.colour
    assert again.flat_field == str(recording / "flat_field.png")
    np.testing.assert_array_equal(read_picture(recording / "flat_field.png"), scene())
    on_grid(scene(), **again.model_dump())
    write_picture(recording / "flat_field.png", half_in_shadow())
    with pytest.raises(IntegrityError, match="is not the flat field that"):
        on_grid(scene(), **again.model_dump())


def test_a_digest_of_no_flat_field_is_refused():
    with pytest.raises(ValidationError, match="is of no use without flat_field"):
        ColourConfig(flat_field_sha256="0" * 64)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gone.png", "no such picture: check instrument.colour.flat_field"),
        ("torn.png", "not a whole picture"),
        ("small.png", "the flat field is 90 x 80 pixels, the photograph 450 x 300"),
    ],
)
def test_a_flat_field_that_cannot_be_used_is_named(tmp_path, name, words):
    (tmp_path / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    write_picture(tmp_path / "small.png", scene()[:80, :90])
    with pytest.raises(UsageError, match=words):
        on_grid(scene(), flat_field=str(tmp_path / name))


def test_a_photograph_of_16_bits_is_shown_in_8_by_the_nearest_level():
    levels = np.array([[[0, 300, 65535]]], np.uint16)
    given = frame(levels)
    view = Registration(np.eye(3), np.eye(3), np.zeros(5), (), np.zeros(4), "bench", "2026-01-02", "")
    assert Sighting(given, "", view, GRID, levels).display.tolist() == [[[0, 1, 255]]]
