"""Options are checked before anything is built: unknown ones, other types, other numbers, more objectives."""

import math
import sys
from typing import Any

import pytest

from apportion.errors import InputError
from apportion.search.controllers import ControllerEntry, controllers
from apportion.spaces.budget import Budget
from tests.conformance.controllers.builders import some_space
from tests.conformance.controllers.entries import SEARCHED, built, chosen, eager, installed, named

ONE_OBJECTIVE = [entry for entry in SEARCHED if "one objective" in entry.summary]
OF_NNI = [entry for entry in SEARCHED if entry.name.startswith("nni")]

# What YAML may hold where something else is meant, by the type of an option's default.
WRONG: dict[type, list[Any]] = {
    bool: ["yes", 1, 0, None, []],
    int: ["3", 2.5, True, None, [1], math.nan, math.inf],
    float: ["0.5", True, None, [0.5], math.nan, math.inf, -math.inf],
    str: [1, True, None, ["a"], "no such word", ""],
    tuple: [3, True, None, "no such word", ["no such word"], [[]], {"a": 1}],
}


def wrong_values(entry: ControllerEntry) -> list[tuple[str, Any]]:
    """Every option with every value that is none; an option without a default is tried with what nothing is."""
    return [
        (name, value)
        for name, field in entry.options.model_fields.items()
        for value in WRONG.get(type(field.default), [object()])
        if not (value is None and field.default is None)
    ]


@named(controllers)
def test_unknown_options_are_refused(entry: ControllerEntry) -> None:
    with pytest.raises(ValueError, match="no_such_option"):
        entry.options.model_validate({"no_such_option": 1})
    with pytest.raises(InputError, match="no_such_option"):
        chosen(entry, {"no_such_option": 1})


@named(SEARCHED)
def test_values_of_another_type_are_refused_and_the_option_is_named(entry: ControllerEntry) -> None:
    for name, value in wrong_values(entry):
        with pytest.raises(InputError, match=rf"options\.{name}\b"):
            chosen(entry, {**eager(entry), name: value})
            pytest.fail(f"{entry.name} takes {name}: {value!r}")


@named(SEARCHED)
def test_the_defaults_are_options_themselves(entry: ControllerEntry) -> None:
    # As a log keeps them, and reads them again.
    options = chosen(entry, eager(entry))
    assert entry.options.model_validate_json(options.model_dump_json()) == options
    assert chosen(entry, options.model_dump(mode="json")) == options


@named(ONE_OBJECTIVE)
@pytest.mark.parametrize("asked", [["loss", "parameters"], ["parameters", "loss"], ["loss", "loss"], ["parameters"]])
def test_who_has_one_objective_refuses_more_before_anything_is_built(entry: ControllerEntry, asked: list[str]) -> None:
    with pytest.raises(InputError, match="objective"):
        chosen(entry, {**eager(entry), "objectives": asked})


@pytest.mark.parametrize("entry", OF_NNI, ids=lambda entry: entry.name)
def test_without_the_extra_the_error_names_it(entry: ControllerEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    if installed(entry):
        for name in [name for name in sys.modules if name == "nni" or name.startswith("nni.")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "nni", None)  # makes `import nni` fail as where it is not installed
    with pytest.raises(InputError, match=r"\[nni\]"):
        built(entry, some_space(), Budget("live", 0.3))
