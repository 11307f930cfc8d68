"""What the operator reads when a DP5, or the way to it, is not what it should be; and what is put right unseen."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from firmware_bridge.dp5 import vocabulary as v
from firmware_bridge.dp5.codec import Dp5Deframer, Packet, encode_packet
from firmware_bridge.dp5.spectrometer import connect_dp5
from firmware_bridge.dp5.vocabulary import Ack, Pid
from firmware_bridge.faults import (
    ControllerFault,
    LinkLost,
    PortUnavailable,
    ProtocolViolation,
    SettingRefused,
    WrongDevice,
)
from tests.protocol.dp5_rehearsal import Rehearsal, in_place_of


@pytest.fixture
def rehearsal(monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    return Rehearsal(monkeypatch)


def ack(code: int, echoed: bytes = b"") -> bytes:
    return encode_packet(Packet(Pid(v.ACKNOWLEDGEMENT, code), echoed))


def test_a_missing_port_is_named() -> None:
    with pytest.raises(PortUnavailable, match="/dev/nowhere: no such port"):
        connect_dp5("/dev/nowhere", settings={})


@pytest.mark.parametrize("address", ["udp://", "udp://host", "udp://host:port", "udp://:10001"])
def test_an_address_that_is_none_is_named(address: str) -> None:
    with pytest.raises(PortUnavailable, match=r"write udp://host:port"):
        connect_dp5(address, settings={})


def test_silence_is_a_lost_link(rehearsal: Rehearsal) -> None:
    rehearsal.to_device = lambda _: b""
    with pytest.raises(LinkLost, match="the port does not answer as a spectrometer: check its power"):
        rehearsal.connect()
    assert rehearsal.is_closed


@pytest.mark.parametrize("chatter", [b"ok\r\n", b"Grbl 1.1h ['$' for help]\r\n", bytes(range(256))])
def test_something_else_on_the_port_is_a_wrong_device(rehearsal: Rehearsal, chatter: bytes) -> None:
    rehearsal.to_host = lambda _: chatter
    with pytest.raises(WrongDevice, match="not as a DP5: choose the spectrometer's port"):
        rehearsal.connect()


@pytest.mark.parametrize(("device", "label"), [(2, "DP5G"), (3, "MCA8000D"), (77, "unknown kind 77")])
def test_another_kind_of_device_is_named(monkeypatch: pytest.MonkeyPatch, device: int, label: str) -> None:
    rehearsal = Rehearsal(monkeypatch, electronics={"device": device})
    with pytest.raises(WrongDevice, match=f"{label}, which is no X-ray spectrometer"):
        rehearsal.connect()
    assert rehearsal.is_closed


@pytest.mark.parametrize(("device", "label"), [(0, "DP5"), (1, "PX5"), (5, "DP5-X")])
def test_the_family_is_known(monkeypatch: pytest.MonkeyPatch, device: int, label: str) -> None:
    assert Rehearsal(monkeypatch, electronics={"device": device}).connect().capabilities.model == f"Amptek {label}"


def test_a_setting_that_reads_back_otherwise_is_named(rehearsal: Rehearsal) -> None:
    with pytest.raises(SettingRefused, match=r"TPEA was to be 2\.42 and is 2\.400: give values"):
        rehearsal.connect({"MCAC": "256", "TPEA": "2.42"})
    assert rehearsal.is_closed


def test_a_setting_out_of_range_is_named_with_its_value(rehearsal: Rehearsal) -> None:
    with pytest.raises(SettingRefused, match="refuses GAIN=9999: a parameter lies outside"):
        rehearsal.connect({"MCAC": "256", "GAIN": "9999"})


def test_an_unknown_setting_is_named(rehearsal: Rehearsal) -> None:
    with pytest.raises(SettingRefused, match="refuses ZZZZ=1: the device doesn't know this setting"):
        rehearsal.connect({"MCAC": "256", "ZZZZ": "1"})


@pytest.mark.parametrize("name", ["PRET", "PRER", "PREC", "RESC"])
def test_a_setting_that_exposures_need_is_refused(rehearsal: Rehearsal, name: str) -> None:
    with pytest.raises(SettingRefused, match=f"the setting {name} cannot be given"):
        rehearsal.connect({"MCAC": "256", name: "1"})


def test_a_readback_that_leaves_a_setting_out_is_refused(rehearsal: Rehearsal) -> None:
    rehearsal.to_host = in_place_of(v.CONFIGURATION, encode_packet(Packet(v.CONFIGURATION, b"MCAC=256;")))
    with pytest.raises(SettingRefused, match="says nothing of TPEA"):
        rehearsal.connect({"MCAC": "256", "TPEA": "2.4"})


def test_a_readback_that_is_no_text_is_a_breach(rehearsal: Rehearsal) -> None:
    rehearsal.to_host = in_place_of(v.CONFIGURATION, encode_packet(Packet(v.CONFIGURATION, b"\xff\xfe")))
    with pytest.raises(ProtocolViolation, match="isn't ASCII"):
        rehearsal.connect()


def test_a_spectrum_of_the_wrong_length_is_a_breach(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(0.05)
    rehearsal.to_host = in_place_of(v.SPECTRUM, encode_packet(Packet(Pid(v.SPECTRUM, 2), bytes(700))))
    with pytest.raises(ProtocolViolation, match="with 700 bytes instead of 832"):
        spectrometer.read(1.0)


def test_a_spectrum_of_another_size_is_a_breach(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(0.05)
    rehearsal.to_host = in_place_of(v.SPECTRUM, encode_packet(Packet(Pid(v.SPECTRUM, 4), bytes(512 * 3 + 64))))
    with pytest.raises(ProtocolViolation, match="512 channels instead of 256: it has restarted"):
        spectrometer.read(1.0)


def test_a_spectrum_without_the_status_that_was_asked_for_is_a_breach(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(0.05)
    rehearsal.to_host = in_place_of(v.SPECTRUM, encode_packet(Packet(Pid(v.SPECTRUM, 1), bytes(768))))
    with pytest.raises(ProtocolViolation, match="type 81/1 that doesn't answer"):
        spectrometer.read(1.0)


def test_a_status_of_the_wrong_length_is_a_breach(rehearsal: Rehearsal) -> None:
    rehearsal.to_host = in_place_of(v.STATUS, encode_packet(Packet(v.STATUS, bytes(60))))
    with pytest.raises(ProtocolViolation, match="status of 60 bytes instead of 64"):
        rehearsal.connect()


@pytest.mark.parametrize("code", [Ack.PID, Ack.FPGA, Ack.NO_PC5, Ack.UNSUPPORTED, 0x55])
def test_a_refusal_is_a_sentence(rehearsal: Rehearsal, code: int) -> None:
    spectrometer = rehearsal.connect()
    rehearsal.to_host = lambda _: ack(code)
    with pytest.raises(ControllerFault, match="the port refuses: ") as raised:
        spectrometer.begin(0.1)
    assert v.sentence_of(code) in str(raised.value)


def test_a_busy_device_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsal = Rehearsal(monkeypatch, electronics={"busy_wall_s": 0.7})
    assert rehearsal.connect().capabilities.channels == 256


def test_a_device_that_stays_busy_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsal = Rehearsal(monkeypatch, electronics={"busy_wall_s": 60.0})
    with pytest.raises(ControllerFault, match="the device is busy: close other programs"):
        rehearsal.connect()


def test_another_host_that_asks_for_the_device_is_no_failure(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    rehearsal.to_host = in_place_of(Pid(0xFF, 0), ack(Ack.OK_SHARING))
    spectrometer.begin(0.1)
    assert spectrometer.read(1.0) is not None


@pytest.mark.parametrize("code", [Ack.SYNC, Ack.LENGTH, Ack.CHECKSUM])
def test_a_request_that_arrived_damaged_is_sent_again(rehearsal: Rehearsal, code: int) -> None:
    spectrometer = rehearsal.connect()
    rehearsal.to_host = in_place_of(Pid(0xFF, 0), ack(code), times=2)
    spectrometer.begin(0.1)
    assert spectrometer.read(1.0) is not None


def test_a_line_that_always_damages_requests_is_a_fault(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    rehearsal.to_device = lambda octets: octets[:-1] + bytes([octets[-1] ^ 1])
    with pytest.raises(ControllerFault, match="the request arrived damaged: check the cable"):
        spectrometer.begin(0.1)


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_lost_replies_are_asked_for_again_where_that_is_safe(rehearsal: Rehearsal, lost: int) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(0.05)
    rehearsal.lose_replies(lost)
    spectrum = spectrometer.read(60.0)
    assert spectrum is not None
    assert spectrum.real_s == 0.05


def test_half_a_reply_is_asked_for_again(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(0.05)
    halves = [2]

    def halve(octets: bytes) -> bytes:
        if len(octets) > 800 and halves[0] > 0:
            halves[0] -= 1
            return octets[:400]
        return octets

    rehearsal.to_host = halve
    spectrum = spectrometer.read(60.0)
    assert spectrum is not None
    assert spectrum.real_s == 0.05
    assert halves == [0]


def test_a_spectrum_that_is_handed_over_whole_after_its_time_on_the_line_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a serial device server does: 540 ms without a byte, then all 6,216."""
    rehearsal = Rehearsal(monkeypatch, channels=2048)
    spectrometer = rehearsal.connect({"MCAC": "2048"})
    spectrometer.begin(0.05)

    def hold_up(octets: bytes) -> bytes:
        if len(octets) > 6_000:
            rehearsal.arrive_later(octets, 0.54)
            return b""
        return octets

    rehearsal.to_host = hold_up
    asked = len(rehearsal.sent)
    spectrum = spectrometer.read(60.0)
    assert spectrum is not None
    assert spectrum.real_s == 0.05
    assert [Dp5Deframer().feed(octets)[0].pid for octets in rehearsal.sent[asked:]].count(
        v.ASK_SPECTRUM_WITH_STATUS
    ) == 1, "asked for once"


