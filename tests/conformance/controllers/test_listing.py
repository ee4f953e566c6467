"""The registry: what is in it, what it says of each in one line, and that looking at it loads nothing heavy."""

import re
import subprocess
import sys

import pytest

from apportion.errors import InputError
from apportion.search.controllers import ControllerEntry, controllers
from tests.conformance.controllers.entries import ANCHORS, HAND_MADE, LEARNED, SEARCHED

# What, objectives, cost: `Optuna's TPE on the split of the budget; one objective; ~50 ms a trial`.
SEARCHED_LINE = re.compile(
    r"[^;]{10,}; (one objective|one or two objectives); "
    r"[^;]*(microseconds?|milliseconds?|µs|ms|s|seconds?|minutes?) (a|per) trial[^;]*"
)
# The same; what these cost is what is trained before they ask, or the full runs of a race.
LEARNED_LINE = re.compile(r"[^;]{10,}; (one|no) objective; [^;]*\b(pass|run|runs)\b[^;]*")


def lines(entries: list[ControllerEntry]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("entry", entries, ids=lambda entry: entry.name)


def test_the_registry_has_what_the_comparison_of_schemes_needs() -> None:
    assert [entry.name for entry in ANCHORS] == ["shared", "independent"]
    assert {entry.name for entry in HAND_MADE} >= {"top", "bottom", "uniform", "equal_spend", "random_filters"}
    assert {entry.name for entry in SEARCHED} >= {"random_search", "tpe"}
    assert {entry.name for entry in LEARNED} == {
        "bottom_by_need",
        "best_hand_made",
        "sensitivity",
        "taps",
        "ba2",
        "hard_concrete",
        "funnel",
    }


@lines(list(controllers))
def test_every_entry_says_in_one_line_what_it_is(entry: ControllerEntry) -> None:
    assert entry.summary == entry.summary.strip()
    assert 10 <= len(entry.summary) <= 110
    assert entry.summary.isprintable()


@lines(SEARCHED)
def test_every_adaptive_entry_says_what_objectives_cost(entry: ControllerEntry) -> None:
    assert SEARCHED_LINE.fullmatch(entry.summary), entry.summary


@lines(LEARNED)
def test_every_entry_that_has_something_computed_says_what_objectives_cost(entry: ControllerEntry) -> None:
    assert LEARNED_LINE.fullmatch(entry.summary), entry.summary


HEAVY = ("torch", "optuna", "nni", "scipy", "matplotlib")


def loaded_by(code: str) -> set[str]:
    """Heavy packages in memory after `code` ran in a fresh interpreter."""
    code = f"{code}\nimport sys\nprint('loaded', *[name for name in {HEAVY!r} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(ran.stdout.splitlines()[-1].split()[1:])


def test_looking_at_the_registry_and_checking_options_loads_nothing_heavy() -> None:
    code = """
from apportion.errors import InputError
from apportion.search.controllers import controllers
from apportion.search.options import ControllerChoice
for entry in controllers:
    for given in ({}, {"no_such_option": 1}):
        try:
            ControllerChoice.model_validate({"name": entry.name, "options": given})
        except InputError:
            pass
"""
    assert not loaded_by(code)


def test_that_test_can_fail() -> None:
    assert "scipy" in loaded_by("import scipy")


def test_an_unknown_controller_is_refused_with_a_suggestion() -> None:
    with pytest.raises(InputError, match="did you mean 'bottom'"):
        controllers.get("botom")
