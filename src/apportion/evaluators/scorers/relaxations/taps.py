"""TAPS (004): a layer, or with `per: filter` each of its filters, is owned where its score reaches a threshold.

Equation 1: w = w_shared + I(s >= tau) * delta; 2: the indicator; 4: the penalty lambda / L * sum |s| of each domain.
Scores start above tau: below it with delta = 0 nothing would ever move.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from apportion.evaluators.scorers.relaxations.gates import straight_through
from apportion.evaluators.scorers.relaxations.options import TapsOptions

if TYPE_CHECKING:
    from apportion.evaluators.laboratory import Laboratory
    from apportion.evaluators.memo import Tensors


@dataclass(frozen=True)
class Taps:
    """`penalty_weight` is the paper's lambda, `start` the score at the start, `tau` the threshold."""

    penalty_weight: float
    start: float = 0.15
    tau: float = 0.1
    noisy = False

    def open(self, scores: Tensor, noise: Tensor | None = None) -> Tensor:
        return straight_through(scores, scores >= self.tau)

    def penalty(self, scores: Sequence[Tensor], shares: Tensor, multiplier: Tensor) -> Tensor:
        """L is the number of gates that a domain has: its sites, or their filters."""
        each = torch.cat(list(scores), dim=1)
        return self.penalty_weight / each.shape[1] * each.abs().sum()

    def pressed(self, multiplier: Tensor, owned: Tensor) -> Tensor:
        return multiplier


def score(lab: "Laboratory", options: TapsOptions, seed: int, key: str) -> "Tensors":
    """See `relaxed`."""
    from apportion.evaluators.scorers.relaxations.relaxed import relaxed

    return relaxed(lab, "taps", Taps(options.penalty, options.first, options.tau), options, seed, key)
