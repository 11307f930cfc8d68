"""Each camera gives one whole, meaningful picture, or says in a sentence why not."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.cameras import open_camera, read_picture, write_picture
from edge.cameras.files import FileCamera, FolderCamera
from edge.cameras.picture import decode_picture, picture_size
from edge.cameras.uvc import UvcCamera
from edge.configuration.camera import FileCameraConfig, FolderCameraConfig, UvcCameraConfig
from edge.faults import DeviceError, IntegrityError

NOW_S = 1_800_000_000.0


def scene(seed: int = 0, side: int = 96) -> NDArray[np.uint8]:
    """A picture with something in it."""
    return np.random.default_rng(seed).integers(0, 256, (side, side + 32, 3), dtype=np.uint8)


def leave(path: Path, image: NDArray[np.generic], taken_at_s: float) -> Path:
    """Write a picture as if it had been taken then."""
    assert cv2.imwrite(str(path), image[:, :, ::-1])
    os.utime(path, (taken_at_s, taken_at_s))
    return path


def folder_camera(path: Path, newest_within_s: float | None = None) -> FolderCamera:
    """A folder camera that neither waits nor looks at the clock."""
    return FolderCamera(path, newest_within_s=newest_within_s, now=lambda: NOW_S, sleep=lambda _: None)


def test_the_newest_picture_of_the_folder_is_taken_in_rgb(tmp_path):
    leave(tmp_path / "b.png", scene(1), NOW_S - 50)
    leave(tmp_path / "a.png", scene(2), NOW_S - 5)
    frame = folder_camera(tmp_path).capture()
    np.testing.assert_array_equal(frame.image, scene(2))
    assert frame.taken_at == "2027-01-15T07:59:55.000+00:00"
    assert not frame.image.flags.writeable


def test_sixteen_bits_stay_sixteen_bits(tmp_path):
    leave(tmp_path / "a.png", scene().astype(np.uint16) * 257, NOW_S - 5)
    frame = folder_camera(tmp_path).capture()
    assert frame.image.dtype == np.uint16
    np.testing.assert_array_equal(frame.image, scene().astype(np.uint16) * 257)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_picture_still_being_written_is_passed_over(tmp_path, suffix):
    leave(tmp_path / "whole.png", scene(1), NOW_S - 50)
    torn = leave(tmp_path / f"torn{suffix}", scene(2), NOW_S - 5)
    torn.write_bytes(torn.read_bytes()[:-200])
    os.utime(torn, (NOW_S - 5, NOW_S - 5))
    np.testing.assert_array_equal(folder_camera(tmp_path).capture().image, scene(1))


def test_a_picture_that_grows_while_looked_at_is_passed_over(tmp_path):
    leave(tmp_path / "whole.png", scene(1), NOW_S - 50)
    growing = leave(tmp_path / "growing.png", scene(2), NOW_S)

    def grow(_: float) -> None:
        growing.write_bytes(growing.read_bytes() + b"more")

    camera = FolderCamera(tmp_path, now=lambda: NOW_S, sleep=grow)
    np.testing.assert_array_equal(camera.capture().image, scene(1))


def test_hidden_and_foreign_files_are_no_pictures(tmp_path):
    leave(tmp_path / "a.png", scene(1), NOW_S - 50)
    leave(tmp_path / ".b.png", scene(2), NOW_S - 5)
    (tmp_path / "notes.txt").write_text("not a picture")
    np.testing.assert_array_equal(folder_camera(tmp_path).capture().image, scene(1))


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DeviceError, match=r"nowhere: no such folder: check instrument\.camera\.path"):
        folder_camera(tmp_path / "nowhere").capture()


def test_an_empty_folder_asks_for_a_picture(tmp_path):
    with pytest.raises(DeviceError, match="no picture in this folder: take one"):
        folder_camera(tmp_path).capture()


def test_a_folder_without_a_whole_picture_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG nothing")
    os.utime(tmp_path / "a.png", (NOW_S - 5, NOW_S - 5))
    with pytest.raises(DeviceError, match=r"a\.png: not a whole picture"):
        folder_camera(tmp_path).capture()


def test_a_picture_older_than_allowed_is_refused_with_its_age(tmp_path):
    leave(tmp_path / "a.png", scene(), NOW_S - 90)
    with pytest.raises(DeviceError, match="90 s old, over the 60 s allowed: take a new one"):
        folder_camera(tmp_path, newest_within_s=60).capture()


@pytest.mark.parametrize(("level", "look"), [(0, "black"), (140, "the same all over")])
def test_a_picture_that_shows_nothing_is_refused(tmp_path, level, look):
    leave(tmp_path / "a.png", np.full((96, 128, 3), level, np.uint8), NOW_S - 5)
    with pytest.raises(DeviceError, match=look):
        folder_camera(tmp_path).capture()


def test_a_thumbnail_is_refused(tmp_path):
    leave(tmp_path / "a.png", scene(side=40), NOW_S - 5)
    with pytest.raises(DeviceError, match="too small to find fiducials"):
        folder_camera(tmp_path).capture()


def test_a_file_is_a_camera_that_took_its_picture_before(tmp_path):
    path = leave(tmp_path / "a.png", scene(), NOW_S - 5)
    frame = open_camera(FileCameraConfig(path=str(path))).capture()
    np.testing.assert_array_equal(frame.image, scene())
    assert frame.identity == f"file:{path}"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DeviceError, match=r"gone\.png: no such picture"):
        open_camera(FileCameraConfig(path=str(tmp_path / "gone.png"))).capture()


def test_an_unreadable_file_is_named(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"text")
    with pytest.raises(DeviceError, match=r"a\.jpg: not a whole picture"):
        open_camera(FileCameraConfig(path=str(tmp_path / "a.jpg"))).capture()


def test_the_configuration_chooses_the_folder(tmp_path):
    leave(tmp_path / "a.png", scene(), NOW_S - 5)
    camera = open_camera(FolderCameraConfig(path=str(tmp_path)))
    assert camera.capture().identity == f"folder:{tmp_path}"


def test_a_missing_usb_camera_is_named():
    with pytest.raises(DeviceError, match="video99: no such camera: plug it in"):
        open_camera(UvcCameraConfig(device="/dev/video99")).capture()


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int32])
def test_a_tiff_of_neither_8_nor_16_bits_is_one_sentence(tmp_path, kind):
    assert cv2.imwrite(str(tmp_path / "a.tif"), scene().astype(kind))
    with pytest.raises(DeviceError, match=rf"a\.tif: pixels of type {kind.__name__} cannot be used: save 8- or 16-bit"):
        open_camera(FileCameraConfig(path=str(tmp_path / "a.tif"))).capture()


class FakeVideo:
    """A USB camera whose frames grow brighter from one to the next."""

    def __init__(self, frames: int = 100, size: tuple[int, int] = (480, 640), *, opens: bool = True) -> None:
        self.frames, self.size, self.opens = frames, size, opens
        self.given, self.released = 0, False

    def isOpened(self) -> bool:
        return self.opens

    def set(self, key: int, value: float) -> bool:
        return True

    def read(self) -> tuple[bool, NDArray[np.uint8] | None]:
        if self.given == self.frames:
            return False, None
        picture = np.zeros((*self.size, 3), np.uint8)
        picture[:, ::2] = (200, 100, self.given)
        self.given += 1
        return True, picture

    def release(self) -> None:
        self.released = True


def uvc(device: FakeVideo) -> UvcCamera:
    """The camera under test before a fake device."""
    config = UvcCameraConfig(device="/dev/video0", width_px=640, height_px=480, warm_up_frames=10, average_frames=4)
    return UvcCamera(config, open_device=lambda _: device)


def test_a_usb_camera_drops_its_first_frames_and_averages_the_next():
    device = FakeVideo()
    frame = uvc(device).capture()
    assert device.given == 14
    assert frame.image[0, 0].tolist() == [12, 100, 200], "red is the mean of frames 10 to 13, 11.5, rounded to even"
    assert device.released


@pytest.mark.parametrize(
    ("device", "words"),
    [
        (FakeVideo(opens=False), "another program holds it"),
        (FakeVideo(frames=5), "stopped sending pictures"),
        (FakeVideo(size=(240, 320)), "gives 320 x 240 pixels, not 640 x 480"),
    ],
)
def test_a_usb_camera_that_fails_is_named_and_released(device, words):
    with pytest.raises(DeviceError, match=words):
        uvc(device).capture()
    assert device.released


def test_a_written_picture_reads_back_bit_for_bit(tmp_path):
    write_picture(tmp_path / "frame.png", scene())
    np.testing.assert_array_equal(read_picture(tmp_path / "frame.png"), scene())
    assert [path.name for path in tmp_path.iterdir()] == ["frame.png"]


def test_a_recorded_picture_that_is_torn_is_an_integrity_error(tmp_path):
    write_picture(tmp_path / "frame.png", scene())
    (tmp_path / "frame.png").write_bytes((tmp_path / "frame.png").read_bytes()[:-40])
    with pytest.raises(IntegrityError, match=r"frame\.png: no whole picture"):
        read_picture(tmp_path / "frame.png")


def test_a_photograph_that_is_said_to_be_a_cameras_has_that_cameras_identity(tmp_path):
    path = leave(tmp_path / "a.png", scene(), NOW_S - 5)
    assert FileCamera(path, identity="uvc:046d:082d:A1").capture().identity == "uvc:046d:082d:A1"


def widened_bitmap(content: bytearray) -> None:
    struct.pack_into("<ii", content, 18, 60_000, -60_000)


def widened_tiff(content: bytearray) -> None:
    """Width and height stand in the first directory, as the tags 256 and 257 of one number."""
    for tag in (256, 257):
        at = next(found for kind in (3, 4) if (found := content.find(struct.pack("<HHI", tag, kind, 1))) >= 0)
        struct.pack_into("<HHII", content, at, tag, 4, 1, 60_000)


@pytest.mark.parametrize(("suffix", "widen"), [(".bmp", widened_bitmap), (".tiff", widened_tiff)])
def test_a_picture_that_states_more_pixels_than_can_be_worked_with_is_refused_unopened(
    suffix: str, widen: Callable[[bytearray], None]
) -> None:
    encoded = bytearray(cv2.imencode(suffix, np.zeros((40, 30, 3), np.uint8))[1].tobytes())
    assert picture_size(bytes(encoded)) == (30, 40)
    widen(encoded)
    with pytest.raises(DeviceError, match="60000 x 60000 pixels are more than"):
        decode_picture(bytes(encoded), "panel")


def test_a_picture_of_a_kind_that_no_camera_saves_is_none() -> None:
    assert decode_picture(b"P6 60000 60000 255\n" + bytes(1_000), "panel") is None
