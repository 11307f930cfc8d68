"""Sections that are looked at: where the beam went, and the element maps."""

from __future__ import annotations

import numpy as np

from edge.maps import ElementMaps, LeftOut
from edge.report.contents import ScanReport
from edge.report.figures import NO_VALUE_RGB
from edge.report.imagery import ElementPicture, Imagery
from edge.report.mapfigure import (
    Frame,
    fitted_frame,
    map_figure,
    outlines_drawn,
    picture,
    stage_figure,
    stretched,
    window_outline,
)
from edge.report.markup import absent, figure, paragraph, section, table
from edge.report.wording import element_name, escaped, on_scale, percent, significant, whole

_STAGE_BOX_PX = (560.0, 700.0)
_DENSITY_BOX_PX = (300.0, 380.0)


def sampling_section(report: ScanReport, imagery: Imagery) -> str:
    """The photograph with the visited cells over it, and the density that chose them."""
    has_photograph = imagery.photograph_uri is not None
    everywhere = report.measured_cells == report.cells
    notes = [paragraph("Every cell was visited.")] if everywhere else []
    if not has_photograph:
        notes.append(absent("No photograph is part of this report."))
    if report.density is None:
        notes.append(absent("No sampling density was recorded."))
    main = "" if everywhere and not has_photograph else _surface(report, imagery)
    beside = _detail_of_photograph(report, imagery) + _density(report, imagery)
    choice = _choice("ground", [("visited", "Visited cells marked"), ("bare", "Photograph alone")])
    return section(
        "sampling",
        "Visited cells",
        *notes,
        choice if has_photograph and not everywhere else "",
        f'<div class="figures sampling">{main}<div class="column">{beside}</div></div>' if main or beside else "",
    )


def _surface(report: ScanReport, imagery: Imagery) -> str:
    grid = report.grid
    frame = fitted_frame(grid.rows, grid.columns, grid.pitch_mm, _STAGE_BOX_PX)
    surface = "Scanned area" if imagery.photograph_uri is None else "Photograph"
    base = "" if imagery.photograph_uri is None else picture(imagery.photograph_uri, frame)
    limits = outlines_drawn(report.outline, frame, grid)
    if report.measured_cells == report.cells:
        return figure(stage_figure(frame, grid, surface, base + limits), f"{surface}, placed on the stage.")
    missed = int((report.mask & ~report.maps.reached).sum())
    if imagery.is_dotted:
        layers = _dots(frame) + (_dots(frame, "missed-dots") if missed else "")
        marked = "a white dot in each"
    else:
        layers = stretched("visited", frame) + (stretched("missed", frame) if missed else "")
        marked = "in orange"
    outline = window_outline(imagery.window, frame) if imagery.window is not None else ""
    visited = f"{whole(report.measured_cells)} visited cells, {percent(report.measured_fraction)}"
    if report.maps.averaged is not None:
        layers = stretched("along", frame) + layers
        count = int(report.maps.averaged.sum())
        visited = f"{whole(count)} cells that strokes went along, {percent(count / report.cells)}"
        marked = "in orange" + ("" if not report.measured_cells else ", and those that were visited alone")
    caption = f"{surface}, placed on the stage, with the {visited}, {marked}."
    if missed:
        caption += f" Blue: {whole(missed)} planned but not visited."
    if report.outline is not None:
        caption += " Dashed: the limits of what was to be scanned."
    drawing = stage_figure(
        frame, grid, f"{surface} with {visited}, marked", f'{base}<g class="visited">{layers}</g>{limits}{outline}'
    )
    return figure(drawing, caption)


def _detail_of_photograph(report: ScanReport, imagery: Imagery) -> str:
    if imagery.window is None or imagery.detail_frame is None:
        return ""
    frame = imagery.detail_frame
    base = "" if imagery.photograph_detail_uri is None else picture(imagery.photograph_detail_uri, frame)
    layers = f'<g class="visited">{_dots(frame)}</g>'
    drawing = map_figure(frame, "Enlarged detail of the framed place with each visited cell dotted", base + layers)
    width = significant(imagery.window.columns * report.grid.pitch_mm)
    height = significant(imagery.window.rows * report.grid.pitch_mm)
    return figure(drawing, f"The framed detail, {width} × {height} mm: a dot in each visited cell.")