def test_a_damaged_reply_is_never_taken_for_a_spectrum(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(2.0)
    clean = spectrometer.read(60.0)
    assert clean is not None
    flips = [3]

    def flip(octets: bytes) -> bytes:
        if len(octets) > 800 and flips[0] > 0:
            flips[0] -= 1
            return octets[:300] + bytes([octets[300] ^ 4]) + octets[301:]
        return octets

    rehearsal.to_host = flip
    again = spectrometer.read(30.0)
    assert again is not None
    np.testing.assert_array_equal(again.counts, clean.counts)


def test_a_lost_snapshot_is_not_asked_for_again_but_named(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(math.inf)
    rehearsal.clock.sleep(0.5)
    rehearsal.lose_replies(1)
    with pytest.raises(LinkLost, match="its counts are lost, measure them again"):
        spectrometer.snapshot()
    rehearsal.clock.sleep(0.25)
    assert spectrometer.snapshot().real_s == pytest.approx(2.25), "since the clearing whose reply was lost"


def test_a_late_reply_is_not_taken_for_the_next_one(rehearsal: Rehearsal) -> None:
    """The acknowledgement of a request that timed out comes with the next answer, ahead of it."""
    spectrometer = rehearsal.connect()
    withheld: list[bytes] = []

    def delay(octets: bytes) -> bytes:
        if not withheld:
            withheld.append(octets)
            return b""
        late, rehearsal.to_host = withheld[0], lambda same: same
        return late + octets

    rehearsal.to_host = delay
    spectrometer.begin(0.1)
    spectrum = spectrometer.read(60.0)
    assert spectrum is not None
    assert spectrum.real_s == 0.1


def test_a_doubled_reply_is_not_the_answer_to_the_next_question(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(math.inf)

    def double(octets: bytes) -> bytes:
        rehearsal.late.append(octets)
        return octets

    rehearsal.to_host = double
    real_ms = []
    for _ in range(3):
        rehearsal.clock.sleep(0.1)
        real_ms.append(spectrometer.status().real_ms)
    assert real_ms == [100, 200, 300]


def test_an_acknowledgement_that_comes_late_is_not_taken_for_a_refusal(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    rehearsal.to_host = lambda octets: ack(Ack.OK) + octets
    assert spectrometer.status().serial_number == 12_345


def test_bytes_left_over_from_another_program_are_passed_over(rehearsal: Rehearsal) -> None:
    rehearsal.line.receive(encode_packet(Packet(v.ASK_SPECTRUM)), rehearsal.clock.now_s)
    assert rehearsal.connect().capabilities.channels == 256


@pytest.mark.parametrize("reply", v.ECHOES)
def test_either_reply_to_an_echo_brings_the_line_back(monkeypatch: pytest.MonkeyPatch, reply: Pid) -> None:
    rehearsal = Rehearsal(monkeypatch, electronics={"echo_reply": reply})
    spectrometer = rehearsal.connect()
    rehearsal.lose_replies(1)
    began_s = rehearsal.clock.now_s
    spectrometer.stop()
    assert rehearsal.clock.now_s - began_s < 0.6


def test_a_device_that_restarts_while_counting_is_noticed(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(5.0)
    rehearsal.clock.sleep(1.0)
    rehearsal.core.reboot(rehearsal.clock.now_s)
    with pytest.raises(ControllerFault, match="stopped counting before its preset was reached: it has restarted"):
        spectrometer.read(60.0)


def test_a_device_that_restarts_in_motion_is_noticed(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(math.inf)
    rehearsal.core.reboot(rehearsal.clock.now_s)
    with pytest.raises(ControllerFault, match="is not counting: it has restarted"):
        spectrometer.snapshot()


def test_a_slot_that_was_never_filled_is_refused(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    with pytest.raises(ControllerFault, match="a parameter lies outside"):
        spectrometer.read_slot(7)


def test_another_slot_than_the_one_asked_for_is_a_breach(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin_slots()
    for _ in range(3):
        rehearsal.clock.sleep(0.01)
        rehearsal.move(10.0, is_trigger=True)
    rehearsal.to_device = lambda octets: encode_packet(Packet(v.ASK_SLOT, b"\x00\x02"))
    with pytest.raises(ProtocolViolation, match="sent slot 2 when asked for slot 1"):
        spectrometer.read_slot(1)


def test_a_device_without_triggers_says_so(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    rehearsal.core.counter.begin_slots = lambda: None  # type: ignore[method-assign]
    with pytest.raises(ControllerFault, match="did not begin sequential buffering"):
        spectrometer.begin_slots()


def test_a_port_that_refuses_to_close_counting_is_closed_all_the_same(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(math.inf)
    rehearsal.to_host = lambda _: b""
    spectrometer.close()
    assert rehearsal.is_closed


def test_a_file_is_no_port(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("no port")
    with pytest.raises(PortUnavailable, match="not a serial port"):
        connect_dp5(str(tmp_path / "notes"), settings={})
