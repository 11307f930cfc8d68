"""What runs pages would notice a page that is wrong."""

from __future__ import annotations

import math

import pytest

from tests.documents.run_page import Block, commands_of, run_python, run_sh, unlike

SHOWN = "With 10.0 % of the cells (720 of 7,200)\n\nmaps       runs/a/live/maps.png, 0.3 s old\n"


def sh(text: str) -> Block:
    return Block("page.md", 3, "sh", text)


def test_a_command_may_go_on_in_the_next_line_and_end_in_a_comment():
    assert commands_of(sh("pointillist a \\\n  'b c'   # why\n\n# only words\npointillist d\n")) == [
        ["pointillist", "a", "b c"],
        ["pointillist", "d"],
    ]


def test_a_command_that_ends_with_another_code_fails_the_page():
    with pytest.raises(AssertionError, match=r"page.md, line 3: pointillist ended with 2"):
        run_sh(sh("pointillist verify nowhere\n"))
    assert "nowhere" in run_sh(sh("pointillist verify nowhere\n"), code=2)


def test_a_program_that_the_test_does_not_know_fails_the_page():
    with pytest.raises(AssertionError, match="rm is no program"):
        run_sh(sh("rm -r runs\n"))


def test_a_name_that_the_page_does_not_use_is_not_replaced_in_silence():
    with pytest.raises(AssertionError, match="holds no runs/b"):
        run_sh(sh("pointillist watch runs/a\n"), replacing={"runs/b": "elsewhere"})


def test_python_blocks_share_names():
    names: dict[str, object] = {}
    run_python(Block("page.md", 1, "python", "a = 3\n"), names)
    assert run_python(Block("page.md", 5, "python", "print(a)\n"), names) == "3\n"


def test_other_words_and_other_figures_are_told():
    assert unlike(SHOWN, "before\n" + SHOWN) == []
    assert unlike(SHOWN, SHOWN.replace("cells", "points")) == [SHOWN.splitlines()[0]]
    assert unlike(SHOWN, SHOWN.replace("720", "730")) == [SHOWN.splitlines()[0]]
    assert unlike(SHOWN, SHOWN.replace("720", "730"), within=0.02) == []
    assert unlike(SHOWN, SHOWN.replace("0.3", "17"), within=math.inf) == []
    assert unlike(SHOWN, SHOWN.replace("0.3 s old", "2 min old"), anything=[r"\d\S* (s|min) old"]) == []


def test_lines_in_another_order_are_told():
    first, _, last = SHOWN.splitlines()
    assert unlike(SHOWN, f"{last}\n{first}\n") == [last]
