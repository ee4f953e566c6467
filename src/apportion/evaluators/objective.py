"""The objective: one number per measurement, lower is better."""

import math
from dataclasses import dataclass, field
from typing import Literal

from apportion.evaluators.measurement import Score, Scores


@dataclass(frozen=True)
class Objective:
    """By default the mean over domains of cross-entropy / ln(classes): 1 is chance level, 0 is perfect.

    Unnormalised, a mean of cross-entropies is ruled by the domain with most classes. `accuracy` counts as the error
    rate 1 - accuracy. `worst` takes the worst domain; `weights` weighs domains, missing ones count 1.
    """

    metric: Literal["cross_entropy", "accuracy"] = "cross_entropy"
    normalise: bool = True
    aggregate: Literal["mean", "worst", "weights"] = "mean"
    weights: dict[str, float] = field(default_factory=dict)

    def of_domain(self, score: Score) -> float:
        if self.metric == "accuracy":
            return 1.0 - score.accuracy
        return score.cross_entropy / math.log(score.classes) if self.normalise else score.cross_entropy

    def __call__(self, scores: Scores) -> float:
        values = {domain: self.of_domain(score) for domain, score in scores.items()}
        if any(math.isnan(value) for value in values.values()):
            return math.nan  # max() would keep a number that stands before a NaN
        if self.aggregate == "worst":
            return max(values.values())
        weights = {domain: self.weights.get(domain, 1.0) if self.aggregate == "weights" else 1.0 for domain in values}
        return math.fsum(weights[d] * values[d] for d in values) / math.fsum(weights.values())


def mean_accuracy(scores: Scores) -> float:
    """Accuracy averaged over domains, 0..1: reported beside every objective."""
    return math.fsum(score.accuracy for score in scores.values()) / len(scores)
