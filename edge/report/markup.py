"""The few pieces of HTML that the page is made of; every text given to them is escaped here."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence

from edge.report.wording import escaped, whole

_FIRST_ROWS, _LAST_ROWS = 40, 10


def data_uri(png: bytes) -> str:
    """A PNG file as an address that carries its own content."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def section(anchor: str, title: str, *content: str) -> str:
    """A numbered part of the page; `content` is markup."""
    return (
        f'<section id="{anchor}" aria-labelledby="{anchor}-title">\n<h2 id="{anchor}-title">{escaped(title)}</h2>\n'
        + ("\n".join(content) + "\n</section>\n")
    )


def paragraph(text: str, style: str = "") -> str:
    """Plain text as a paragraph."""
    return f'<p class="{style}">{escaped(text)}</p>' if style else f"<p>{escaped(text)}</p>"


def absent(what: str) -> str:
    """The plain statement that something is not in this report."""
    return paragraph(what, "absent")


def table(caption: str, headers: Sequence[str], rows: Iterable[Sequence[str]], *, style: str = "") -> str:
    """A table whose first column names the rows."""
    head = "".join(f'<th scope="col">{escaped(text)}</th>' for text in headers)
    body = "\n".join(
        f'<tr><th scope="row">{escaped(row[0])}</th>'
        + "".join(f"<td>{escaped(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="table {style}"><table><caption>{escaped(caption)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def long_table(caption: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table that shows the first and last rows of many, and says so."""
    if len(rows) > _FIRST_ROWS + _LAST_ROWS:
        caption += f": the first {_FIRST_ROWS} and the last {_LAST_ROWS} of {whole(len(rows))}; the journal holds all"
        rows = [*rows[:_FIRST_ROWS], ["…"] * len(headers), *rows[-_LAST_ROWS:]]
    return table(caption, headers, rows)


def facts(rows: Iterable[tuple[str, str]], style: str = "facts") -> str:
    """Names and values, as a definition list."""
    body = "".join(f"<div><dt>{escaped(name)}</dt><dd>{escaped(value)}</dd></div>" for name, value in rows)
    return f'<dl class="{style}">{body}</dl>'


def figure(drawing: str, caption: str, style: str = "") -> str:
    """A drawing (markup) with its caption (text)."""
    return f'<figure class="{style}">{drawing}<figcaption>{escaped(caption)}</figcaption></figure>'


def svg(width_px: float, height_px: float, alt: str, *content: str, style: str = "") -> str:
    """A drawing with the words that stand for it; `content` is markup."""
    return (
        f'<svg class="{style}" role="img" aria-label="{escaped(alt)}" width="{width_px:g}" height="{height_px:g}" '
        f'viewBox="0 0 {width_px:g} {height_px:g}">' + "".join(content) + "</svg>"
    )


def label(x: float, y: float, text: str, *, anchor: str = "start", style: str = "") -> str:
    """Text in a drawing; `anchor` is start, middle or end."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{style}">{escaped(text)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{style}"/>'


def rectangle(x: float, y: float, width: float, height: float, style: str) -> str:
    return f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" class="{style}"/>'
