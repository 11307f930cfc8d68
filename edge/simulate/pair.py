"""A simulated stage and a simulated spectrometer, each in its own process, sharing only where the beam is."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from edge.faults import UsageError
from edge.simulate.config import PairConfig, SimulatedInstrumentConfig, twin_settings
from edge.simulate.specimen import Specimen
from firmware_bridge.twins.grbl.settings import GrblTwinSettings

_START_TIMEOUT_S = 30.0
_STAGE_TAKES = {
    "max_speed_mm_s",
    "max_acceleration_mm_s2",
    "speed_factor",
    "acceleration_factor",
    "starts_homed",
    "seed",
    "clock_factor",
}
"""What the stage's twin takes from the instrument file's `twin`."""


def serve_pair(
    instrument: SimulatedInstrumentConfig,
    pair: PairConfig,
    specimen: Specimen,
    *,
    log: Path | None,
    announce: Callable[[str], None],
) -> None:
    """Serve both until SIGINT or SIGTERM; the spectrometer here, the stage in a process that ends with this one.

    Parameters
    ----------
    log
        The spectrometer's own log.
    """
    from firmware_bridge.twins.dp5.process import serve_dp5
    from firmware_bridge.twins.shared_pose import SharedPoseReader

    with tempfile.TemporaryDirectory(prefix="pointillist-") as folder:
        pose = Path(folder) / "pose"
        stage = multiprocessing.get_context("spawn").Process(
            target=_serve_stage, args=(_stage_settings(instrument, pair, pose), Path(instrument.link)), daemon=True
        )
        stage.start()
        try:
            _await_file(pose, stage)
            announce(f"Stage on {instrument.link}")
            serve_dp5(
                specimen,
                twin_settings(instrument, log=log),
                link=Path(pair.spectrometer_link),
                udp_port=pair.udp_port,
                pose=SharedPoseReader(pose).news,
                ready=lambda port, address: announce(f"Spectrometer on {' and '.join(filter(None, (port, address)))}"),
            )
        finally:
            stage.terminate()
            stage.join()


def _serve_stage(settings: GrblTwinSettings, link: Path) -> None:
    from firmware_bridge.twins.grbl.process import serve_grbl

    serve_grbl(settings, link=link, ready=lambda _port: None)


def _stage_settings(instrument: SimulatedInstrumentConfig, pair: PairConfig, pose: Path) -> GrblTwinSettings:
    stated = instrument.twin.model_dump(include=_STAGE_TAKES, exclude_none=True)
    limits = (instrument.twin.x_limits_mm or [0.0, 300.0], instrument.twin.y_limits_mm or [0.0, 300.0])
    if any(low != 0 for low, _ in limits):
        raise UsageError("twin: a GRBL stage's travel begins at 0: give limits from 0")
    log = None if pair.stage_log is None else Path(pair.stage_log)
    try:
        return GrblTwinSettings(travel_mm=(limits[0][1], limits[1][1]), gate=pair.gate, pose=pose, log=log, **stated)
    except ValueError as error:
        raise UsageError(f"twin: {error}") from None


def _await_file(path: Path, stage: multiprocessing.process.BaseProcess) -> None:
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    while not path.exists():
        if not stage.is_alive() or time.monotonic() > deadline_s:
            raise UsageError("the simulated stage did not start: see what it printed")
        time.sleep(0.02)
