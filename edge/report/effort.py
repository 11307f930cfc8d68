"""What the scan cost: time against its prediction."""

from __future__ import annotations

from edge.motion.kinematics import StageModel
from edge.report.charts import duration_bars
from edge.report.contents import Effort, ScanReport
from edge.report.markup import absent, facts, figure, paragraph, section, table
from edge.report.stage import by_its_own_moves, stage_words
from edge.report.wording import duration, percent, significant, whole

_CLOCKS = (
    "Exposures and travel are timed by the controller’s clock; times of day, and how long the shutter was open, are by "
    "the computer’s. A simulated instrument may run its clock faster than the computer’s: then the two do not add up."
)


def time_section(report: ScanReport) -> str:
    """What the plan predicted, what the scan took, and what a full raster would have taken."""
    effort = report.effort
    known = [
        ("Predicted", effort.predicted_s),
        ("Exposures and moves", effort.running_s),
        ("Full raster, predicted", effort.full_raster_s),
    ]
    bars = [(name, seconds) for name, seconds in known if seconds is not None]
    values = table("Plan and course", ["", "Value", "By", "Against the plan"], _time_rows(report))
    if not bars:
        return section("time", "Time", absent("No times were recorded."), values)
    caption = "Durations on one scale."
    if not _ran_to_its_end(report):
        caption += " The scan did not run to its end: the predictions are for the whole, the exposures are those made."
    pieces = figure(duration_bars(bars), caption) + values
    about = [] if effort.stage is None else [facts([("Stage, as predicted with", _stage(effort.stage, effort))])]
    about += by_its_own_moves(effort)
    return section("time", "Time", paragraph(_CLOCKS, "note"), f'<div class="figures">{pieces}</div>', *about)


def _ran_to_its_end(report: ScanReport) -> bool:
    """Whether all that was predicted was made: a scan that had enough before is finished, too, and it was not."""
    had_enough = report.judgement is not None and bool(report.judgement.concluded)
    return report.outcome == "finished" and not had_enough


def _time_rows(report: ScanReport) -> list[tuple[str, str, str, str]]:
    effort = report.effort
    finished = _ran_to_its_end(report)
    rows = []

    def add(name: str, text: str | None, by: str, against: str = "") -> None:
        if text is not None:
            rows.append((name, text, by, against))

    add("Predicted, without dead time", _timed(effort.predicted_s), "the plan")
    running = _against(effort.running_s, effort.predicted_s) if finished else "not finished"
    add("Exposures and moves", _timed(effort.running_s), "controller’s clock", running)
    if effort.held is not None and effort.held.stretches:
        held = effort.held
        add("Predicted for what nothing interrupted", duration(held.predicted_s), "the plan")
        lasted = _against(held.actual_s, held.predicted_s)
        add("The same, without dead time", duration(held.actual_s), "controller’s clock", lasted)
    add("Exposures alone, with dead time", _timed(effort.counting_s), "controller’s clock")
    raster = _against(effort.full_raster_s, effort.predicted_s)
    add("Full raster, predicted", _timed(effort.full_raster_s), "the same dwell and stage", raster)
    add("Stage travel, planned", _metres(effort.planned_travel_mm), "the plan")
    travelled = _against(effort.travel_mm, effort.planned_travel_mm) if finished else "not finished"
    add("Stage travel", _metres(effort.travel_mm), "measured positions", travelled)
    if effort.running_s is not None:
        by = "" if effort.pose_uncertainty_mm is None else "the controller"
        add("Uncertainty of positions", _positions(effort.pose_uncertainty_mm), by)
    planned, made = effort.exposures_planned, effort.exposures_measured
    share = f"{percent(made / planned)} of the plan" if planned else ""
    add("Exposures", f"{whole(made)} of {whole(planned)}", "the recording", share)
    return rows


def _timed(seconds: float | None) -> str | None:
    return None if seconds is None else duration(seconds)


def _metres(length_mm: float | None) -> str | None:
    return None if length_mm is None else f"{significant(length_mm / 1000)} m"


def _positions(median_and_largest_mm: tuple[float, float] | None) -> str:
    if median_and_largest_mm is None:
        return "not stated by this controller"
    median_um, largest_um = (significant(1000 * uncertainty_mm, 2) for uncertainty_mm in median_and_largest_mm)
    return f"{median_um} µm median, {largest_um} µm at most"


def _stage(stage: StageModel, effort: Effort) -> str:
    text = stage_words(stage)
    if not effort.is_stage_of_plan:
        text += "; as configured, because this plan does not say what it was priced with"
    return text


def _against(value: float | None, predicted: float | None) -> str:
    if not predicted or value is None:
        return ""
    change = value / predicted - 1
    if abs(change) < 2:
        return f"{change:+.1%}".replace("-", "−").replace("%", " %")
    return f"{significant(value / predicted)} ×"
