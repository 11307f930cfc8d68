"""What is worked out for the page in a process of its own: a look at the table, and a plan with what it costs.

Its settings come by standard input, whose end ends it; its answer is left in a file.
"""

from __future__ import annotations

import json
import math
import os
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from calibration.registration_record import registration_from_dict, registration_to_dict
from edge.app import yaml_of
from edge.cameras import Frame, open_camera, write_picture
from edge.cameras.picture import recorded_picture
from edge.configuration.config import ScanConfig, load_scan_config
from edge.console import Console
from edge.faults import UsageError
from edge.grid import ScanGrid
from edge.modes.comparison import Comparison
from edge.modes.registry import MODES
from edge.monitor.child import has_ended, settings_from
from edge.monitor.picture import picture_of
from edge.outcome import sentence_and_code
from edge.planning.desk_comparison import compared
from edge.planning.figures import figures, more_to_come
from edge.planning.folder import ReviewedPlan, write_plan_folder
from edge.planning.plan import ScanPlan
from edge.planning.review import write_pictures
from edge.prepare import Sighting, place, plan_without_controller, require_known_names, sight
from edge.serving.asked import Asked

ANSWER, ASKED, CONFIG = "answer.json", "asked.json", "scan.yaml"
_FRAME, _PLACE, _SHOWN = "frame.png", "frame.json", "photograph.jpg"
_NICE = 10


@dataclass(frozen=True, slots=True)
class Look:
    """A photograph of the table, in a folder."""

    folder: Path

    def take(self, config: ScanConfig) -> dict[str, Any]:
        """Ask the camera, find where its picture lies on the stage, and keep both; what the page is told."""
        sighting = sight(open_camera(config.instrument.camera), config)
        frame, registration = sighting.frame, sighting.registration
        write_picture(self.folder / _FRAME, frame.image, frame.profile)
        record = {
            "identity": frame.identity,
            "taken_at": frame.taken_at,
            "registration": registration_to_dict(registration),
        }
        (self.folder / _PLACE).write_text(json.dumps(record), encoding="utf-8")
        shown = picture_of(self.folder / _FRAME, registration, config, sighting.grid)
        if shown is None:
            raise UsageError("the photograph does not show the whole area: move the camera, or scan less")
        (self.folder / _SHOWN).write_bytes(shown.jpeg)
        words = f"registered with a residual of {1_000 * registration.rms_mm:.0f} um"
        sentence = "; ".join([words, *sighting.remarks])
        told = {"photo": _SHOWN, "taken_at": frame.taken_at, "frame": frame_json(sighting.grid)}
        return told | {"sentence": sentence}

    def read(self, config: ScanConfig) -> Sighting:
        """The object as it was seen, on a configuration's grid."""
        record = json.loads((self.folder / _PLACE).read_text("utf-8"))
        picture = recorded_picture(self.folder / _FRAME)
        frame = Frame(picture.image, record["identity"], record["taken_at"], picture.profile)
        return place(frame, config, registration_from_dict(record["registration"]))


def frame_json(grid: ScanGrid) -> dict[str, Any]:
    """Where a picture of the scan's grid lies on the stage."""
    return {"origin_mm": [grid.origin_x_mm, grid.origin_y_mm], "size_mm": [grid.width_mm, grid.height_mm]}


