"""The comparisons a study was made for: at each budget the searched scheme against the one made by hand.

Which scheme stands for its kind is decided by validation loss alone, so the scores that are compared have had no say in
it. Choosing by test scores would favour the kind with more candidates.
"""

from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Literal

from apportion.reports.kinds import Kind
from apportion.reports.results import Results
from apportion.reports.schemes import Scheme
from apportion.reports.statistics import (
    Interval,
    NotShown,
    SignedRank,
    differences,
    paired_difference,
    signed_rank,
)
from apportion.spaces.budget import Budget

Verdict = Literal["searched better", "hand-made better", "not decided", "the same pattern", "not measured"]


@dataclass(frozen=True)
class Comparison:
    """`searched` and `hand_made` at one budget; differences are searched - hand-made over the seeds both have."""

    budget: Budget
    searched: Scheme | None
    hand_made: Scheme | None

    @cached_property
    def loss(self) -> Interval:
        """Difference in the objective: below zero, the search is better."""
        return difference(self.searched, self.hand_made)

    @cached_property
    def accuracy(self) -> Interval:
        """Difference in mean accuracy, -1..1: above zero, the search is better."""
        if self.searched is None or self.hand_made is None:
            return paired_difference({}, {})
        return paired_difference(self.searched.accuracies, self.hand_made.accuracies)

    @property
    def verdict(self) -> Verdict:
        """What the loss says at 95 %; with fewer than two pairs nothing is decided."""
        if self.searched is None or self.hand_made is None or not self.loss.n:
            return "not measured"
        if _patterns(self.searched) == _patterns(self.hand_made):
            return "the same pattern"
        if not self.loss.excludes_zero:
            return "not decided"
        return "searched better" if self.loss.mean < 0 else "hand-made better"


@dataclass(frozen=True)
class Declared:
    """The comparison that the config names as the one that counts; differences are scheme - against.

    `scheme` and `against` are None as long as they are not measured.
    """

    names: tuple[str, str]
    scheme: Scheme | None
    against: Scheme | None

    @cached_property
    def loss(self) -> Interval:
        return difference(self.scheme, self.against)

    @cached_property
    def accuracy(self) -> Interval:
        """In mean accuracy, -1..1."""
        if self.scheme is None or self.against is None:
            return paired_difference({}, {})
        return paired_difference(self.scheme.accuracies, self.against.accuracies)

    @cached_property
    def rank_test(self) -> SignedRank | NotShown:
        """Wilcoxon's, of the same differences: it does without the normal distribution that the interval assumes."""
        left, right = (one.losses if one is not None else {} for one in (self.scheme, self.against))
        return signed_rank(differences(left, right).values())

    @property
    def same(self) -> bool:
        """True where both are the very same patterns."""
        return (
            self.scheme is not None and self.against is not None and _patterns(self.scheme) == _patterns(self.against)
        )


def declared(results: Results) -> Declared | None:
    """What the study was made for, where its config says so."""
    primary = results.study.config.get("primary")
    if primary is None:
        return None
    names = (str(primary["scheme"]), str(primary["against"]))
    schemes = {scheme_name(scheme): scheme for scheme in results.measured}
    return Declared(names, schemes.get(names[0]), schemes.get(names[1]))


def scheme_name(scheme: Scheme) -> str:
    """`taps/live-0.2`; an anchor's is its controller's."""
    return scheme.controller if scheme.budget is None else f"{scheme.controller}/{scheme.budget.name}"


def comparisons(results: Results) -> tuple[Comparison, ...]:
    """One per budget, the smaller budgets first."""
    return tuple(
        Comparison(budget, chosen(results, budget, "searched"), chosen(results, budget, "hand-made"))
        for budget in results.budgets
    )


def chosen(results: Results, budget: Budget, kind: Kind) -> Scheme | None:
    """The scheme that stands for its kind: least mean validation loss over the seeds that all candidates have.

    Not by the search trial that led to it: one seed's noise (.002) is as large as what tells good schemes apart, so the
    search would often be compared with a rival weaker than the best one. Test scores have no say.
    """
    candidates = [scheme for scheme in results.at(budget, kind) if scheme.validation_losses]
    if not candidates:
        return None
    common = set.intersection(*(set(scheme.validation_losses) for scheme in candidates))

    def mean(scheme: Scheme) -> float:
        losses = scheme.validation_losses
        return fmean(losses[seed] for seed in common or losses)

    return min(candidates, key=lambda scheme: (mean(scheme), scheme.controller))


def difference(left: Scheme | None, right: Scheme | None) -> Interval:
    """Paired difference of losses, left - right; n = 0 where one of them was not measured."""
    if left is None or right is None:
        return paired_difference({}, {})
    return paired_difference(left.losses, right.losses)


def room(results: Results, budget: Budget) -> Interval:
    """`independent` - `bottom` in loss: what sharing costs the usual hand-made scheme, so all that learning can win."""
    return difference(results.of("independent"), results.of("bottom", budget))


def _patterns(scheme: Scheme) -> dict[int, str]:
    return {trial.proposal.seed: trial.proposal.allocation.key() for trial in scheme.trials}
