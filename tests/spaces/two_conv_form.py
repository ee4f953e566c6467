"""The papers' form of hard sharing (000, figure 2): a shared convolution, an owned one, and an overwrite.

Written without any part of the mixed network, so that the two can be tested against one another.
"""

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class TwoConvSite(nn.Module):
    """One convolution of one domain: all filters by the shared weight, the owned ones overwritten by the owned weight.

    `shared` [F, ...] is one parameter for all domains; `owned` [n, ...] and `bias` are this domain's.
    """

    def __init__(self, conv: nn.Conv2d, shared: nn.Parameter, filters: Tensor) -> None:
        super().__init__()
        assert isinstance(conv.padding, tuple)
        self.stride, self.padding, self.dilation = conv.stride, conv.padding, conv.dilation
        self.shared, self.filters = shared, filters
        self.owned = nn.Parameter(conv.weight.detach()[filters].clone())
        self.bias = None if conv.bias is None else nn.Parameter(conv.bias.detach().clone())
        self.groups, self.outputs = conv.groups, conv.out_channels

    def forward(self, x: Tensor) -> Tensor:
        y = F.conv2d(x, self.shared, None, self.stride, self.padding, self.dilation, self.groups)
        if len(self.filters):
            y = y.index_copy(1, self.filters, self._own(x))
        return y if self.bias is None else y + self.bias[None, :, None, None]

    def _own(self, x: Tensor) -> Tensor:
        """The owned filters alone; each sees the input channels of its own group."""
        if self.groups == 1:
            return F.conv2d(x, self.owned, None, self.stride, self.padding, self.dilation)
        if self.groups == x.shape[1] == self.outputs:
            own = x.index_select(1, self.filters)
            return F.conv2d(own, self.owned, None, self.stride, self.padding, self.dilation, len(self.filters))
        per_group_in, per_group_out = x.shape[1] // self.groups, self.outputs // self.groups
        parts = []
        for weight, f in zip(self.owned, self.filters.tolist(), strict=True):
            first = f // per_group_out * per_group_in
            group = x[:, first : first + per_group_in]
            parts.append(F.conv2d(group, weight[None], None, self.stride, self.padding, self.dilation))
        return torch.cat(parts, 1)


class TwoLinearSite(nn.Module):
    """One linear layer of one domain: all outputs by the shared weight, the owned ones overwritten."""

    def __init__(self, linear: nn.Linear, shared: nn.Parameter, filters: Tensor) -> None:
        super().__init__()
        self.shared, self.filters = shared, filters
        self.owned = nn.Parameter(linear.weight.detach()[filters].clone())
        self.bias = None if linear.bias is None else nn.Parameter(linear.bias.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        y = F.linear(x, self.shared)
        if len(self.filters):
            y = y.index_copy(-1, self.filters, F.linear(x, self.owned))
        return y if self.bias is None else y + self.bias


def papers_form(template: nn.Module, filters: Mapping[str, Sequence[Tensor]], domains: int) -> list[nn.Module]:
    """`domains` plain networks that own the rows `filters[site][domain]` of each site and share all others."""
    nets = [copy.deepcopy(template) for _ in range(domains)]
    for site, owned in filters.items():
        layer = template.get_submodule(site)
        shared = nn.Parameter(layer.get_parameter("weight").detach().clone())
        for net, mine in zip(nets, owned, strict=True):
            parent, _, leaf = site.rpartition(".")
            setattr(net.get_submodule(parent), leaf, _two_of(layer, shared, mine))
    return nets


def _two_of(layer: nn.Module, shared: nn.Parameter, filters: Tensor) -> nn.Module:
    if isinstance(layer, nn.Linear):
        return TwoLinearSite(layer, shared, filters)
    assert isinstance(layer, nn.Conv2d)
    return TwoConvSite(layer, shared, filters)
