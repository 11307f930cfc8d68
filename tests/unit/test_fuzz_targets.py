"""What is fuzzed at night holds for a few hundred inputs by day; and the fuzzer's own tools."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tools.fuzz import campaign, reference
from tools.fuzz.mutation import minimised, mutated
from tools.fuzz.one_target import LONGEST
from tools.fuzz.properties import PropertyBroken, Target, pieces
from tools.fuzz.targets import TARGETS

INPUTS = 100


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_outlives_a_hundred_mutated_inputs(name: str) -> None:
    target, chance = TARGETS[name], random.Random(2026)
    seeds = [octets[:LONGEST] for octets in target.seeds()]
    for _ in range(INPUTS):
        target.run(mutated(chance.choice(seeds), chance, seeds))


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_begins_with_inputs_that_it_outlives(name: str) -> None:
    seeds = TARGETS[name].seeds()
    assert seeds
    for octets in seeds:
        TARGETS[name].run(octets)


def test_the_c_codec_outlives_its_first_inputs_and_goes_new_ways(tmp_path: Path) -> None:
    target = reference.compiled(tmp_path)
    if target is None or target.has_libfuzzer:
        pytest.skip("the target is asked input by input only where it was compiled without libFuzzer")
    with reference.asking(target.program) as asked:
        ways = [asked.goes_new_ways(octets) for octets in reference.seeds()]
        assert ways[0]
        assert not asked.goes_new_ways(reference.seeds()[0])
    assert sum(ways) > 10


def test_mutation_repeats_with_its_seed_and_stays_within_the_longest_input() -> None:
    first, again = ([mutated(b"0123456789", random.Random(seed), [b"abc"]) for seed in range(300)] for _ in range(2))
    assert first == again
    assert len(set(first)) > 250
    assert max(map(len, first)) <= LONGEST


def test_a_find_is_made_as_short_as_it_goes() -> None:
    assert minimised(b"..a......b...." * 9, lambda octets: b"a" in octets and b"b" in octets) == b"ab"


def test_pieces_are_the_whole_in_order() -> None:
    octets = bytes(range(256)) * 9
    cut = list(pieces(octets))
    assert len(cut) > 5
    assert b"".join(cut) == octets


def test_a_campaign_finds_what_is_broken_and_keeps_it_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(octets: bytes) -> None:
        if b"!" in octets:
            raise PropertyBroken("there is an exclamation mark")

    def fuzzed(command: list[str], **_: object) -> object:
        (Path(command[-1]) / "crash-1").write_bytes(b"so much!and more")
        (Path(command[-1]) / "slow-unit-1").write_bytes(b"slow")
        return campaign.subprocess.CompletedProcess(command, 77, "", "stat::number_of_executed_units: 5\n")

    monkeypatch.setitem(TARGETS, "broken", Target(breaks, lambda: [b"seed"]))
    monkeypatch.setattr(campaign.subprocess, "run", fuzzed)
    outcome = campaign.fuzz("broken", 1.0, tmp_path)
    assert (outcome.inputs, outcome.kept, len(outcome.finds)) == (5, 1, 1)
    assert "b'!'" in outcome.finds[0]
    assert "there is an exclamation mark" in outcome.finds[0]
