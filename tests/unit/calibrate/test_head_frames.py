"""Frames of the head's camera: taken with the shutter closed, kept with their places, gone on with, and fitted."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from calibration.mosaic.view import HeadView
from edge.calibrate.closed_stage import RUN_UP_MM
from edge.calibrate.head import fitted
from edge.calibrate.head_frames import MANIFEST, frames_of, read_manifest, take_frames
from edge.calibrate.mosaic import grid_over
from edge.cameras import Frame, write_picture
from edge.configuration.area import AreaConfig
from edge.faults import DeviceError, IntegrityError, SafetyStop, UsageError
from edge.simulate.head_camera import SimulatedHeadCamera
from firmware_bridge.messages import StagePose
from tests.unit.calibration.head_scene import LEFT_MM, UPPER_MM, head_config, painted

NEAR = {"offset_x_mm": 3.0, "offset_y_mm": -2.0}
PLACES = [StagePose(x, y) for y in (60.0, 62.5) for x in (112.0, 114.5)]


class Stage:
    """A controller as far as frames need one, and the head's camera on it."""

    def __init__(self, **config) -> None:
        self.pose = StagePose(0.0, 0.0)
        self.is_open = False
        self.moves: list[StagePose] = []
        self.camera = SimulatedHeadCamera(head_config(**(NEAR | config)), painted())
        self.taken = 0
        self.fails_after = 100
        self.capabilities = SimpleNamespace(x_limits_mm=(0.0, 200.0), y_limits_mm=(0.0, 200.0))

    def move_to(self, pose: StagePose) -> None:
        assert not self.is_open
        self.pose = pose
        self.moves.append(pose)

    def status(self):
        return SimpleNamespace(pose=self.pose, is_shutter_open=self.is_open)

    def close_shutter(self) -> None:
        self.is_open = False

    def capture(self) -> Frame:
        if self.taken == self.fails_after:
            raise DeviceError("the camera is gone")
        self.taken += 1
        return self.camera.frame_at(self.pose)


def take(stage: Stage, folder, places=PLACES, tell=lambda text: None):
    return take_frames(stage, stage, places, folder, tell=tell)


def test_every_place_is_reached_from_the_same_side(tmp_path):
    stage = Stage()
    take(stage, tmp_path)
    assert stage.moves[1::2] == PLACES
    assert all(
        (there.x_mm - before.x_mm, there.y_mm - before.y_mm) == (RUN_UP_MM, RUN_UP_MM)
        for before, there in zip(stage.moves[::2], stage.moves[1::2], strict=True)
    )


def test_places_without_room_for_their_run_up_are_told(tmp_path):
    said = []
    take(Stage(offset_x_mm=113.0), tmp_path, [StagePose(1.0, 60.0), StagePose(3.0, 60.0)], said.append)
    assert said[0].startswith("1 of 2 places lie within 2 mm of where the stage's travel begins")


def test_an_interrupted_visit_goes_on_where_it_was(tmp_path):
    stage = Stage()
    stage.fails_after = 2
    with pytest.raises(DeviceError):
        take(stage, tmp_path)
    again = Stage()
    records = take(again, tmp_path)
    assert again.taken == len(PLACES) - 2
    assert [(one.x_mm, one.y_mm) for one in records] == [(place.x_mm, place.y_mm) for place in PLACES]


def test_a_frame_that_was_cut_off_is_taken_again(tmp_path):
    take(Stage(), tmp_path)
    path = tmp_path / read_manifest(tmp_path)[1].file
    path.write_bytes(path.read_bytes()[:100])
    again = Stage()
    take(again, tmp_path)
    assert again.taken == 1


def test_frames_of_another_pattern_are_kept_beside_the_new_ones(tmp_path):
    before = take(Stage(), tmp_path)
    others = [StagePose(place.x_mm + 1.0, place.y_mm) for place in PLACES]
    after = take(Stage(), tmp_path, others)
    assert not {one.file for one in before} & {one.file for one in after}
    assert read_manifest(tmp_path) == before + after
    for frame in frames_of(tmp_path, before + after):
        frame.read()


def test_a_torn_last_line_of_the_manifest_is_dropped(tmp_path):
    take(Stage(), tmp_path)
    manifest = tmp_path / MANIFEST
    manifest.write_text(manifest.read_text()[:-20])
    assert len(read_manifest(tmp_path)) == len(PLACES) - 1


def test_an_open_shutter_is_closed_and_no_frame_taken(tmp_path):
    stage = Stage()
    stage.is_open = True
    with pytest.raises(SafetyStop, match="shutter was open"):
        take(stage, tmp_path)
    assert not stage.is_open
    assert stage.taken == 0