def _density(report: ScanReport, imagery: Imagery) -> str:
    if imagery.density_uri is None or imagery.density_limits is None:
        return ""
    grid = report.grid
    frame = fitted_frame(grid.rows, grid.columns, grid.pitch_mm, _DENSITY_BOX_PX)
    drawing = map_figure(
        frame,
        "Sampling density",
        picture(imagery.density_uri, frame),
        limits=imagery.density_limits,
        colormap="cividis",
        unit="chance of a visit",
    )
    return figure(drawing, "Sampling density: how likely each cell was to be visited.")


def elements_section(report: ScanReport, imagery: Imagery) -> str:
    """Every element's map, standard error and detail, after a table that sums them up."""
    if not report.maps.elements:
        return section("elements", "Element maps", absent("No element was mapped."))
    parts = [_reading_note(report, imagery), *(paragraph(remark, "note") for remark in report.maps.remarks)]
    if imagery.value_block > 1 or imagery.error_block > 1:
        parts.append(paragraph(_block_note(imagery), "note"))
    if np.isnan(report.maps.maps).any() or np.isnan(report.maps.standard_error).any():
        swatch = "#{:02x}{:02x}{:02x}".format(*NO_VALUE_RGB)
        why = "" if report.maps.scanned is None else ": they were not to be scanned"
        parts.append(
            f'<p class="note"><svg class="swatch" width="14" height="14" aria-hidden="true"><rect width="14" '
            f'height="14" fill="{swatch}"/></svg> Cells of this colour hold no value{why}.</p>'
        )
    parts.append(_glance_table(report))
    if report.maps.left_out is not None:
        parts.append(_left_out_table(report.maps, report.maps.left_out, report.maps_unit))
    if len(report.maps.elements) > 1:
        parts.append(_contact_sheet(report, imagery))
    if report.measured_cells < report.cells:
        default = ["marked", "whole", "measured"] if imagery.is_dotted else ["whole", "marked", "measured"]
        names = {"whole": "Whole maps", "marked": "Measured cells marked", "measured": "Measured cells only"}
        parts.append(_choice("cells", [(value, names[value]) for value in default]))
    articles = "\n".join(_element(report, imagery, i, drawn) for i, drawn in enumerate(imagery.elements))
    return section("elements", "Element maps", *parts, f'<div class="elements">{articles}</div>')


def _reading_note(report: ScanReport, imagery: Imagery) -> str:
    text = (
        f"Colour scales run from each map’s smallest to its largest value, in {report.maps_unit}; “≥” or “≤” at an "
        "end marks a scale cut back because a few cells lie far beyond it. In the standard-error maps darker is less "
        "certain."
    )
    if report.measured_cells == report.cells:
        text += " Every cell was measured."
    elif imagery.window is not None:
        text += " In the enlarged detail each measured cell has a dot; cells without one are inferred."
    elif imagery.is_dotted:
        text += " Each measured cell has a dot; cells without one are inferred."
    return paragraph(text)


def _block_note(imagery: Imagery) -> str:
    value, error = imagery.value_block, imagery.error_block
    return (
        f"To keep this page small, one pixel stands for the mean of {value} × {value} cells in the maps and of "
        f"{error} × {error} in the standard errors; details are shown cell by cell."
    )


def _glance_table(report: ScanReport) -> str:
    maps = report.maps
    headers = ["Element", "Lowest", "Median", "Highest", "Error, measured cells", "Error, inferred cells"]
    rows = []
    for i, name in enumerate(maps.elements):
        values, errors = maps.maps[..., i], maps.standard_error[..., i]
        low, median, high = _quantiles(values, [0.0, 0.5, 1.0])
        row = [_title(name), *(on_scale(value, high - low) for value in (low, median, high))]
        row += [significant(_quantiles(errors[cells], [0.5])[0]) for cells in (maps.measured, ~maps.measured)]
        rows.append(row)
    caption = f"Elements at a glance, in {report.maps_unit}; errors are medians of the standard error"
    return table(caption, headers, rows, style="numbers")


def _left_out_table(maps: ElementMaps, left_out: LeftOut, unit: str) -> str:
    rows = [
        (_title(name), significant(float(rms)), percent(float(one)), percent(float(two)))
        for name, rms, one, two in zip(
            maps.elements, left_out.rms, left_out.within_one, left_out.within_two, strict=True
        )
    ]
    rows.append(("A normal distribution", "", "68.3 %", "95.4 %"))
    caption = (
        f"The method’s own check: {whole(left_out.exposures)} exposures predicted from the others. Miss, rms, in "
        f"{unit}, and how many lay within one standard error, by which the method sets its errors, and within two; the "
        "measurement’s own noise is in all of them"
    )
    return table(caption, ["Element", "Miss, rms", "Within one", "Within two"], rows, style="numbers")


