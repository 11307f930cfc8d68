"""The SCPI spectrometer's twin in a process of its own, over TCP."""

from __future__ import annotations

import contextlib
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware_bridge.faults import ClockJumped, LinkLost, PortUnavailable, ProtocolViolation, WrongDevice
from firmware_bridge.messages import StagePose
from firmware_bridge.registry import SPECTROMETERS
from firmware_bridge.scpi.spectrometer import ScpiSpectrometer, connect_scpi
from firmware_bridge.spectrometer import SpectrometerOptions
from firmware_bridge.twins.shared_pose import SharedPoseWriter
from tests.protocol.constant_twin import TwinProcess
from tests.protocol.scpi_twin import running_scpi

FAST = 20.0
"""Times faster than the wall clock."""


def connect(address: str, settings: Mapping[str, str] | None = None) -> ScpiSpectrometer:
    return connect_scpi(SpectrometerOptions(address, 0, settings or {}))


def dwell(spectrometer: ScpiSpectrometer, preset_s: float) -> np.ndarray[Any, Any]:
    """Count, and insist on a spectrum."""
    spectrometer.begin(preset_s)
    spectrum = spectrometer.read(60.0)
    assert spectrum is not None
    assert spectrum.live_s == pytest.approx(preset_s)
    return spectrum.counts


def is_served(address: str) -> bool:
    """Whether somebody listens."""
    host, _, port = address.removeprefix("socket://").partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwinProcess]:
    with running_scpi(tmp_path_factory.mktemp("scpi"), rate_hz=20_000.0, clock_factor=FAST) as running:
        yield running


def dwell_again(spectrometer: ScpiSpectrometer, preset_s: float) -> np.ndarray[Any, Any]:
    """Count after a fault; on a busy computer connecting anew may take too long the first time."""
    with contextlib.suppress(LinkLost):
        spectrometer.begin(preset_s)
    return dwell(spectrometer, preset_s)


@contextmanager
def listener(speak: Callable[[socket.socket], None]) -> Iterator[str]:
    """A TCP port with something behind it; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                speak(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"socket://127.0.0.1:{server.getsockname()[1]}"
        finally:
            thread.join(timeout=60)
            assert not thread.is_alive()


def test_dwells_and_snapshots_come_over_tcp(twin: TwinProcess) -> None:
    spectrometer = SPECTROMETERS["scpi"](SpectrometerOptions(twin.port, 0, {"SENS:CHAN": "16384"}))
    spectrometer.begin(0.25)
    spectrum = spectrometer.read(60.0)
    assert spectrum is not None
    assert (spectrum.live_s, spectrum.counts.shape) == (0.25, (16_384,))
    counted = twin.events("counted")[-1]
    assert spectrum.counts.sum() == counted["recorded"] > 0
    spectrometer.begin(math.inf)
    assert sum(spectrometer.snapshot().counts.sum() for _ in range(20)) > 0
    spectrometer.close()


def test_hosts_come_and_go_and_each_is_told_what_it_asked(twin: TwinProcess) -> None:
    host, _, port = twin.port.removeprefix("socket://").partition(":")
    for rest in (b"FETC:SPEC?\n" * 3, b"SENS:CH"):
        with socket.create_connection((host, int(port))) as rude:
            rude.sendall(rest)
        spectrometer = connect(twin.port, {"SENS:CHAN": "512"})
        assert spectrometer.capabilities.channels == 512
        spectrometer.close()


def test_the_shutter_is_seen_by_the_detector(tmp_path: Path) -> None:
    pose = tmp_path / "pose"
    with SharedPoseWriter(pose) as stage:
        stage.write(StagePose(0.0, 0.0), is_on=False)
        with running_scpi(tmp_path, rate_hz=20_000.0, pose=pose) as twin:
            spectrometer = connect(twin.port)
            assert dwell(spectrometer, 0.05).sum() == 0
            stage.write(StagePose(1.0, 0.0), is_on=True)
            assert dwell(spectrometer, 0.05).sum() > 500
            spectrometer.close()


def test_a_connection_that_closes_within_a_spectrum_is_named_and_the_next_exposure_goes_on(tmp_path: Path) -> None:
    fault = {"kind": "hang_up", "towards": "host", "at_byte": 5_000, "for_s": 1.0}
    with running_scpi(tmp_path, faults=[fault]) as twin:
        spectrometer = connect(twin.port)
        spectrometer.begin(0.02)
        with pytest.raises(LinkLost, match=r"socket://127\.0\.0\.1.* has gone"):
            spectrometer.read(60.0)
        with pytest.raises(PortUnavailable, match="connection refused"):
            spectrometer.begin(0.02)
        deadline_s = time.monotonic() + 60.0
        while not is_served(twin.port):
            assert time.monotonic() < deadline_s
        dwell_again(spectrometer, 0.02)
        spectrometer.close()


def test_bytes_that_are_lost_on_the_way_are_a_named_fault_and_the_next_exposure_goes_on(tmp_path: Path) -> None:
    with running_scpi(tmp_path, faults=[{"kind": "drop", "at_byte": 3_000, "count": 5}]) as twin:
        spectrometer = connect(twin.port)
        spectrometer.begin(0.02)
        with pytest.raises(ProtocolViolation, match="after a string or a block"):
            spectrometer.read(60.0)
        dwell_again(spectrometer, 0.02)
        spectrometer.close()


def test_a_restart_between_exposures_is_named_and_set_right(tmp_path: Path) -> None:
    with running_scpi(tmp_path, faults=[{"kind": "reset", "at_s": 0.8}]) as twin:
        spectrometer = connect(twin.port, {"SENS:CHAN": "1024"})
        dwell(spectrometer, 0.1)
        deadline_s = time.monotonic() + 60.0
        while len(twin.events("boot")) < 2:
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
        with pytest.raises(ClockJumped, match="it has restarted"):
            dwell(spectrometer, 0.1)
        assert dwell_again(spectrometer, 0.1).shape == (1024,)
        spectrometer.close()


def test_nobody_at_the_address_is_named() -> None:
    with socket.socket() as deaf:
        # nobody else gets its number, and nobody listens
        deaf.bind(("127.0.0.1", 0))
        port = deaf.getsockname()[1]
        with pytest.raises(PortUnavailable, match=f"socket://127.0.0.1:{port}: connection refused: start the far end"):
            connect(f"socket://127.0.0.1:{port}")


def test_an_address_without_a_port_number_is_named() -> None:
    with pytest.raises(PortUnavailable, match="socket://localhost has no port number: give one"):
        connect("socket://localhost")


def test_a_web_server_is_named() -> None:
    from http.server import BaseHTTPRequestHandler

    class Quiet(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    def speak(connection: socket.socket) -> None:
        Quiet(connection, ("127.0.0.1", 0), None)  # type: ignore[arg-type]

    with listener(speak) as address, pytest.raises(WrongDevice, match="not as a device that takes SCPI commands"):
        connect(address)


def test_data_without_end_is_given_up() -> None:
    def speak(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(b"1234" * 16_384)

    with listener(speak) as address, pytest.raises(WrongDevice, match="a text of more than 512 characters"):
        connect(address)