def test_a_place_out_of_reach_is_refused_before_anything_moves(tmp_path):
    stage = Stage()
    with pytest.raises(SafetyStop, match=r"x from 112.0 to 260.0 mm, which travels from 0 to 200"):
        take(stage, tmp_path, [*PLACES, StagePose(260.0, 60.0)])
    assert not stage.moves


@pytest.mark.parametrize(
    "line",
    [
        "nonsense\n\n",
        '{"file": "a.png"}\n',
        '{"file": "../a.png", "x_mm": 1, "y_mm": 2}\n',
        "[1]\n",
        '{"file": "a.png", "x_mm": 1, "y_mm": 2, "camera_identity": ["a"]}\n',
        '{"file": "a.png", "x_mm": 1, "y_mm": 2, "sha256": {}}\n',
        '{"file": "a.png", "x_mm": 1, "y_mm": 2, "wanted_x_mm": "1"}\n',
        '{"file": "a.png", "x_mm": 1' + 400 * "0" + ', "y_mm": 2}\n',
        100_000 * "[" + "\n",
    ],
)
def test_a_manifest_that_names_no_frame_is_refused_by_its_line(tmp_path, line):
    (tmp_path / MANIFEST).write_text(line)
    with pytest.raises(UsageError, match="line 1: no frame"):
        read_manifest(tmp_path)


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no manifest there"):
        read_manifest(tmp_path)


def test_somebody_elses_manifest_needs_file_and_place_alone(tmp_path):
    write_picture(tmp_path / "a.png", np.zeros((70, 80, 3), np.uint8))
    (tmp_path / MANIFEST).write_text(json.dumps({"file": "a.png", "x_mm": 1, "y_mm": 2.5}) + "\n")
    (frame,) = frames_of(tmp_path, read_manifest(tmp_path))
    assert frame.place_mm == (1, 2.5)
    assert frame.read().shape == (70, 80, 3)


def test_a_frame_that_was_changed_is_refused_when_it_is_read(tmp_path):
    records = take(Stage(), tmp_path)
    write_picture(tmp_path / records[0].file, np.zeros((240, 320, 3), np.uint8))
    with pytest.raises(IntegrityError, match="changed since it was taken"):
        frames_of(tmp_path, records)[0].read()


def config_with(view: HeadView, markers=()):
    """As much of a configuration as the head's fit needs."""
    lens = SimpleNamespace(
        matrix=view.lens.matrix, distortion=view.lens.distortion, width_px=view.lens.width_px, height_px=240
    )
    fiducials = SimpleNamespace(dictionary="DICT_4X4_50", markers=list(markers), side_mm=4.0)
    return SimpleNamespace(instrument=SimpleNamespace(lens=lens, camera_calibration=None, fiducials=fiducials))


def test_texture_and_the_lasers_spot_calibrate_a_head_without_a_marker(tmp_path):
    stage = Stage(spot_fwhm_mm=0.5)
    places = [StagePose(114.0 + 2.5 * i, 62.0 + 2.0 * j) for j in range(3) for i in range(3)]
    records = take(stage, tmp_path, places)
    said = []
    config = config_with(stage.camera.view)
    fit = fitted(frames_of(tmp_path, records), records, config, origin="spot", say=said.append)
    assert "texture" in said[0]
    # The spot's light falls on paint of many shades: a tenth of its width.
    assert np.hypot(fit.offset_x_mm.value - 3.0, fit.offset_y_mm.value + 2.0) < 0.05
    assert fit.turn_deg.value == pytest.approx(2.3, abs=0.05)


def test_without_a_spot_in_the_picture_the_beam_is_not_placed(tmp_path):
    stage = Stage(offset_x_mm=30.0)
    records = take(stage, tmp_path, [StagePose(place.x_mm - 27.0, place.y_mm) for place in PLACES])
    config = config_with(stage.camera.view)
    with pytest.raises(SafetyStop, match="switch the laser on"):
        fitted(frames_of(tmp_path, records), records, config, origin="spot", say=lambda text: None)


@pytest.mark.parametrize("overlap", [0.1, 0.25, 0.5])
def test_a_grid_of_frames_covers_the_whole_area(overlap):
    view = SimulatedHeadCamera(head_config(turn_deg=7.0), painted()).view
    area = AreaConfig(x_mm=LEFT_MM, y_mm=UPPER_MM, width_mm=50.0, height_mm=31.0, pitch_mm=1.0)
    places = grid_over(area, view, overlap)
    x, y = np.meshgrid(np.linspace(0, 50, 60) + LEFT_MM, np.linspace(0, 31, 60) + UPPER_MM)
    points = np.column_stack([x.ravel(), y.ravel()])
    seen = np.zeros(len(points), dtype=bool)
    for place in places:
        pixels = view.pixels(points - [place.x_mm, place.y_mm])
        seen |= np.all((pixels >= 0) & (pixels <= [view.lens.width_px - 1, view.lens.height_px - 1]), axis=1)
    assert seen.all()
