"""A trial of the calibration's bench reaches the bench's target, and its error is one that was expected."""

from __future__ import annotations

import pytest

from tools.bench.calibration import TARGET_MM, fiducial_trial, spot_trial


@pytest.mark.parametrize("run", [spot_trial, fiducial_trial])
def test_a_trial_reaches_the_target_within_what_was_expected(run):
    trial = run(7)
    assert trial.rms_mm < TARGET_MM
    assert trial.within_two_worst
    # The peer has the same lens and takes the mean of both ways of the backlash, too: it errs by as much.
    assert trial.rms_mm < 1.3 * trial.peer_mm
