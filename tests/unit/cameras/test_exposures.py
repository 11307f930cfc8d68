"""Several exposures become one picture of the light, with what was clipped left out."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.srgb import FULL, encoded_8, linear_light
from edge.cameras.exposures import averaged, merged
from edge.cameras.rtsp import RtspCamera
from edge.cameras.uvc import UvcCamera
from edge.configuration.camera import RtspCameraConfig, UvcCameraConfig
from edge.faults import DeviceError

AUTO_EXPOSURE, EXPOSURE = 21, 15


def scene() -> np.ndarray:
    """Light over three decades, of full scale at an exposure of 1, shape (64, 128, 3)."""
    light = np.logspace(-3.3, -0.05, 128)[None, :, None] * np.array([1.0, 0.8, 0.6])
    return np.broadcast_to(light, (64, 128, 3))


def exposed(exposure: float, rng: np.random.Generator | None = None) -> np.ndarray:
    light = scene() * exposure
    if rng is not None:
        light = rng.poisson(light * 20_000) / 20_000
    return encoded_8(FULL * np.clip(light, 0, 1))


def test_merged_exposures_show_the_light_of_the_shortest_without_its_noise():
    rng = np.random.default_rng(4)
    picture = merged([exposed(each, rng) for each in (1, 8, 64)], [1, 8, 64])
    assert picture.dtype == np.uint16
    light = linear_light(picture) / FULL
    alone = linear_light(exposed(1, rng)) / FULL
    dark = scene()[0, :, 0] < 0.01
    noise, noise_alone = (np.std((seen / scene() - 1)[:, dark]) for seen in (light, alone))
    # 73 times the light of the shortest alone: its noise over the root of 73, 0.117, and what levels add to both
    assert noise < 0.14 * noise_alone
    # the brightest is seen by the shortest alone: its noise is 1 / sqrt(20 000) and half a level, together below 1.5 %
    assert np.abs(light / scene() - 1)[:, -4:].max() < 0.04


def test_what_every_exposure_clips_stays_white():
    white = np.full((64, 64, 3), 255, np.uint8)
    assert (merged([white, white], [1, 4]) == FULL).all()


def test_the_order_of_exposures_does_not_matter():
    pictures = [exposed(each) for each in (1, 8)]
    np.testing.assert_array_equal(merged(pictures, [1, 8]), merged(pictures[::-1], [8, 1]))


def test_pictures_that_change_size_meanwhile_are_refused():
    left = [np.zeros((64, 64, 3), np.uint8), np.zeros((64, 80, 3), np.uint8)]
    with pytest.raises(DeviceError, match="changed its pictures from 64 x 64 pixels of 8 bit to 80 x 64 pixels"):
        averaged(lambda: left.pop(0), warm_up_frames=0, average_frames=2, name="bench")


class Video:
    """A video device whose pictures are as bright as its exposure says."""

    def __init__(self, *, obeys: bool = True, opens: bool = True, frames: int = 100) -> None:
        self.obeys, self.opens, self.frames = obeys, opens, frames
        self.settings: dict[int, float] = {EXPOSURE: 156.0}
        self.released = False

    def isOpened(self) -> bool:
        return self.opens

    def set(self, key: int, value: float) -> bool:
        if key != EXPOSURE or self.obeys:
            self.settings[key] = value
        return True

    def get(self, key: int) -> float:
        return self.settings[key]

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.frames -= 1
        return (True, exposed(self.settings[EXPOSURE] / 10)[:, :, ::-1]) if self.frames >= 0 else (False, None)

    def release(self) -> None:
        self.released = True


def bracketing(device: Video) -> UvcCamera:
    config = UvcCameraConfig(
        device="/dev/video0",
        width_px=128,
        height_px=64,
        warm_up_frames=1,
        average_frames=2,
        exposures_ms=[1.0, 8.0, 64.0],
    )
    return UvcCamera(config, open_device=lambda _: device, listed=list)


def test_a_usb_camera_brackets_and_exposes_by_itself_again_afterwards():
    device = Video()
    frame = bracketing(device).capture()
    assert frame.image.dtype == np.uint16
    light = linear_light(frame.image) / FULL
    # half a level of the one exposure that is not clipped, of at least a third of full scale
    np.testing.assert_allclose(light[0, 40:120, 0], scene()[0, 40:120, 0], rtol=0.02)
    assert device.settings[AUTO_EXPOSURE] == 3
    assert device.released


def test_a_camera_that_keeps_its_own_exposure_is_refused():
    device = Video(obeys=False)
    with pytest.raises(DeviceError, match=r"exposes for 15\.6 ms when 1 ms are asked: leave out"):
        bracketing(device).capture()
    assert device.released


def rtsp(device: Video, **changes: object) -> RtspCamera:
    stated = {"url": "rtsp://camera/stream", "warm_up_frames": 3, "average_frames": 2, **changes}
    return RtspCamera(RtspCameraConfig(**stated), open_video=lambda address, timeout_s: device)


def test_video_over_the_network_is_averaged_into_a_frame():
    device = Video()
    frame = rtsp(device).capture()
    assert frame.identity == "rtsp://camera/stream"
    assert device.frames == 95
    np.testing.assert_array_equal(frame.image, exposed(15.6))


@pytest.mark.parametrize(
    ("device", "words"),
    [(Video(opens=False), "no camera answers with video within 15 s"), (Video(frames=4), "was lost in mid-stream")],
)
def test_a_network_camera_that_fails_is_one_sentence_and_let_go(device, words):
    with pytest.raises(DeviceError, match=words):
        rtsp(device).capture()
    assert device.released


def test_the_password_goes_to_the_camera_and_not_into_the_frame(tmp_path):
    (tmp_path / "login").write_text("ada:p@ss word\n")
    asked = []

    def open_video(address: str, timeout_s: float) -> Video:
        asked.append((address, timeout_s))
        return Video()

    config = RtspCameraConfig(url="rtsp://camera/stream", credentials=str(tmp_path / "login"), timeout_s=3.0)
    frame = RtspCamera(config, open_video=open_video).capture()
    assert asked == [("rtsp://ada:p%40ss%20word@camera/stream", 3.0)]
    assert "ada" not in frame.identity


def test_an_address_with_a_password_is_refused():
    with pytest.raises(ValueError, match="url"):
        RtspCameraConfig(url="rtsp://ada:secret@camera/stream")


def test_the_same_exposure_twice_is_refused():
    with pytest.raises(ValueError, match="two exposures_ms are the same"):
        UvcCameraConfig(device="/dev/video0", exposures_ms=[4.0, 4.0])
