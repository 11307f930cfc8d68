"""Mosaics: errors of places, seams, seconds and memory for frames of 12 megapixels, beside OpenCV's stitcher."""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.mosaic import HeadView, Mosaic, MosaicFrame, MosaicRequest, build_mosaic
from calibration.mosaic.frames import encoded
from calibration.shift import shift_between
from calibration.srgb import linear_light
from edge.simulate.config import SimulatedHeadCameraConfig
from edge.simulate.easel import EaselPicture
from edge.simulate.head_camera import SimulatedHeadCamera, true_head_view
from firmware_bridge.messages import StagePose
from tools.bench.table import Row

STAGE_ERROR_MM = 0.1
HEAD_ERROR = 3e-4
OVERLAP = 0.25
LARGE = (10, 5, 4000, 3000)
SMALL = (4, 3, 1000, 750)
"""Columns and rows of frames, and a frame's pixels."""
FRAME_MM = 60.0
_TILE_PX = 128
_MOST_TILES = 300
TARGET_S, TARGET_MM = 60.0, 0.1
NOTES = (
    f"Frames of a head camera with a distorted, vignetting, noisy picture, exposures that vary by 5 %, {OVERLAP:.0%} "
    f"overlap; the stage misses each place by {STAGE_ERROR_MM:g} mm along each axis, the head's calibration rotation "
    f"and scale by {HEAD_ERROR:g}. Painted by code, JPEG files on disk.",
    "Places: root mean square of the frames' moves against the truth, along an axis, less their common mean, which "
    "nothing but the stage tells. In the picture: the same of tiles of the mosaic against the truth.",
    "Seams: standard deviation of the light's ratio to the truth, smoothed over a tenth of a frame, less a slope over "
    "the whole, which nobody can tell from exposures that grow along the stage.",
    "Memory is the greatest resident size of a process that builds the mosaic and does nothing else, less that of the "
    "same process before.",
    "cv2.Stitcher (SCANS) gets the same small frames, undistorted; it knows no stage, so that its places are those "
    "after the best affine map to the truth.",
)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Frames in files, and the truth."""

    easel: EaselPicture
    view: HeadView
    """As the head's calibration gives it: a little off."""
    places_mm: list[tuple[float, float]]
    missed_mm: NDArray[np.float64]
    files: list[Path]

    @property
    def request(self) -> MosaicRequest:
        frames = [
            MosaicFrame(file.name, place, partial(_read, file))
            for file, place in zip(self.files, self.places_mm, strict=True)
        ]
        return MosaicRequest(frames, self.view, stage_error_mm=STAGE_ERROR_MM, strain_error=HEAD_ERROR)


