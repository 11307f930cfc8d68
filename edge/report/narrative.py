"""The head of the page: what was scanned, and in plain words what was measured and what was inferred."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edge.report.contents import Conditions, ScanReport
from edge.report.markup import facts, paragraph
from edge.report.wording import clock, duration, escaped, moment, percent, rounded_count, significant, whole

_OUTCOMES = {
    "finished": "Finished",
    "aborted": "Aborted before its end",
    "interrupted": "Interrupted, can be resumed",
    "replay": "Replay of a recording",
    "joined": "Joined from several placements",
}

_METHODS = {
    "kriging": (
        "each is a weighted mean of the visited cells around it; the weights come from how alike the measured cells "
        "themselves are at each distance{colour}"
    ),
    "biharmonic": "each is read off the thin plate that bends least when it is laid through the visited cells",
    "harmonic": "each takes the mean of its neighbours, so that the map runs smoothly between the visited cells",
    "mumford-shah": (
        "each takes the mean of its neighbours, but for those beyond an edge that the visited cells themselves suggest"
    ),
    "bpfa": "each is read off patches put together from a few patterns, which are learnt from the visited cells",
    "fusion": (
        "each is a mixture of patterns learnt from the visited cells and the photograph, as smooth as that allows"
    ),
    "ssr": (
        "each is a mixture of patterns learnt from what was measured and the photograph, one part of it following the "
        "photograph and the other smooth"
    ),
    "ssr-baseline-1": "each is a mixture of patterns learnt from what was measured, as smooth as that allows",
    "ssr-baseline-2": "each is a mixture of patterns learnt from what was measured, chosen by the photograph's colours",
    "csusr": (
        "each is a mixture of patterns learnt from what was measured, chosen by the photograph as if its colours were "
        "sums of the elements"
    ),
    "ssrcu": (
        "each is a mixture of patterns that maps and photograph share, and of smooth ones that the maps have for "
        "themselves"
    ),
    "linear": "each is read off the plane through the three visited cells around it",
    "nearest": "each takes the value of the nearest visited cell",
    "photon-starved": (
        "each is estimated from the visited cells and all elements together{colour}, as is that of each visited cell"
    ),
    "unfold": (
        "each is what a network that learned from this very scan makes of the measurements around and the photograph’s "
        "colours, in agreement with every exposure"
    ),
}


def head(report: ScanReport) -> str:
    """Title, who and when, the paragraph in plain words, and the figures that matter most."""
    subject = report.subject
    title = subject.title or subject.identifier or "Untitled object"
    kind = "Replay report" if report.outcome == "replay" else "Scan report"
    rows = [
        ("Object", subject.identifier or "not stated"),
        ("Operator", subject.operator or "not stated"),
        ("Started", moment(report.started_at)),
        ("Ended", moment(report.finished_at)),
        ("Outcome", _OUTCOMES[report.outcome]),
    ]
    if report.conditions is not None:
        rows.append(("Excitation", excitation(report.conditions)))
    if report.judgement is not None and report.judgement.concluded:
        rows.append(("Stopped because", report.judgement.concluded))
    return (
        f'<header>\n<p class="kicker">Macro X-ray fluorescence · {kind}</p>\n<h1>{escaped(title)}</h1>\n'
        + facts(rows, "who")
        + "\n"
        + paragraph(" ".join([*_what_happened(report), *_what_was_inferred(report)]), "lead")
        + paragraph(" ".join([*_what_the_error_means(report), *_what_was_followed(report)]), "lead second")
        + facts(_key_figures(report), "key")
        + "\n</header>\n"
    )


def excitation(conditions: Conditions) -> str:
    """Anode, voltage, current and filter, as far as they are stated."""
    parts = [
        f"{conditions.anode} anode" if conditions.anode else "",
        f"{significant(conditions.tube_kv)} kV" if conditions.tube_kv is not None else "",
        f"{significant(conditions.tube_ua)} µA" if conditions.tube_ua is not None else "",
        f"filter {conditions.filter}" if conditions.filter else "",
    ]
    return ", ".join(part for part in parts if part) or "not stated"


def _what_happened(report: ScanReport) -> list[str]:
    grid, effort = report.grid, report.effort
    area = f"{significant(grid.width_mm)} × {significant(grid.height_mm)} mm"
    cells = f"{whole(grid.rows * grid.columns)} square cells of {significant(grid.pitch_mm)} mm"
    limits = _what_was_left_out(report)
    made = whole(effort.exposures_measured)
    match report.outcome:
        case "replay":
            return [f"This is a replay: {made} exposures were taken from a recording of {area}, divided into {cells}."]
        case "joined":
            return [
                f"This map joins {whole(len(report.placements))} placements of the scanner, {made} exposures in all, "
                f"to one of {area}, divided into {cells}."
            ]
        case "finished":
            ending = f"All {made} planned exposures were made."
            if effort.exposures_measured != effort.exposures_planned:
                ending = f"{made} exposures were made; {whole(effort.exposures_planned)} had been planned."
        case "aborted":
            ending = f"The scan was aborted after {made} of {whole(effort.exposures_planned)} planned exposures."
        case "interrupted":
            ending = f"The scan was interrupted after {made} of {whole(effort.exposures_planned)} planned exposures."
    same_day = report.started_at.date() == report.finished_at.date()
    until = f"{clock(report.finished_at)} UTC" if same_day else moment(report.finished_at)
    return [
        f"From {moment(report.started_at)} to {until} an area of {area} was scanned, divided into {cells}.",
        *limits,
        ending,
    ]


def _what_was_left_out(report: ScanReport) -> list[str]:
    """Cells that were not to be scanned; nothing where all were."""
    if report.outline is None or report.maps.scanned is None:
        return []
    names = [f"“{name}”" for name, _ in report.outline.keep_outs]
    places = ["beyond the outline of the area"] if report.outline.polygon is not None else []
    places += [f"in what the beam was kept out of ({', '.join(names)})"] if names else []
    return [
        f"{whole(report.cells)} of these were to be scanned; the others lie {' or '.join(places)}, and no value is "
        "shown there."
    ]


def _what_was_inferred(report: ScanReport) -> list[str]:
    visited, averaged = report.measured_cells, report.maps.averaged
    if averaged is not None:
        return _what_means_tell(report, int(averaged.sum()))
    if visited == 0:
        return ["No cell was measured: the maps below rest on nothing and must not be read."]
    if visited == report.cells and report.maps.method == "photon-starved":
        return ["Every cell was visited; each value is what its photons and those around it make likely together."]
    if visited == report.cells:
        return ["Every cell was visited, so every value in the maps was measured where it is shown."]
    spacing = significant(report.grid.pitch_mm / math.sqrt(report.measured_fraction), 2)
    method = report.maps.method
    known = next((text for name, text in _METHODS.items() if name in method.lower()), "")
    colour = " and, where that helped, from the colours of the photograph" if report.rgb is not None else ""
    how = f": {known.format(colour=colour)}" if known else ""
    return [
        f"{whole(visited)} cells were visited, {percent(report.measured_fraction)} of the area, on average one "
        f"every {spacing} mm.",
        f"The values of the other {percent(1 - report.measured_fraction)} were not measured; they are inferred from "
        f"the measured ones by the method “{method}”{how}.",
        "A detail that lies wholly between visited cells can be missing from the maps.",
    ]


def _what_means_tell(report: ScanReport, averaged: int) -> list[str]:
    """Of a scan in strokes that are longer than a cell."""
    alone = report.measured_cells
    by_themselves = f"{whole(alone)} other cells were" if alone else "No cell was"
    return [
        f"The beam went along {whole(averaged)} cells, {percent(averaged / report.cells)} of the area, in strokes over "
        f"several, and what was measured is the mean along each stroke. {by_themselves} measured alone.",
        f"All {'other ' if alone else ''}values are inferred from that, by the method “{report.maps.method}”.",
        "A detail that lies wholly between strokes, or is lost in the mean along one, can be missing from the maps.",
    ]


def _what_was_followed(report: ScanReport) -> list[str]:
    """That the maps were divided by the tube's output, and what that leaves open; nothing where they were not."""
    output = report.following.standard.output if report.following is not None else None
    if output is None:
        return []
    last, error = 100 * float(output.factors[-1]), 100 * float(output.relative_errors[1:].max())
    return [
        f"The tube’s output at the end was {last:.1f} % of that at the first visit to the standard; the maps were "
        f"divided by its course, whose own error of {significant(error, 2)} % is common to all maps and not in their "
        "standard errors."
    ]


