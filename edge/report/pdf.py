"""The report on paper: a PDF of its page, printed by the browser that the system has.

The page was laid out for browsers, its pictures are drawings in it: no library lays them out alike (ADR 28).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from edge.faults import UsageError

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_LONGEST_S = 180.0
"""For a page of 8 MB on a slow board."""
_OTHERWISE = "or open {page} in any browser and print it"


def print_page(page: Path, pdf: Path, *, browser: str | None = None) -> None:
    """Print a page to a PDF of A4 sheets: the whole of it stands at `pdf` afterwards, or what stood there before.

    Parameters
    ----------
    browser
        Chromium or Chrome; None: the first one of the system's.

    Raises
    ------
    UsageError
        There is no such browser, it fails, or the folder may not be written.
    """
    otherwise = _OTHERWISE.format(page=page)
    program = browser or next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        raise UsageError(
            "a PDF is printed by Chromium, and this system has none: install it "
            f"(sudo apt-get install chromium), {otherwise}"
        )
    try:
        with tempfile.TemporaryDirectory(prefix="pointillist-print-") as folder:
            printed = Path(folder) / "printed.pdf"
            _print(program, page, printed, profile=Path(folder) / "profile", otherwise=otherwise)
            _put(printed, pdf)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"{pdf}: cannot be written ({reason}): give a folder with room for it, {otherwise}") from error


def _print(program: str, page: Path, printed: Path, *, profile: Path, otherwise: str) -> None:
    command = [
        program,
        "--headless",
        "--disable-gpu",
        "--disable-extensions",
        "--disable-background-networking",
        "--no-first-run",
        "--no-pdf-header-footer",
        f"--user-data-dir={profile}",
        f"--print-to-pdf={printed}",
        # the browser refuses to run as root within its sandbox; the page has no script and asks for nothing
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
        page.resolve().as_uri(),
    ]
    try:
        ended = subprocess.run(command, capture_output=True, timeout=_LONGEST_S, check=False)
    except subprocess.TimeoutExpired:
        raise UsageError(
            f"{program} has not printed {page} within {_LONGEST_S:.0f} s: try again, {otherwise}"
        ) from None
    except OSError as error:
        raise UsageError(
            f"{program} cannot be run ({error.strerror or error}): install Chromium, {otherwise}"
        ) from error
    if ended.returncode != 0 or not printed.is_file() or not printed.read_bytes()[:5] == b"%PDF-":
        raise UsageError(
            f"{program} has not printed {page} (it ended with {ended.returncode}): try it by hand, {otherwise}"
        )


def _put(printed: Path, pdf: Path) -> None:
    """Beside its place first: a PDF is never half there."""
    unfinished = pdf.with_name(f".{pdf.name}.part")
    try:
        with unfinished.open("wb") as stream:
            stream.write(printed.read_bytes())
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(pdf)
    finally:
        unfinished.unlink(missing_ok=True)