def measure(repeats: int) -> list[Row]:
    """Small frames for accuracy and the peer, large ones once for time and memory."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        rows += list(_of_small(_scene(Path(folder), SMALL), repeats))
    with tempfile.TemporaryDirectory() as folder:
        rows += list(_of_large(_scene(Path(folder), LARGE)))
    return rows


def _of_small(scene: Scene, repeats: int) -> Iterator[Row]:
    size = _size(SMALL)
    seconds = []
    for _ in range(repeats):
        began_s = time.perf_counter()
        mosaic = build_mosaic(scene.request)
        seconds.append(time.perf_counter() - began_s)
    assert isinstance(mosaic, Mosaic), mosaic.reason
    truth = _truth(scene, mosaic)
    stitched_s, stitched = _stitched(scene)
    peer = None if stitched is None else _bending_mm(_fitted(stitched, truth, mosaic), truth, mosaic.mm_per_px)
    rest = mosaic.adjustment.moves_mm - scene.missed_mm
    yield Row("places", size, _rms(rest - rest.mean(axis=0)), "mm", target=TARGET_MM)
    yield Row("places, by the stage alone", size, _rms(scene.missed_mm - scene.missed_mm.mean(axis=0)), "mm")
    yield Row("in the picture", size, _bending_mm(mosaic.picture, truth, mosaic.mm_per_px), "mm", peer=peer)
    yield Row("neighbours, after", size, mosaic.rms_after_mm, "mm")
    yield Row("seams", size, _seams(scene, mosaic), "share")
    yield Row("time", size, min(seconds), "s", peer=stitched_s if stitched is not None else None)


def _of_large(scene: Scene) -> Iterator[Row]:
    size = _size(LARGE)
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_timed, args=(sender, scene.places_mm, scene.files, scene.view))
    child.start()
    seconds, peak_mb, moves, columns, rows = receiver.recv()
    child.join()
    rest = moves - scene.missed_mm
    yield Row("places", size, _rms(rest - rest.mean(axis=0)), "mm", target=TARGET_MM)
    yield Row("time", f"{size}, to {columns * rows / 1e6:.0f} Mpx", seconds, "s", target=TARGET_S)
    yield Row("memory", f"{size}, to {columns * rows / 1e6:.0f} Mpx", peak_mb, "MB")


def _timed(sender: Any, places_mm: list[tuple[float, float]], files: list[Path], view: HeadView) -> None:
    scene = Scene(EaselPicture(np.zeros((1, 1, 3), np.uint16), 0, 0, 1), view, places_mm, np.zeros((0, 2)), files)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began_s = time.perf_counter()
    mosaic = build_mosaic(scene.request)
    seconds = time.perf_counter() - began_s
    assert isinstance(mosaic, Mosaic), mosaic.reason
    peak_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    rows, columns = mosaic.picture.shape[:2]
    sender.send((seconds, peak_mb, mosaic.adjustment.moves_mm, columns, rows))


def _size(shape: tuple[int, int, int, int]) -> str:
    columns, rows, width, height = shape
    return f"{columns * rows} frames of {width} x {height}"


def _read(file: Path) -> NDArray[Any]:
    return np.ascontiguousarray(np.asarray(cv2.imread(str(file)))[:, :, ::-1])


def _scene(folder: Path, shape: tuple[int, int, int, int]) -> Scene:
    columns, rows, width, height = shape
    rng = np.random.default_rng(17)
    config = SimulatedHeadCameraConfig(width_px=width, height_px=height, mm_per_px=FRAME_MM / width, turn_deg=1.0)
    view = true_head_view(config)
    step = np.array(view.inner_mm) * (1 - OVERLAP)
    easel = _painted(rng, (columns * step[0] + FRAME_MM, rows * step[1] + FRAME_MM))
    camera = SimulatedHeadCamera(config, easel)
    places, missed, files = [], [], []
    for k in range(columns * rows):
        at = np.array([k % columns, k // columns]) * step + FRAME_MM / 2 + 6 - view.centre_mm
        off = rng.normal(0, STAGE_ERROR_MM, 2)
        image = camera.render(StagePose(float(at[0] + off[0]), float(at[1] + off[1])))
        file = folder / f"frame-{k:03d}.jpg"
        cv2.imwrite(str(file), np.ascontiguousarray(image[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 97])
        places.append((float(at[0]), float(at[1])))
        missed.append(off)
        files.append(file)
    turn, scale = rng.normal(0, HEAD_ERROR, 2)
    return Scene(easel, view.corrected(np.array([[scale, -turn], [turn, scale]])), places, np.array(missed), files)


def _painted(rng: np.random.Generator, size_mm: tuple[float, float]) -> EaselPicture:
    """Brush strokes with sharp edges over one another, from 20 mm down to half a millimetre, and canvas."""
    px_per_mm = min(16.0, 7000 / max(size_mm))
    shape = (int(size_mm[1] * px_per_mm), int(size_mm[0] * px_per_mm))
    light = np.full((*shape, 3), 20000, dtype=np.uint16)
    for length_mm in (20.0, 8.0, 3.0, 1.2, 0.5):
        count = int(0.35 * size_mm[0] * size_mm[1] / (0.3 * length_mm**2))
        centres = (rng.random((count, 2)) * shape[::-1]).astype(int)
        axes = np.maximum(length_mm * px_per_mm * rng.uniform(0.15, 0.6, (count, 2)), 1).astype(int)
        tones = 65535 * np.exp(rng.normal(-1.3, 0.5, (count, 1)) + rng.normal(0, 0.25, (count, 3)))
        for centre, axis, turn, tone in zip(centres, axes, rng.uniform(0, 180, count), tones, strict=True):
            colour = tuple(float(value) for value in np.clip(tone, 300, 60000))
            cv2.ellipse(light, centre.tolist(), axis.tolist(), float(turn), 0, 360, colour, -1)
    canvas = np.exp(0.05 * rng.standard_normal(shape, dtype=np.float32))[..., None]
    return EaselPicture(np.clip(light * canvas, 300, 62000).astype(np.uint16), 0.0, 0.0, px_per_mm)


def _truth(scene: Scene, mosaic: Mosaic) -> NDArray[np.uint16]:
    """The plane's light on the mosaic's pixels."""
    rows, columns = mosaic.picture.shape[:2]
    scale = mosaic.mm_per_px * scene.easel.px_per_mm
    start = np.array([mosaic.left_mm, mosaic.upper_mm]) * scene.easel.px_per_mm
    way = np.array([[scale, 0, start[0] + scale / 2 - 0.5], [0, scale, start[1] + scale / 2 - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(scene.easel.light, way, (columns, rows), flags=flags), dtype=np.uint16)


def _grey(light: NDArray[np.uint16]) -> NDArray[np.float32]:
    picture = encoded(light.astype(np.float32), is_16_bit=False)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32))


def _bending_mm(picture: NDArray[Any], truth: NDArray[np.uint16], mm_per_px: float) -> float:
    """Root mean square shift of tiles against the truth, along an axis, less the mean."""
    shown, true = _grey(linear_light(picture)), _grey(truth)
    rows, columns = true.shape
    corners = [(y, x) for y in range(0, rows - _TILE_PX, _TILE_PX) for x in range(0, columns - _TILE_PX, _TILE_PX)]
    shifts = []
    for y, x in corners[:: max(1, len(corners) // _MOST_TILES)]:
        here, there = (one[y : y + _TILE_PX, x : x + _TILE_PX] for one in (true, shown))
        if (there == 0).mean() > 0.001:
            continue
        found = shift_between(here, there)
        if found.likeness > 0.8:
            shifts.append((found.x_px, found.y_px))
    moved = np.array(shifts) * mm_per_px
    return _rms(moved - moved.mean(axis=0))


def _seams(scene: Scene, mosaic: Mosaic) -> float:
    light = linear_light(mosaic.picture)[..., 1].astype(np.float32)
    true = _truth(scene, mosaic)[..., 1].astype(np.float32)
    inside = mosaic.covered & (true > 0)
    ratio = np.log(np.maximum(light, 1) / np.maximum(true, 1))
    smooth = cv2.GaussianBlur(np.where(inside, ratio, np.median(ratio[inside])), (0, 0), SMALL[2] / 10)
    y, x = (values[::97] for values in np.nonzero(inside))
    design = np.column_stack([np.ones(x.size), x, y])
    values = smooth[y, x].astype(np.float64)
    return float((values - design @ np.linalg.lstsq(design, values, rcond=None)[0]).std())


def _stitched(scene: Scene) -> tuple[float, NDArray[Any] | None]:
    """OpenCV's stitcher on the frames without distortion; None where it gives up."""
    columns, rows = scene.view.lens.undistort_maps()
    frames = [cv2.remap(_read(file), columns, rows, cv2.INTER_LINEAR) for file in scene.files]
    stitcher = cv2.Stitcher.create(cv2.Stitcher_SCANS)
    began_s = time.perf_counter()
    status, picture = stitcher.stitch(frames)
    seconds = time.perf_counter() - began_s
    return seconds, np.asarray(picture) if status == cv2.Stitcher_OK else None


def _fitted(picture: NDArray[Any], truth: NDArray[np.uint16], mosaic: Mosaic) -> NDArray[Any]:
    """The stitcher's picture after the best affine map to the truth."""
    true = encoded(truth.astype(np.float32), is_16_bit=False)
    finder = cv2.ORB.create(8000)
    (ours, described), (theirs, wanted) = (
        finder.detectAndCompute(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY), None) for one in (picture, true)
    )
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(described, wanted)
    source = np.array([ours[one.queryIdx].pt for one in pairs])
    target = np.array([theirs[one.trainIdx].pt for one in pairs])
    affine, _ = cv2.estimateAffine2D(source, target, ransacReprojThreshold=3.0, maxIters=5000)
    size = (mosaic.picture.shape[1], mosaic.picture.shape[0])
    return np.asarray(cv2.warpAffine(picture, affine, size, flags=cv2.INTER_LINEAR))


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
