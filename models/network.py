"""A mask network at work: photograph and rate in, importance of each cell out, on a stated number of threads."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.faults import UnusableModel, UnusableRequest
from models.manifest import Manifest, read_manifest
from models.onnx_session import NetworkKind, file_content, first_line, open_session

THREADS = 2
"""Cores that a network may use: those of the smallest edge box."""
LEAST_CELLS = 16
"""Smaller grids are mirrored up to this many rows and columns."""
TILE_CELLS = 1024
"""Side of the largest image that is run whole where tiling changes nothing."""
MOST_BYTES = 2_000_000_000
"""Working memory that a network may take."""
MOST_FILE_BYTES = 64_000_000
_KIND = NetworkKind("mask network", "a", "tools.export_onnx", "choose another mask")
_KEPT_SESSIONS = 2
_KEPT_BYTES = 100_000_000
"""Working memory that a network may keep for the next run; giving it back costs a fifth of a run."""


class MaskNetwork:
    """A network whose file agrees with its manifest, ready to run."""

    def __init__(self, content: bytes, manifest: Manifest, *, name: str, threads: int = THREADS) -> None:
        """`name` is what complaints call the network's file.

        Raises
        ------
        UnusableModel
            The content is not what the manifest says, or onnxruntime cannot run it.
        """
        self.name = name
        self.manifest = manifest
        self.threads = threads
        self._session = open_session(content, manifest, _KIND, name=name, threads=threads)

    @property
    def sha256(self) -> str:
        """Of the network's file."""
        return self.manifest.sha256

    def warm_up(self) -> None:
        """Run once on next to nothing, so that the first photograph does not pay for what is prepared once."""
        self.importance(np.full((LEAST_CELLS, LEAST_CELLS, 3), 0.5, np.float32), self.manifest.rates[0])

    def importance(self, rgb: NDArray[np.float32], rate: float, *, tile_cells: int = TILE_CELLS) -> NDArray[np.float32]:
        """How much each cell deserves to be visited; its mean is not adjusted.

        Rows and columns are mirrored up to the next multiple that the network takes. An image larger than
        `tile_cells` is run in tiles that overlap by the network's reach, which gives the whole image's result; where
        the network looks at the whole image, it is run whole, and refused when that takes too much memory.

        Parameters
        ----------
        rgb
            sRGB in [0, 1], shape (rows, columns, 3).
        rate
            Fraction of the cells to visit, above 0 and at most 1.
        tile_cells
            Side of the largest image that is run whole.

        Returns
        -------
        NDArray[np.float32]
            Shape (rows, columns), finite and at least 0.

        Raises
        ------
        UnusableRequest
            An image or a rate that no network takes, or one too large for a network that looks at the whole image.
        UnusableModel
            The network gives what is no importance.
        """
        _require_image(rgb)
        if not 0 < rate <= 1:
            raise UnusableRequest(
                f"a sampling rate of {rate} is not above 0 and at most 1: give a fraction such as 0.1"
            )
        rows, columns = rgb.shape[:2]
        padded = _mirrored(rgb, self.manifest.alignment)
        asked = np.array([min(max(rate, self.manifest.rates[0]), self.manifest.rates[1])], np.float32)
        if self.manifest.reach_cells is None or max(padded.shape[:2]) <= tile_cells:
            self._require_memory(rows, columns)
            importance = self._run(padded, asked)
        else:
            importance = self._run_in_tiles(padded, asked, self.manifest.reach_cells, tile_cells)
        self._give_back_after(padded.shape[0] * padded.shape[1])
        importance = importance[:rows, :columns]
        bad = int(np.count_nonzero(~(np.isfinite(importance) & (importance >= 0))))
        if bad:
            raise UnusableModel(
                f"{self.name}: the network gives {bad} of {importance.size} cells an importance that is negative or "
                "not finite: use another network, or the gradient mask"
            )
        return importance

    def _require_memory(self, rows: int, columns: int) -> None:
        needed = self.manifest.bytes_per_cell * rows * columns
        if needed > MOST_BYTES:
            raise UnusableRequest(
                f"{self.name}: the network looks at {rows} x {columns} cells at once, which would take "
                f"{needed / 1e9:.1f} GB, above {MOST_BYTES / 1e9:.0f} GB: widen the pitch, or use a network of short "
                "reach, or the gradient mask"
            )

    def _give_back_after(self, cells: int) -> None:
        """Return the working memory of a large run, by a small one that asks for it."""
        import onnxruntime

        if cells * self.manifest.bytes_per_cell > _KEPT_BYTES:
            options = onnxruntime.RunOptions()
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
            side = -(-LEAST_CELLS // self.manifest.alignment) * self.manifest.alignment
            least = np.zeros((1, 3, side, side), np.float32)
            self._session.run(None, {"rgb": least, "rate": np.ones(1, np.float32)}, options)

    def _run_in_tiles(
        self, padded: NDArray[np.float32], rate: NDArray[np.float32], reach: int, tile_cells: int
    ) -> NDArray[np.float32]:
        """Tiles that start at multiples of the alignment, each with its surroundings, of which the middle is kept."""
        step = self.manifest.alignment
        margin = -(-reach // step) * step
        core = max(step, tile_cells // 2 // step * step, (tile_cells - 2 * margin) // step * step)
        self._require_memory(core + 2 * margin, core + 2 * margin)
        rows, columns = padded.shape[:2]
        importance = np.empty((rows, columns), np.float32)
        for top in range(0, rows, core):
            for left in range(0, columns, core):
                above, before = max(0, top - margin), max(0, left - margin)
                tile = padded[above : top + core + margin, before : left + core + margin]
                kept = importance[top : top + core, left : left + core]
                at_row, at_column = top - above, left - before
                kept[:] = self._run(tile, rate)[at_row : at_row + kept.shape[0], at_column : at_column + kept.shape[1]]
        return importance

    def _run(self, rgb: NDArray[np.float32], rate: NDArray[np.float32]) -> NDArray[np.float32]:
        channels_first = np.ascontiguousarray(rgb.transpose(2, 0, 1), np.float32)[None]
        try:
            (importance,) = self._session.run(["importance"], {"rgb": channels_first, "rate": rate})
        except Exception as error:  # onnxruntime's exceptions have no common root but this one
            raise UnusableModel(
                f"{self.name}: the network fails on {rgb.shape[0]} x {rgb.shape[1]} cells ({first_line(error)}): "
                "export it again with tools.export_onnx, or use the gradient mask"
            ) from None
        if importance.shape != (1, 1, *rgb.shape[:2]):
            raise UnusableModel(
                f"{self.name}: the network answers {rgb.shape[0]} x {rgb.shape[1]} cells with shape "
                f"{importance.shape}: use another network, or the gradient mask"
            )
        return np.asarray(importance[0, 0], np.float32)


def open_network(path: Path, *, threads: int = THREADS) -> MaskNetwork:
    """A network from its file and the manifest beside it, warmed up.

    The file is read at each call; the session is kept for the next one while not a byte of it changes.

    Raises
    ------
    MissingModel
        File or manifest is not there.
    UnusableManifest
        What stands beside the network is no manifest of a mask network.
    UnusableModel
        The network is damaged, foreign, or not what its manifest says.
    """
    content = file_content(path, _KIND, most_bytes=MOST_FILE_BYTES)
    return _opened(content, read_manifest(path).model_dump_json(), str(path), threads)


@lru_cache(maxsize=_KEPT_SESSIONS)
def _opened(content: bytes, manifest: str, name: str, threads: int) -> MaskNetwork:
    network = MaskNetwork(content, Manifest.model_validate_json(manifest), name=name, threads=threads)
    network.warm_up()
    return network


def _require_image(rgb: NDArray[np.float32]) -> None:
    if rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape or rgb.dtype != np.float32:
        raise UnusableRequest(
            f"an image of {rgb.dtype} and shape {rgb.shape} is no float32 (rows, columns, 3): use photograph_rgb"
        )
    # also false for what is not a number
    if not (rgb.min() >= 0 and rgb.max() <= 1):
        raise UnusableRequest("the image has values that are not finite or outside [0, 1]: use photograph_rgb")


def _mirrored(rgb: NDArray[np.float32], alignment: int) -> NDArray[np.float32]:
    """The image, mirrored at its lower and right edge up to the next multiple of the alignment."""
    grow = [-(-max(length, LEAST_CELLS) // alignment) * alignment - length for length in rgb.shape[:2]]
    return np.pad(rgb, ((0, grow[0]), (0, grow[1]), (0, 0)), mode="reflect") if any(grow) else rgb
