"""`filters` as a linear layer: owned and shared outputs, in both forms of a mixed batch.

The same bank of rows as a convolution's (`FilterConv2d`): a linear layer's outputs are its filters.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from apportion.spaces.network.filters import FilterConv2d
from apportion.spaces.network.forms import Form
from apportion.spaces.network.layer import working_dtype
from apportion.spaces.orders import Order
from apportion.spaces.site import Site


class FilterLinear(FilterConv2d):
    """`levels` must be canonical. Parameters: shared [live rows, in], owned [sum of levels, in], bias [D, F]."""

    def __init__(
        self,
        linear: nn.Linear,
        site: Site,
        owners: Sequence[str],
        levels: Sequence[int],
        order: Order,
        how: str,
        form: Form = "compose",
    ) -> None:
        nn.Module.__init__(self)
        self.groups = 1
        self._stock(linear.weight, linear.bias, site, owners, levels, order, how, form)

    def forward(self, x: Tensor) -> Tensor:
        """[rows, ..., C] -> [rows, ..., F]."""
        if not len(self.owned):
            return self._with_bias(F.linear(x, working_dtype(self.shared)))
        return self._composed(x) if self.form == "compose" else self._interleaved(x)

    def _convolved(self, x: Tensor, weight: Tensor, bias: Tensor | None = None, domains: int = 1) -> Tensor:
        return F.linear(x, weight, bias)

    def _interleaved(self, x: Tensor) -> Tensor:
        """Outputs that some domain owns by a product per domain, the rest by one product over all rows."""
        owned, shared = self._rows_used()
        some = owned
        if not self._some_is_owned:
            some = torch.cat([owned, shared]).index_select(0, self.get_buffer("_some_rows"))
        by_domain = x.reshape(-1, self.domains, *x.shape[1:])
        y = torch.einsum("bd...c,dfc->bd...f", by_domain, some.view(self.domains, -1, some.shape[1])).flatten(0, 1)
        if len(self.get_buffer("_rest_rows")):
            y = torch.cat([y, F.linear(x, shared.index_select(0, self.get_buffer("_rest_rows")))], -1)
        if not self._in_order:
            y = y.index_select(-1, self.get_buffer("_restore"))
        return self._with_bias(y)

    def _with_bias(self, y: Tensor) -> Tensor:
        """Add each domain's bias to its rows."""
        if self.bias is None:
            return y
        bias, between = working_dtype(self.bias), [1] * (y.dim() - 2)
        if self.form == "compose":
            rows, bias = y.view(self.domains, -1, *y.shape[1:]), bias.view(self.domains, 1, *between, -1)
        else:
            rows, bias = y.view(-1, self.domains, *y.shape[1:]), bias.view(self.domains, *between, -1)
        return (rows + bias).view_as(y)

    def extra_repr(self) -> str:
        outputs = self.get_buffer("_rows").shape[1]
        return f"outputs={outputs}, levels={self.levels}, form={self.form}"
