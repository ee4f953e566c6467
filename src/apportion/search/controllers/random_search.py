"""`random_search`: on-budget allocations drawn independently, uniform over the ways of splitting the budget."""

import numpy as np
from pydantic import BaseModel, ConfigDict

from apportion.evaluators.measurement import Trial
from apportion.evaluators.proposal import Proposal
from apportion.search.controllers.protocol import Context, Controller, ControllerEntry, Done, Wait
from apportion.spaces.orders import counted_seed
from apportion.spaces.space import Parametrisation


class RandomSearchOptions(BaseModel):
    """`by`: what is drawn, parts of the budget (`spend`) or fractions of the filters."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    by: Parametrisation = "spend"


class RandomSearch:
    """The n-th proposal depends on seed and n alone."""

    def __init__(self, context: Context, options: RandomSearchOptions) -> None:
        self.context, self.options, self.asked = context, options, 0
        (self.budget,) = context.budgets

    def ask(self) -> Proposal | Wait | Done:
        drawn = counted_seed("random_search", self.context.seed, self.budget.name, self.asked)
        generator = np.random.Generator(np.random.Philox(drawn))
        # Exponentials scaled to a common size are uniform on the simplex; uniform numbers would shy at its corners.
        vector = generator.exponential(size=self.context.space.dimension)
        allocation = self.context.space.decode(vector / vector.max(), self.budget, self.options.by)
        self.asked += 1
        return Proposal(
            str(self.asked), "random_search", allocation, self.budget, self.context.rung, self.context.trial_seed
        )

    def tell(self, trial: Trial) -> None:
        """Independent draws learn nothing."""


def _build(context: Context, options: BaseModel) -> Controller:
    assert isinstance(options, RandomSearchOptions)
    return RandomSearch(context, options)


random_search = ControllerEntry(
    "random_search",
    "independent random splits of the budget; one objective; microseconds a trial",
    "searched",
    _build,
    RandomSearchOptions,
)
