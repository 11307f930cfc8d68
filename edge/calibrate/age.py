"""How old stored calibrations are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from edge.configuration.camera import MosaicCameraConfig
from edge.configuration.config import ScanConfig
from edge.faults import UsageError
from edge.motion.stage_known import read_motion_calibration
from edge.photography.camera_lens import read_camera_calibration
from edge.photography.mosaic_placing import mosaic_made_at
from edge.photography.stage_placing import read_stage_calibration
from edge.readiness.doctor import Finding

_DAY_S = 86_400.0


def examine_ages(config: ScanConfig, now: datetime | None = None) -> Iterator[Finding]:
    """The age of each stored calibration that the configuration names; too old is a failure where a limit is set.

    Raises
    ------
    UsageError
        A stored calibration is missing or damaged.
    """
    moment, most_days = now or datetime.now(UTC), config.checks.max_age_days
    instrument = config.instrument
    if instrument.camera_calibration is not None:
        made_at = read_camera_calibration(Path(instrument.camera_calibration)).made_at
        yield _age("lens", made_at, most_days, moment)
    if instrument.stage_calibration is not None:
        made_at = read_stage_calibration(Path(instrument.stage_calibration)).made_at
        yield _age("stage calibration", made_at, most_days, moment)
    if instrument.motion_calibration is not None:
        made_at = read_motion_calibration(Path(instrument.motion_calibration)).made_at
        yield _age("motion calibration", made_at, most_days, moment)
    if isinstance(instrument.camera, MosaicCameraConfig):
        yield _age("mosaic", mosaic_made_at(Path(instrument.camera.path)), most_days, moment)


def age_of_head(made_at: str, config: ScanConfig, now: datetime | None = None) -> Finding:
    """The age of the head's calibration, before a mosaic is made by it."""
    return _age("head calibration", made_at, config.checks.max_age_days, now or datetime.now(UTC))


def _age(what: str, made_at: str, most_days: float | None, now: datetime) -> Finding:
    made = datetime.fromisoformat(made_at)
    if made.tzinfo is None:
        # ours says UTC; one written by hand may not
        made = made.replace(tzinfo=UTC)
    days = (now - made).total_seconds() / _DAY_S
    text = f"made {days:.1f} days ago"
    if most_days is None or days <= most_days:
        return Finding(what, True, text)
    return Finding(
        what, False, f"{text}, over the {most_days:g} allowed by checks.max_age_days: calibrate again", UsageError
    )
