"""A mask network at work: photograph and rate in, importance of each cell out, on a stated number of threads."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.faults import MissingModel, UnusableModel, UnusableRequest
from models.manifest import INPUTS, OUTPUTS, Manifest, Port, read_manifest
from models.onnx_file import opset_of

THREADS = 2
"""Cores that a network may use: those of the smallest edge box."""
LEAST_CELLS = 16
"""Smaller grids are mirrored up to this many rows and columns."""
TILE_CELLS = 1024
"""Side of the largest image that is run whole where tiling changes nothing."""
MOST_BYTES = 2_000_000_000
"""Working memory that a network may take."""
MOST_FILE_BYTES = 64_000_000
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
        digest = hashlib.sha256(content).hexdigest()
        if digest != manifest.sha256:
            raise UnusableModel(
                f"{name}: its SHA-256 is {digest[:12]}... and its manifest says {manifest.sha256[:12]}...: "
                "the file was changed or damaged; take network and manifest from one place again"
            )
        opset = opset_of(content, name)
        if opset != manifest.opset:
            raise UnusableModel(
                f"{name}: written for opset {opset} and its manifest says {manifest.opset}: "
                "export it again with tools.export_onnx"
            )
        self.name = name
        self.manifest = manifest
        self.threads = threads
        self._session = _session(content, name, threads)
        _require_ports(self._session.get_inputs(), INPUTS, name)
        _require_ports(self._session.get_outputs(), OUTPUTS, name)

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
                f"{self.name}: the network fails on {rgb.shape[0]} x {rgb.shape[1]} cells ({_first_line(error)}): "
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
    return _opened(_content(path), read_manifest(path).model_dump_json(), str(path), threads)


@lru_cache(maxsize=_KEPT_SESSIONS)
def _opened(content: bytes, manifest: str, name: str, threads: int) -> MaskNetwork:
    network = MaskNetwork(content, Manifest.model_validate_json(manifest), name=name, threads=threads)
    network.warm_up()
    return network


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_FILE_BYTES + 1)
    except FileNotFoundError:
        raise MissingModel(f"{path}: there is no mask network: give the path of one, or choose another mask") from None
    except OSError as error:
        raise MissingModel(f"{path}: cannot be read ({error.strerror}): give the path of a network's file") from None
    if len(content) > MOST_FILE_BYTES:
        raise UnusableModel(f"{path}: larger than any mask network ({MOST_FILE_BYTES} bytes): give the right file")
    return content


def _session(content: bytes, name: str, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # threads that wait by spinning take the cores from whatever else runs: 1.7 times as slow on a busy machine
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no common root but this one
        raise UnusableModel(
            f"{name}: onnxruntime cannot load it ({_first_line(error)}): export it again with tools.export_onnx"
        ) from None


def _require_ports(found: Any, wanted: list[Port], name: str) -> None:
    """The session's own word on inputs or outputs against the contract."""
    stated = {port.name: port for port in found}
    fits = stated.keys() == {port.name for port in wanted} and all(
        stated[port.name].type == "tensor(float)" and _fits(stated[port.name].shape, port.shape) for port in wanted
    )
    if not fits:
        has = ", ".join(f"{port.name} {port.type} {port.shape}" for port in found)
        needs = ", ".join(f"{port.name} tensor(float) {port.shape}" for port in wanted)
        raise UnusableModel(
            f"{name}: takes or gives {has or 'nothing'} where a mask network has {needs}: "
            "give a network that tools.export_onnx wrote"
        )


def _fits(shape: list[int | str | None], wanted: list[int | str]) -> bool:
    return len(shape) == len(wanted) and all(
        length == want if isinstance(want, int) else not isinstance(length, int)
        for length, want in zip(shape, wanted, strict=True)
    )


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


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
