"""BatchNorm of a mixed batch: every domain has its own affine and its own statistics, as all five papers have it."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from apportion.spaces.network.forms import Form, one_below_another, side_by_side


class DomainBatchNorm2d(nn.Module):
    """Parameters weight, bias [D, C]; buffers running_mean, running_var [D, C]. Input: rows of a mixed batch."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, norm: nn.BatchNorm2d, domains: int, form: Form = "compose") -> None:
        super().__init__()
        self.form = form
        if norm.running_mean is None or norm.running_var is None or norm.weight is None or norm.momentum is None:
            raise ValueError("a BatchNorm needs an affine, running statistics and a momentum to be given to domains")
        self.eps, self.momentum = norm.eps, norm.momentum
        self.weight = nn.Parameter(norm.weight.detach().repeat(domains, 1))
        self.bias = nn.Parameter(norm.bias.detach().repeat(domains, 1))
        self.register_buffer("running_mean", norm.running_mean.repeat(domains, 1))
        self.register_buffer("running_var", norm.running_var.repeat(domains, 1))

    def forward(self, x: Tensor) -> Tensor:
        if self.form == "interleaved":
            return one_below_another(self._normed(side_by_side(x, len(self.weight))), len(self.weight))
        parts = zip(
            x.chunk(len(self.weight)),
            self.running_mean.unbind(),
            self.running_var.unbind(),
            self.weight.unbind(),
            self.bias.unbind(),
            strict=True,
        )
        return torch.cat(
            [
                F.batch_norm(part, mean, var, weight, bias, self.training, self.momentum, self.eps)
                for part, mean, var, weight, bias in parts
            ]
        )

    def _normed(self, x: Tensor) -> Tensor:
        """All domains in one call, on [B, D * C, H, W]."""
        mean, var = self.running_mean.view(-1), self.running_var.view(-1)
        weight, bias = self.weight.view(-1), self.bias.view(-1)
        return F.batch_norm(x, mean, var, weight, bias, self.training, self.momentum, self.eps)
