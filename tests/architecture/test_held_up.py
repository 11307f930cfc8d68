"""A test of devices is repeated when the computer held it up, and only then."""

from __future__ import annotations

import sys
import time
from textwrap import dedent

import pytest

from tests.held_up import HELD_UP_S, Repeater, Stopwatch

pytest_plugins = ["pytester"]

FAILS_TWICE = """
    import pytest

    made = []

    @pytest.fixture(scope="module")
    def shared():
        made.append("fixture")
        return len(made)

    def test_before(shared):
        assert shared == 1

    def test_lease(shared):
        made.append("test")
        assert made.count("test") == 3, "the lease expired"
        assert made.count("fixture") == 3

    def test_after(shared):
        assert made.count("fixture") == 3
"""


def run(pytester: pytest.Pytester, code: str, *, held_up_s: float, folder: str = "protocol") -> pytest.RunResult:
    """A run of its own, in which only a computer that is later than this has held anybody up."""
    tests = pytester.mkpydir(folder).parent
    (tests / folder / "test_device.py").write_text(dedent(code))
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", plugins=[Repeater(tests, held_up_s=held_up_s)])


def test_a_test_that_was_held_up_is_made_again_from_its_modules_fixtures_on_and_named(pytester):
    result = run(pytester, FAILS_TWICE, held_up_s=-1.0)
    result.assert_outcomes(passed=3)
    named = [line for line in result.outlines if line.startswith("REPEATED")]
    assert len(named) == 2
    assert "test_device.py::test_lease - held up for " in named[0]
    assert "call: AssertionError: the lease expired" in named[0]


def test_a_test_that_looks_at_what_was_held_up_before_is_made_again(pytester):
    code = """
        import sys
        import time
        import pytest

        made = []

        @pytest.fixture(scope="module")
        def recording():
            made.append("recording")
            if len(made) == 1:
                interval_s = sys.getswitchinterval()
                sys.setswitchinterval(60.0)
                began_s = time.monotonic()
                while time.monotonic() - began_s < 0.4:
                    pass
                sys.setswitchinterval(interval_s)
            return made[:]

        def test_first(recording):
            pass

        def test_second(recording):
            assert len(recording) == 2
    """
    result = run(pytester, code, held_up_s=0.2)
    result.assert_outcomes(passed=2)
    assert [line for line in result.outlines if line.startswith("REPEATED")] != []


def test_a_test_that_fails_on_a_computer_with_time_is_not_repeated(pytester):
    result = run(pytester, FAILS_TWICE, held_up_s=600.0)
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.no_fnmatch_line("REPEATED*")


def test_a_test_that_keeps_failing_fails(pytester):
    result = run(pytester, "def test_wrong():\n    assert False\n", held_up_s=-1.0)
    result.assert_outcomes(failed=1)


def test_a_test_that_has_had_all_its_time_gets_no_more(pytester):
    code = """
        import time
        import pytest

        @pytest.mark.timeout(0.2)
        def test_endless():
            while True:
                time.sleep(0.01)
    """
    result = run(pytester, code, held_up_s=-1.0)
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("REPEATED*")


def test_a_test_of_no_device_is_never_repeated(pytester):
    result = run(pytester, FAILS_TWICE, held_up_s=-1.0, folder="area")
    result.assert_outcomes(passed=1, failed=2)


def test_a_fixture_that_failed_is_made_again(pytester):
    code = """
        import pytest

        made = []

        @pytest.fixture(scope="module")
        def device():
            made.append(1)
            assert len(made) == 2, "nothing answers"

        def test_first(device):
            pass

        def test_second(device):
            pass
    """
    result = run(pytester, code, held_up_s=-1.0)
    result.assert_outcomes(passed=2)
    assert [line for line in result.outlines if line.startswith("REPEATED")] != []


def test_a_thread_that_is_woken_late_is_noticed():
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(60.0)
    try:
        with Stopwatch().running() as watch:
            began_s = time.monotonic()
            # no other thread of this process runs meanwhile
            while time.monotonic() - began_s < 3 * HELD_UP_S:
                pass
    finally:
        sys.setswitchinterval(interval_s)
    assert watch.latest_s >= HELD_UP_S
