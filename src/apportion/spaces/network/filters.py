"""`filters` as a layer: owned and shared rows of one convolution's weight, in both forms of a mixed batch.

Stored are the shared rows that some domain still uses and each owner's rows; a row that all own has no shared copy
(papers 000, 001). `delta` (004, equation 1: w = w_shared + delta) stores the departure; where all own a row there is
nothing shared to depart from, and its delta departs from zero, so both parametrisations store the same numbers.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from apportion.spaces.network.forms import Form, joined, one_below_another, side_by_side, split
from apportion.spaces.network.layer import working_dtype
from apportion.spaces.orders import Order
from apportion.spaces.site import Site

# Interleaved, measured on a CPU with a quarter of the filters owned (ResNet-50, 64 px, D = 4, 8 images a domain): up to
# this many weights over all domains, one grouped convolution of all filters beats two of some (by up to a third), above
# it loses (by up to six times). An image's 3 channels make a grouped convolution slow: 9.8 ms, one by one 4.0.
_SMALL = 600_000
_THIN = 4


class FilterConv2d(nn.Module):
    """`levels` must be canonical. Parameters: shared [live rows, ...], owned [sum of levels, ...], bias [D, F]."""

    def __init__(
        self,
        conv: nn.Conv2d,
        site: Site,
        owners: Sequence[str],
        levels: Sequence[int],
        order: Order,
        how: str,
        form: Form = "compose",
    ) -> None:
        super().__init__()
        if conv.padding_mode != "zeros":
            raise ValueError(f"site {site.name}: padding mode {conv.padding_mode!r} is not supported")
        assert isinstance(conv.padding, tuple), "Conv2d turns padding words into numbers, except 'same' and 'valid'"
        self.stride, self.padding, self.dilation, self.groups = conv.stride, conv.padding, conv.dilation, conv.groups
        small = len(owners) * conv.weight.numel() <= _SMALL
        self.thin = conv.groups == 1 and conv.in_channels <= _THIN
        self._stock(conv.weight, conv.bias, site, owners, levels, order, how, form, conv.groups > 1, small)

    def _stock(
        self,
        weight: Tensor,
        bias: Tensor | None,
        site: Site,
        owners: Sequence[str],
        levels: Sequence[int],
        order: Order,
        how: str,
        form: Form,
        grouped: bool = False,
        small: bool = False,
    ) -> None:
        """Make index tables and parameters. `grouped`, `small`: all filters run per domain in an interleaved batch."""
        self.levels, self.how, self.form, self.domains = tuple(levels), how, form, len(owners)
        taken = [order.permutation(site.name, owner, site.filters)[:n] for owner, n in zip(owners, levels, strict=True)]
        used = np.ones((len(owners), site.filters), dtype=bool)
        for row, mine in zip(used, taken, strict=True):
            row[mine] = False
        live = np.flatnonzero(used.any(axis=0))
        self._plan(site.filters, taken, live, grouped or (small and sum(levels) > 0))
        self.shared = nn.Parameter(weight.new_empty(len(live), *weight.shape[1:]))
        self.owned = nn.Parameter(weight.new_empty(sum(levels), *weight.shape[1:]))
        self.bias = None if bias is None else nn.Parameter(weight.new_empty(len(owners), site.filters))
        self.start(weight, None if bias is None else bias.expand(len(owners), -1))

    def _plan(self, filters: int, taken: list[np.ndarray], live: np.ndarray, whole: bool) -> None:
        """Index tables. A "bank" is cat(owned rows of all domains, shared rows).

        `_rows` [D, F]: where each domain's filters stand in the bank. `_base`: the shared row each owned one departs
        from (`len(live)`: none). `_some_rows`, `_rest_rows`: the bank's rows of the filters that an interleaved batch
        computes per domain, and the shared rows of those it computes once for all; `_restore` puts them in order.
        """
        shared_at = np.full(filters, len(live), dtype=np.int64)
        shared_at[live] = np.arange(len(live))
        all_taken = np.concatenate(taken)
        rows = np.tile(len(all_taken) + shared_at, (len(taken), 1))
        first = 0
        for row, mine in zip(rows, taken, strict=True):
            row[mine] = first + np.arange(len(mine))
            first += len(mine)
        some = np.arange(filters) if whole else np.unique(all_taken)
        rest = np.setdiff1d(np.arange(filters), some)
        tables = {
            "_live": live,
            "_taken": all_taken,
            "_rows": rows,
            "_base": shared_at[all_taken],
            "_some_rows": rows[:, some].ravel(),
            "_rest_rows": shared_at[rest],
            "_restore": np.argsort(np.concatenate([some, rest])),
        }
        for name, table in tables.items():
            self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(table)), persistent=False)
        # What needs no gathering: the common case is index order with equal levels.
        self._some_is_owned = np.array_equal(tables["_some_rows"], np.arange(len(all_taken)))
        self._rest_from = _run_to_end(tables["_rest_rows"], len(live))
        self._in_order = np.array_equal(tables["_restore"], np.arange(filters))
        self._tails = [_tail(row, mine, len(all_taken), len(live)) for row, mine in zip(rows, taken, strict=True)]

    @torch.no_grad()
    def start(self, weight: Tensor, bias: Tensor | None) -> None:
        self.shared.copy_(weight[self.get_buffer("_live")])
        self.owned.copy_(weight[self.get_buffer("_taken")])
        if self.how == "delta":
            self.owned[self.get_buffer("_base") < len(self.shared)] = 0
        if self.bias is not None and bias is not None:
            self.bias.copy_(bias)

    def _rows_used(self) -> tuple[Tensor, Tensor]:
        """The rows that domains compute with: owned ones of all domains, deltas added, and shared ones."""
        shared, owned = working_dtype(self.shared), working_dtype(self.owned)
        if self.how == "delta" and len(owned):
            # One row of zeros, for deltas that depart from nothing.
            bases = torch.cat([shared, shared.new_zeros(1, *shared.shape[1:])])
            owned = owned + bases.index_select(0, self.get_buffer("_base"))
        return owned, shared

    def weight_of(self, domain: int) -> Tensor:
        return torch.cat(self._rows_used()).index_select(0, self.get_buffer("_rows")[domain])

    def bias_of(self, domain: int) -> Tensor | None:
        return None if self.bias is None else self.bias[domain]

    def forward(self, x: Tensor) -> Tensor:
        """[rows, C, H, W] -> [rows, F, H', W']."""
        if not len(self.owned) and self.groups == 1:
            # Nothing owned: one plain convolution, whatever the order of the rows.
            return self._with_bias(self._convolved(x, working_dtype(self.shared)))
        return self._composed(x) if self.form == "compose" or self.thin else self._interleaved(x)

    def _convolved(self, x: Tensor, weight: Tensor, bias: Tensor | None = None, domains: int = 1) -> Tensor:
        """`domains` > 1: that many domains side by side in the channels of x, the rows of `weight` in their order."""
        return F.conv2d(x, weight, bias, self.stride, self.padding, self.dilation, domains * self.groups)

    def _composed(self, x: Tensor) -> Tensor:
        """Per domain, cat the owned and the shared rows, then one convolution."""
        owned, shared = self._rows_used()
        biases = [None] * self.domains if self.bias is None else list(self.bias.unbind())
        outputs = []
        # One split for all: slicing one flat buffer per domain is 5-25 times slower.
        for d, (mine, part, bias) in enumerate(
            zip(torch.split(owned, list(self.levels)), split(x, self.domains, self.form), biases, strict=True)
        ):
            tail = self._tails[d]
            if tail is not None:
                weight = torch.cat([mine, shared[tail:]]) if len(mine) else shared[tail:]
            else:
                weight = torch.cat([owned, shared]).index_select(0, self.get_buffer("_rows")[d])
            outputs.append(self._convolved(part, weight, bias))
        return joined(outputs, self.form)

    def _interleaved(self, x: Tensor) -> Tensor:
        """Filters that some domain owns in one grouped convolution, the rest in one plain convolution over all rows.

        A domain that shares a filter which another owns computes it in its own group, from the shared row: so every
        domain computes each filter once, and unequal levels need no padding.
        """
        owned, shared = self._rows_used()
        some = owned
        if not self._some_is_owned:
            some = torch.cat([owned, shared]).index_select(0, self.get_buffer("_some_rows"))
        y = self._convolved(side_by_side(x, self.domains), some, None, self.domains)
        y = one_below_another(y, self.domains)
        if len(self.get_buffer("_rest_rows")):
            if self._rest_from is not None:
                rest = shared[self._rest_from :]
            else:
                rest = shared.index_select(0, self.get_buffer("_rest_rows"))
            y = torch.cat([y, self._convolved(x, rest)], 1)
        if not self._in_order:
            y = y.index_select(1, self.get_buffer("_restore"))
        return self._with_bias(y)

    def _with_bias(self, y: Tensor) -> Tensor:
        """Add each domain's bias to its rows."""
        if self.bias is None:
            return y
        domains_first = self.form == "compose"
        rows = y.view(self.domains, -1, *y.shape[1:]) if domains_first else y.view(-1, self.domains, *y.shape[1:])
        bias = self.bias[:, None, :, None, None] if domains_first else self.bias[:, :, None, None]
        return (rows + bias).view_as(y)

    def extra_repr(self) -> str:
        filters = self.get_buffer("_rows").shape[1]
        return f"filters={filters}, levels={self.levels}, form={self.form}, stride={self.stride}"


def _run_to_end(rows: np.ndarray, length: int) -> int | None:
    """Where the run starts, if `rows` are start, start + 1, ..., length - 1."""
    start = length - len(rows)
    return start if np.array_equal(rows, np.arange(start, length)) else None


def _tail(row: np.ndarray, mine: np.ndarray, owned: int, live: int) -> int | None:
    """k, if a domain's weight is cat(its owned rows, shared[k:])."""
    if not np.array_equal(mine, np.arange(len(mine))):
        return None
    return _run_to_end(row[len(mine) :] - owned, live)
