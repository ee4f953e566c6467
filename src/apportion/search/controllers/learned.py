"""Controllers that ask for what a scorer's worth of every filter says is best at the budget."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from apportion.errors import InputError
from apportion.evaluators.laboratory import Laboratory
from apportion.evaluators.measurement import Trial
from apportion.evaluators.proposal import Proposal
from apportion.search.controllers.protocol import Context, Controller, ControllerEntry, Done, Kind, Use, Wait, one
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.space import SharingSpace

Worths = Sequence[npt.NDArray[np.float64]]
"""For every site [owners, filters]."""


@dataclass(frozen=True)
class Recipe:
    """A pattern to be learned: what a scorer says with its `options`, and what is made of it at a budget."""

    name: str
    scorer: str
    options: BaseModel
    allocate: Callable[[SharingSpace, Worths, Budget], Allocation]

    @property
    def use(self) -> Use:
        return self.scorer, self.options


def laboratory(name: str, context: Context) -> Laboratory:
    """Where controller `name` has its scorers computed; an InputError where nothing is trained."""
    if context.lab is None:
        law = "it learns from the network that is trained, and this evaluator trains none"
        raise InputError(f"controller {name}", "no network", law, "use evaluator: {name: train}")
    return context.lab


def learned(context: Context, recipe: Recipe, budget: Budget) -> tuple[Allocation, str]:
    """The pattern, and the key of the artifact that it came from.

    The scorer runs once per study, seed and options, whatever the budgets. Raises Stopped where the study was stopped
    while it ran.
    """
    assert context.lab is not None
    worth = context.lab.worth(recipe.scorer, recipe.options, context.trial_seed)
    return recipe.allocate(context.space, worth.of, budget), worth.artifact


class Learned:
    """Asks for the pattern of each recipe, in turn."""

    def __init__(self, name: str, context: Context, recipes: Sequence[Recipe]) -> None:
        laboratory(name, context)
        self.name, self.context, self.left = name, context, list(recipes)
        (self.budget,) = context.budgets

    def ask(self) -> Proposal | Wait | Done:
        if not self.left:
            return Done()
        recipe, context = self.left[0], self.context
        allocation, artifact = learned(context, recipe, self.budget)  # may be stopped: then it is asked again
        self.left.pop(0)
        rung, seed = context.rung, context.trial_seed
        return Proposal(recipe.name, self.name, allocation, self.budget, rung, seed, artifacts=(artifact,))

    def tell(self, trial: Trial) -> None:
        """What it was worth changes nothing."""


def learned_entry(
    name: str,
    summary: str,
    recipes: Callable[[Context, BaseModel], Sequence[Recipe]],
    options: type[BaseModel],
    *,
    kind: Kind = "searched",
    asks: Callable[[BaseModel], int | None] = one,
) -> ControllerEntry:
    """An entry for a controller that asks for the pattern of each of its `recipes`; `asks` says how many they are."""

    def build(context: Context, given: BaseModel) -> Controller:
        return Learned(name, context, recipes(context, given))

    def uses(context: Context, given: BaseModel) -> list[Use]:
        return [recipe.use for recipe in recipes(context, given)]

    return ControllerEntry(name, summary, kind, build, options, asks=asks, uses=uses)
