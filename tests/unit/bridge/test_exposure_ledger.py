"""What waits for credit, and what no longer has to."""

from __future__ import annotations

from firmware_bridge.messages import Exposure, StagePose
from firmware_bridge.native import messages as m
from firmware_bridge.native.exposure_ledger import BACKLOG_LENGTH, ExposureLedger
from firmware_bridge.native.messages import CodedSpectrum


def dwell(index: int) -> Exposure:
    pose = StagePose(1.0 + index, 2.0)
    return Exposure(index, pose, pose, 0.01)


def spectrum(index: int) -> CodedSpectrum:
    return CodedSpectrum(index, 0, 1, 1, 0, 0, 0, 0, 0, 0, b"\x02")


def sent(ledger: ExposureLedger, room: int = 64) -> list[list[int]]:
    """Indices of each message that the backlog makes."""
    messages: list[list[int]] = []
    while ledger.backlog:
        message, count = ledger.take_batch(room)
        assert isinstance(message, m.Dwells)
        assert count == len(message.poses_um)
        assert [x_um for x_um, _ in message.poses_um] == [1_000 * (1 + message.first_index + n) for n in range(count)]
        messages.append(list(range(message.first_index, message.first_index + count)))
    return messages


def test_an_exposure_whose_kept_spectrum_has_come_is_never_sent() -> None:
    ledger = ExposureLedger(1024)
    assert ledger.submit(dwell(index) for index in range(8)) == 8
    for index in (0, 1, 4, 7):
        ledger.deliver(spectrum(index))
    assert ledger.backlog == 4
    assert sent(ledger) == [[2, 3], [5, 6]]


def test_nothing_is_sent_when_all_that_waited_has_come() -> None:
    ledger = ExposureLedger(1024)
    ledger.submit([dwell(0), dwell(1)])
    ledger.deliver(spectrum(1))
    ledger.deliver(spectrum(0))
    assert ledger.backlog == 0
    assert sent(ledger) == []


def test_a_kept_spectrum_that_comes_makes_room_for_another_exposure() -> None:
    ledger = ExposureLedger(1024)
    assert ledger.submit(dwell(index) for index in range(BACKLOG_LENGTH + 1)) == BACKLOG_LENGTH
    ledger.deliver(spectrum(3))
    assert ledger.submit([dwell(BACKLOG_LENGTH), dwell(BACKLOG_LENGTH + 1)]) == 1


def test_an_exposure_that_was_refused_may_be_submitted_again() -> None:
    ledger = ExposureLedger(1024)
    ledger.submit([dwell(0)])
    assert sent(ledger) == [[0]]
    ledger.refuse(0)
    ledger.submit([dwell(0)])
    assert sent(ledger) == [[0]]
