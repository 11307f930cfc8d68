"""The index of pages: which there are, and the command that makes each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tools.reproduce.faults import ReproductionError

INDEX = "README.md"
BEGIN, END = "<!-- pages -->", "<!-- end of pages -->"


def update_index(folder: Path, names: Sequence[str]) -> None:
    """Bring the list of pages in a folder's README up to date; a folder without one is left alone.

    Raises
    ------
    ReproductionError
        The README or a page cannot be read, or the README cannot be written.
    """
    path = folder / INDEX
    if not path.is_file():
        return
    text = _text(path)
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ReproductionError(f"{path}: has no lines {BEGIN} and {END}: put them where the list of pages belongs")
    pages = listed(folder, names)
    try:
        path.write_text(f"{before}{begin}\n\n{pages}\n\n{end}{after}", encoding="utf-8")
    except OSError as error:
        raise ReproductionError(f"{path}: cannot be written ({error.strerror}): give another --out") from None


def listed(folder: Path, names: Sequence[str]) -> str:
    """The list of pages that a folder holds, of those that there can be."""
    found = [f"- [{_title(page)}]({name}.md), and as [CSV]({name}.csv)" for name, page in _pages(folder, names)]
    return "\n".join(found) or "None has been made yet."


def _pages(folder: Path, names: Sequence[str]) -> list[tuple[str, Path]]:
    pages = [(name, folder / f"{name}.md") for name in names]
    return [(name, page) for name, page in pages if page.is_file()]


def _title(page: Path) -> str:
    return _text(page).partition("\n")[0].removeprefix("# ").strip()


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise ReproductionError(f"{path}: is not UTF-8: save it as that, or give another --out") from None
    except OSError as error:
        raise ReproductionError(f"{path}: cannot be read ({error.strerror}): give another --out") from None
