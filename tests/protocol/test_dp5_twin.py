"""The DP5's twin in a process of its own, over a pseudo-terminal and over UDP."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from firmware_bridge.datagrams import open_datagrams
from firmware_bridge.dp5 import vocabulary as v
from firmware_bridge.dp5.codec import Dp5Deframer, Packet, encode_packet
from firmware_bridge.dp5.spectrometer import Dp5Spectrometer, connect_dp5
from firmware_bridge.faults import LinkLost
from firmware_bridge.messages import StagePose
from firmware_bridge.ports import BytePort, open_port
from firmware_bridge.twins.shared_pose import SharedPoseWriter
from tests.protocol.dp5_twin import Dp5Process, running_dp5

FAST = 20.0
"""Times faster than the wall clock."""


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dp5Process]:
    with running_dp5(tmp_path_factory.mktemp("dp5"), rate_hz=20_000.0, clock_factor=FAST) as running:
        yield running


@pytest.fixture(params=["serial", "udp"])
def spectrometer(twin: Dp5Process, request: pytest.FixtureRequest) -> Iterator[Dp5Spectrometer]:
    address = twin.port if request.param == "serial" else twin.udp
    connected = connect_dp5(address, settings={"MCAC": "2048", "TPEA": "2.4", "HVSE": "-135"})
    yield connected
    connected.close()


def ask(port: BytePort, request: Packet, timeout_s: float = 60.0) -> Packet:
    port.write(encode_packet(request))
    deframer, deadline_s = Dp5Deframer(), time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        packets = deframer.feed(port.read_available(0.1))
        if packets:
            return packets[0]
    raise AssertionError("no answer")


def test_dwells_come_over_either_line(spectrometer: Dp5Spectrometer) -> None:
    for preset_s in (0.1, 0.25):
        spectrometer.begin(preset_s)
        spectrum = spectrometer.read(60.0)
        assert spectrum is not None
        assert spectrum.is_preset_reached
        assert spectrum.real_s == preset_s
        assert spectrum.counts.shape == (2048,)
        assert spectrum.counts.sum() > 0


def test_snapshots_come_over_either_line(spectrometer: Dp5Spectrometer) -> None:
    spectrometer.begin(math.inf)
    spectra = [spectrometer.snapshot() for _ in range(20)]
    assert sum(spectrum.real_s for spectrum in spectra) > 0
    assert spectrometer.capabilities.slots == 64


def test_the_largest_spectrum_fits_either_line(twin: Dp5Process) -> None:
    for address in (twin.port, twin.udp):
        spectrometer = connect_dp5(address, settings={"MCAC": "8192"})
        spectrometer.begin(0.2)
        spectrum = spectrometer.read(60.0)
        spectrometer.close()
        assert spectrum is not None
        assert spectrum.counts.shape == (8192,)


def test_the_twin_keeps_its_own_record(twin: Dp5Process) -> None:
    spectrometer = connect_dp5(twin.udp, settings={"MCAC": "256"})
    spectrometer.begin(0.3)
    assert spectrometer.read(60.0) is not None
    spectrometer.close()
    counted = twin.events("counted")[-1]
    assert counted["real_s"] == 0.3
    assert counted["fast"] >= counted["slow"] > 0


def test_a_pause_within_a_request_discards_it_on_the_serial_line(twin: Dp5Process) -> None:
    port = open_port(twin.port, 115_200)
    request = encode_packet(Packet(v.ASK_STATUS))
    port.write(request[:4])
    time.sleep(0.25)
    assert ask(port, Packet(v.ASK_STATUS)).pid == v.STATUS
    assert twin.events("gap")[-1]["discarded"] == 4
    port.close()


def test_a_flash_write_stalls_both_lines(twin: Dp5Process) -> None:
    serial, network = open_port(twin.port, 115_200), open_datagrams(twin.udp)
    began_s = time.monotonic()
    serial.write(encode_packet(Packet(v.CONFIGURE_AND_KEEP, b"TPEA=2.4;")))
    time.sleep(0.02)
    assert ask(network, Packet(v.ASK_STATUS)).pid == v.STATUS
    assert time.monotonic() - began_s > twin.events("flash written")[-1]["stall_wall_s"] - 0.01
    serial.close()
    network.close()


def test_rs232_takes_half_a_second_for_2048_channels(tmp_path: Path) -> None:
    """6,216 bytes and the 8 of the request at 11,520 a second: 540 ms, the makers say 538."""
    with running_dp5(tmp_path, baud=115_200) as twin:
        spectrometer = connect_dp5(twin.port, settings={"MCAC": "2048"})
        spectrometer.begin(math.inf)
        spectrometer.snapshot()
        spectrum = spectrometer.snapshot()
        spectrometer.close()
    assert spectrum.real_s >= 0.535


def test_a_row_in_motion_lies_where_the_stage_was(tmp_path: Path) -> None:
    """Stage and detector in two processes: ten triggered pixels, the shutter open for the last five."""
    pose = tmp_path / "pose"
    with SharedPoseWriter(pose) as stage:
        stage.write(StagePose(0.0, 0.0), is_on=False)
        with running_dp5(tmp_path, rate_hz=50_000.0, pose=pose) as twin:
            spectrometer = connect_dp5(twin.udp, settings={"MCAC": "1024"})
            spectrometer.begin(math.inf)
            spectrometer.begin_slots()
            stage.write(StagePose(0.0, 0.0), is_on=False, is_trigger=True)
            for pixel in range(10):
                for step in range(10):
                    time.sleep(0.002)
                    is_last = step == 9
                    x_mm = pixel + (step + 1) / 10
                    stage.write(StagePose(x_mm, 0.0), is_on=pixel + is_last >= 5, is_trigger=is_last)
            deadline_s = time.monotonic() + 60.0
            while spectrometer.slots_filled() < 11:
                assert time.monotonic() < deadline_s
            spectra = [spectrometer.read_slot(slot) for slot in range(1, 11)]
            spectrometer.close()
    totals = np.array([spectrum.counts.sum() for spectrum in spectra])
    assert (totals[:5] == 0).all()
    assert (totals[5:] > 300).all()
    assert all(0.018 <= spectrum.real_s < 1.0 for spectrum in spectra)


def test_a_twin_that_is_gone_is_a_lost_link(tmp_path: Path) -> None:
    with running_dp5(tmp_path) as twin:
        serial = connect_dp5(twin.port, settings={"MCAC": "256"})
        os.kill(twin.pid, signal.SIGKILL)
        with pytest.raises(LinkLost, match="has gone"):
            serial.read(60.0)
        serial.close()


def test_hosts_come_and_go(twin: Dp5Process) -> None:
    for _ in range(3):
        port = open_port(twin.port, 115_200)
        port.write(encode_packet(Packet(v.ASK_SPECTRUM)) * 3)
        port.close()
        spectrometer = connect_dp5(twin.port, settings={"MCAC": "512"})
        assert spectrometer.capabilities.channels == 512
        spectrometer.close()


def test_a_twin_that_is_told_to_end_takes_its_port_away(tmp_path: Path) -> None:
    with running_dp5(tmp_path) as twin:
        assert Path(twin.port).is_symlink()
    assert not Path(twin.port).is_symlink()
