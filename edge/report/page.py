"""The whole page, and writing it so that a reader never sees half of one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from edge.faults import UsageError
from edge.report.accounts import course_section, provenance_section, registration_section, spectrum_section
from edge.report.contents import ScanReport
from edge.report.document import document
from edge.report.dose import dose_section
from edge.report.effort import time_section
from edge.report.held_out import ANCHOR, TITLE, held_out_section
from edge.report.imagery import make_imagery
from edge.report.narrative import head
from edge.report.pictures import elements_section, sampling_section
from edge.report.unexplained import unexplained_section

_CONTENTS = (
    ("sampling", "Visited cells"),
    ("elements", "Element maps"),
    ("unexplained", "What the photograph does not show"),
    (ANCHOR, TITLE),
    ("spectrum", "Spectrum"),
    ("time", "Time"),
    ("dose", "Counts and dose"),
    ("registration", "Registration"),
    ("course", "Conditions and course"),
    ("provenance", "Provenance"),
)

_FOOT = 80
"""Letters of an identifier that fit beside a sheet's number."""


def render(report: ScanReport) -> str:
    """The report as one HTML page that asks for nothing outside itself and runs no script.

    For a grid of 680 x 580 cells and 20 elements the page stays under 8 MB: pictures have a budget, and maps that
    would break it are shown in blocks of cells, which the page then says.
    """
    imagery = make_imagery(report)
    title = report.subject.title or report.subject.identifier or "Untitled object"
    links = "".join(f'<li><a href="#{anchor}">{name}</a></li>' for anchor, name in _CONTENTS)
    return document(
        f"{title} · X-ray fluorescence scan report",
        [
            head(report),
            f'<nav class="contents" aria-label="Contents"><ol>{links}</ol></nav>\n',
            sampling_section(report, imagery),
            elements_section(report, imagery),
            unexplained_section(report, imagery),
            held_out_section(report),
            spectrum_section(report),
            time_section(report),
            dose_section(report),
            registration_section(report),
            course_section(report),
            provenance_section(report),
        ],
        before=imagery.definitions,
        foot=_foot(report),
    )


def _foot(report: ScanReport) -> str:
    """What tells a sheet's object and day, once it lies in a file by itself."""
    subject = report.subject
    name = subject.identifier or subject.title or "Untitled object"
    return f"{name[:_FOOT]} · scanned {report.started_at:%Y-%m-%d} · Pointillist"


def write_report(path: Path, report: ScanReport) -> None:
    """Write the page: either the whole of it stands at `path` afterwards, or what stood there before.

    Raises
    ------
    UsageError
        The folder is missing, full or may not be written.
    """
    page = render(report).encode("utf-8")
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as stream:
            temporary = Path(stream.name)
            stream.write(page)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        reason = error.strerror or str(error)
        raise UsageError(f"{path}: the report cannot be written ({reason}): give a folder with room for it") from error
