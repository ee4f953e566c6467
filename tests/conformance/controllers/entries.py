"""The registry's controllers by kind, and how the laws build them: as a study's config does."""

import importlib.util
from collections.abc import Iterable
from typing import Any

import pytest

from apportion.errors import InputError
from apportion.evaluators.objective import Objective
from apportion.search.controllers import Context, Controller, ControllerEntry, controllers
from apportion.search.options import ControllerChoice
from apportion.spaces.budget import Budget
from apportion.spaces.space import SharingSpace

ANCHORS = [entry for entry in controllers if entry.kind == "anchor"]
LEARNED = [entry for entry in controllers if entry.uses is not None]
HAND_MADE = [entry for entry in controllers if entry.kind == "hand-made" and entry.bound and entry not in LEARNED]
SEARCHED = [entry for entry in controllers if entry.kind == "searched" and entry not in LEARNED]
BOUND = HAND_MADE + SEARCHED

# Options under which a few trials exercise more of a controller than its defaults would, for whoever has them.
EAGER: dict[str, Any] = {"startup_trials": 2, "population": 4, "population_size": 4, "patience": 3}
# Fitting a Gaussian process takes .1 s and more an ask: six random trials first, so that scripts of eight fit two, and
# shorter scripts where more is said. A thousand asks it is asked like all others, the last of each space from a fit.
SLOW = {"gp"}


def installed(entry: ControllerEntry) -> bool:
    """False for NNI's controllers where that extra is missing; all else is among the project's own dependencies."""
    return not entry.name.startswith("nni") or importlib.util.find_spec("nni") is not None


def named(entries: Iterable[ControllerEntry]) -> pytest.MarkDecorator:
    """One test a controller; those of an extra that is not installed are skipped and say so."""

    def case(entry: ControllerEntry) -> Any:
        missing = pytest.mark.skipif(not installed(entry), reason=f"{entry.name} needs the extra [nni]")
        return pytest.param(entry, id=entry.name, marks=missing)

    return pytest.mark.parametrize("entry", [case(entry) for entry in entries])


def chosen(entry: ControllerEntry, given: dict[str, Any]) -> Any:
    """The options model as a study's config makes it: lists as YAML has them, an InputError for what is wrong."""
    return ControllerChoice.model_validate({"name": entry.name, "options": given}).own_options()


def takes_both(entry: ControllerEntry) -> bool:
    """True where the config may ask it for loss and parameters at once."""
    if not installed(entry):
        return False
    try:
        chosen(entry, {**eager(entry), "objectives": ["loss", "parameters"]})
    except InputError:
        return False
    return True


def eager(entry: ControllerEntry) -> dict[str, Any]:
    wanted = {**EAGER, "startup_trials": 6} if entry.name in SLOW else EAGER
    return {name: value for name, value in wanted.items() if name in entry.options.model_fields}


def built(
    entry: ControllerEntry, space: SharingSpace, budget: Budget | None, seed: int = 0, **given: Any
) -> Controller:
    return built_at(entry, space, () if budget is None else (budget,), seed, **given)


def built_at(
    entry: ControllerEntry, space: SharingSpace, budgets: tuple[Budget, ...], seed: int = 0, **given: Any
) -> Controller:
    context = Context(space, budgets, Objective(), seed, trial_seed=7, rung=2)
    return entry.build(context, chosen(entry, {**eager(entry), **given}))


OVER_FRONT = [entry for entry in SEARCHED if takes_both(entry)]
