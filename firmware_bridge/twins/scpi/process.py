"""The twin of a SCPI spectrometer behind a TCP port, in a process of its own.

Detector and counter run on a clock that may be faster than real time; the line runs on the wall clock, where the host
lives, and which the stage's twin dates the beam by.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from firmware_bridge.messages import StagePose
from firmware_bridge.twins.detector import Detector
from firmware_bridge.twins.scpi.device import ScpiDevice
from firmware_bridge.twins.scpi.electronics import ScpiElectronics
from firmware_bridge.twins.serving import serve_behind_socket
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.shared_pose import BeamPath
from firmware_bridge.twins.source import SpectrumSource
from firmware_bridge.twins.twin_log import TwinLog
from firmware_bridge.twins.wire import TimedWire


def serve_scpi(
    source: SpectrumSource,
    settings: TwinSettings,
    *,
    port: int,
    pose: BeamPath,
    ready: Callable[[str], None],
    wire: TimedWire | None = None,
    electronics: ScpiElectronics | None = None,
) -> None:
    """Be a SCPI spectrometer on the loopback interface until SIGTERM or SIGINT, for one host at a time.

    Parameters
    ----------
    source
        The object under the beam; asked once before the twin is ready.
    settings
        Of the detector, the seed, the channels that it begins with, the clock and the log.
    port
        TCP port; 0 for any that is free.
    pose
        Where the beam is: `SharedPoseReader.news` of a stage's twin, or a `resting_beam`.
    ready
        Called once with the address to open: ``socket://127.0.0.1:5025``.
    wire
        The line: pace and faults; None: as fast as this computer, and faultless. A hang-up closes the connection, and
        the port for as long as it lasts; a reset boots the device and leaves the connection.
    electronics
        What isn't the detector's; None for one that behaves.

    Raises
    ------
    PortUnavailable
        The TCP port is taken.
    """
    electronics = ScpiElectronics() if electronics is None else electronics
    centre = StagePose(sum(settings.x_limits_mm) / 2, sum(settings.y_limits_mm) / 2)
    Detector(settings).illuminate(source.at(centre, centre), 0.0)
    with TwinLog(settings.log) as log:
        device = ScpiDevice(source, settings, electronics, pose, log, time.monotonic())
        serve_behind_socket(
            device,
            port=port,
            ready=lambda address: ready(f"socket://{address}"),
            wire=wire,
            log=log,
            clock=time.monotonic,
            greet=device.forget,
        )
