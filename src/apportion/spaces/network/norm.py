"""Norms of a mixed batch: every domain has its own affine, and its own statistics where there are any.

All five papers give BatchNorm to the domains; LayerNorm follows it, with an affine alone.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from apportion.spaces.network.forms import Form, one_below_another, side_by_side


class DomainBatchNorm2d(nn.Module):
    """Parameters weight, bias [D, C]; buffers running_mean, running_var [D, C]. Input: rows of a mixed batch.

    `norm` may be timm's BatchNormAct2d, whose own dropout and activation then follow.
    """

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
        self.after = nn.Sequential(*norm.children())

    def forward(self, x: Tensor) -> Tensor:
        y = self._interleaved(x) if self.form == "interleaved" else self._composed(x)
        return self.after(y) if len(self.after) else y

    def _composed(self, x: Tensor) -> Tensor:
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

    def _interleaved(self, x: Tensor) -> Tensor:
        """All domains in one call, on [B, D * C, H, W]."""
        mean, var = self.running_mean.view(-1), self.running_var.view(-1)
        weight, bias = self.weight.view(-1), self.bias.view(-1)
        y = side_by_side(x, len(self.weight))
        y = F.batch_norm(y, mean, var, weight, bias, self.training, self.momentum, self.eps)
        return one_below_another(y, len(self.weight))

    @torch.no_grad()
    def give(self, domain: int, plain: nn.Module) -> None:
        assert isinstance(plain, nn.BatchNorm2d)
        plain.weight, plain.bias = (nn.Parameter(part[domain].clone()) for part in (self.weight, self.bias))
        plain.running_mean, plain.running_var = self.running_mean[domain].clone(), self.running_var[domain].clone()
        if plain.num_batches_tracked is not None:
            plain.num_batches_tracked.zero_()


class DomainLayerNorm(nn.Module):
    """Parameters weight, bias [D, *normalized shape]. Rows are normed one by one, so only the affine is a domain's."""

    def __init__(self, norm: nn.LayerNorm, domains: int, form: Form = "compose") -> None:
        super().__init__()
        self.form, self.eps = form, norm.eps
        self.weight = nn.Parameter(torch.stack([norm.weight.detach()] * domains))
        self.bias = nn.Parameter(torch.stack([norm.bias.detach()] * domains))

    def forward(self, x: Tensor) -> Tensor:
        """[rows, ..., *normalized shape], any number of dimensions between."""
        y = F.layer_norm(x, self.weight.shape[1:], eps=self.eps)
        weight, bias = (self._for_rows(part.to(y.dtype), y.dim()) for part in (self.weight, self.bias))
        return torch.addcmul(bias, self._by_domain(y), weight).view_as(y)

    def _by_domain(self, y: Tensor) -> Tensor:
        domains = len(self.weight)
        rows = (domains, -1) if self.form == "compose" else (-1, domains)
        return y.view(*rows, *y.shape[1:])

    def _for_rows(self, part: Tensor, dims: int) -> Tensor:
        """[D, *shape] so that it broadcasts over the rows of each domain."""
        between = [1] * (dims - part.dim() + (self.form == "compose"))
        return part.view(len(part), *between, *part.shape[1:])

    @torch.no_grad()
    def give(self, domain: int, plain: nn.Module) -> None:
        assert isinstance(plain, nn.LayerNorm)
        plain.weight, plain.bias = (nn.Parameter(part[domain].clone()) for part in (self.weight, self.bias))


def domain_norm(norm: nn.Module, domains: int, form: Form) -> DomainBatchNorm2d | DomainLayerNorm:
    """The norm of all domains, started from the plain `norm`."""
    if isinstance(norm, nn.BatchNorm2d):
        return DomainBatchNorm2d(norm, domains, form)
    assert isinstance(norm, nn.LayerNorm)
    return DomainLayerNorm(norm, domains, form)
