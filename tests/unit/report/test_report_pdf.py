"""The report on paper: whole or not there, each sheet tells whose it is, and why when it cannot be printed."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.faults import UsageError
from edge.report.contents import ScannedObject, ScanReport
from edge.report.page import render, write_report
from edge.report.pdf import print_page

MakeReport = Callable[..., ScanReport]

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


def a_browser(folder: Path, does: str) -> str:
    """A program in a browser's place; its argument that names the PDF is in $pdf."""
    script = folder / "browser"
    script.write_text(
        '#!/bin/sh\nfor word; do case "$word" in --print-to-pdf=*) pdf="${word#*=}";; esac; done\n' + does + "\n"
    )
    script.chmod(0o755)
    return str(script)


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")
def test_every_sheet_says_whose_it_is_and_its_number(make_report: MakeReport, tmp_path: Path) -> None:
    from pypdf import PdfReader

    report = dataclasses.replace(make_report(), subject=ScannedObject("A <lady>", 'Inv. "12"; } \\ \n<b>é', "somebody"))
    write_report(tmp_path / "report.html", report)
    print_page(tmp_path / "report.html", tmp_path / "report.pdf")
    sheets = PdfReader(tmp_path / "report.pdf").pages
    assert len(sheets) > 2
    assert float(sheets[0].mediabox.width) == pytest.approx(210 / 25.4 * 72, abs=1.5)
    for number, sheet in enumerate(sheets, start=1):
        words = " ".join(sheet.extract_text().split())
        assert 'Inv. "12"; } \\ <b>é · scanned' in words
        assert f"{number} of {len(sheets)}" in words
    assert "A <lady>" in sheets[0].extract_text()


def test_what_an_identifier_holds_cannot_leave_its_place_in_the_style(make_report: MakeReport) -> None:
    report = dataclasses.replace(make_report(), subject=ScannedObject("", '</style><script>"}', ""))
    style = render(report).split("<style>")[1].split("</style>")[0]
    assert style.rstrip().endswith("; } }")
    assert "script" in style.rsplit("content:", 1)[1]
    assert "<" not in style.rsplit("content:", 1)[1]


@pytest.mark.parametrize(
    ("does", "says"),
    [
        ("exit 3", r"has not printed .*report\.html \(it ended with 3\)"),
        ("exit 0", "has not printed"),
        ('echo nonsense > "$pdf"', "has not printed"),
    ],
)
def test_a_browser_that_fails_is_said_and_the_earlier_pdf_stays(does: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(b"%PDF-earlier")
    with pytest.raises(UsageError, match=f"(?s){says}.*in any browser and print it"):
        print_page(tmp_path / "report.html", tmp_path / "report.pdf", browser=a_browser(tmp_path, does))
    assert (tmp_path / "report.pdf").read_bytes() == b"%PDF-earlier"


def test_without_a_browser_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="apt-get install chromium"):
        print_page(tmp_path / "report.html", tmp_path / "report.pdf")


def test_a_folder_that_is_not_there_is_said_and_nothing_is_left_behind(tmp_path: Path) -> None:
    browser = a_browser(tmp_path, 'echo %PDF-1.4 > "$pdf"')
    with pytest.raises(UsageError, match=r"none/report\.pdf: cannot be written"):
        print_page(tmp_path / "report.html", tmp_path / "none" / "report.pdf", browser=browser)
    assert [path.name for path in tmp_path.iterdir()] == ["browser"]
