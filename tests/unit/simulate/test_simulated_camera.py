"""The simulated camera gives registration something to do, and registration does it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.projection import stage_from_pixels
from calibration.register import register
from calibration.registration import NotRegistered, Registration
from edge.cameras import read_picture
from edge.faults import UsageError
from edge.photography.camera_lens import lens_for, read_camera_calibration
from edge.photography.resample import rgb_on_grid
from edge.prepare import grid_of
from edge.simulate.camera import SimulatedCamera, nominal_lens, true_view, write_frame
from edge.simulate.config import SimulatedCameraConfig, fiducials_of
from firmware_bridge.messages import StagePose

INDEPENDENT_MM = np.random.default_rng(9).uniform([50, 50], [190, 160], (300, 2))


def registered(image, instrument, lens) -> Registration | NotRegistered:
    """Register a picture of the example instrument."""
    return register(
        image,
        fiducials_of(instrument.fiducials),
        lens=lens,
        dictionary=instrument.fiducials.dictionary,
        camera_identity="simulated",
        registered_at="2026-01-02T03:04:05+00:00",
        tolerance_mm=0.25,
    )


def errors_mm(registration, camera) -> np.ndarray:
    """How far registered places lie from the true ones, at points that are no fiducials."""
    seen = camera.view.pixels(INDEPENDENT_MM)
    return np.linalg.norm(stage_from_pixels(registration, seen) - INDEPENDENT_MM, axis=1)


@pytest.fixture(scope="module")
def registration(frame, instrument, scan) -> Registration:
    outcome = registered(frame.image, instrument, lens_for(scan.instrument, frame))
    assert isinstance(outcome, Registration), outcome
    return outcome


def test_with_a_calibrated_lens_places_are_true_to_a_twentieth_of_a_millimetre(registration, camera):
    assert errors_mm(registration, camera).max() < 0.05


def test_without_a_lens_places_are_true_to_a_seventh_of_a_millimetre(frame, instrument, camera):
    outcome = registered(frame.image, instrument, None)
    assert isinstance(outcome, Registration)
    assert errors_mm(outcome, camera).max() < 0.15


def test_held_out_residuals_are_no_smaller_than_the_true_error(registration, camera):
    assert registration.rms_mm >= np.sqrt(np.mean(errors_mm(registration, camera) ** 2)) / 2


def test_three_markers_in_view_are_too_few(frame, instrument):
    covered = frame.image.copy()
    covered[:, :1800] = 128
    outcome = registered(covered, instrument, None)
    assert isinstance(outcome, NotRegistered)
    assert outcome.reason.startswith("3 of 8 fiducials seen")


def test_a_mirrored_frame_is_not_registered(frame, instrument):
    outcome = registered(np.ascontiguousarray(frame.image[:, ::-1]), instrument, None)
    assert isinstance(outcome, NotRegistered)
    assert "mirror" in outcome.reason


def test_the_resampled_photograph_is_the_specimen_in_its_place(frame, registration, scan, panel):
    rgb = rgb_on_grid(frame.image, registration, grid_of(scan.area))
    truth = panel.photograph(scan.area.pitch_mm)
    assert rgb.shape == truth.shape
    for channel in range(3):
        assert np.corrcoef(rgb[..., channel].ravel(), truth[..., channel].ravel())[0, 1] > 0.98
    (dx, dy), _ = cv2.phaseCorrelate(rgb.mean(axis=2), truth.mean(axis=2))
    assert np.hypot(dx, dy) < 0.3


def test_the_lens_bends_the_frame_by_many_pixels(camera, instrument):
    corner = np.array([[0.0, 0.0]])
    bend = np.linalg.norm(camera.lens.undistort_points(corner) - corner)
    assert bend > 20, "otherwise registration without a lens would be no test"


def test_the_nominal_lens_is_off_but_not_by_much(instrument, camera):
    nominal = nominal_lens(instrument.camera)
    points = np.array([(300.0, 300.0), (1500.0, 1100.0), (2700.0, 1900.0)])
    difference = np.linalg.norm(nominal.undistort_points(points) - camera.lens.undistort_points(points), axis=1)
    assert 0.01 < difference.max() < 10


def test_the_demonstrations_calibration_is_true_to_four_of_its_standard_errors(camera, scan):
    found = read_camera_calibration(Path(scan.instrument.camera_calibration))
    true = np.concatenate([camera.lens.matrix[[0, 1, 0, 1], [0, 1, 2, 2]], camera.lens.distortion])
    stated = np.concatenate([found.lens.matrix[[0, 1, 0, 1], [0, 1, 2, 2]], found.lens.distortion])
    is_free = found.standard_errors > 0
    assert is_free[:8].all()
    assert (np.abs(stated - true)[is_free] < 4 * found.standard_errors[is_free]).all()


def test_noise_differs_from_frame_to_frame_and_grows_with_light(instrument, panel):
    size = {"width_px": 900, "height_px": 660, "focal_px": instrument.camera.focal_px * 0.3}
    few_pixels = instrument.model_copy(update={"camera": instrument.camera.model_copy(update=size)})
    camera = SimulatedCamera.of(few_pixels, panel)
    pictures = camera.render(), camera.render()
    first, second = (((image / 255.0 + 0.055) / 1.055) ** 2.4 for image in pictures)
    bright, dark = pictures[0].min(axis=2) > 190, pictures[0].max(axis=2) < 70
    noise_bright, noise_dark = (float((first - second)[where].std()) / np.sqrt(2) for where in (bright, dark))
    assert noise_bright > 1.5 * noise_dark > 0
    # A white card gives about 0.75 of 25,000 electrons: a share of 0.0055 of full scale.
    assert noise_bright == pytest.approx(0.0055, rel=0.3)


def test_corners_are_darker_than_the_middle(instrument, panel):
    small = {"width_px": 600, "height_px": 440, "focal_px": instrument.camera.focal_px / 5}
    bright, even = (
        SimulatedCamera(
            instrument.camera.model_copy(update=small | {"vignetting": vignetting}), panel, (), "DICT_4X4_50"
        ).render()
        for vignetting in (0.5, 0.0)
    )
    assert bright[:10, :10].mean() < 0.85 * even[:10, :10].mean()
    assert bright[216:224, 296:304].mean() == pytest.approx(even[216:224, 296:304].mean(), rel=0.02)


def test_a_camera_that_looks_straight_on_sees_the_aim_at_its_principal_point():
    straight = SimulatedCameraConfig(tilt_x_deg=0, tilt_y_deg=0, roll_deg=0, centre_x_px=5, centre_y_px=-3)
    view = true_view(straight, StagePose(100.0, 80.0))
    np.testing.assert_allclose(view.pixels(np.array([[100.0, 80.0]])), [[1504.5, 1096.5]], atol=1e-9)
    right = view.pixels(np.array([[101.0, 80.0], [100.0, 81.0]])) - view.pixels(np.array([[100.0, 80.0]]))
    assert right[0, 0] > 10, "stage x points right in the picture"
    assert right[1, 1] > 10, "stage y points down in the picture"


def test_a_written_frame_is_whole_and_alone_in_its_folder(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (80, 90, 3), dtype=np.uint8)
    path = write_frame(tmp_path / "new" / "frames", image)
    np.testing.assert_array_equal(read_picture(path), image)
    assert [other.name for other in path.parent.iterdir()] == ["frame.png"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(UsageError, match="cannot be written"):
        write_frame(tmp_path / "taken" / "frames", np.zeros((80, 90, 3), np.uint8))
