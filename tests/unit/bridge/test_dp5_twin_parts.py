"""The DP5's twin from within: beam, counter, settings, line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from firmware_bridge.dp5 import vocabulary as v
from firmware_bridge.dp5.codec import Dp5Deframer, Packet, decode_spectrum, decode_status, encode_packet
from firmware_bridge.dp5.vocabulary import Ack, Pid
from firmware_bridge.messages import StagePose
from firmware_bridge.twins.beam import BeamFollower, Stretch, Trigger
from firmware_bridge.twins.dp5.configuration import Dp5Configuration
from firmware_bridge.twins.dp5.core import Dp5Core
from firmware_bridge.twins.dp5.counter import Dp5Counter
from firmware_bridge.twins.dp5.electronics import Dp5Electronics
from firmware_bridge.twins.dp5.line import Dp5Line
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.shared_pose import BeamSample, resting_beam
from firmware_bridge.twins.simulated_clock import SimulatedClock
from firmware_bridge.twins.source import Emission, RecordedCounts
from firmware_bridge.twins.twin_log import TwinLog
from tests.protocol.constant_twin import ConstantSource

HERE = StagePose(10.0, 10.0)
SETTINGS = TwinSettings(channels=256, gain_kev=0.08)
IDEAL = Dp5Electronics(reset_share=0.0, readout_s_per_channel=0.0)


class Scripted:
    """A beam path that the test writes."""

    def __init__(self) -> None:
        self.samples: list[BeamSample] = []

    def __call__(self) -> Sequence[BeamSample]:
        taken, self.samples = self.samples, []
        return taken


class Slope:
    """Radiates in proportion to x."""

    def at(self, start: StagePose, end: StagePose) -> Emission:
        return Emission(np.array([6.4]), np.array([1_000.0 * (start.x_mm + end.x_mm) / 2]), 0.0)


def a_counter(source: object = None, electronics: Dp5Electronics = IDEAL) -> Dp5Counter:
    return Dp5Counter(source or ConstantSource(), SETTINGS, electronics, TwinLog(None))  # type: ignore[arg-type]


def a_line(electronics: Dp5Electronics = IDEAL, gap_s: float = 0.1) -> Dp5Line:
    log = TwinLog(None)
    core = Dp5Core(ConstantSource(), SETTINGS, electronics, resting_beam(HERE), log, 0.0)
    return Dp5Line(core, log, gap_s)


def say(line: Dp5Line, pid: Pid, content: bytes = b"", *, now_s: float = 1.0) -> Packet:
    line.receive(encode_packet(Packet(pid, content)), now_s)
    return heard(line, now_s)[0]


def heard(line: Dp5Line, now_s: float) -> list[Packet]:
    return Dp5Deframer().feed(line.outgoing(now_s, 1 << 20))


def test_the_beam_moves_evenly_between_two_samples() -> None:
    path = Scripted()
    path.samples = [BeamSample(100.0, HERE, True)]
    beam = BeamFollower(path, SimulatedClock(10.0, 100.0), 100.0)
    path.samples = [BeamSample(100.5, StagePose(11.0, 10.0), True), BeamSample(100.7, StagePose(11.0, 10.0), False)]
    assert list(beam.until(101.0)) == [
        Stretch(0.0, pytest.approx(5.0), HERE, StagePose(11.0, 10.0), True),
        Stretch(pytest.approx(5.0), pytest.approx(7.0), StagePose(11.0, 10.0), StagePose(11.0, 10.0), True),
        Stretch(pytest.approx(7.0), pytest.approx(10.0), StagePose(11.0, 10.0), StagePose(11.0, 10.0), False),
    ]  # fmt: skip


def test_a_trigger_stands_at_its_own_time_though_heard_later() -> None:
    path = Scripted()
    beam = BeamFollower(path, SimulatedClock(1.0, 100.0), 100.0)
    path.samples = [BeamSample(100.25, HERE, True, True), BeamSample(100.75, HERE, True, True)]
    triggers = [piece.at_s for piece in beam.until(101.0) if isinstance(piece, Trigger)]
    assert triggers == pytest.approx([0.25, 0.75])


def test_a_sample_from_before_what_was_counted_is_not_counted_twice() -> None:
    path = Scripted()
    beam = BeamFollower(path, SimulatedClock(1.0, 100.0), 100.0)
    list(beam.until(101.0))
    path.samples = [BeamSample(100.5, HERE, True)]
    pieces = [piece for piece in beam.until(102.0) if isinstance(piece, Stretch)]
    assert sum(piece.end_s - piece.begin_s for piece in pieces) == pytest.approx(1.0)


def test_many_short_steps_of_the_stage_become_few_stretches() -> None:
    path = Scripted()
    beam = BeamFollower(path, SimulatedClock(1.0, 100.0), 100.0)
    path.samples = [BeamSample(100 + i / 1000, StagePose(i / 1000, 0.0), True) for i in range(1000)]
    pieces = [piece for piece in beam.until(101.0) if isinstance(piece, Stretch)]
    assert len(pieces) < 60
    assert pieces[-1].end.x_mm == pytest.approx(1.0, abs=0.021)


def test_a_row_in_motion_counts_what_the_beam_passed_over() -> None:
    counter = a_counter(Slope())
    counter.enable()
    for step in range(100):
        at, to = StagePose(step / 10, 0.0), StagePose((step + 1) / 10, 0.0)
        counter.expose(Stretch(step / 10, (step + 1) / 10, at, to, True))
    counts, _ = counter.copy()
    rest = a_counter(Slope())
    rest.enable()
    rest.expose(Stretch(0.0, 10.0, StagePose(5.0, 0.0), StagePose(5.0, 0.0), True))
    expected = int(rest.copy()[0].sum())
    assert int(counts.sum()) == pytest.approx(expected, abs=6 * (2 * expected) ** 0.5)


def test_pieces_of_time_count_as_much_as_the_whole() -> None:
    whole, pieces = a_counter(), a_counter()
    for counter in (whole, pieces):
        counter.enable()
    whole.expose(Stretch(0.0, 20.0, HERE, HERE, True))
    for i in range(2_000):
        pieces.expose(Stretch(i / 100, (i + 1) / 100, HERE, HERE, True))
        if i % 100 == 0:
            pieces.copy()
    first, second = int(whole.copy()[0].sum()), int(pieces.copy()[0].sum())
    assert first == pytest.approx(second, abs=6 * (first + second) ** 0.5)
    assert whole.status().real_ms == pieces.status().real_ms == 20_000


def test_a_running_spectrum_only_grows() -> None:
    counter = a_counter()
    counter.enable()
    before = np.zeros(256, dtype=np.uint32)
    for i in range(20):
        counter.expose(Stretch(i / 10, (i + 1) / 10, HERE, HERE, True))
        counts, status = counter.copy()
        assert (counts >= before).all()
        assert status.slow_count == counts.sum()
        assert status.fast_count >= status.slow_count
        before = counts


def test_recorded_counts_of_the_asked_time_are_handed_over_unchanged() -> None:
    recorded = np.arange(256, dtype=np.uint32)

    class Recording:
        def at(self, start: StagePose, end: StagePose) -> RecordedCounts:
            return RecordedCounts(recorded, 0.5)

    counter = Dp5Counter(Recording(), TwinSettings(channels=256, gain_kev=0.08, dead_time_s=0.0), IDEAL, TwinLog(None))
    counter.preset_real_s = 0.5
    counter.enable()
    for i in range(8):
        counter.expose(Stretch(i / 10, (i + 1) / 10, HERE, HERE, True))
        counter.status()
    counts, status = counter.copy()
    np.testing.assert_array_equal(counts, recorded)
    assert (status.real_ms, status.accumulation_ms) == (500, 500)


def test_recorded_counts_of_a_finer_spectrum_are_added_up() -> None:
    class Recording:
        def at(self, start: StagePose, end: StagePose) -> RecordedCounts:
            return RecordedCounts(np.ones(1024, dtype=np.uint32), 1.0)

    counter = Dp5Counter(Recording(), TwinSettings(channels=256, gain_kev=0.08, dead_time_s=0.0), IDEAL, TwinLog(None))
    counter.enable()
    counter.expose(Stretch(0.0, 1.0, HERE, HERE, True))
    np.testing.assert_array_equal(counter.copy()[0], np.full(256, 4))


def test_an_edge_without_buffering_latches_nothing() -> None:
    counter = a_counter()
    counter.enable()
    counter.expose(Stretch(0.0, 1.0, HERE, HERE, True))
    counter.trigger()
    assert counter.slots == {}
    assert counter.status().real_ms == 1000


def test_enabling_after_a_reached_preset_does_not_count_on() -> None:
    counter = a_counter()
    counter.preset_real_s = 0.5
    counter.enable()
    counter.expose(Stretch(0.0, 1.0, HERE, HERE, True))
    counter.enable()
    assert not counter.is_enabled
    assert counter.status().real_ms == 500


def test_another_length_of_spectrum_keeps_the_energies() -> None:
    peaks = []
    for channels in (1024, 256):
        counter = a_counter(Slope())
        counter.set_channels(channels)
        counter.enable()
        counter.expose(Stretch(0.0, 10.0, HERE, HERE, True))
        peaks.append(int(counter.copy()[0].argmax()) / channels)
    assert peaks[0] == pytest.approx(peaks[1], abs=1 / 256)


@pytest.mark.parametrize(
    ("text", "ack", "wrong"),
    [
        ("RESC=Y;MCAC=2048;", Ack.OK, ""), ("MCAC=2000;", Ack.PARAMETER, "MCAC=2000;"),
        ("TPEA=2.4;QQQQ=1;GAIN=5;", Ack.UNKNOWN_COMMAND, "QQQQ=1;"), ("tpea=2.4;", Ack.UNKNOWN_COMMAND, "tpea=2.4;"),
        ("TPEA= 2.4;", Ack.PARAMETER, "TPEA= 2.4;"), ("PRER=nan;", Ack.PARAMETER, "PRER=nan;"),
        ("GATE=UP;", Ack.PARAMETER, "GATE=UP;"),
    ],
)  # fmt: skip
def test_the_twin_takes_settings_until_one_is_wrong(text: str, ack: Ack, wrong: str) -> None:
    assert Dp5Configuration(256).apply(text) == (ack, wrong)


def test_a_wrong_setting_leaves_those_before_it_in_place() -> None:
    configuration = Dp5Configuration(256)
    configuration.apply("TPEA=4.82;QQQQ=1;GAIN=5;")
    assert configuration.tell("TPEA=?;GAIN=?;") == (Ack.OK, "TPEA=4.800;GAIN=50.000;")


def test_what_is_not_named_gets_the_maker_s_default() -> None:
    configuration = Dp5Configuration(256)
    configuration.apply("TPEA=9.6;")
    configuration.apply("RESC=Y;GAIN=20;")
    assert configuration.tell("TPEA=?;GAIN=?;MCAC=?;") == (Ack.OK, "TPEA=2.400;GAIN=20.000;MCAC=1024;")


def test_a_request_that_pauses_too_long_is_discarded_without_a_word() -> None:
    line = a_line()
    request = encode_packet(Packet(v.ASK_STATUS))
    line.receive(request[:5], 1.0)
    line.receive(request[5:], 1.101)
    assert [packet.pid for packet in heard(line, 1.2) if packet.pid == v.STATUS] == []


def test_a_request_in_pieces_without_a_long_pause_is_answered() -> None:
    line = a_line()
    request = encode_packet(Packet(v.ASK_STATUS))
    for i in range(len(request)):
        line.receive(request[i : i + 1], 1.0 + 0.09 * i)
    assert [packet.pid for packet in heard(line, 2.0)] == [v.STATUS]


def test_a_request_after_a_discarded_one_is_answered() -> None:
    line = a_line()
    line.receive(encode_packet(Packet(v.CONFIGURE, b"TPEA=2.4;"))[:12], 1.0)
    assert say(line, v.ASK_STATUS, now_s=1.5).pid == v.STATUS


@pytest.mark.parametrize(
    ("pid", "content", "code"),
    [
        (Pid(0x7E, 1), b"", Ack.PID), (Pid(0x03, 1), b"", Ack.UNSUPPORTED), (v.ASK_STATUS, b"x", Ack.LENGTH),
        (v.ASK_SPECTRUM, b"x", Ack.LENGTH), (v.ASK_SLOT, b"", Ack.LENGTH), (v.ASK_SLOT, b"\x02\x00", Ack.PARAMETER),
        (v.CONFIGURE, bytes(513), Ack.LENGTH), (v.ASK_CONFIGURATION, b"QQQQ=?;", Ack.UNKNOWN_COMMAND),
        (v.CONFIGURE, b"GAIN=0;", Ack.PARAMETER), (v.KEEP_ALIVE_SHARING, b"", Ack.OK), (v.CLEAR, b"", Ack.OK),
    ],
)  # fmt: skip
def test_requests_get_the_acknowledgement_that_is_theirs(pid: Pid, content: bytes, code: Ack) -> None:
    assert say(a_line(), pid, content).pid == (v.ACKNOWLEDGEMENT, code)


def test_a_bad_parameter_is_echoed() -> None:
    assert say(a_line(), v.CONFIGURE, b"TPEA=2.4;GAIN=0;").content == b"GAIN=0;"


def test_damage_and_noise_are_told_apart() -> None:
    line = a_line()
    octets = bytearray(encode_packet(Packet(v.ASK_STATUS)))
    octets[-1] ^= 1
    line.receive(bytes(octets), 1.0)
    assert heard(line, 1.0)[0].pid == (v.ACKNOWLEDGEMENT, Ack.CHECKSUM)
    line.receive(b"G0 X10\n", 2.0)
    assert heard(line, 2.0)[0].pid == (v.ACKNOWLEDGEMENT, Ack.SYNC)


def test_writing_flash_stalls_everything_for_80_to_400_ms() -> None:
    stalls = []
    for seed in range(20):
        log = TwinLog(None)
        settings = TwinSettings(channels=256, gain_kev=0.08, seed=seed)
        core = Dp5Core(ConstantSource(), settings, IDEAL, resting_beam(HERE), log, 0.0)
        line = Dp5Line(core, log, 0.1)
        line.receive(encode_packet(Packet(v.CONFIGURE_AND_KEEP, b"TPEA=2.4;")), 1.0)
        line.receive(encode_packet(Packet(v.ASK_STATUS)), 1.0)
        assert line.outgoing(1.0, 1000) == b""
        stall_s = line.deadline_s(1.0) - 1.0
        assert [packet.pid for packet in heard(line, 1.0 + stall_s)] == [(v.ACKNOWLEDGEMENT, Ack.OK)]
        assert [packet.pid for packet in heard(line, 1.0 + stall_s)] == [v.STATUS]
        stalls.append(stall_s)
    assert 0.08 <= min(stalls) < 0.2 < max(stalls) <= 0.4


def test_only_what_was_written_to_flash_outlives_a_restart() -> None:
    log = TwinLog(None)
    core = Dp5Core(ConstantSource(), SETTINGS, IDEAL, resting_beam(HERE), log, 0.0)
    core.answer(Packet(v.CONFIGURE_AND_KEEP, b"TPEA=4.8;"), 1.0)
    core.answer(Packet(v.CONFIGURE, b"TPEA=9.6;MCAC=512;"), 2.0)
    core.reboot(3.0)
    assert core.answer(Packet(v.ASK_CONFIGURATION, b"TPEA=?;MCAC=?;"), 4.0).content == b"TPEA=4.800;MCAC=256;"


def test_storing_to_slots_by_request_keeps_or_clears() -> None:
    line = a_line()
    say(line, v.ENABLE, now_s=1.0)
    assert say(line, v.STORE, b"\x00\x05", now_s=2.0).pid.second == Ack.OK
    assert say(line, v.STORE_AND_CLEAR, b"\x00\x06", now_s=3.0).pid.second == Ack.OK
    real_ms = []
    for slot in (5, 6):
        _, status = decode_spectrum(say(line, v.ASK_SLOT, bytes([0, slot]), now_s=4.0))
        assert status is not None
        assert status.slot == slot
        real_ms.append(status.real_ms)
    assert real_ms == [1000, 2000]
    assert decode_status(say(line, v.ASK_STATUS, now_s=4.0).content).real_ms == 1000


def test_a_length_that_no_dp5_has_is_refused() -> None:
    with pytest.raises(ValueError, match="64 channels: a DP5 has one of"):
        Dp5Core(ConstantSource(), TwinSettings(channels=64), IDEAL, resting_beam(HERE), TwinLog(None), 0.0)
