"""What controllers that learn gates have in common: gates are ranked by their scores and filled onto the budget."""

from functools import partial
from typing import Literal

from pydantic import BaseModel

from apportion.evaluators.scorers.relaxations.options import GateOptions
from apportion.search.controllers.learned import Recipe
from apportion.search.filling import ranked

Rank = Literal["parameter", "filter"]
"""What is taken first: the greatest score for its filter's size, or simply the greatest score."""


def gate_recipe(name: str, scorer: str, options: GateOptions, rank: Rank) -> Recipe:
    """Gates on whole sites take whole sites first, as far as they go, then filters of the next."""
    allocate = partial(ranked, per_parameter=rank == "parameter", whole=options.per == "site")
    return Recipe(name, scorer, options, allocate)


def as_scorer(options: BaseModel, kind: type[BaseModel], **changes: object) -> GateOptions:
    """The part of a controller's options that its scorer knows, as `kind`."""
    own = {name: getattr(options, name) for name in kind.model_fields}
    made = kind.model_validate({**own, **changes})
    assert isinstance(made, GateOptions)
    return made
