"""`local_search`: the best pattern so far, changed by one move at a time; the first improvement is taken at once.

A move takes part of one variable's steps and spends it on another. All pairs are gone through in a random order; when
too many in a row have failed moves get smaller, and after the smallest ones large again, in another order.
"""

import contextlib
import math

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from apportion.errors import InputError
from apportion.evaluators.measurement import Trial
from apportion.evaluators.proposal import Proposal
from apportion.search.controllers.moves import fresh, moved
from apportion.search.controllers.protocol import Context, Controller, ControllerEntry, Done, Wait
from apportion.search.controllers.warm_start import WarmStart, warm_started
from apportion.spaces.allocation import Allocation
from apportion.spaces.orders import counted_seed

_SKIPS = 12
"""Pairs passed over in one ask because they cannot move or lead where the search has been."""


class LocalSearchOptions(BaseModel):
    """`largest` and `smallest` part of a variable's steps that a move takes, halved after `patience` failures.

    It starts from the best `warm_start` pattern, or else from equal spend.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    largest: float = Field(0.5, gt=0, le=1)
    smallest: float = Field(0.03, gt=0, le=1)
    patience: int = Field(25, ge=1)
    warm_start: WarmStart = ()


class LocalSearch:
    """The incumbent is the best pattern told; what was asked around an earlier one still counts when it is told."""

    def __init__(self, context: Context, options: LocalSearchOptions) -> None:
        self.context, self.options, self.asked = context, options, 0
        (self.budget,) = context.budgets
        space = context.space
        self.best, self.incumbent = math.inf, space.positions_of(space.decode(np.ones(space.dimension), self.budget))
        self.seen: set[Allocation] = set()
        self.part, self.failures, self.round, self.turn = options.largest, 0, 0, 0

    def ask(self) -> Proposal | Wait | Done:
        start = not self.asked and math.isinf(self.best)
        allocation = self.context.space.allocation_at(self.incumbent) if start else self._neighbour()
        self.seen.add(allocation)
        self.asked += 1
        return Proposal(
            str(self.asked), "local_search", allocation, self.budget, self.context.rung, self.context.trial_seed
        )

    def tell(self, trial: Trial) -> None:
        self.seen.add(trial.proposal.allocation)
        value = self.context.value(trial)
        if value is not None and value < self.best:
            with contextlib.suppress(InputError):  # a pattern of another granularity has no variables to move
                self.incumbent = self.context.space.positions_of(trial.proposal.allocation)
                self.best, self.failures = value, 0
                return
        self.failures += 1
        if self.failures >= self.options.patience:
            self.failures, self.part = 0, self.part / 2
            if self.part < self.options.smallest:
                self.part, self.round, self.turn = self.options.largest, self.round + 1, 0

    def _neighbour(self) -> Allocation:
        """The incumbent after the next move that leads to something new, or else anything new near it."""
        space = self.context.space
        for _ in range(_SKIPS if space.dimension > 1 else 0):
            positions = moved(space, self.budget, self.incumbent, *self._pair(), self.part)
            if positions is not None and (allocation := space.allocation_at(positions)) not in self.seen:
                return allocation
        return fresh(space, self.budget, self.incumbent, self.seen, self._generator("near", self.asked))

    def _pair(self) -> tuple[int, int]:
        """Giver and taker: all pairs in turn, neighbours in a random order of the variables first."""
        size = self.context.space.dimension
        order = self._generator("order", self.round).permutation(size)
        around, shift = self.turn % size, 1 + self.turn // size % (size - 1)
        self.turn += 1
        return int(order[around]), int(order[(around + shift) % size])

    def _generator(self, use: str, n: int) -> np.random.Generator:
        drawn = counted_seed("local_search", self.context.seed, self.budget.name, use, n)
        return np.random.Generator(np.random.Philox(drawn))


def _build(context: Context, options: BaseModel) -> Controller:
    assert isinstance(options, LocalSearchOptions)
    return warm_started("local_search", context, options.warm_start, LocalSearch(context, options))


local_search = ControllerEntry(
    "local_search",
    "the best pattern improved by moves between two variables; one objective; ~2 ms a trial",
    "searched",
    _build,
    LocalSearchOptions,
)