def priced(asked: Asked, config: ScanConfig, sighting: Sighting, folder: Path) -> dict[str, Any]:
    """Plan, and leave plan, pictures and configuration in a folder; what the page is told.

    Raises
    ------
    UsageError, SafetyStop, ModelsError
        What was asked for cannot be done; the text says why.
    """
    if config.placement is not None:
        raise UsageError("what a placement measures is its campaign's business: start it with pointillist scan")
    require_known_names(config)
    alternatives: list[dict[str, Any]] = []
    try:
        found = compared(asked.aim, sighting, config, Console(quiet=True, log_level="error"))
    except UsageError:
        # cells can be visited at a rate that no mode spends its time on
        if asked.budget != "rate":
            raise
    else:
        config = config if asked.budget == "rate" else found.config
        alternatives = _alternatives(found.comparison, config)
    plan = plan_without_controller(sighting, config)
    pictures = {path.stem: f"review/{path.name}" for path in write_pictures(folder / "review", sighting, plan, config)}
    pictures["path"] = _without_legend(folder / pictures["path"], plan.grid).relative_to(folder).as_posix()
    write_plan_folder(folder, ReviewedPlan(plan, sighting, is_given=False))
    (folder / CONFIG).write_text(yaml_of(config), encoding="utf-8")
    lines = list(figures(plan, config))
    return {
        "plan": _plan_json(plan),
        "alternatives": alternatives,
        "figures": lines,
        "sentence": "; ".join(lines[:2]),
        "more": more_to_come(plan, config),
        "frame": frame_json(plan.grid),
        "pictures": pictures,
    }


def _without_legend(picture: Path, grid: ScanGrid) -> Path:
    """The part of a path's picture that shows the grid, so that it can be laid over the photograph."""
    image = recorded_picture(picture).image[:, :, ::-1]
    shown = picture.with_name(f".{picture.name}")
    cv2.imwrite(str(shown), image[: round(image.shape[1] * grid.rows / grid.columns)])
    return shown


def _plan_json(plan: ScanPlan) -> dict[str, Any]:
    return {
        "exposures": len(plan.table),
        "seconds": round(plan.predicted_s, 3),
        "rate": plan.mask.rate,
        "dose_s": round(float(plan.table[:, 4].sum()), 3),
        "digest": plan.digest,
    }


def _alternatives(comparison: Comparison, config: ScanConfig) -> list[dict[str, Any]]:
    """Every mode once: in the time that was given, or as soon as it reaches the error."""
    found = []
    for name in dict.fromkeys(one.mode for one in comparison.predicted):
        own = [one for one in comparison.predicted if one.mode == name and not one.reason]
        chosen, time_s = comparison.chosen, comparison.time_s
        if time_s is None and chosen is not None:
            own = [one for one in own if one.error <= chosen.error] or own[-1:]
        elif time_s is not None:
            own = [one for one in own if math.isclose(one.budget_s, time_s)]
        for one in own[:1]:
            is_chosen = config.has_time and config.sampling.mode == name
            words = MODES[name].about
            found.append(
                {"mode": name, "words": words, "seconds": one.seconds, "error": one.error, "chosen": is_chosen}
            )
    return sorted(found, key=lambda one: float(one["error"]))


def _done(settings: dict[str, Any]) -> dict[str, Any]:
    config, path = load_scan_config(Path(settings["config"])), Path(settings["config"])
    require_known_names(config)
    if settings["work"] == "look":
        return Look(Path(settings["folder"])).take(config)
    asked = Asked.of(json.loads((Path(settings["folder"]) / ASKED).read_text("utf-8")))
    config = asked.config(config, path)
    return priced(asked, config, Look(Path(settings["look"])).read(config), Path(settings["folder"]))


def leave(folder: Path, answer: dict[str, Any]) -> None:
    """Put an answer where it is looked for, whole."""
    part = folder / f".{ANSWER}.part"
    part.write_text(json.dumps(answer), encoding="utf-8")
    part.replace(folder / ANSWER)


def main() -> None:
    """Do what the settings say, and leave the answer, or the sentence of what was wrong."""
    os.nice(_NICE)
    settings = settings_from(sys.stdin.buffer)

    def follow() -> None:
        while not has_ended(sys.stdin.buffer, 60.0):
            pass
        os._exit(0)

    threading.Thread(target=follow, daemon=True).start()
    try:
        answer = _done(settings)
    except Exception as fault:
        sentence, _ = sentence_and_code(fault)
        answer = {"fault": sentence}
    with suppress(OSError):
        leave(Path(settings["folder"]), answer)


if __name__ == "__main__":
    main()
