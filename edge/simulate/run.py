"""The simulated instrument as a process: a specimen on the easel, a camera before it, a twin on the link."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path


def run_instrument(
    path: Path, *, log: Path | None, announce: Callable[[str], None], follow_input: bool = False
) -> None:
    """Build specimen, camera and twin from an instrument file, and serve until SIGINT or SIGTERM.

    The photograph lies in the camera's folder before the port appears, so that whoever waits for the port finds both.

    Raises
    ------
    UsageError
        The file or something that it names cannot be used.
    """
    from edge.simulate.camera import SimulatedCamera, write_frame
    from edge.simulate.camera_server import camera_of
    from edge.simulate.config import load_instrument, twin_settings, twin_wire
    from edge.simulate.head_camera import head_camera_of
    from edge.simulate.pair import serve_pair
    from edge.simulate.specimen import load_specimen
    from firmware_bridge.twins.native.process import Whereabouts, serve

    if follow_input:
        threading.Thread(target=_end_with_input, daemon=True).start()
    instrument = load_instrument(path)
    specimen = load_specimen(instrument)
    camera = SimulatedCamera.of(instrument, specimen)
    frame = write_frame(Path(instrument.frames), camera.render())
    announce(f"Photograph in {frame}")
    if instrument.pair is not None:
        serve_pair(instrument, instrument.pair, specimen, camera=camera, log=log, announce=announce)
        return
    whereabouts = Whereabouts()
    with (
        camera_of(instrument, camera, whereabouts.last) as address,
        head_camera_of(instrument, specimen, whereabouts.last) as head,
    ):
        if address is not None:
            announce(f"Camera on {address}")
        if head is not None:
            announce(f"Head camera on {head}")
        serve(
            specimen,
            twin_settings(instrument, log=log),
            link=Path(instrument.link),
            ready=lambda port: announce(f"Controller on {port}"),
            wire=twin_wire(instrument),
            whereabouts=whereabouts,
        )


def _end_with_input() -> None:
    """Whoever holds the other end of standard input may die in any way: the instrument goes with it."""
    while sys.stdin.buffer.read(4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
