"""The simulated camera's own address: what it sees at the moment of asking, over HTTP on this computer alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from edge.cameras.picture import png_of
from edge.faults import UsageError
from edge.simulate.camera import SimulatedCamera
from edge.simulate.config import SimulatedCameraConfig, SimulatedInstrumentConfig
from firmware_bridge.messages import StagePose

SNAPSHOT: Final = "/snapshot.png"
STREAM: Final = "/stream.mjpg"
_BOUNDARY: Final = "frame"
_JPEG_QUALITY: Final = 95


class Renders(Protocol):
    """Something that makes the next picture."""

    def render(self, pose: StagePose | None = None) -> NDArray[np.uint8]:
        """RGB, shape (h, w, 3), with the stage where it stands now."""
        ...


WhereIsStage = Callable[[], StagePose | None]
"""Asked for each picture; None while nobody knows."""


@contextmanager
def camera_served(camera: Renders, pose: WhereIsStage, *, port: int = 0, link: Path | None = None) -> Iterator[str]:
    """Answer ``/snapshot.png``, and ``/stream.mjpg`` without end, in threads of their own until left; gives the URL.

    Each picture is rendered when it is asked for, with the stage where it stands then.

    Parameters
    ----------
    port
        0 for any that is free.
    link
        File in which the snapshot's URL is left; removed at the end. None for none.

    Raises
    ------
    UsageError
        The port is taken.
    """
    lock = threading.Lock()

    def render() -> NDArray[np.uint8]:
        with lock:
            return camera.render(pose())

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), _handler(render))
    except OSError as error:
        raise UsageError(f"camera_port: {port} cannot be served ({error.strerror}): choose another") from None
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}{SNAPSHOT}"
    try:
        leave_address(link, url)
        yield url
    finally:
        if link is not None:
            link.unlink(missing_ok=True)
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def camera_of(
    instrument: SimulatedInstrumentConfig, camera: SimulatedCamera, pose: WhereIsStage
) -> Iterator[str | None]:
    """The camera at its address while the instrument runs; None where the instrument's file gives it none."""
    if instrument.camera_link is None and instrument.camera_port is None:
        yield None
        return
    link = None if instrument.camera_link is None else Path(instrument.camera_link)
    shown = instrument.camera.board
    seen = camera if shown is None else _board_before(shown, camera, instrument.camera)
    with camera_served(seen, pose, port=instrument.camera_port or 0, link=link) as address:
        yield address


def _board_before(board: str, camera: SimulatedCamera, config: SimulatedCameraConfig) -> Renders:
    from calibration.boards import parse_board
    from edge.simulate.board_camera import BoardShown

    return BoardShown(parse_board(board), camera.lens, seed=config.seed, blur_px=config.blur_px)


def leave_address(link: Path | None, address: str) -> None:
    """Write an address where the operator wants it, whole or not at all."""
    if link is not None:
        fresh = link.with_name(f".{link.name}.fresh")
        fresh.write_text(f"{address}\n", encoding="utf-8")
        fresh.replace(link)


def _handler(render: Callable[[], NDArray[np.uint8]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            match self.path:
                case "/snapshot.png":
                    self._snapshot()
                case "/stream.mjpg":
                    self._stream()
                case _:
                    self.send_error(404)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: the console is the instrument's."""

        def _snapshot(self) -> None:
            content = png_of(render())
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self._write(content)

        def _stream(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
            self.end_headers()
            while True:
                content = _jpeg_of(render())
                head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(content)}\r\n\r\n"
                if not self._write(head.encode() + content + b"\r\n"):
                    return

        def _write(self, content: bytes) -> bool:
            """False when whoever asked has left."""
            try:
                self.wfile.write(content)
            except OSError:
                return False
            return True

    return Handler


def _jpeg_of(image_rgb: NDArray[np.uint8]) -> bytes:
    import cv2

    coded, content = cv2.imencode(
        ".jpg", np.ascontiguousarray(image_rgb[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    )
    assert coded
    return content.tobytes()
