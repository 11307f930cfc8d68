"""The section of what the photograph does not show: each map's visible and hidden part side by side."""

from __future__ import annotations

from edge.report.contents import ScanReport
from edge.report.imagery import Imagery
from edge.report.mapfigure import map_figure, picture
from edge.report.markup import absent, figure, paragraph, section
from edge.report.split import SplitMap
from edge.report.wording import element_name, escaped, percent

_TITLE = "What the photograph does not show"
_MEANING = (
    "Here each map is split in two: its visible part is what the photograph’s colours explain, its hidden part the map "
    "less that. A shape in the hidden part can be paint below the surface; it can as well be thicker or thinner paint, "
    "or another pigment of the same colour. It is a place to look at, not a finding."
)
_CHOICE = (
    "Shown are the elements whose hidden part exceeds two standard errors of the map in more cells than errors would: "
    "in more than a tenth, and in more than twice the share of misses beyond two that the method’s own check found, "
    "where there was one. The visible part has errors of its own, which are not counted here: what it misses of the "
    "paint that one sees is in the hidden part, too, the more plainly the more was measured."
)
_SCALES = (
    "The visible part has the colour scale of its element map. In the hidden part white is what the colours let "
    "expect, orange more and blue less."
)
_NONE = (
    "Of no element is the hidden part more than errors would leave: at most a tenth of the cells, or twice the share "
    "of misses that the method’s own check found there, lie beyond two standard errors of the map."
)


def unexplained_section(report: ScanReport, imagery: Imagery) -> str:
    """Both parts of every map whose hidden part is more than its errors, or why there are none."""
    why_not = _why_not(report)
    if why_not:
        return section("unexplained", _TITLE, absent(why_not))
    split = imagery.split
    parts = [paragraph(_MEANING)]
    if split.maps:
        parts += [paragraph(_CHOICE), paragraph(_SCALES, "note")]
    elif not split.unexplained:
        parts.append(absent(_NONE))
    if split.unexplained:
        names = ", ".join(report.maps.elements[i] for i in split.unexplained)
        parts.append(
            paragraph(
                f"Nothing is taken as visible of {names}: the photograph’s colours predict what was measured no better "
                "than the measurements around do. The whole map, shown above, is then the hidden part; what it shows "
                "may lie below the surface, or merely change too gradually to tell.",
            )
        )
    if split.maps and split.block > 1:
        parts.append(paragraph(f"One pixel stands for the mean of {split.block} × {split.block} cells.", "note"))
    articles = "\n".join(_element(report, imagery, one) for one in split.maps)
    return section("unexplained", _TITLE, *parts, f'<div class="elements">{articles}</div>' if articles else "")


def _why_not(report: ScanReport) -> str:
    """Why the maps are not split; empty when they are."""
    if not report.maps.elements:
        return "No element was mapped."
    if report.rgb is None:
        return "To tell what of a map is visible takes a photograph, and none is part of this report."
    if report.maps.visible is None:
        return (
            "The maps were not split into what the photograph explains and what it does not: that takes the methods "
            "kriging or fusion, a photograph of more than one colour, and, for kriging, 64 measured cells."
        )
    return ""


def _element(report: ScanReport, imagery: Imagery, one: SplitMap) -> str:
    frame, symbol = imagery.frame, report.maps.elements[one.element]
    name = element_name(symbol)
    seen = map_figure(
        frame,
        f"Visible part of the map of {name}",
        picture(one.visible_uri, frame),
        limits=one.visible_limits,
        unit=report.maps_unit,
    )
    hidden = map_figure(
        frame,
        f"Hidden part of the map of {name}",
        picture(one.hidden_uri, frame),
        limits=one.hidden_limits,
        colormap="diverging",
        unit=report.maps_unit,
    )
    caption = f"Hidden part; beyond two standard errors in {percent(one.beyond)} of the cells"
    anchor = f"unexplained-{one.element}"
    return (
        f'<article id="{anchor}" aria-labelledby="{anchor}-name"><h3 id="{anchor}-name">'
        f'{escaped(name)} <span class="symbol">{escaped(symbol)}</span></h3>'
        f'<div class="figures">{figure(seen, "Visible part")}{figure(hidden, caption)}</div></article>'
    )
