"""Stages that scans are priced on."""

from __future__ import annotations

from edge.motion.kinematics import StageModel

STAGES: dict[str, StageModel] = {
    "printer board": StageModel(30.0, 300.0, settle_s=0.02, overhead_s=0.07),
    "laboratory stage": StageModel(50.0, 500.0, settle_s=0.004),
    "fast gantry": StageModel(200.0, 2_000.0, settle_s=0.004),
}
"""By name: a board of 3D printers that is polled between exposures, ordinary kinematics, and a fast machine."""
PITCH_MM = 0.5
