"""How far the maps are from exposures that they were never shown."""

from __future__ import annotations

from edge.report.charts import WIDE_PX
from edge.report.contents import ScanReport
from edge.report.markup import absent, figure, label, line, paragraph, rectangle, section, svg, table
from edge.report.scales import ticks
from edge.report.wording import percent, significant, whole
from edge.stopping.drawing import LEAST_LEFT
from edge.stopping.figure import ErrorFigure, Estimate
from edge.stopping.judgement import Judgement

ANCHOR, TITLE = "error", "Error, by exposures held out"


def held_out_section(report: ScanReport) -> str:
    """The error at the end and as it went, whether the maps' own standard errors cover it, and why the scan stopped."""
    judgement = report.judgement
    if judgement is None:
        return section(ANCHOR, TITLE, absent("No exposures were held out of these maps."))
    parts = []
    if judgement.concluded:
        parts.append(paragraph(f"Stopped because {judgement.concluded}.", "verdict"))
    if judgement.figure is None:
        why = judgement.why_none or "too few of those that were held out were measured"
        return section(ANCHOR, TITLE, *parts, absent(f"No error can be told by exposures held out: {why}."))
    parts.append(paragraph(_about(judgement.figure)))
    if judgement.figure.held_out < LEAST_LEFT:
        parts.append(paragraph(_FEW, "verdict over"))
    if len(judgement.course) > 1:
        parts.append(figure(_chart(judgement), _caption(judgement), "full"))
    columns = ["", "Error", "One standard error below and above", "Counting alone", "Asked for"]
    parts.append(table("Error of the final maps, relative to each map’s 99.9th percentile", columns, _rows(judgement)))
    return section(ANCHOR, TITLE, *parts)


_FEW = (
    "So few exposures hardly tell an error, let alone how surely: take these figures for its order of magnitude. A "
    "larger sampling.held_out holds out more."
)


def _about(error: ErrorFigure) -> str:
    return (
        f"{whole(error.held_out)} exposures, drawn by lot over the whole area, were measured and never shown to the "
        "maps; they count in the sum spectrum. From the maps to them, with the noise of counting that they carry taken "
        f"off, the error of the whole area is {_range(error.overall)} of a map’s 99.9th percentile, as root mean "
        f"square over all elements. Of their values {percent(error.within_one)} lie within one standard error of the "
        f"maps, the noise of counting included, and {percent(error.within_two)} within two; if errors were Gaussian, "
        "it would be 68 and 95 %."
    )


def _range(estimate: Estimate) -> str:
    return f"{significant(estimate.rmse)} ({significant(estimate.low)} to {significant(estimate.high)})"


def _rows(judgement: Judgement) -> list[tuple[str, str, str, str, str]]:
    assert judgement.figure is not None
    asked = dict(judgement.targets)

    def row(name: str, one: Estimate, target: float | None) -> tuple[str, str, str, str, str]:
        between = f"{significant(one.low)} to {significant(one.high)}"
        return name, significant(one.rmse), between, significant(one.floor), "" if target is None else f"{target:g}"

    rows = [row("All elements that count", judgement.figure.overall, judgement.target)]
    for name, one in judgement.figure.elements:
        rows.append(row(name, one, asked.get(name, asked.get(name.partition("-")[0]))))
    return rows


def _caption(judgement: Judgement) -> str:
    text = (
        "Overall error of the preview’s maps while the scan ran, against exposures measured; bars are one standard "
        "error. The preview’s energy scale and models differ a little from the final ones."
    )
    return text if judgement.target is None else f"{text} The line is what was asked for."


def _chart(judgement: Judgement) -> str:
    left, right, top, bottom = 58.0, WIDE_PX - 10, 14.0, 210.0
    course = judgement.course
    least, most = course[0][0], max(course[-1][0], course[0][0] + 1)
    highest = 1.05 * max([estimate.high for _, estimate in course] + [judgement.target or 0.0, 1e-9])

    def x_of(exposures: float) -> float:
        return left + 8 + (right - left - 16) * (exposures - least) / (most - least)

    def y_of(error: float) -> float:
        return bottom - (bottom - top) * error / highest

    parts = [rectangle(left, top, right - left, bottom - top, "frame")]
    for value in ticks(0.0, highest, 4):
        y = y_of(value)
        parts += [line(left, y, right, y, "grid"), label(left - 7, y + 4, significant(value), anchor="end")]
    for value in ticks(float(least), float(most), 8):
        x = x_of(value)
        parts += [line(x, bottom, x, bottom + 4, "tick"), label(x, bottom + 17, whole(round(value)), anchor="middle")]
    for exposures, estimate in course:
        x = x_of(exposures)
        parts.append(line(x, y_of(estimate.low), x, y_of(estimate.high), "axis"))
        parts.append(f'<circle cx="{x:.1f}" cy="{y_of(estimate.rmse):.1f}" r="3" class="residual"/>')
    if judgement.target is not None:
        parts.append(line(left, y_of(judgement.target), right, y_of(judgement.target), "limit"))
    parts.append(label((left + right) / 2, bottom + 35, "Exposures", anchor="middle", style="unit"))
    first, last = significant(course[0][1].rmse), significant(course[-1][1].rmse)
    alt = f"Error from {first} after {whole(least)} exposures to {last} after {whole(course[-1][0])}"
    return svg(WIDE_PX, bottom + 44, alt, *parts, style="wide")
