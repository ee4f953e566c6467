"""`additive`: a Bayesian additive model, and the pattern that is exactly optimal under a draw from it.

Thompson sampling (Thompson 1933; Russo et al. 2018): each ask draws the worth of every position of every variable from
the posterior and asks for the allocation of greatest worth (`spaces.optimal`), so several in flight differ by
themselves. The first asks are drawn from what is expected before any trial: every site worth the same, give or take.
"""

from typing import Annotated

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict

from apportion.errors import InputError
from apportion.evaluators.measurement import Trial
from apportion.evaluators.proposal import Proposal
from apportion.search.controllers.additive_features import Features, Interactions, Shape
from apportion.search.controllers.additive_model import AdditiveModel, Floats
from apportion.search.controllers.moves import fresh
from apportion.search.controllers.protocol import Context, Controller, ControllerEntry, Done, Wait
from apportion.search.controllers.warm_start import WarmStart, warm_started
from apportion.spaces.allocation import Allocation
from apportion.spaces.optimal import Solver
from apportion.spaces.orders import counted_seed

# Standard deviation of the logarithm of what variables are worth, in the draws before any trial.
_SPREAD = 0.6
_REDRAWS = 4


def _distinct(shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
    if not shapes or len(set(shapes)) < len(shapes):
        raise InputError("options.basis", f"[{', '.join(shapes)}]", "it names one shape or more, each once")
    return shapes


class AdditiveOptions(BaseModel):
    """`basis`: shapes of a site's worth over the fraction owned, the expected one first.

    `startup_trials` are drawn from the prior. `interactions: site_x_domain` gives every site in every domain a worth
    of its own, where each has a variable; otherwise it is a site's plus a domain's. Every `greedy_every`-th ask is the
    best under the mean, not under a draw (0: none). `concave`: filters of a site are worth ever less, so draws that
    say otherwise are bent.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    basis: Annotated[tuple[Shape, ...], Strict(False), AfterValidator(_distinct)] = ("square_root", "linear")
    interactions: Interactions = "none"
    startup_trials: int = Field(8, ge=1)
    greedy_every: int = Field(4, ge=0)
    concave: bool = True
    warm_start: WarmStart = ()


class Additive:
    """Asks stay inside the budget because the solver does. A pattern is asked again only where no other is found."""

    def __init__(self, context: Context, options: AdditiveOptions) -> None:
        self.context, self.options = context, options
        (self.budget,) = context.budgets
        self.solver = Solver(context.space, self.budget)
        self.features = Features(context.space, options.basis, options.interactions)
        self.model = AdditiveModel(self.features.deviation)
        self.asked = 0
        self.seen: set[Allocation] = set()

    def ask(self) -> Proposal | Wait | Done:
        drawn = counted_seed("additive", self.context.seed, self.budget.name, self.asked)
        allocation = self._unseen(np.random.Generator(np.random.Philox(drawn)))
        self.seen.add(allocation)
        self.asked += 1
        return Proposal(
            str(self.asked), "additive", allocation, self.budget, self.context.rung, self.context.trial_seed
        )

    def tell(self, trial: Trial) -> None:
        proposal = trial.proposal
        self.seen.add(proposal.allocation)
        value = self.context.value(trial)
        # A repeat brings no news, and after fewer epochs losses are others.
        if value is not None and trial.duplicate_of is None and proposal.rung == self.context.rung:
            self.model.learn(self.features.row(proposal.allocation), value)

    def _unseen(self, generator: np.random.Generator) -> Allocation:
        """The best pattern under a draw; if it was asked before, under others, and then one move from it."""
        space = self.context.space
        for turn in range(_REDRAWS):
            positions = self.solver.best(self._worths(generator, turn > 0)).positions
            if (allocation := space.allocation_at(positions)) not in self.seen:
                return allocation
        return fresh(space, self.budget, positions, self.seen, generator)

    def _worths(self, generator: np.random.Generator, again: bool) -> list[Floats]:
        """A draw of worths [variables][steps + 1]."""
        if self.asked < self.options.startup_trials or self.model.n < 2:
            spread = _SPREAD if self.asked or again else 0.0
            return self.features.expected(generator.lognormal(0.0, spread, self.context.space.dimension))
        every = self.options.greedy_every
        greedy = every > 0 and self.asked % every == 0 and not again
        # The model is of the loss, and worth is what lowers it.
        return self.features.worths(-self.model.draw(generator, 0.0 if greedy else 1.0), self.options.concave)


def _build(context: Context, options: BaseModel) -> Controller:
    assert isinstance(options, AdditiveOptions)
    return warm_started("additive", context, options.warm_start, Additive(context, options))


additive = ControllerEntry(
    "additive",
    "the exactly best pattern under draws of a Bayesian additive model; one objective; ~6 ms a trial",
    "searched",
    _build,
    AdditiveOptions,
)
