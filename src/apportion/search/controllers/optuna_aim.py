"""What a study aims at: one budget, or every cost between the least budget and the greatest."""

from bisect import bisect_left
from typing import Any, Protocol

from apportion.errors import InputError
from apportion.search.controllers.optuna_encoding import Encoding, Params
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.space import SharingSpace

TARGET = "target cost"


class Aim(Protocol):
    """What is asked and what is told. `objectives`: how many values a trial has."""

    objectives: int
    name: str

    def distributions(self) -> dict[str, Any]: ...

    def starts(self) -> list[Params]:
        """All variables half way up, at every budget."""
        ...

    def pattern(self, params: Params) -> tuple[Allocation, Budget]:
        """What `params` propose, and the budget that holds it."""
        ...

    def params(self, allocation: Allocation) -> Params | None:
        """Parameters of a pattern that was not asked for; None where none stand for it."""
        ...

    def values(self, loss: float, allocation: Allocation) -> list[float]: ...


class AtBudget:
    """The loss, at one budget."""

    objectives = 1

    def __init__(self, space: SharingSpace, encoding: Encoding, budget: Budget) -> None:
        self.space, self.encoding, self.budget = space, encoding, budget
        self.name = budget.name

    def distributions(self) -> dict[str, Any]:
        return self.encoding.distributions()

    def starts(self) -> list[Params]:
        return [self.encoding.middle()]

    def pattern(self, params: Params) -> tuple[Allocation, Budget]:
        return self.encoding.allocation(params, self.budget), self.budget

    def params(self, allocation: Allocation) -> Params | None:
        return _params(self.space, self.encoding, allocation, self.budget)

    def values(self, loss: float, allocation: Allocation) -> list[float]:
        return [loss]


class OverFront:
    """Loss and cost in parameters. One more variable proposes the cost.

    Of 2 B - 1 equal parts of [0, 1] every other one stands for a budget, the ones between for the costs between two: so
    more than half of all draws are exactly on a budget.
    """

    objectives = 2

    def __init__(self, space: SharingSpace, encoding: Encoding, budgets: tuple[Budget, ...]) -> None:
        self.space, self.encoding = space, encoding
        self.budgets = sorted(budgets, key=space.limit)
        self.limits = sorted({space.limit(budget) for budget in budgets})
        self.name = "front " + " ".join(budget.name for budget in self.budgets)
        self.measure = budgets[0].measure
        if any(budget.measure != self.measure for budget in budgets):
            law = "parameters are counted by one measure over a front"
            raise InputError("budgets", _listed(budgets), law, "give all of them the same `measure`")
        if len(self.limits) < 2:
            law = "a front reaches from one budget to another"
            raise InputError("budgets", _listed(budgets), law, "add a budget, or write objectives: [loss]")

    def distributions(self) -> dict[str, Any]:
        from optuna.distributions import FloatDistribution

        return {**self.encoding.distributions(), TARGET: FloatDistribution(0.0, 1.0)}

    def starts(self) -> list[Params]:
        return [{**self.encoding.middle(), TARGET: self.place_of(limit)} for limit in self.limits]

    def pattern(self, params: Params) -> tuple[Allocation, Budget]:
        target = Budget(self.measure, self.cost_at(params[TARGET]), "parameters")
        allocation = self.encoding.allocation(params, target)
        return allocation, self._holding(target.of(self.space.cost(allocation)))

    def cost_at(self, place: float) -> int:
        """The cost in parameters that `place` in [0, 1] stands for."""
        part, way = divmod(place * self._parts, 1.0)
        low, between = divmod(min(int(part), self._parts - 1), 2)
        return self.limits[low] + (int(way * (self.limits[low + 1] - self.limits[low])) if between else 0)

    def place_of(self, cost: int) -> float | None:
        """A place that stands for a target that this cost meets; None outside the front."""
        if not self.limits[0] <= cost <= self.limits[-1]:
            return None
        high = bisect_left(self.limits, cost)
        if self.limits[high] == cost:
            return (2 * high + 0.5) / self._parts
        way = (cost - self.limits[high - 1]) / (self.limits[high] - self.limits[high - 1])
        return (2 * high - 1 + way) / self._parts

    @property
    def _parts(self) -> int:
        return 2 * len(self.limits) - 1

    def _holding(self, cost: int) -> Budget:
        return next(budget for budget in self.budgets if self.space.limit(budget) >= cost)

    def params(self, allocation: Allocation) -> Params | None:
        cost = Budget(self.measure, 0).of(self.space.cost(allocation))
        # What lies within a step of a budget was meant to meet it.
        near = [budget for budget in self.budgets if _exhausts(self.space, allocation, budget)]
        target = near[0] if near else Budget(self.measure, cost, "parameters")
        place = self.place_of(self.space.limit(target))
        params = _params(self.space, self.encoding, allocation, target)
        return None if params is None or place is None else {**params, TARGET: place}

    def values(self, loss: float, allocation: Allocation) -> list[float]:
        return [loss, float(Budget(self.measure, 0).of(self.space.cost(allocation)))]


def _params(space: SharingSpace, encoding: Encoding, allocation: Allocation, budget: Budget) -> Params | None:
    """None for a pattern that is off the budget: its parameters would stand for another one."""
    return encoding.params(allocation) if _exhausts(space, allocation, budget) else None


def _exhausts(space: SharingSpace, allocation: Allocation, budget: Budget) -> bool:
    try:
        return space.exhausts(allocation, budget)
    except InputError:
        return False  # another order, or levels that no position of this space has


def _listed(budgets: tuple[Budget, ...]) -> str:
    return ", ".join(budget.name for budget in budgets)
