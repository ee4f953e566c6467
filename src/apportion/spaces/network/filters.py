"""`filters` in the compose form: per domain, cat the owned and the shared rows, then one convolution.

Stored are the shared rows that some domain still uses and each owner's rows; a row that all own has no shared copy
(papers 000, 001). `delta` (004, equation 1: w = w_shared + delta) stores the departure; where all own a row there is
nothing shared to depart from, and its delta departs from zero, so both parametrisations store the same numbers.
"""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from apportion.spaces.network.layer import working_dtype
from apportion.spaces.orders import Order
from apportion.spaces.site import Site


class FilterConv2d(nn.Module):
    """`levels` must be canonical. Parameters: shared [live rows, ...], owned [sum of levels, ...], bias [D, F]."""

    def __init__(
        self, conv: nn.Conv2d, site: Site, owners: Sequence[str], levels: Sequence[int], order: Order, how: str
    ) -> None:
        super().__init__()
        if conv.padding_mode != "zeros":
            raise ValueError(f"site {site.name}: padding mode {conv.padding_mode!r} is not supported")
        self.stride, self.padding, self.dilation, self.groups = conv.stride, conv.padding, conv.dilation, conv.groups
        self.levels, self.how = tuple(levels), how
        taken = [order.permutation(site.name, owner, site.filters)[:n] for owner, n in zip(owners, levels, strict=True)]
        used = np.ones((len(owners), site.filters), dtype=bool)
        for row, mine in zip(used, taken, strict=True):
            row[mine] = False
        # With a single owner "owned by all" means nothing: the layer is plain.
        live = np.flatnonzero(used.any(axis=0))
        self._plan(site.filters, taken, live)
        rest = conv.weight.shape[1:]
        self.shared = nn.Parameter(conv.weight.new_empty(len(live), *rest))
        self.owned = nn.Parameter(conv.weight.new_empty(sum(levels), *rest))
        self.bias = None if conv.bias is None else nn.Parameter(conv.weight.new_empty(len(owners), site.filters))
        self.start(conv.weight, None if conv.bias is None else conv.bias.expand(len(owners), -1))

    def _plan(self, filters: int, taken: list[np.ndarray], live: np.ndarray) -> None:
        """Index tables: where each domain's rows stand in cat(owned rows, shared rows), and what a delta adds to."""
        position = np.full(filters, len(live), dtype=np.int64)
        position[live] = np.arange(len(live))
        for d, mine in enumerate(taken):
            index = position + len(mine)
            index[mine] = np.arange(len(mine))
            self.register_buffer(f"_rows{d}", torch.from_numpy(index), persistent=False)
            self.register_buffer(f"_base{d}", torch.from_numpy(position[mine]), persistent=False)
        self.register_buffer("_live", torch.from_numpy(live), persistent=False)
        self.register_buffer("_taken", torch.from_numpy(np.concatenate(taken)), persistent=False)
        # Rows in their stored order need no gathering: index order, the common case, is cat(owned, shared[k:]).
        self._tail = [
            int(index[len(mine)]) - len(mine) if len(mine) < filters and _is_cat(index, len(mine)) else None
            for mine, index in zip(taken, (self._rows(d).numpy() for d in range(len(taken))), strict=True)
        ]

    def _rows(self, domain: int) -> Tensor:
        return self.get_buffer(f"_rows{domain}")

    @torch.no_grad()
    def start(self, weight: Tensor, bias: Tensor | None) -> None:
        self.shared.copy_(weight[self.get_buffer("_live")])
        self.owned.copy_(weight[self.get_buffer("_taken")])
        if self.how == "delta":
            bases = torch.cat([self.get_buffer(f"_base{d}") for d in range(len(self.levels))])
            self.owned[bases < len(self.shared)] = 0
        if self.bias is not None and bias is not None:
            self.bias.copy_(bias)

    def _weights(self) -> list[Tensor]:
        """The weight of every domain. One split for all: slicing a flat buffer per domain is 5-25 times slower."""
        shared, owned = working_dtype(self.shared), working_dtype(self.owned)
        # A row that nobody shares, for what a delta departs from.
        base = torch.cat([shared, shared.new_zeros(1, *shared.shape[1:])]) if self.how == "delta" else shared
        weights = []
        for d, mine in enumerate(torch.split(owned, list(self.levels))):
            if self.how == "delta" and len(mine):
                mine = mine + base.index_select(0, self.get_buffer(f"_base{d}"))
            tail = self._tail[d]
            if not len(mine) and len(shared) == len(self._rows(d)):
                weights.append(shared)
            elif tail is not None:
                weights.append(torch.cat([mine, shared[tail:]]))
            else:
                weights.append(torch.cat([mine, shared]).index_select(0, self._rows(d)))
        return weights

    def weight_of(self, domain: int) -> Tensor:
        return self._weights()[domain]

    def bias_of(self, domain: int) -> Tensor | None:
        return None if self.bias is None else self.bias[domain]

    def forward(self, x: Tensor) -> Tensor:
        """[D * B, C, H, W] -> [D * B, F, H', W']."""
        weights = self._weights()
        biases = [None] * len(weights) if self.bias is None else list(self.bias.unbind())
        return torch.cat(
            [
                F.conv2d(part, weight, bias, self.stride, self.padding, self.dilation, self.groups)
                for part, weight, bias in zip(x.chunk(len(weights)), weights, biases, strict=True)
            ]
        )

    def extra_repr(self) -> str:
        ends = list(accumulate(self.levels))
        return f"filters={len(self._rows(0))}, levels={self.levels}, owned={ends[-1]}, stride={self.stride}"


def _is_cat(index: np.ndarray, owned: int) -> bool:
    """True where the rows are the owned ones followed by one run of the shared ones up to their end."""
    ahead, behind = index[:owned], index[owned:]
    runs_on = bool((np.diff(behind) == 1).all())
    return bool((ahead == np.arange(owned)).all()) and runs_on
