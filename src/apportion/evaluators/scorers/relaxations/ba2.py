"""Gates as BA2 has its switches (002), here on what a domain owns, under a budget by a multiplier.

002: a real-valued switch is open above 0 and used as it is in the backward pass; L_B = max(0, lambda * (theta - beta));
lambda is reset to 0 where the budget is met and rises otherwise. theta is what is *owned*: the part of the backbone's
weights behind open gates, on average over domains, since a budget binds their sum. (The paper's loss for sharing
switches, L_PS, would here reward all domains for owning the same filters.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from apportion.evaluators.scorers.relaxations.gates import owned_share, straight_through
from apportion.evaluators.scorers.relaxations.options import Ba2Options

if TYPE_CHECKING:
    from apportion.evaluators.laboratory import Laboratory
    from apportion.evaluators.memo import Tensors


@dataclass(frozen=True)
class Ba2:
    """`target` is beta, 0..1 of the backbone a domain. `rate`: what a step adds to lambda for all of the excess."""

    target: float
    rate: float
    start: float = 1e-3
    noisy = False

    def open(self, scores: Tensor, noise: Tensor | None = None) -> Tensor:
        return straight_through(scores, scores > 0)

    def penalty(self, scores: Sequence[Tensor], shares: Tensor, multiplier: Tensor) -> Tensor:
        return torch.relu(multiplier * (owned_share([self.open(one) for one in scores], shares) - self.target))

    def pressed(self, multiplier: Tensor, owned: Tensor) -> Tensor:
        excess = owned - self.target
        return torch.where(excess <= 0, torch.zeros_like(multiplier), multiplier + self.rate * excess)


def score(lab: "Laboratory", options: Ba2Options, seed: int, key: str) -> "Tensors":
    """See `relaxed`."""
    from apportion.evaluators.scorers.relaxations.relaxed import relaxed

    return relaxed(lab, "ba2", Ba2(options.target, options.rate, options.first), options, seed, key)
