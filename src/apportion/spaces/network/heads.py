"""Heads: one classifier per domain, of its own number of classes, linear or (SqueezeNet's) a convolution."""

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
    `like`: the backbone's own head; its kernel, stride and padding are kept where it is a convolution.
    """

    def __init__(self, like: nn.Linear | nn.Conv2d, classes: Sequence[int], form: Form = "compose") -> None:
        super().__init__()
        self.form = form
        self.heads = nn.ModuleList(_head(like, count) for count in classes)
        self.classes = tuple(classes)
        # Classes are the last dimension of a linear layer's output, the second of a convolution's.
        self._behind = (0, 0, 0, 0) if isinstance(like, nn.Conv2d) else ()

    def forward(self, x: Tensor) -> Tensor:
        most, parts = max(self.classes), split(x, len(self.heads), self.form)
        return joined(
            [
                F.pad(head(part), (*self._behind, 0, most - count))
                for head, part, count in zip(self.heads, parts, self.classes, strict=True)
            ],
            self.form,
        )

    @torch.no_grad()
    def draw(self, seed: int, owners: Sequence[str]) -> None:
        """PyTorch's own start for both kinds (uniform within 1 / sqrt(inputs)), counted by seed and domain."""
        for head, owner in zip(self.heads, owners, strict=True):
            generator = torch.Generator().manual_seed(counted_seed("head", seed, owner) % 2**63)
            for parameter in head.parameters():
                bound = 1 / math.sqrt(head.get_parameter("weight")[0].numel())
                drawn = torch.empty(parameter.shape).uniform_(-bound, bound, generator=generator)
                parameter.copy_(drawn)


def _head(like: nn.Linear | nn.Conv2d, classes: int) -> nn.Module:
    if isinstance(like, nn.Linear):
        return nn.Linear(like.in_features, classes)
    size, stride, padding, dilation = like.kernel_size, like.stride, like.padding, like.dilation
    return nn.Conv2d(like.in_channels, classes, size, stride, padding, dilation)  # type: ignore[arg-type]
