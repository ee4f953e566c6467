"""Hard concrete gates (Louizos, Welling, Kingma 2018, "Learning sparse neural networks through L0 regularization").

Their section 2.2: s = sigmoid((log u - log(1 - u) + log alpha) / beta), stretched to (gamma, zeta) and clipped to
[0, 1]; equation 12: P(gate > 0) = sigmoid(log alpha - beta log(-gamma / zeta)); equation 13, for the end: the noise
left out and beta with it. A score is log alpha.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from apportion.evaluators.scorers.relaxations.gates import owned_share
from apportion.evaluators.scorers.relaxations.options import HardConcreteOptions

if TYPE_CHECKING:
    from apportion.evaluators.laboratory import Laboratory
    from apportion.evaluators.memo import Tensors


@dataclass(frozen=True)
class HardConcrete:
    """`penalty_weight`: lambda on the part of a backbone that a domain is expected to own, summed over domains."""

    penalty_weight: float
    start: float = 2.0
    beta: float = 2 / 3
    gamma: float = -0.1
    zeta: float = 1.1
    noisy = True

    def open(self, scores: Tensor, noise: Tensor | None = None) -> Tensor:
        soft = scores if noise is None else (torch.logit(noise) + scores) / self.beta
        return (torch.sigmoid(soft) * (self.zeta - self.gamma) + self.gamma).clamp(0, 1)

    def chance(self, scores: Tensor) -> Tensor:
        """That a drawn gate is above 0."""
        return torch.sigmoid(scores - self.beta * math.log(-self.gamma / self.zeta))

    def penalty(self, scores: Sequence[Tensor], shares: Tensor, multiplier: Tensor) -> Tensor:
        """Expected L0 of the weights behind gates, as a part of a backbone's."""
        return self.penalty_weight * len(scores[0]) * owned_share([self.chance(one) for one in scores], shares)

    def pressed(self, multiplier: Tensor, owned: Tensor) -> Tensor:
        return multiplier


def score(lab: "Laboratory", options: HardConcreteOptions, seed: int, key: str) -> "Tensors":
    """See `relaxed`."""
    from apportion.evaluators.scorers.relaxations.relaxed import relaxed

    return relaxed(lab, "hard_concrete", HardConcrete(options.penalty, options.first), options, seed, key)
