"""Heads: one linear classifier per domain, of its own number of classes."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from apportion.spaces.network.forms import Form, joined, split
from apportion.spaces.orders import counted_seed


class DomainHeads(nn.Module):
    """Rows of features -> rows of logits, each padded with zeros behind its own domain's classes to the most classes.

    Padding lets whatever the backbone does after its head go on seeing one tensor; the network slices at its exit.
    """

    def __init__(self, features: int, classes: Sequence[int], form: Form = "compose") -> None:
        super().__init__()
        self.form = form
        self.heads = nn.ModuleList(nn.Linear(features, count) for count in classes)
        self.classes = tuple(classes)

    def forward(self, x: Tensor) -> Tensor:
        most, parts = max(self.classes), split(x, len(self.heads), self.form)
        return joined(
            [
                F.pad(head(part), (0, most - count))
                for head, part, count in zip(self.heads, parts, self.classes, strict=True)
            ],
            self.form,
        )

    @torch.no_grad()
    def draw(self, seed: int, owners: Sequence[str]) -> None:
        """PyTorch's own start for Linear (uniform within 1 / sqrt(features)), counted by seed and domain."""
        for head, owner in zip(self.heads, owners, strict=True):
            generator = torch.Generator().manual_seed(counted_seed("head", seed, owner) % 2**63)
            for parameter in head.parameters():
                bound = 1 / math.sqrt(head.get_parameter("weight").shape[1])
                drawn = torch.empty(parameter.shape).uniform_(-bound, bound, generator=generator)
                parameter.copy_(drawn)
