"""`top` and `bottom` (000, 001): own whole layers from one end of the network until the budget is spent.

000 calls the layers near the input the bottom; sharing the bottom and owning the top is the common practice, and the
paper's finding is that the reverse is better. The layer at the border is owned in part.
"""

import numpy as np

from apportion.search.controllers.fixed import hand_made
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.projection import fill
from apportion.spaces.space import SharingSpace


def _from_one_end(space: SharingSpace, budget: Budget, sign: int) -> Allocation:
    """Sites in order of `sign` * depth; at a site all owners rise together, so levels differ by what is left over."""
    depths = [min(space.sites[i].depth for i, _ in variable.cells) for variable in space.variables]

    def when(variable: int, step: int) -> float:
        return sign * depths[variable] + step / (space.variables[variable].steps + 1)

    return space.allocation_at(fill(space, np.zeros_like(space.steps), budget, when))


bottom = hand_made(
    "bottom", "own the layers nearest the input (000's finding)", lambda space, budget: _from_one_end(space, budget, 1)
)
top = hand_made(
    "top", "own the layers nearest the output (common practice)", lambda space, budget: _from_one_end(space, budget, -1)
)
