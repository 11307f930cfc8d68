"""The soak in small: a fault every few frames, of every kind, in both directions."""

from __future__ import annotations

import pytest

from tools.bench import soak


def test_a_scan_with_a_fault_every_few_frames_records_every_exposure_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "_FRAMES_BETWEEN_FAULTS", 30)
    rows = {row.what: row for row in soak.soak(5_000)}
    assert rows["native: recorded exactly once"].met
    assert rows["native: byte-exact"].met
    assert rows["native: Rebooted"].value >= 1
    assert rows["native: LinkLost"].value >= 1
