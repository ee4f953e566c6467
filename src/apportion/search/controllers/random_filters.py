"""`random_filters` (000's "random"): a random subset of the filters of all layers, drawn until the budget is spent.

Every filter of the network has the same chance, so wide layers get many. Which filters are first at a site is the
space's order; drawing them from `index` order is the same in distribution when weights start at random.
"""

import numpy as np
from pydantic import BaseModel, ConfigDict

from apportion.search.controllers.fixed import Fixed
from apportion.search.controllers.protocol import Context, Controller, ControllerEntry, one
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.orders import counted_seed
from apportion.spaces.projection import fill
from apportion.spaces.space import SharingSpace


class RandomFiltersOptions(BaseModel):
    """`seed` of the draw."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    seed: int = 0


def pattern(space: SharingSpace, budget: Budget, seed: int) -> Allocation:
    """All steps of all variables in a random order, each taken if it still fits."""
    generator = np.random.Generator(np.random.Philox(counted_seed("random_filters", seed)))
    times = [np.sort(generator.random(variable.steps)) for variable in space.variables]
    positions = fill(space, np.zeros_like(space.steps), budget, lambda v, step: float(times[v][step - 1]))
    return space.allocation_at(positions)


def _build(context: Context, options: BaseModel) -> Controller:
    assert isinstance(options, RandomFiltersOptions)
    (budget,) = context.budgets
    return Fixed("random_filters", context, pattern(context.space, budget, options.seed), budget)


random_filters = ControllerEntry(
    "random_filters",
    "own filters drawn at random over all layers (000's random)",
    "hand-made",
    _build,
    RandomFiltersOptions,
    asks=one,
)
