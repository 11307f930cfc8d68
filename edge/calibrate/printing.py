"""Boards and fiducials as a PDF file."""

from __future__ import annotations

from pathlib import Path

from calibration.boards import UnknownBoard
from calibration.pdf import pdf_document
from calibration.sheets import DoesNotFit, parse_sheet, sheet
from edge.faults import UsageError


def print_sheet(what: str, *, paper: str, out: Path) -> str:
    """Write a sheet at true scale; gives the sentence for the operator.

    Raises
    ------
    UsageError
        The description is not understood, the paper is too small, or the file exists or cannot be written.
    """
    try:
        pages = sheet(parse_sheet(what), paper=paper)
    except (UnknownBoard, DoesNotFit) as error:
        raise UsageError(str(error)) from None
    try:
        with out.open("xb") as file:
            file.write(pdf_document(pages, title=what))
    except FileExistsError:
        raise UsageError(f"{out}: exists already: give another name with --out, or delete it") from None
    except OSError as error:
        raise UsageError(f"{out}: cannot be written ({error.strerror}): give a file in a folder of your own") from None
    of_pages = "1 page" if len(pages) == 1 else f"{len(pages)} pages"
    return f"{out}: {of_pages} of {paper}; print at 100 %, then measure the rulers on it"
