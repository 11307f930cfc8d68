"""The one page about an archive that was reprocessed: each scan, what changed, what failed."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from urllib.parse import quote

from edge.record.durable import write_durably
from edge.report.markup import data_uri, facts, paragraph, section
from edge.report.wording import duration, escaped, moment, whole
from edge.reprocess.drive import Failure, Outcome
from edge.reprocess.job import Job
from edge.reprocess.result import THUMBNAIL, Result

SUMMARY = "summary.html"
_STYLE = """
td img { display: block; max-width: 150px; image-rendering: pixelated; }
td { vertical-align: top; }
.failed { color: #8a1c1c; }
"""


def write_summary(
    folder: Path, job: Job, names: tuple[str, ...], outcomes: Mapping[str, Outcome], began: datetime
) -> None:
    """Write the page of a run that is under way or over; whoever opens it finds a whole one."""
    write_durably(folder / SUMMARY, page(folder, job, names, outcomes, began, datetime.now(UTC)).encode("utf-8"))


def page(
    folder: Path, job: Job, names: tuple[str, ...], outcomes: Mapping[str, Outcome], began: datetime, now: datetime
) -> str:
    """The page, one file that asks for nothing outside itself; links lead to the reports beside it."""
    style = resources.files("edge.report").joinpath("page.css").read_text(encoding="utf-8") + _STYLE
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    failed = [name for name in names if isinstance(outcomes.get(name), Failure)]
    done = [name for name in names if isinstance(outcomes.get(name), Result)]
    title = f"Archive {job.archive.name} reprocessed"
    rows = "\n".join(_row(folder, name, outcomes.get(name)) for name in names)
    heads = "".join(f'<th scope="col">{text}</th>' for text in ("Scan", "Map", "Status", "Elements", "What changed"))
    changes = "as recorded" if job.settings.changes in ("{}", _NOTHING) else job.settings.changes
    return "".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f"<title>{escaped(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n",
            f"<header><h1>{escaped(title)}</h1>{paragraph(_sentence(names, done, failed), 'lead')}",
            facts(
                [
                    ("Archive", str(job.archive)),
                    ("Begun", moment(began)),
                    ("Time so far", duration((now - began).total_seconds())),
                    ("Settings", changes),
                    ("Software, SHA-256", job.software),
                ]
            ),
            "</header>\n",
            section(
                "scans",
                "Scans",
                f'<div class="table"><table><caption>In the order of their folders</caption><thead><tr>{heads}</tr>'
                f"</thead>\n<tbody>{rows}</tbody></table></div>",
            ),
            "</main>\n</body>\n</html>\n",
        ]
    )


_NOTHING = '{"instrument": {"detector": {}, "tube": {}}}'


def _sentence(names: tuple[str, ...], done: list[str], failed: list[str]) -> str:
    left = len(names) - len(done) - len(failed)
    parts = [f"{whole(len(done))} of {whole(len(names))} scans reprocessed"]
    parts += [f"{whole(len(failed))} failed"] if failed else []
    parts += [f"{whole(left)} not yet"] if left else []
    return ", ".join(parts) + "."


def _row(folder: Path, name: str, outcome: Outcome | None) -> str:
    match outcome:
        case None:
            return f'<tr><th scope="row">{escaped(name)}</th><td></td><td>Not yet</td><td></td><td></td></tr>'
        case Failure():
            earlier = (
                paragraph("Maps in its folder are an earlier run's.", "note")
                if (folder / name / "maps.h5").is_file()
                else ""
            )
            cells = (
                f'<td></td><td class="failed">Failed</td><td></td>'
                f'<td class="failed">{escaped(outcome.sentence)}{earlier}</td>'
            )
            return f'<tr><th scope="row">{escaped(name)}</th>{cells}</tr>'
    report = folder / name / "report.html"
    shown = escaped(name)
    if report.is_file():
        shown = f'<a href="{quote(f"{name}/report.html")}">{shown}</a>'
    size = (
        f"{whole(outcome.exposures)} exposures, {whole(outcome.rows)} x {whole(outcome.columns)} cells, "
        f"{outcome.method}" + (f", in {outcome.pieces} pieces" if outcome.pieces > 1 else "")
    )
    said = "".join(paragraph(line, "note") for line in outcome.lines[1:])
    return (
        f'<tr><th scope="row">{shown}</th><td>{_picture(folder / name / THUMBNAIL)}</td>'
        f"<td>Done{paragraph(size, 'note')}</td><td>{escaped(', '.join(outcome.elements))}</td>"
        f"<td>{escaped(outcome.comparison.words)}{said}</td></tr>"
    )


def _picture(path: Path) -> str:
    try:
        return f'<img alt="The strongest map" src="{data_uri(path.read_bytes())}">'
    except OSError:
        return ""
