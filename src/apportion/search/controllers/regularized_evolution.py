"""`regularized_evolution`: ageing evolution (Real et al. 2019, algorithm 1) on on-budget patterns.

The best of a random sample of the population is changed by one move, and whoever is oldest dies, however good it is.
"""

import contextlib
from collections import deque

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from apportion.errors import InputError
from apportion.evaluators.measurement import Trial
from apportion.evaluators.proposal import Proposal
from apportion.search.controllers.moves import fresh
from apportion.search.controllers.protocol import Context, Controller, ControllerEntry, Done, Wait
from apportion.search.controllers.warm_start import WarmStart, warm_started
from apportion.spaces.allocation import Allocation
from apportion.spaces.orders import counted_seed
from apportion.spaces.projection import Positions


class RegularizedEvolutionOptions(BaseModel):
    """`population` patterns are alive, the first ones random; a parent is the best of `sample` drawn from them.

    The paper has 100 and 25 for 20,000 trials; the defaults are meant for 200, where every second one is not too many.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    population: int = Field(20, ge=1)
    sample: int = Field(10, ge=1)
    warm_start: WarmStart = ()


class RegularizedEvolution:
    """Lives on what it is told, in that order: several in flight only make the population older."""

    def __init__(self, context: Context, options: RegularizedEvolutionOptions) -> None:
        self.context, self.options, self.asked = context, options, 0
        (self.budget,) = context.budgets
        self.alive: deque[tuple[float, Positions]] = deque(maxlen=options.population)
        self.outstanding: set[str] = set()
        self.foreign = 0
        self.seen: set[Allocation] = set()

    def ask(self) -> Proposal | Wait | Done:
        drawn = counted_seed("regularized_evolution", self.context.seed, self.budget.name, self.asked)
        generator = np.random.Generator(np.random.Philox(drawn))
        parent = None
        if self.asked + self.foreign >= self.options.population and self.alive:
            sample = generator.integers(len(self.alive), size=self.options.sample)
            parent = min((self.alive[n] for n in sample), key=lambda one: one[0])[1]
        allocation = fresh(self.context.space, self.budget, parent, self.seen, generator)
        self.seen.add(allocation)
        self.asked += 1
        self.outstanding.add(str(self.asked))
        context = self.context
        return Proposal(
            str(self.asked), "regularized_evolution", allocation, self.budget, context.rung, context.trial_seed
        )

    def tell(self, trial: Trial) -> None:
        self.seen.add(trial.proposal.allocation)
        # Patterns that others asked for take the places of random ones.
        self.foreign += trial.proposal.id not in self.outstanding
        self.outstanding.discard(trial.proposal.id)
        value = self.context.value(trial)
        if value is not None:
            with contextlib.suppress(InputError):  # a pattern of another granularity has no variables to move
                self.alive.append((value, self.context.space.positions_of(trial.proposal.allocation)))


def _build(context: Context, options: BaseModel) -> Controller:
    assert isinstance(options, RegularizedEvolutionOptions)
    evolution = RegularizedEvolution(context, options)
    return warm_started("regularized_evolution", context, options.warm_start, evolution)


regularized_evolution = ControllerEntry(
    "regularized_evolution",
    "ageing evolution by moves between two variables (Real et al. 2019); one objective; ~2 ms a trial",
    "searched",
    _build,
    RegularizedEvolutionOptions,
)
