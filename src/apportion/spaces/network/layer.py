"""What the mixed network asks of a convolution or a linear layer that several owners share."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from apportion.spaces.network.forms import Form
from apportion.spaces.orders import Order
from apportion.spaces.site import Site


class MixedLayer(Protocol):
    """A layer over the rows of a mixed batch; built with the owners' levels, the parametrisation and the form."""

    def __init__(
        self,
        plain: nn.Module,
        site: Site,
        owners: Sequence[str],
        levels: Sequence[int],
        order: Order,
        how: str,
        form: Form,
    ) -> None: ...

    def start(self, weight: Tensor, bias: Tensor | None) -> None:
        """Set the starting point: the shared layer's `weight` (of the site's shape) for all, `bias` [D, F] of each."""
        ...

    def weight_of(self, domain: int) -> Tensor:
        """The weight (of the site's shape) that `domain` computes with."""
        ...

    def bias_of(self, domain: int) -> Tensor | None: ...


def working_dtype(tensor: Tensor) -> Tensor:
    """`tensor` in autocast's type where autocast is on: casting rows before composing them casts once, not D times."""
    kind = tensor.device.type
    if torch.is_autocast_enabled(kind):
        return tensor.to(torch.get_autocast_dtype(kind))
    return tensor
