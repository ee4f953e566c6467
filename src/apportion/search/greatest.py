"""The allocation of greatest worth: from what owning every filter is worth, by the exact solver and by filling.

A filter that an owner does not take is worth nothing to it, so an allocation is worth the sum over what it owns.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from apportion.search.filling import Floats, order_by_worth, ranked
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.optimal import Solver
from apportion.spaces.orders import Order
from apportion.spaces.space import SharingSpace


def greatest(
    space: SharingSpace, worth: Sequence[npt.ArrayLike], budget: Budget, *, reorder: bool = True
) -> Allocation:
    """What is worth most within the budget and uses it up, in canonical form.

    With one order for all owners, the space's or (`reorder`) the one by the sum of their worths, levels are exactly
    optimal. In `per_site_and_domain` every owner may have an order of its own: filters are then taken by worth per
    parameter (see `ranked`), unless one order for all gives more. ValueError as `ranked`.
    """
    filled = ranked(space, worth, budget, learned_order=reorder)
    if len(space.owners) == 1 or not space.dimension:
        return filled
    worths = [np.asarray(one, dtype=np.float64) for one in worth]
    ordered = replace(space, order=order_by_worth(space, worths, per_owner=False)) if reorder else space
    solved = ordered.allocation_at(Solver(ordered, budget).best(_utilities(ordered, worths)).positions)
    return max((filled, solved), key=lambda allocation: worth_of(space, worths, allocation))


def worth_of(space: SharingSpace, worths: Sequence[Floats], allocation: Allocation) -> float:
    """The sum over all filters that `allocation` gives to an owner, of `worths` [owners, filters] at each site."""
    total = 0.0
    for site, of, levels in zip(space.sites, worths, allocation.levels, strict=True):
        for d, (owner, level) in enumerate(zip(space.owners, levels, strict=True)):
            total += float(of[d, _first(allocation.order, site.name, owner, site.filters, level)].sum())
    return total


def _first(order: Order, site: str, owner: str, filters: int, level: int) -> npt.NDArray[np.int64]:
    return np.asarray(order.permutation(site, owner, filters)[:level], dtype=np.int64)


def _utilities(space: SharingSpace, worths: Sequence[Floats]) -> list[Floats]:
    """For every variable the worth of each of its positions, [steps + 1]."""
    found = []
    for variable in space.variables:
        utility = np.zeros(variable.steps + 1)
        for i, d in variable.cells:
            site = space.sites[i]
            mine = space.order.permutation(site.name, space.owners[d], site.filters)
            gained = np.concatenate([[0.0], np.cumsum(worths[i][d, mine])])
            utility += gained[[variable.level(k, site.max_level) for k in range(variable.steps + 1)]]
        found.append(utility)
    return found
