"""What a configuration may say of the camera and of its pictures' colours."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from edge.configuration.schema import Closed, Millimetres, Name, PositiveMillimetres

WarmUpFrames = Annotated[int, Field(ge=0, le=500)]
AverageFrames = Annotated[int, Field(ge=1, le=64)]
_Exposure = Annotated[float, Field(gt=0, le=60_000)]


class FolderCameraConfig(Closed):
    """A camera that leaves its pictures in a folder (tethering): the newest one is taken."""

    kind: Literal["folder"] = "folder"
    path: Name
    newest_within_s: Annotated[float, Field(gt=0)] | None = None
    """Refuse a picture older than this."""


class FileCameraConfig(Closed):
    """A picture taken beforehand."""

    kind: Literal["file"] = "file"
    path: Name


class UvcCameraConfig(Closed):
    """A USB camera."""

    kind: Literal["uvc"] = "uvc"
    device: Name
    """``usb:VID:PID:SERIAL``, ``usb:VID:PID`` or ``usb:SERIAL``; or a path, for instance under ``/dev/v4l/by-id``."""
    width_px: Annotated[int, Field(ge=64, le=20_000)] = 1920
    height_px: Annotated[int, Field(ge=64, le=20_000)] = 1080
    warm_up_frames: WarmUpFrames = 10
    average_frames: AverageFrames = 8
    exposures_ms: list[_Exposure] = Field(default=[], max_length=8)
    """Exposure times to bracket with; empty: the camera exposes by itself."""

    @model_validator(mode="after")
    def _exposures_differ(self) -> Self:
        if len(set(self.exposures_ms)) != len(self.exposures_ms):
            raise ValueError("two exposures_ms are the same: give each exposure time once")
        return self


class HttpCameraConfig(Closed):
    """A network camera that answers with one picture, or with a stream of JPEG pictures."""

    kind: Literal["http"] = "http"
    url: Annotated[str, Field(pattern=r"^https?://[^\s/@]+(/\S*)?$", max_length=500)]
    credentials: Name | None = None
    """File with one line ``user:password``: it is no part of the recording, as the configuration is."""
    timeout_s: Annotated[float, Field(gt=0, le=300)] = 15.0
    """Longest wait for one whole picture."""
    warm_up_frames: WarmUpFrames = 0
    average_frames: AverageFrames = 1


class RtspCameraConfig(Closed):
    """A network camera that sends video."""

    kind: Literal["rtsp"] = "rtsp"
    url: Annotated[str, Field(pattern=r"^rtsps?://[^\s/@]+(/\S*)?$", max_length=500)]
    credentials: Name | None = None
    """As for ``http``."""
    timeout_s: Annotated[float, Field(gt=0, le=300)] = 15.0
    """Longest wait for the connection, and for each picture."""
    warm_up_frames: WarmUpFrames = 10
    average_frames: AverageFrames = 8


class MosaicCameraConfig(Closed):
    """A mosaic of a head-mounted camera's frames, made beforehand; it is placed by its own record."""

    kind: Literal["mosaic"] = "mosaic"
    path: Name


CameraConfig = Annotated[
    FolderCameraConfig | FileCameraConfig | UvcCameraConfig | HttpCameraConfig | RtspCameraConfig | MosaicCameraConfig,
    Field(discriminator="kind"),
]


class WhiteCardConfig(Closed):
    """A white card beside the object, in stage millimetres."""

    x_mm: Millimetres
    y_mm: Millimetres
    width_mm: PositiveMillimetres
    height_mm: PositiveMillimetres
    reflectance: Annotated[float, Field(gt=0, le=1)] = 0.9


class ColourConfig(Closed):
    """What the photograph's levels mean."""

    space: Literal["embedded", "srgb", "linear", "adobe-rgb", "display-p3"] = "embedded"
    """``embedded``: as the picture's own profile says; sRGB without one."""
    white_card: WhiteCardConfig | None = None
    flat_field: Name | None = None
    """Picture of an evenly white sheet in the object's place."""
    flat_field_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """Digest of its file, which a recording states; None: any file is taken."""

    @model_validator(mode="after")
    def _digest_is_of_a_file(self) -> Self:
        if self.flat_field_sha256 is not None and self.flat_field is None:
            raise ValueError(
                "flat_field_sha256 is of no use without flat_field: name the picture, or remove the digest"
            )
        return self
