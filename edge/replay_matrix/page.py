"""The comparison as one HTML page: the answer, pictures, curves, and every trial."""

from __future__ import annotations

from collections.abc import Callable

from edge.adaptive.batches import ADAPTIVE
from edge.replay_matrix.answer import curve
from edge.replay_matrix.design import GRID, LEARNER, OURS, PLAIN, Design, Trial
from edge.replay_matrix.result_cache import ScoreRow
from edge.replay_matrix.trials import Outcome
from edge.report.curves import Curve, Stroke, drawn
from edge.report.document import document
from edge.report.markup import facts, figure, paragraph, section, table
from edge.report.wording import escaped, percent

_CURVES: tuple[tuple[str, str, Stroke], ...] = (
    (ADAPTIVE, OURS, "solid"),
    (ADAPTIVE, PLAIN, "dashed"),
    ("netm", OURS, "solid"),
    ("blue-noise", OURS, "solid"),
    (GRID, OURS, "solid"),
    (GRID, PLAIN, "dashed"),
    (LEARNER, OURS, "solid"),
    (LEARNER, PLAIN, "dashed"),
)
_ABOUT = (
    "Each map is divided by the source's 99.9th percentile, so that errors are shares of the (robust) maximum: RMSE is "
    "their root mean square over elements, dB the mean over elements of 20 log10(1 / RMSE). adaptive listens to what "
    "it measures; adaptive.Learner2D does so too, and is told the source's percentiles, which a scan would have to "
    "guess. All other masks are known before the beam is on."
)


def page(
    title: str,
    said: list[str],
    known: list[tuple[str, str]],
    shown: tuple[str, str],
    design: Design,
    outcome: Outcome,
) -> str:
    """HTML that asks for nothing outside itself.

    Parameters
    ----------
    title
        Name of the source.
    said
        The answer, a paragraph each.
    known
        What was compared, and under which assumptions.
    shown
        Heading and markup of the pictures.
    """
    body = [
        f'<p class="kicker">Replay report</p>\n<h1>{escaped(title)}: what a sparse scan would have shown</h1>\n',
        paragraph(said[0], "lead"),
        *(paragraph(one) for one in said[1:]),
        facts(known),
        section("pictures", *shown),
        section("curves", "Error against the number of cells", *_drawn(design, outcome)),
        section("trials", "Every trial", paragraph(_ABOUT, "note"), *_tables(design, outcome)),
        *_lacking(design, outcome),
    ]
    return document(f"{title} · replay report", body)


def _drawn(design: Design, outcome: Outcome) -> list[str]:
    measures: tuple[tuple[str, Callable[[ScoreRow], float], str], ...] = (
        ("dB", lambda row: row.db, "Mean PSNR of the elements; higher is better."),
        ("normalised RMSE", lambda row: row.rmse, "Root mean square error, as a share of each range; lower is better."),
    )
    parts = []
    for name, of, caption in measures:
        curves = []
        for mask, method, stroke in _CURVES:
            points = [(100 * rate, of(row)) for rate, row in curve(design, outcome, mask, method)]
            if points:
                curves.append(Curve(f"{mask}, {method}", points, stroke))
        if curves:
            alt = f"{name} against the share of cells measured, for each mask and reconstruction"
            parts.append(figure(drawn(curves, across="cells measured, %", up=name, alt=alt), caption))
    return parts or [paragraph("There was no time for any.", "absent")]


def _tables(design: Design, outcome: Outcome) -> list[str]:
    """A table for each rate: masks by reconstructions."""
    parts = []
    for rate in design.rates:
        rows = []
        for mask in design.masks:
            cells = [outcome.scores.get(Trial(mask, rate, method)) for method in design.methods]
            if any(cells):
                rows.append([mask, *("–" if row is None else f"{row.db:.2f} ({row.rmse:.4f})" for row in cells)])
        if rows:
            caption = f"{percent(rate)} of the cells: dB, and RMSE in brackets"
            parts.append(table(caption, ["mask", *design.methods], rows, style="numbers"))
    return parts


def _lacking(design: Design, outcome: Outcome) -> list[str]:
    said = [*design.remarks, *(f"{what}: {why}." for what, why in outcome.refusals.items())]
    if outcome.left_out:
        said.append(
            f"There was no time for {len(outcome.left_out)} of {len(design.trials)} trials: give the same command "
            "again, which goes on from here, or more time as --within."
        )
    return [section("lacking", "What is not here", *(paragraph(one, "note") for one in said))] if said else []
