"""`uniform` and `equal_spend`: spread the budget evenly, over filters or over parameters."""

import numpy as np

from apportion.search.controllers.fixed import hand_made
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.space import SharingSpace


def _uniform(space: SharingSpace, budget: Budget) -> Allocation:
    return space.decode(np.ones(space.dimension), budget, "fractions")


def _equal_spend(space: SharingSpace, budget: Budget) -> Allocation:
    return space.decode(np.ones(space.dimension), budget, "spend")


uniform = hand_made("uniform", "own the same fraction of filters everywhere", _uniform)
equal_spend = hand_made("equal_spend", "spend the same number of parameters at every site", _equal_spend)
