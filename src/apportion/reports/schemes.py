"""A scheme: one controller at one budget, measured over seeds. What a front shows as one point."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from apportion.evaluators.measurement import Measurement, Scores, Split, Trial
from apportion.evaluators.objective import Objective, mean_accuracy
from apportion.reports.kinds import Kind
from apportion.reports.statistics import Interval, mean_interval
from apportion.search.study import Header
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.ledger import ledger_of


@dataclass(frozen=True)
class Price:
    """What a pattern costs: trained `parameters` of the whole model with its heads, `live` in backbones (1..D),
    `owned` as a share of the backbone per domain (0..1)."""

    parameters: float
    live: float
    owned: float


Pricer = Callable[[Allocation], Price]


def pricer(header: Header) -> Pricer:
    """Prices of this study's patterns, each computed once."""
    known: dict[Allocation, Price] = {}

    def price(allocation: Allocation) -> Price:
        if allocation not in known:
            space = header.space
            cost = space.cost(allocation)
            stored = ledger_of(header.shape, space, allocation, header.classes).parameters
            known[allocation] = Price(float(stored), space.live_multiple(cost), space.owned_share(cost))
        return known[allocation]

    return price


@dataclass(frozen=True)
class Scheme:
    """`trials`: one per seed, measured or failed, in the order of their seeds. Scores are read on `split`.

    `choice_loss` is the validation objective of the search trial that was retrained (None: it was not searched, or its
    search trial gave none).
    """

    controller: str
    kind: Kind
    budget: Budget | None
    trials: tuple[Trial, ...]
    price: Price
    split: Split
    objective: Objective
    choice_loss: float | None = None
    pending: int = 0
    superseded: int = 0

    @property
    def allocation(self) -> Allocation:
        """The pattern; of the first seed where a controller draws another for each."""
        return self.trials[0].proposal.allocation

    def scores(self, trial: Trial, split: Split | None = None) -> Scores | None:
        """Scores per domain of one trial on this scheme's split (or the one given); None where it has none."""
        return scores_of(trial, split or self.split)

    @cached_property
    def losses(self) -> dict[int, float | None]:
        """The objective by seed; None where the trial failed."""
        return self.by_seed(self.objective)

    @cached_property
    def accuracies(self) -> dict[int, float | None]:
        """Accuracy averaged over domains by seed, 0..1; None where the trial failed."""
        return self.by_seed(mean_accuracy)

    def by_seed(self, value: Callable[[Scores], float], split: Split | None = None) -> dict[int, float | None]:
        """`value` of every seed's scores; None where the trial failed or the value is not a number."""
        found: dict[int, float | None] = {}
        for trial in self.trials:
            scores = self.scores(trial, split)
            number = value(scores) if scores else None
            found[trial.proposal.seed] = number if number is not None and math.isfinite(number) else None
        return found

    @cached_property
    def loss(self) -> Interval:
        return mean_interval(self.losses.values())

    @cached_property
    def accuracy(self) -> Interval:
        return mean_interval(self.accuracies.values())

    @cached_property
    def validation_losses(self) -> dict[int, float]:
        """The validation objective of the seeds that have one."""
        return {seed: loss for seed, loss in self.by_seed(self.objective, "val").items() if loss is not None}

    def of_domain(self, domain: str, value: Callable[[Scores], float]) -> Interval:
        """`value` of the scores of `domain` alone, over seeds."""
        return mean_interval(
            self.by_seed(lambda scores: value({domain: scores[domain]}) if domain in scores else math.nan).values()
        )


def scores_of(trial: Trial, split: Split) -> Scores | None:
    """Scores per domain on `split`; None for a failure and for a measurement without that split."""
    if not isinstance(trial.outcome, Measurement):
        return None
    return trial.outcome.splits.get(split) or None


def loss_on(trial: Trial, split: Split, objective: Objective) -> float | None:
    """The objective on `split`; None where the trial has no finite one there."""
    scores = scores_of(trial, split)
    loss = objective(scores) if scores else math.nan
    return loss if math.isfinite(loss) else None


def mean_price(prices: Iterable[Price]) -> Price:
    """The average price where seeds have patterns of their own (they differ by a few filters at most)."""
    listed = list(prices)
    return Price(
        math.fsum(p.parameters for p in listed) / len(listed),
        math.fsum(p.live for p in listed) / len(listed),
        math.fsum(p.owned for p in listed) / len(listed),
    )
