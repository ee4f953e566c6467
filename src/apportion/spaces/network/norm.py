"""BatchNorm of a mixed batch: every domain has its own affine and its own statistics, as all five papers have it."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DomainBatchNorm2d(nn.Module):
    """Parameters weight, bias [D, C]; buffers running_mean, running_var [D, C]. Input [D * B, C, H, W]."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, norm: nn.BatchNorm2d, domains: int) -> None:
        super().__init__()
        if norm.running_mean is None or norm.running_var is None or norm.weight is None or norm.momentum is None:
            raise ValueError("a BatchNorm needs an affine, running statistics and a momentum to be given to domains")
        self.eps, self.momentum = norm.eps, norm.momentum
        self.weight = nn.Parameter(norm.weight.detach().repeat(domains, 1))
        self.bias = nn.Parameter(norm.bias.detach().repeat(domains, 1))
        self.register_buffer("running_mean", norm.running_mean.repeat(domains, 1))
        self.register_buffer("running_var", norm.running_var.repeat(domains, 1))

    def forward(self, x: Tensor) -> Tensor:
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
