"""What a relaxation is: a gate, a penalty on what is open, and how hard the penalty presses next."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from apportion.spaces.network.gated import Gate


class Relaxation(Gate, Protocol):
    """`scores` below: one tensor for each gated site, [D, gates of a domain there].

    `shares` [sites]: of the backbone's weights that each of these sites has.
    """

    @property
    def noisy(self) -> bool:
        """Whether gates are drawn while training."""
        ...

    def penalty(self, scores: Sequence[Tensor], shares: Tensor, multiplier: Tensor) -> Tensor:
        """What is added to the sum over domains of their losses; a scalar, differentiable by the scores."""
        ...

    def pressed(self, multiplier: Tensor, owned: Tensor) -> Tensor:
        """The multiplier after a step at whose start `owned` (0..1, see `owned_share`) was open."""
        ...


def straight_through(scores: Tensor, is_open: Tensor) -> Tensor:
    """`is_open` as numbers, 0 or 1, with derivative 1 by the scores (004, "Straight-through gradient estimation").

    The weight's gradient then reaches a score as its inner product with delta, whether the gate is open or not.
    """
    return is_open.to(scores.dtype) + (scores - scores.detach())


def owned_share(gates: Sequence[Tensor], shares: Tensor) -> Tensor:
    """The part of a backbone's weights that a domain owns, 0..1, on average over domains; gates as scores."""
    return (torch.stack([gate.mean() for gate in gates]) * shares).sum()