def _quantiles(values: np.ndarray[tuple[int, ...], np.dtype[np.floating]], at: list[float]) -> list[float]:
    finite = values[np.isfinite(values)]
    return [float(value) for value in np.quantile(finite, at)] if finite.size else [float("nan")] * len(at)


def _contact_sheet(report: ScanReport, imagery: Imagery) -> str:
    frame = imagery.frame
    box = f"0 0 {frame.width_px:.2f} {frame.height_px:.2f}"
    scale = min(120 / frame.width_px, 130 / frame.height_px)
    size = f'width="{frame.width_px * scale:.0f}" height="{frame.height_px * scale:.0f}"'
    links = "".join(
        f'<a href="#element-{i}"><svg viewBox="{box}" {size} aria-hidden="true"><use href="#map-{i}"/></svg>'
        f"<span>{escaped(name)}</span></a>"
        for i, name in enumerate(report.maps.elements)
    )
    return f'<nav class="contact" aria-label="Element maps">{links}</nav>'


def _element(report: ScanReport, imagery: Imagery, i: int, drawn: ElementPicture) -> str:
    frame, name = imagery.frame, report.maps.elements[i]
    partly = report.measured_cells < report.cells
    layers = picture(drawn.value_uri, frame, f"map-{i}")
    layers += '<g class="veil">' + stretched("veil", frame) + "</g>" if partly else ""
    if partly and imagery.is_dotted:
        layers += f'<g class="marks">{_dots(frame)}</g>'
    elif partly:
        layers += '<g class="marks">' + stretched("visited", frame) + "</g>"
    outline = window_outline(imagery.window, frame) if imagery.window is not None else ""
    unit = report.maps_unit
    value = map_figure(frame, f"Map of {element_name(name)}", layers + outline, limits=drawn.value_limits, unit=unit)
    panels = figure(value, _beyond(drawn) or "Map") + _error_panel(report, imagery, i, drawn)
    if imagery.detail_frame is not None:
        inside = picture(drawn.detail_uri, imagery.detail_frame) + _dots(imagery.detail_frame)
        alt = f"Enlarged detail of {element_name(name)} with each measured cell dotted"
        panels += figure(map_figure(imagery.detail_frame, alt, inside), "Framed detail; dots: measured")
    return (
        f'<article id="element-{i}" aria-labelledby="element-{i}-name"><h3 id="element-{i}-name">'
        f'{escaped(element_name(name))} <span class="symbol">{escaped(name)}</span></h3>'
        f'<div class="figures">{panels}</div></article>'
    )


def _error_panel(report: ScanReport, imagery: Imagery, i: int, drawn: ElementPicture) -> str:
    if not np.isfinite(report.maps.standard_error[..., i]).any():
        return absent("No standard error was computed.")
    drawing = map_figure(
        imagery.frame,
        f"Standard error of {element_name(report.maps.elements[i])}",
        picture(drawn.error_uri, imagery.frame),
        limits=drawn.error_limits,
        colormap="grey",
        unit=report.maps_unit,
    )
    return figure(drawing, "Standard error")


def _beyond(drawn: ElementPicture) -> str:
    above, below = drawn.value_limits.cells_above, drawn.value_limits.cells_below
    parts = [f"{whole(above)} above" if above else "", f"{whole(below)} below" if below else ""]
    listed = " and ".join(part for part in parts if part)
    return f"Map; {listed} the colour scale" if listed else ""


def _dots(frame: Frame, anchor: str = "dots") -> str:
    return f'<use href="#{anchor}" transform="scale({frame.px_per_cell:.3f})"/>'


def _title(name: str) -> str:
    full = element_name(name)
    return full if full == name else f"{full} ({name})"


def _choice(group: str, options: list[tuple[str, str]]) -> str:
    """Radio buttons that the style sheet acts on; the first is chosen."""
    return "".join(
        f'<input type="radio" name="{group}" id="{group}-{value}"{"" if i else " checked"}>'
        f'<label for="{group}-{value}">{escaped(text)}</label>'
        for i, (value, text) in enumerate(options)
    )