def _what_the_error_means(report: ScanReport) -> list[str]:
    if not np.isfinite(report.maps.standard_error).any():
        return ["No standard error was computed: how far the inferred values may be trusted is not known."]
    sentences = [
        "Beside each map stands its standard error, in the same unit: averaged over the area, the value that a "
        "measurement without noise would have found lies within one standard error of the value shown in about two "
        "cells of three. Misses of several standard errors are more frequent than with a normal distribution, most of "
        "all where a place differs from its surroundings."
    ]
    left_out = report.maps.left_out
    if left_out is None:
        judged = report.judgement is not None and report.judgement.figure is not None
        sentences.append(
            "Exposures that were held out of the maps tell how far these are off: see below."
            if judged
            else "No exposures were held back to check these errors."
        )
    elif left_out.exposures:
        sentences.append(
            f"As a check, {whole(left_out.exposures)} exposures were predicted from the others: by element, "
            f"{_share_between(left_out.within_one)} of them lay within one standard error, by which the method sets "
            f"its errors, and {_share_between(left_out.within_two)} within two, where a normal distribution has 95 %; "
            "the element maps begin with the whole list."
        )
    return sentences


def _share_between(shares: NDArray[np.floating]) -> str:
    known = shares[np.isfinite(shares)]
    if known.size == 0:
        return "an unknown share"
    low, high = (f"{100 * float(share):.0f}" for share in (known.min(), known.max()))
    return f"{low}\N{NO-BREAK SPACE}%" if low == high else f"{low} to {high}\N{NO-BREAK SPACE}%"


def _key_figures(report: ScanReport) -> list[tuple[str, str]]:
    effort = report.effort
    rows = [
        ("of the cells visited", percent(float(report.maps.reached.sum()) / report.cells)),
        ("exposures", whole(effort.exposures_measured)),
        ("element maps" if len(report.maps.elements) != 1 else "element map", whole(len(report.maps.elements))),
    ]
    if effort.running_s is not None:
        rows.append(("exposures and moves, controller’s clock", duration(effort.running_s)))
    if report.outcome == "finished" and effort.running_s and effort.full_raster_s:
        rows.append(("the pace of a full raster", f"{significant(effort.full_raster_s / effort.running_s, 2)} ×"))
    if report.counts is not None:
        rows.append(("counts", rounded_count(report.counts.total)))
    if report.registration is not None:
        rows.append(("registration, rms", f"{significant(report.registration.rms_mm, 2)} mm"))
    return rows
