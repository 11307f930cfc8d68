"""Look at what a demonstration left: python -m tools.check_demo runs/demo

Ends with exit code 1 and a sentence at the first thing that is not as it should be.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np


def check(folder: Path) -> list[str]:
    """What is wrong with a demonstration's folder; empty when it is whole."""
    from edge.record.folder import open_recording
    from edge.record.maps_file import read_maps
    from edge.results import read_planned
    from edge.state import Ended

    wrong = []
    with open_recording(folder / "scan") as recording:
        planned = read_planned(recording)
        history, plan = recording.history, planned.plan
    if history.state != Ended("finished", is_planned=True):
        wrong.append(f"the scan ended as {history.state}, not finished")
    if history.done != frozenset(range(len(plan.exposures))) or history.exposures != len(plan.exposures):
        wrong.append(f"{history.exposures} spectra of {len(history.done)} exposures for {len(plan.exposures)} planned")
    if history.is_shutter_open or history.irregular:
        wrong.append(f"shutter open or irregular events: {history.irregular}")
    kept = read_maps(recording.paths.maps)
    if not np.isfinite(kept.element_maps.maps).all() or not np.isfinite(kept.element_maps.standard_error).all():
        wrong.append("maps or standard errors hold values that are not finite")
    if not np.array_equal(kept.element_maps.measured, plan.mask.cells):
        wrong.append("measured cells are not those of the plan's mask")
    missing = [
        path for path in (recording.paths.report, recording.paths.frame, recording.paths.log) if not path.is_file()
    ]
    wrong += [f"{path} is missing" for path in missing]
    page = recording.paths.report.read_text("utf-8") if not missing else ""
    wrong += [f"the report does not name {element}" for element in kept.element_maps.elements if element not in page]
    return wrong


def main() -> None:
    folder = Path(sys.argv[1])
    wrong = check(folder)
    for sentence in wrong:
        print(f"{folder}: {sentence}", file=sys.stderr)
    if wrong:
        sys.exit(1)
    print(f"{folder}: the demonstration's recording, maps and report are whole")


if __name__ == "__main__":
    main()
