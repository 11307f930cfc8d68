"""Everything that is fuzzed, by name."""

from __future__ import annotations

from typing import Final

from tools.fuzz import (
    block_targets,
    dp5_targets,
    grbl_targets,
    import_targets,
    marlin_targets,
    native_targets,
    rangefinder_targets,
    recording_targets,
    scpi_targets,
    script_targets,
)
from tools.fuzz.properties import Target

TARGETS: Final[dict[str, Target]] = {
    **native_targets.TARGETS,
    **grbl_targets.TARGETS,
    **dp5_targets.TARGETS,
    **marlin_targets.TARGETS,
    **scpi_targets.TARGETS,
    **rangefinder_targets.TARGETS,
    **script_targets.TARGETS,
    **recording_targets.TARGETS,
    **block_targets.TARGETS,
    **import_targets.TARGETS,
}
