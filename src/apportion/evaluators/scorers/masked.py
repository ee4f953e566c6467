"""A network in which every domain may depart from every filter, by a delta that a mask switches on or off.

Weights of domain d at a site: shared + mask_d * delta_d (004, equation 1, with the indicator given from outside). It is
the network that shares nothing, with the rows that domains own computed from shared ones: all its forms and layers are
used as they are.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from apportion.spaces.allocation import Allocation
from apportion.spaces.network.mixed import MultiDomainNet
from apportion.spaces.space import SharingSpace

Mask = npt.NDArray[np.bool_]


class Departures(nn.Module):
    """From deltas [owners * filters, ...], 0 at first, to rows of the same shape. Parameter `shared` [filters, ...].

    `mask` [owners, filters] is all on at first and no part of the state: whoever uses the network sets it.
    """

    mask: Tensor

    def __init__(self, shared: Tensor, owners: int) -> None:
        super().__init__()
        self.shared = nn.Parameter(shared.detach().clone())
        self.register_buffer("mask", shared.new_ones(owners, len(shared)), persistent=False)

    def forward(self, delta: Tensor) -> Tensor:
        mask = self.mask.view(*self.mask.shape, *[1] * (self.shared.dim() - 1))
        return (self.shared + mask * delta.view(len(mask), *self.shared.shape)).view_as(delta)

    def right_inverse(self, rows: Tensor) -> Tensor:
        return torch.zeros_like(rows)


class MaskedNet:
    """`net` must be an `independent` network whose copies are all equal; it is changed in place."""

    def __init__(self, net: MultiDomainNet, space: SharingSpace) -> None:
        self.net, self.space = net, space
        self.departures: list[Departures] = []
        if len(space.owners) == 1:
            return  # every pattern is the plain network
        for site in space.sites:
            layer = net.network.get_submodule(site.name)
            shared = layer.get_parameter("owned")[: site.filters]
            self.departures.append(Departures(shared, len(space.owners)))
            parametrize.register_parametrization(layer, "owned", self.departures[-1])

    def wear(self, masks: Sequence[Mask]) -> None:
        """Switch deltas on and off: a mask [owners, filters] for each site."""
        for departures, mask in zip(self.departures, masks, strict=False):
            departures.mask.copy_(torch.from_numpy(mask))


def masks_of(space: SharingSpace, allocation: Allocation) -> list[Mask]:
    """True where a domain owns a filter, [owners, filters] of each site; equal for allocations that mean the same."""
    canonical, masks = space.canonical(allocation), []
    for site, levels in zip(space.sites, canonical.levels, strict=True):
        mask = np.zeros((len(space.owners), site.filters), dtype=np.bool_)
        for row, owner, level in zip(mask, space.owners, levels, strict=True):
            row[canonical.order.permutation(site.name, owner, site.filters)[:level]] = True
        masks.append(mask)
    return masks
