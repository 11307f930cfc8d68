"""GRBL's lines: what is read, what is told apart as garbled, what is sent."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.grbl import codec as c
from firmware_bridge.grbl.vocabulary import ALARMS, ERRORS, HAL_ALARMS, alarm_sentence, error_sentence

REPORT = b"<Run|MPos:-1.500,-20.250,0.000|Bf:14,120|FS:1176,1000|Pn:XD|WCO:1.000,2.000,0.000|Ov:100,100,100|A:CF>"


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"ok", c.Ok()),
        (b"ok\r", c.Ok()),
        (b"error:9", c.Refused(9)),
        (b"ALARM:2", c.Alarm(2)),
        (b"Grbl 1.1h ['$' for help]", c.Banner("Grbl", "1.1h")),
        (b"GrblHAL 1.1f ['$' or '$HELP' for help]", c.Banner("GrblHAL", "1.1f")),
        (b"$32=1", c.Setting(32, 1.0)),
        (b"$130=300.000 (x max travel, mm)", c.Setting(130, 300.0)),
        (b"$N0=G21", c.Remark("$N0", "G21")),
        (b"[OPT:VM,15,128]", c.BuildOptions("VM", 15, 128)),
        (b"[OPT:VNMSL,35,1024,3,0]", c.BuildOptions("VNMSL", 35, 1024)),
        (b"[MSG:'$H'|'$X' to unlock]", c.Remark("MSG", "'$H'|'$X' to unlock")),
        (b"[VER:1.1h.20190830:]", c.Remark("VER", "1.1h.20190830:")),
        (b"[DRIVER VERSION:240512]", c.Remark("DRIVER VERSION", "240512")),
    ],
)
def test_every_kind_of_line_is_read(line: bytes, answer: c.Answer) -> None:
    assert c.parse(line) == answer


def test_a_status_report_is_read_field_by_field() -> None:
    report = c.parse(REPORT)
    assert isinstance(report, c.Report)
    assert (report.state, report.substate) == (c.RunState.RUN, None)
    assert report.machine_mm == (-1.5, -20.25, 0.0)
    assert report.work_mm is None
    assert report.offset_mm == (1.0, 2.0, 0.0)
    assert (report.blocks_free, report.receive_free) == (14, 120)
    assert (report.pins, report.accessories) == ("XD", "CF")


def test_a_report_tells_silence_about_outputs_from_outputs_that_are_off() -> None:
    silent, off = c.parse(b"<Idle|MPos:0,0,0|FS:0,0>"), c.parse(b"<Idle|MPos:0,0,0|FS:0,0|Ov:100,100,100>")
    assert isinstance(silent, c.Report)
    assert isinstance(off, c.Report)
    assert silent.accessories is None
    assert off.accessories == ""


def test_a_report_of_grblhal_tells_outputs_when_they_change_without_telling_overrides() -> None:
    on, off = c.parse(b"<Idle|MPos:0,0,0|FS:0,0|A:F>"), c.parse(b"<Idle|MPos:0,0,0|FS:0,0|A:>")
    assert isinstance(on, c.Report)
    assert isinstance(off, c.Report)
    assert (on.accessories, off.accessories) == ("F", "")


def test_a_report_of_grblhal_with_a_second_spindle_is_read() -> None:
    report = c.parse(b"<Alarm:11|MPos:0.000,0.000,0.000|Bf:100,1023|FS:0,0|SP1:0,,|Pn:E|WCS:G54|H:0,3|MPG:0>")
    assert isinstance(report, c.Report)
    assert (report.state, report.substate, report.pins) == (c.RunState.ALARM, 11, "E")


@pytest.mark.parametrize("pace", [b"FS:1176,1000", b"FS:1176,1000,998"], ids=["as a rule", "with an encoder"])
def test_the_power_that_was_asked_for_is_read_whether_or_not_a_measured_one_follows(pace: bytes) -> None:
    report = c.parse(b"<Run|MPos:0.000,0.000,0.000|" + pace + b">")
    assert isinstance(report, c.Report)
    assert report.power == 1000.0


def test_a_substate_is_read() -> None:
    report = c.parse(b"<Hold:1|WPos:0.000,0.000,0.000|FS:0,0>")
    assert isinstance(report, c.Report)
    assert (report.state, report.substate, report.machine_mm) == (c.RunState.HOLD, 1, None)


@pytest.mark.parametrize(
    "line",
    [
        b"oj", b"k", b"okok", b"o\xebk", b"error:", b"error:x", b"ALARM:2222", b"<Idle|MPos:0.000,0.0", b"MPos:0,0,0>",
        b"<Idel|MPos:0,0,0>", b"<Idle|MPos:0.0.0,0,0>", b"<Idle|FS:0,0>", b"<Idle|MPos:1,2,3|MPos:1,2,3>", b"$x=1",
        b"[OPT:V,15]", b"[OPT:V,a,128]", b"<Idle|MPos:0,0,0|Bf:15>", b"Marlin 2.1",
        b"<Idle|MPos:0,0,0|FS:5>", b"<Idle|MPos:0,0,0|FS:5,1,2,3>", b"<Idle|MPos:0,0,0|Bf:15,128,1>",
    ],
)  # fmt: skip
def test_a_garbled_line_is_told_apart(line: bytes) -> None:
    assert isinstance(c.parse(line), c.Garbled)


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(octets: bytes) -> None:
    for answer in c.LineReader().feed(octets + b"\n"):
        assert isinstance(answer, c.Answer)


@given(st.lists(st.integers(1, 40), max_size=30))
def test_lines_are_the_same_however_they_are_cut(cuts: list[int]) -> None:
    stream = b"\r\nGrbl 1.1h ['$' for help]\r\nok\r\n" + REPORT + b"\r\nerror:20\r\n"
    reader, answers, at = c.LineReader(), [], 0
    for cut in cuts:
        answers += reader.feed(stream[at : at + cut])
        at += cut
    answers += reader.feed(stream[at:])
    assert answers == [c.Banner("Grbl", "1.1h"), c.Ok(), c.parse(REPORT), c.Refused(20)]


def test_a_line_without_end_is_dropped_and_the_memory_with_it() -> None:
    reader = c.LineReader()
    (answer,) = reader.feed(b"x" * 1000)
    assert isinstance(answer, c.Garbled)
    assert reader.feed(b"\nok\n") == [c.Ok()]


@given(st.floats(-400, 400), st.floats(-400, 400), st.floats(0.01, 500))
def test_a_stroke_line_says_a_thousandth_of_a_millimetre_and_fits_the_line_buffer(x: float, y: float, v: float) -> None:
    line = c.stroke_line(x, y, v, 1000).decode()
    assert line.endswith("\n")
    assert len(line) < 80
    words = re.fullmatch(r"G53G1S(.+)F(.+)X(.+)Y(.+)\n", line)
    assert words is not None
    assert [float(word) for word in words.groups()] == pytest.approx([1000, v * 60, x, y], abs=5.1e-4)


def test_lines_are_as_short_as_they_go() -> None:
    assert c.stroke_line(-200.0, -0.0001, 20.0, 0.0) == b"G53G1S0F1200X-200Y0\n"
    assert c.travel_line(-0.5, -10.25) == b"G53G0X-0.5Y-10.25\n"
    assert c.setting_line(32, 1) == b"$32=1\n"


@pytest.mark.parametrize(
    "sentence",
    [*ERRORS.values(), *ALARMS.values(), *HAL_ALARMS.values(), error_sentence(77), alarm_sentence(77, HAL_ALARMS)],
)
def test_every_number_is_a_sentence_with_a_remedy(sentence: str) -> None:
    assert ":" in sentence
    assert len(sentence) > 30
