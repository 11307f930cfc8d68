"""The page is whole, self-contained, safe against what users type, and honest about what is absent."""

from __future__ import annotations

import base64
import dataclasses
import errno
import hashlib
import os
import re
from collections.abc import Callable
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from edge.faults import UsageError
from edge.folds.standard_course import Following, StandardCourse
from edge.maps import ElementMaps
from edge.report.contents import Dose, Effort, EnergyScale, NotedEvent, ScannedObject, ScanReport, ShutterOpening
from edge.report.page import render, write_report
from edge.spectra.drift import ScaleDrift
from edge.spectra.response import nominal_response
from edge.spectra.scan_fit import StandardDrift
from edge.spectra.standard import TubeOutput
from edge.spectra.templates import SpectrumShape

MakeReport = Callable[..., ScanReport]

_VOID = {"meta", "input", "br", "hr", "img", "link"}
_SECTIONS = [
    "sampling", "elements", "unexplained", "error", "spectrum", "time", "dose", "registration", "course", "provenance",
]  # fmt: skip


class _Outline(HTMLParser):
    """Tags, attributes and text of a page; complains of tags that do not close."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.words.append(data)

    def values(self, name: str) -> list[str]:
        return [value for _, attribute, value in self.attributes if attribute == name]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def bare(report: ScanReport) -> ScanReport:
    """The same report with every optional part absent."""
    return dataclasses.replace(
        report,
        subject=ScannedObject("", "", ""),
        effort=Effort(5, 5),
        rgb=None,
        density=None,
        dose=None,
        counts=None,
        registration=None,
        energy_scale=None,
        spectrum=None,
        maps=dataclasses.replace(report.maps, left_out=None, remarks=()),
        conditions=None,
        events=(),
        versions={},
        digests={},
        outcome="replay",
    )


def test_a_complete_page_has_every_section(make_report: MakeReport) -> None:
    outline = _Outline(render(make_report()))
    assert [anchor for tag, name, anchor in outline.attributes if tag == "section" and name == "id"] == _SECTIONS


def test_a_page_without_its_optional_parts_has_every_section_and_says_what_is_absent(make_report: MakeReport) -> None:
    outline = _Outline(render(bare(make_report())))
    assert [anchor for tag, name, anchor in outline.attributes if tag == "section" and name == "id"] == _SECTIONS
    for statement in (
        "No photograph is part of this report.",
        "No sampling density was recorded.",
        "No spectra are part of this report.",
        "No energy calibration was recorded.",
        "No times were recorded.",
        "No counts were recorded.",
        "No dose was recorded",
        "No registration is part of this report.",
        "settings were not recorded",
        "No pause, fault or other event was noted.",
        "Versions: none recorded.",
        "Digests (SHA-256): none recorded.",
        "No exposures were held back",
        "No exposures were held out of these maps.",
    ):
        assert statement in outline.text


def test_a_page_asks_for_nothing_outside_itself(make_report: MakeReport) -> None:
    page = render(make_report())
    outline = _Outline(page)
    addresses = outline.values("href") + outline.values("src") + outline.values("xlink:href")
    assert addresses
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in addresses)
    assert not re.search(r"https?://|url\(|@import|<script|<link|<iframe", page)


def test_the_content_policy_admits_the_style_sheet_by_its_hash_and_nothing_else(make_report: MakeReport) -> None:
    page = render(make_report())
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    outline = _Outline(page)
    policy = next(value for value in outline.values("content") if "default-src" in value)
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:;")
    assert "unsafe" not in policy
    assert outline.values("style") == []


def test_inner_links_lead_somewhere_and_identities_are_unique(make_report: MakeReport) -> None:
    for report in (make_report(), make_report(120, 160), bare(make_report())):
        outline = _Outline(render(report))
        anchors = outline.values("id")
        assert len(anchors) == len(set(anchors))
        assert {link[1:] for link in outline.values("href") if link.startswith("#")} <= set(anchors)


def test_what_users_type_is_shown_as_text_and_never_run(make_report: MakeReport) -> None:
    attack = "</title><script>alert(1)</script>\"'&<img src=x onerror=alert(2)>"
    report = make_report(
        elements=(attack, "Fe"),
        subject=ScannedObject(attack, attack, attack),
        maps_unit=attack,
        events=(NotedEvent(datetime.fromisoformat("2026-03-04T09:00:10+00:00"), attack),),
        versions={attack: attack},
        digests={attack: attack},
    )
    outline = _Outline(render(report))
    tags = {tag for tag, _, _ in outline.attributes}
    assert not tags & {"script", "img"}
    assert not any(name.startswith("on") for _, name, _ in outline.attributes)
    assert outline.text.count("<script>alert(1)</script>") >= 8


def test_every_drawing_has_words_for_those_who_cannot_see_it(make_report: MakeReport) -> None:
    page = render(make_report(120, 160))
    drawings = re.findall(r"<svg[^>]*>", page)
    assert len(drawings) > 8
    assert all(re.search(r'aria-label="[^"]+"', tag) or 'aria-hidden="true"' in tag for tag in drawings)


def test_the_head_states_the_share_of_visited_cells_and_the_method(make_report: MakeReport) -> None:
    report = make_report()
    text = _Outline(render(report)).text
    share = f"{100 * report.measured_fraction:.1f} %"
    assert f"{report.measured_cells} cells were visited, {share} of the area" in text
    assert "inferred from the measured ones by the method “kriging”" in text
    assert "colours of the photograph" in text


def test_an_aborted_scan_says_how_far_it_came(make_report: MakeReport) -> None:
    text = _Outline(render(make_report(outcome="aborted", effort=Effort(1000, 321)))).text
    assert "The scan was aborted after 321 of 1,000 planned exposures." in text


@pytest.mark.parametrize("outcome", ["aborted", "interrupted"])
def test_a_scan_that_did_not_run_to_its_end_is_not_compared_with_the_whole_plan(
    make_report: MakeReport, outcome: str
) -> None:
    finished, partial = (_Outline(render(make_report(outcome=how))).text for how in ("finished", outcome))
    assert "the pace of a full raster" in finished
    assert "+5.6 %" in finished, "95 s against 90 s"
    assert "the pace of a full raster" not in partial
    assert "+5.6 %" not in partial
    assert "1 min 35 s controller’s clock not finished" in partial


def test_the_positions_uncertainty_is_stated_or_said_to_be_unknown(make_report: MakeReport) -> None:
    report = make_report()
    assert "Uncertainty of positions not stated by this controller" in _Outline(render(report)).text
    stated = dataclasses.replace(report, effort=dataclasses.replace(report.effort, pose_uncertainty_mm=(0.0121, 0.05)))
    assert "Uncertainty of positions 12 µm median, 50 µm at most" in _Outline(render(stated)).text


def test_every_duration_names_its_clock(make_report: MakeReport) -> None:
    text = _Outline(render(make_report())).text
    assert "Exposures and moves 1 min 35 s controller’s clock" in text
    assert "Stage travel 1.24 m measured positions" in text
    assert (
        "Shutter openings, by the computer’s clock; open for 35 s in all, without 1 whose closing was not recorded"
        in text
    )
    assert "Events, by the computer’s clock" in text


def test_a_stage_model_that_the_plan_does_not_hold_is_said_to_be_the_configured_one(make_report: MakeReport) -> None:
    report = make_report()
    older = dataclasses.replace(report, effort=dataclasses.replace(report.effort, is_stage_of_plan=False))
    assert "as configured" not in _Outline(render(report)).text
    assert "50 mm/s, 500 mm/s², 0.01 s to settle; as configured" in _Outline(render(older)).text


def test_the_dose_is_shown_in_real_time_and_the_limit_judged_by_live_time(make_report: MakeReport) -> None:
    seconds = np.full(3, 0.3)
    text = _Outline(render(make_report(dose=Dose(seconds, 2 * seconds, (), 0.5)))).text
    assert "Most 0.6 s 0.3 s" in text
    assert "Limit per cell not limited 0.5 s, kept" in text
    assert "Real time per visited cell" in render(make_report())


def test_an_opening_whose_end_is_unknown_is_not_drawn_until_the_end_of_the_scan(make_report: MakeReport) -> None:
    report = make_report()
    crashed = ShutterOpening(report.started_at, "start", None, "")
    again = ShutterOpening(report.finished_at, "start", report.finished_at, "finished")
    page = render(dataclasses.replace(report, dose=Dose(np.ones(1), np.ones(1), (crashed, again))))
    widths = [float(width) for width in re.findall(r'<rect [^>]*width="([\d.]+)"[^>]*class="open"/>', page)]
    assert widths == [0.8, 0.8]


def test_the_claim_about_errors_is_the_one_that_was_calibrated(make_report: MakeReport) -> None:
    text = _Outline(render(make_report())).text
    assert "within one standard error of the value shown in about two cells of three" in text
    assert "nineteen" not in text
    assert "62 to 71 % of them lay within one standard error" in text
    assert "83 to 92 % within two, where a normal distribution has 95 %" in text


def test_each_element_has_its_share_of_exposures_left_out_within_one_and_two_errors(make_report: MakeReport) -> None:
    text = _Outline(render(make_report())).text
    assert "Iron (Fe) 0.4 62.0 % 83.0 % Lead, L lines (Pb-L) 0.4 71.0 % 92.0 % A normal distribution" in text


def test_what_the_method_decided_by_itself_is_said(make_report: MakeReport) -> None:
    assert "The photograph was not used." in _Outline(render(make_report())).text


def test_a_scale_that_the_spectra_could_not_correct_is_said_to_be_the_configured_one(make_report: MakeReport) -> None:
    scale = EnergyScale(-0.1, 0.0393, nominal_because="only 2 peaks stand out")
    text = _Outline(render(make_report(energy_scale=scale))).text
    assert "could not correct the energy scale (only 2 peaks stand out)" in text
    assert "Peaks less fitted peaks" not in text


def test_a_scale_without_compared_peaks_claims_no_residual(make_report: MakeReport) -> None:
    text = _Outline(render(make_report(energy_scale=EnergyScale(-0.1, 0.0393)))).text
    assert "Peaks less fitted peaks no peak was compared" in text


NO_VISITS = StandardCourse(0, reason="there were no visits")
DRIFT = ScaleDrift(np.arange(3.0), np.zeros(3), np.zeros(3))
SHIFT = StandardDrift(DRIFT, SpectrumShape(512, 0.0, 0.04, nominal_response(0.14)))
FADING = TubeOutput(np.arange(3.0), np.array([1.0, 0.96, 0.913]), np.array([0.002, 0.003, 0.0031]))


@pytest.mark.parametrize(
    ("following", "words", "others"),
    [
        (
            Following("lines", 34.2, True, NO_VISITS),
            "Scale through the scan a line at 10 keV moved by 34.2 eV, by the object’s own lines; fitted along",
            "Tube output",
        ),
        (Following("lines", 2.1, False, NO_VISITS), "moved by 2.1 eV, by the object’s own lines; too little", "along"),
        (Following("nothing", float("nan"), False, NO_VISITS), "Scale through the scan not followed", "nan eV"),
        (
            Following("standard", 34.2, True, StandardCourse(3, FADING, SHIFT)),
            "Tube output 91.3 to 100.0 % of that at the first of 3 visits to the standard, known to ± 0.31 %; the maps "
            "are those of the first visit’s output",
            "Standard and scale",
        ),
        (
            Following("lines", 5.0, True, StandardCourse(2, FADING, None, "2 visits are too few for the scale")),
            "Standard and scale 2 visits are too few for the scale",
            "eV, by visits to the standard",
        ),
        (
            Following("lines", 5.0, True, StandardCourse(1, None, None, "fewer than two visits counted anything")),
            "Tube output not followed: fewer than two visits counted anything",
            "Standard and scale",
        ),
    ],
    ids=["lines", "too little", "nothing", "standard", "too few visits", "one visit"],
)
def test_what_was_followed_through_the_scan_is_said(
    make_report: MakeReport, following: Following, words: str, others: str
) -> None:
    text = _Outline(render(make_report(following=following))).text
    said = text[text.index("Scale through the scan") :][:500]
    assert words in said
    assert others not in said


def test_the_head_says_that_the_maps_were_divided_by_the_tubes_output_and_only_then(make_report: MakeReport) -> None:
    divided = Following("standard", 34.2, True, StandardCourse(3, FADING, SHIFT))
    text = _Outline(render(make_report(following=divided))).text
    assert "output at the end was 91.3 % of that at the first visit to the standard; the maps were divided" in text
    assert "whose own error of 0.31 % is common to all maps" in text
    assert "divided by its course" not in _Outline(render(make_report())).text
    assert (
        "divided by its course"
        not in _Outline(render(make_report(following=Following("lines", 9.0, True, NO_VISITS)))).text
    )


def test_the_tubes_time_over_the_standard_is_told_apart_from_the_objects(make_report: MakeReport) -> None:
    report = make_report()
    assert report.dose is not None
    first, second = report.dose.openings
    visit = dataclasses.replace(first, over="standard", reason="visit to the standard")
    dose = dataclasses.replace(report.dose, openings=(visit, first, second))
    text = _Outline(render(dataclasses.replace(report, dose=dose))).text
    assert "of it over the standard in 1 visit" in text
    assert "over the standard" not in _Outline(render(report)).text


def test_a_fiducial_that_was_left_out_is_named(make_report: MakeReport) -> None:
    report = make_report()
    assert report.registration is not None
    registration = dataclasses.replace(report.registration, notes=("fiducial 0 was left out: it lies 3 mm off",))
    text = _Outline(render(dataclasses.replace(report, registration=registration))).text
    assert "Fiducial 0 was left out: it lies 3 mm off" in text


def test_a_scan_of_every_cell_claims_nothing_inferred(make_report: MakeReport) -> None:
    report = make_report()
    everywhere = np.ones(report.grid.shape, dtype=bool)
    full = dataclasses.replace(report, mask=everywhere, maps=dataclasses.replace(report.maps, measured=everywhere))
    outline = _Outline(render(full))
    assert "every value in the maps was measured" in outline.text
    assert "inferred from" not in outline.text
    assert "cells-measured" not in outline.values("id")


def test_a_scan_that_measured_nothing_warns_against_its_maps(make_report: MakeReport) -> None:
    report = make_report()
    maps = dataclasses.replace(report.maps, measured=np.zeros(report.grid.shape, dtype=bool))
    empty = dataclasses.replace(report, maps=maps, dose=Dose(np.zeros(0), np.zeros(0)))
    text = _Outline(render(empty)).text
    assert "must not be read" in text
    assert "No cell received any beam." in text


def test_one_element_needs_no_contact_sheet(make_report: MakeReport) -> None:
    assert "contact" not in _Outline(render(make_report(elements=("Fe",)))).values("class")


def test_no_element_at_all_is_said_plainly(make_report: MakeReport) -> None:
    assert "No element was mapped." in _Outline(render(make_report(elements=()))).text


def test_a_standard_error_without_values_is_said_to_be_absent(make_report: MakeReport) -> None:
    report = make_report()
    maps = dataclasses.replace(report.maps, standard_error=np.full_like(report.maps.maps, np.nan))
    text = _Outline(render(dataclasses.replace(report, maps=maps))).text
    assert text.count("No standard error was computed.") == 2
    assert "how far the inferred values may be trusted is not known" in text


def test_single_cells_without_value_are_drawn_apart_and_explained(make_report: MakeReport) -> None:
    report = make_report()
    errors = report.maps.standard_error.copy()
    errors[3:6, 2:5] = np.nan
    page = render(dataclasses.replace(report, maps=dataclasses.replace(report.maps, standard_error=errors)))
    assert "Cells of this colour hold no value." in page


def test_planned_cells_that_were_not_visited_are_counted(make_report: MakeReport) -> None:
    report = make_report()
    mask = report.maps.measured.copy()
    mask[-1, -1] = True
    assert "1 planned but not visited" in _Outline(render(dataclasses.replace(report, mask=mask))).text


@pytest.mark.parametrize(
    ("residual_mm", "verdict"),
    [(0.02, "every residual is smaller than half a pitch"), (0.3, "Over the limit")],
)
def test_registration_is_judged_by_half_a_pitch(make_report: MakeReport, residual_mm: float, verdict: str) -> None:
    report = make_report()
    assert report.registration is not None
    registration = dataclasses.replace(report.registration, residuals_mm=np.full(8, residual_mm))
    assert verdict in _Outline(render(dataclasses.replace(report, registration=registration))).text


def test_a_registration_with_one_corner_beyond_the_limit_names_their_number(make_report: MakeReport) -> None:
    report = make_report()
    assert report.registration is not None
    residuals = np.full(8, 0.02)
    residuals[3] = 0.26
    registration = dataclasses.replace(report.registration, residuals_mm=residuals)
    text = _Outline(render(dataclasses.replace(report, registration=registration))).text
    assert "of 8 corners 1 lies beyond it" in text


def test_long_lists_are_cut_and_say_so(make_report: MakeReport) -> None:
    report = make_report()
    events = tuple(NotedEvent(report.started_at, f"event {i}") for i in range(500))
    text = _Outline(render(dataclasses.replace(report, events=events))).text
    assert "the first 40 and the last 10 of 500" in text
    assert "event 39 " in text
    assert "event 250 " not in text
    assert "event 499" in text


def test_a_large_noisy_scan_of_twenty_elements_stays_under_eight_megabytes(make_report: MakeReport) -> None:
    rows, columns = 680, 580
    rng = np.random.default_rng(1)
    elements = tuple(f"X{i}" for i in range(20))
    noise = rng.random((rows, columns, 20), dtype=np.float32)
    measured = rng.random((rows, columns)) < 0.1
    small = make_report()
    report = dataclasses.replace(
        small,
        grid=dataclasses.replace(small.grid, rows=rows, columns=columns),
        mask=measured,
        maps=ElementMaps(elements, noise, noise[::-1], measured, "harmonic"),
        rgb=rng.integers(0, 255, (rows, columns, 3)).astype(np.uint8),
        density=noise[..., 0],
    )
    page = render(report)
    assert len(page.encode()) < 8_000_000
    assert "To keep this page small" in page


def test_writing_replaces_the_page_and_leaves_nothing_else(make_report: MakeReport, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("older")
    write_report(path, make_report())
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_older_page_and_no_litter(
    make_report: MakeReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "report.html"
    path.write_text("older")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match="No space left on device"):
        write_report(path, make_report())
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_does_not_exist_is_named(make_report: MakeReport, tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "report.html"
    with pytest.raises(UsageError, match=r"nowhere/report\.html: the report cannot be written"):
        write_report(path, make_report())


def test_arrays_that_disagree_with_the_grid_are_refused(make_report: MakeReport) -> None:
    with pytest.raises(ValueError, match=r"mask has shape \(3, 3\)"):
        make_report(mask=np.ones((3, 3), dtype=bool))


def test_times_without_a_zone_are_refused(make_report: MakeReport) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        make_report(started_at=datetime(2026, 3, 4, 9, 0))


def test_the_head_tells_the_excitation_as_far_as_it_is_known(make_report: MakeReport) -> None:
    whole = render(make_report())
    assert make_report().conditions is not None
    head = whole.split("<header>")[1].split("</header>")[0]
    assert "Excitation" in head
    assert " kV" in head
    bare = render(dataclasses.replace(make_report(), conditions=None))
    assert "Excitation" not in bare.split("<header>")[1].split("</header>")[0]
