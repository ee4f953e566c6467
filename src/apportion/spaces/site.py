"""A site: one layer of the backbone that may be specialised."""

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Literal

Kind = Literal["conv", "depthwise", "grouped", "linear"]


@dataclass(frozen=True)
class Site:
    """A layer that owners may depart from, described without its weights.

    `shape` is that of the weight: [filters, channels per group, kernel height, kernel width]; of a linear layer
    [outputs, inputs], whose filters are its outputs. `depth` counts sites in the order the backbone calls them, 0 at
    the input. `stage` counts the drops in resolution before it. `max_level` is the operator's greatest level here (for
    `filters`: all of them).
    """

    name: str
    kind: Kind
    shape: tuple[int, ...]
    groups: int
    has_bias: bool
    depth: int
    stage: int
    max_level: int

    @property
    def filters(self) -> int:
        return self.shape[0]

    @cached_property
    def parameters_per_filter(self) -> int:
        """Weights of one output filter; its bias is not counted, since biases are per domain anyway."""
        return prod(self.shape[1:])

    @property
    def parameters(self) -> int:
        return self.filters * self.parameters_per_filter
