"""Projection: from a wish (a real-valued target per variable) to positions that meet a budget exactly.

Bisection on a common scale, then the steps that this scale would reach next, one by one, until no step fits. It never
exceeds the budget, and a target that already exhausts it comes back unchanged.
"""

import heapq
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from apportion.spaces.budget import Budget

if TYPE_CHECKING:
    from apportion.spaces.space import SharingSpace

Positions = npt.NDArray[np.int64]

# A target of 0 is served last, not never: the budget must be met even where all the others are full.
_LEAST_WISH = 1e-9
# Halvings of the scale's logarithm; what they leave open is less than one step, and `fill` decides it.
_BISECTIONS = 42


def project(space: "SharingSpace", target: npt.ArrayLike, budget: Budget) -> Positions:
    """Positions [variables] in proportion to `target` [variables] (finite, >= 0, in steps) that exhaust `budget`."""
    steps = space.steps
    wish = np.maximum(np.asarray(target, dtype=np.float64) / steps, _LEAST_WISH) * steps

    def scaled(scale: float) -> Positions:
        positions: Positions = np.floor(np.minimum(scale * wish, steps)).astype(np.int64)
        return positions

    limit = space.limit(budget)
    low, high = math.log(0.5 / float(wish.max())), math.log(1.01 / _LEAST_WISH)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if space.spent(scaled(math.exp(middle)), budget) <= limit:
            low = middle
        else:
            high = middle
    return fill(space, scaled(math.exp(low)), budget, lambda variable, step: step / float(wish[variable]))


def fill(space: "SharingSpace", start: Positions, budget: Budget, when: Callable[[int, int], float]) -> Positions:
    """Raise `start` step by step, smallest `when(variable, step)` first, until no single step fits `budget`.

    `step` is the position that the variable would reach, 1..steps. Steps that cost nothing are always taken, so the
    result is in canonical form. Passes repeat because a step can get cheaper: see `Filters.canonical`.
    """
    limit = space.limit(budget)
    account = _Account(space, start, budget)
    took_one = True
    while took_one:
        took_one = False
        queue = [
            (when(v, int(position) + 1), v)
            for v, position in enumerate(account.positions)
            if position < space.variables[v].steps
        ]
        heapq.heapify(queue)
        while queue:
            _, v = heapq.heappop(queue)
            if not account.step(v, limit):
                continue
            took_one = True
            if account.positions[v] < space.variables[v].steps:
                heapq.heappush(queue, (when(v, int(account.positions[v]) + 1), v))
    return account.positions


class _Account:
    """Positions with a running cost, so that one step costs one site's arithmetic instead of the whole space's."""

    def __init__(self, space: "SharingSpace", start: Positions, budget: Budget) -> None:
        self.space, self.budget = space, budget
        self.positions = start.copy()
        self.levels = space.levels_at(start).tolist()
        self.site_costs = [self._price(i, row) for i, row in enumerate(self.levels)]
        self.total = sum(self.site_costs)

    def _price(self, site: int, row: list[int]) -> int:
        space = self.space
        return self.budget.of(space.operator.cost(space.sites[site], space.owners, row, space.order))

    def step(self, v: int, limit: int) -> bool:
        """Raise variable v by one step if that fits."""
        variable, position = self.space.variables[v], int(self.positions[v]) + 1
        rows: dict[int, list[int]] = {}
        for i, d in variable.cells:
            row = rows.setdefault(i, list(self.levels[i]))
            row[d] = variable.level(position, self.space.sites[i].max_level)
        prices = {i: self._price(i, row) for i, row in rows.items()}
        total = self.total + sum(price - self.site_costs[i] for i, price in prices.items())
        if total > limit:
            return False
        self.total = total
        self.positions[v] = position
        for i, row in rows.items():
            self.levels[i], self.site_costs[i] = row, prices[i]
        return True
