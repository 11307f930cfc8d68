"""Cameras: files, USB and network, each giving one frame when asked; which one, the configuration says."""

from __future__ import annotations

from pathlib import Path
from typing import assert_never

from edge.cameras.files import FileCamera, FolderCamera
from edge.cameras.frame import BLANK_BELOW, Camera, Frame
from edge.cameras.http import HttpCamera
from edge.cameras.mosaic import MosaicCamera
from edge.cameras.picture import read_picture, write_picture
from edge.cameras.rtsp import RtspCamera
from edge.cameras.uvc import UvcCamera
from edge.configuration.camera import (
    CameraConfig,
    FileCameraConfig,
    FolderCameraConfig,
    HttpCameraConfig,
    MosaicCameraConfig,
    RtspCameraConfig,
    UvcCameraConfig,
)

__all__ = ["BLANK_BELOW", "Camera", "FileCamera", "Frame", "open_camera", "read_picture", "write_picture"]


def open_camera(config: CameraConfig) -> Camera:
    """The camera that the configuration describes; nothing is touched before `Camera.capture`."""
    match config:
        case FolderCameraConfig():
            return FolderCamera(Path(config.path), newest_within_s=config.newest_within_s)
        case FileCameraConfig():
            return FileCamera(Path(config.path))
        case UvcCameraConfig():
            return UvcCamera(config)
        case HttpCameraConfig():
            return HttpCamera(config)
        case RtspCameraConfig():
            return RtspCamera(config)
        case MosaicCameraConfig():
            return MosaicCamera(Path(config.path))
        case _:
            assert_never(config)
