"""What an operator promises. No tensors here: its arithmetic decides budgets, its torch part builds layers."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from apportion.spaces.budget import Cost
from apportion.spaces.orders import Order
from apportion.spaces.site import Site


class Operator(Protocol):
    """How levels at a site turn into parameters."""

    @property
    def name(self) -> str: ...

    @property
    def summary(self) -> str: ...

    @property
    def parametrisations(self) -> tuple[str, ...]:
        """The ways its owned part can be trained; all cost the same."""
        ...

    @property
    def layer(self) -> str:
        """`module:class` of the convolution that trains it (`network.layer.MixedLayer`); loads torch when imported."""
        ...

    @property
    def linear_layer(self) -> str:
        """The same for linear sites."""
        ...

    def cost(self, site: Site, owners: Sequence[str], levels: Sequence[int], order: Order) -> Cost:
        """Parameters at one site for the levels of all owners. Never falls when a level rises."""
        ...

    def costs(
        self, sites: Sequence[Site], owners: Sequence[str], levels: npt.NDArray[np.int64], order: Order
    ) -> npt.NDArray[np.int64]:
        """The same for all sites at once. `levels` [sites, owners]; returns [sites, 2]: owned, live."""
        ...

    def canonical(self, site: Site, owners: Sequence[str], levels: Sequence[int], order: Order) -> tuple[int, ...]:
        """The levels that stand for all patterns meaning the same network as these."""
        ...
