"""What is asked for on the command line and in the configuration, and what bad input gets."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from edge.faults import UsageError
from edge.planning.scan_plan import Way
from edge.stopping.asked import NOTHING_ASKED, AskedStop, asked_stop
from edge.stopping.config import StopConfig
from edge.stopping.first_part import refuse_short_stop
from edge.stopping.interest import ignored_elements, interest_in, not_seen
from tests.unit.stopping.scans import cells_by_chance, config_of, plan_of


def test_errors_and_a_time_are_read_as_people_write_them():
    stop = asked_stop(["0.03", "Pb=0.05", "Hg-L=0.1"], "1h 30min")
    assert stop == AskedStop(0.03, {"Pb": 0.05, "Hg-L": 0.1}, 5_400.0)
    assert asked_stop([]) == NOTHING_ASKED


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0", "more than 0 and less than 1"),
        ("1", "more than 0 and less than 1"),
        ("Pb=-0.1", "more than 0 and less than 1"),
        ("nan", "more than 0 and less than 1"),
        ("inf", "more than 0 and less than 1"),
        ("3%", "'3%' is no number"),
        ("Pb=", "'' is no number"),
        ("lead=0.1", "there is no element 'lead'"),
        ("=0.1", "there is no element ''"),
    ],
)
def test_an_error_that_cannot_be_is_refused_with_an_example(text, words):
    with pytest.raises(UsageError, match=words):
        asked_stop([text])


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        (["0.03", "0.05"], "all elements together has an error already"),
        (["Pb=0.1", "0.2", "Pb=0.2"], "Pb has an error"),
    ],
)
def test_two_errors_of_the_same_are_refused_and_none_is_preferred(errors, words):
    with pytest.raises(UsageError, match=words):
        asked_stop(errors)


def test_a_time_longer_than_any_scan_is_refused_with_a_sentence():
    with pytest.raises(UsageError, match="about 115 days"):
        asked_stop([], "200d")


@pytest.mark.parametrize("stop", [{"error": 0.0}, {"error": 1.0}, {"elements": {"Pb": 2.0}}, {"time_s": 0.0}])
def test_a_configured_stop_that_cannot_be_is_refused(stop):
    with pytest.raises(ValidationError):
        config_of(stop=stop)


def test_what_is_asked_for_takes_the_place_of_what_is_configured_and_the_rest_stays():
    config = config_of(stop={"error": 0.1, "elements": {"Fe": 0.2}, "live_s": 500.0})
    asked = asked_stop(["0.05", "Pb=0.3"]).applied_to(config)
    assert asked.sampling.stop == StopConfig(error=0.05, elements={"Fe": 0.2, "Pb": 0.3}, live_s=500.0)
    assert NOTHING_ASKED.applied_to(config) is config


def test_an_error_without_anything_held_out_is_refused():
    with pytest.raises(ValidationError, match=r"held_out of 0 leaves nothing to tell it by"):
        config_of(held_out=0, stop={"error": 0.1})
    with pytest.raises(UsageError, match=r"--error: .*held_out of 0"):
        asked_stop(["0.1"]).applied_to(config_of(held_out=0))


def test_an_error_is_refused_of_a_mask_that_is_known_beforehand():
    with pytest.raises(ValidationError, match="write mask: adaptive"):
        config_of(mask="netm", stop={"error": 0.1})


@pytest.mark.parametrize("held_out", [0, 0.05])
def test_an_error_is_refused_of_a_coarse_raster_with_what_would_help(held_out):
    with pytest.raises(ValidationError, match=r"coarse measures every block .*: leave the error out, or leave coarse"):
        config_of(coarse={"factor": 4}, held_out=held_out, stop={"error": 0.1})


def test_an_element_that_is_not_mapped_is_refused_with_those_that_are():
    with pytest.raises(ValidationError, match=r"sampling.stop.elements names Au, which is not mapped: .*Fe, Pb-L"):
        config_of(elements=("Fe", "Pb-L"), stop={"elements": {"Au": 0.1}})
    with pytest.raises(UsageError, match="names Au"):
        asked_stop(["Au=0.1"]).applied_to(config_of(elements=("Fe", "Pb-L")))
    with pytest.raises(ValidationError, match=r"sampling.interest names Au, which is not mapped"):
        config_of(elements=("Fe", "Pb-L"), interest={"Au": 3.0})
    assert config_of(elements=("Fe", "Pb-L"), interest={"Pb": 3.0}).sampling.interest == {"Pb": 3.0}
    assert config_of(interest={"Au": 3.0}).sampling.interest == {"Au": 3.0}


@pytest.mark.parametrize(("key", "part"), [("time_s", "takes about"), ("live_s", "gives a live time of")])
def test_a_time_too_short_for_the_first_part_is_refused_with_what_could_be_done(key, part):
    plan = plan_of(cells_by_chance(0.2))
    needed_s = plan.predicted_s if key == "time_s" else plan.beam_s
    with pytest.raises(UsageError, match=rf"sampling.stop.{key} .*the first part alone {part}.*sampling.rate.*dwell"):
        refuse_short_stop(plan, config_of(stop={key: 0.5 * needed_s}))
    refuse_short_stop(plan, config_of(stop={key: 1.01 * needed_s}))


def test_the_time_that_is_said_to_do_does():
    plan = plan_of(cells_by_chance(0.2))
    with pytest.raises(UsageError) as refusal:
        refuse_short_stop(plan, config_of(stop={"time_s": 1.0}))
    said_s = float(str(refusal.value).partition("give ")[2].partition(" s or more")[0])
    refuse_short_stop(plan, config_of(stop={"time_s": said_s}))


def test_interest_weighs_elements_by_their_names():
    interest = {"Pb": 3.0, "Pb-M": 0.5, "Fe": 0.0}
    elements = ("Fe", "Pb-L", "Pb-M", "Cu")
    weights = interest_in(interest, elements)
    assert weights is not None
    assert weights.tolist() == [0.0, 3.0, 0.5, 1.0]
    assert ignored_elements(interest, elements) == ("Fe",)
    assert interest_in({}, elements) is None
    assert interest_in({"Fe": 0.0}, ("Fe",)) is None


def test_an_element_of_interest_that_the_spectra_do_not_show_is_named():
    assert "not seen in the spectra: Au" in not_seen({"Au": 2.0, "Fe": 1.0}, ("Fe", "Pb-L"))
    assert not_seen({"Au": 0.0, "Pb": 2.0}, ("Fe", "Pb-L")) == ""


def test_whoever_stops_a_rate_too_soon_is_told_how_a_time_is_spent():
    plan = plan_of(cells_by_chance(0.2))
    with pytest.raises(UsageError, match=r"a time that is to be spent.* is sampling\.time_s, in place of the rate"):
        refuse_short_stop(plan, config_of(stop={"time_s": 1.0}))
    timed = replace(plan, way=Way("runs", 60.0))
    with pytest.raises(UsageError) as refusal:
        refuse_short_stop(timed, config_of(time_s=60.0, stop={"time_s": 1.0}))
    assert "in place of" not in str(refusal.value)
