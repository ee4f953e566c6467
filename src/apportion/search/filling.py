"""Filling: from what owning every filter is worth to an allocation that uses a budget up.

Filters are taken in the order of their worth, whoever's and wherever they are, each where it still fits. What an owner
has taken then stands first in its own order of that site, so that any choice of filters is an allocation. A row that
all but one own costs nothing for the last one, whose it is anyway, and is taken with them.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from apportion.search.taking import Ints, Taking, prices_in_turn
from apportion.spaces import order_tables
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.orders import Order
from apportion.spaces.projection import fill
from apportion.spaces.space import SharingSpace

Floats = npt.NDArray[np.float64]
Worths = Sequence[npt.ArrayLike]
"""For each site of a space [owners, filters]: what owning a filter is worth to an owner, the more the better."""


def ranked(
    space: SharingSpace,
    worth: Worths,
    budget: Budget,
    *,
    per_parameter: bool = True,
    whole: bool = False,
    learned_order: bool = True,
) -> Allocation:
    """The allocation that owns what is worth most, in canonical form; no filter more would fit, by any order.

    What is worth most for its size, unless worth is taken as it is. `per_site_and_domain`: filters of each owner;
    `whole` takes whole sites first as far as they go (by mean worth), then filters. `per_site`: levels common to all,
    by the sum over owners. Coarser spaces are filled by their own steps. Orders are learned, the most worth first, or
    the space's own are kept. Equal worth goes round sites and owners in turn. ValueError where `worth` does not fit
    the space or is not finite.
    """
    worths = _checked(space, worth)
    if per_parameter:
        worths = [one / site.parameters_per_filter for one, site in zip(worths, space.sites, strict=True)]
    free = [i for i, site in enumerate(space.sites) if site.name not in space.keep_shared]
    if len(space.owners) == 1 or not free:
        return space.shared()
    if learned_order and not space.fractions and space.granularity == "per_site_and_domain":
        return _of_owners(space, worths, budget, free, whole)
    if learned_order and not space.fractions and space.granularity == "per_site":
        return _common(space, worths, budget, free)
    return _by_steps(space, worths, budget, free, learned_order)


def _checked(space: SharingSpace, worth: Worths) -> list[Floats]:
    worths = [np.asarray(one, dtype=np.float64) for one in worth]
    shapes = [(len(space.owners), site.filters) for site in space.sites]
    if [one.shape for one in worths] != shapes:
        raise ValueError(f"worth of shapes {[one.shape for one in worths]}; the space has {shapes}")
    if not all(np.isfinite(one).all() for one in worths):
        raise ValueError("worth must be finite")
    return worths


# Filters of every owner.


def _of_owners(space: SharingSpace, worths: list[Floats], budget: Budget, free: list[int], whole: bool) -> Allocation:
    price = np.repeat([space.sites[i].parameters_per_filter for i in free], [space.sites[i].filters for i in free])
    taking = Taking(price, prices_in_turn(len(space.owners), budget.measure), _room(space, budget))
    if whole:
        taking = _whole_sites(space, worths, free, taking)
    taking.take(*_turns([worths[i] for i in free]))
    first = np.cumsum([0, *(space.sites[i].filters for i in free)])
    levels = [[0] * len(space.owners) for _ in space.sites]
    table: dict[str, dict[str, list[int]]] = {}
    for n, i in enumerate(free):
        mine = taking.owned[first[n] : first[n + 1]].T
        levels[i] = mine.sum(axis=1).tolist()
        best = _best_first(worths[i])
        # Owned ones first, each part by worth.
        ordered = np.take_along_axis(best, np.argsort(~np.take_along_axis(mine, best, 1), axis=1, kind="stable"), 1)
        table[space.sites[i].name] = dict(zip(space.owners, ordered.tolist(), strict=True))
    order = Order("listed", per_owner=True, table=order_tables.learn(table))
    return replace(space, order=order).canonical(Allocation(tuple(map(tuple, levels)), order))


def _room(space: SharingSpace, budget: Budget) -> int:
    """Parameters left where everything is shared."""
    return space.limit(budget) - budget.of(space.cost(space.shared()))


def _best_first(worth: Floats) -> Ints:
    """Filters by worth for each owner, [owners, filters]; equal ones by index."""
    order: Ints = np.argsort(-worth, axis=1, kind="stable")
    return order


def _turns(worths: list[Floats]) -> tuple[Ints, Ints]:
    """Rows (filters of all sites, numbered through) and owners, in the order in which they are taken.

    By worth; equal ones by their place in their owner's own order, then by site and owner.
    """
    rows, owners, places, values, first = [], [], [], [], 0
    for worth in worths:
        best = _best_first(worth)
        rows.append((first + best).T.ravel())
        values.append(np.take_along_axis(worth, best, 1).T.ravel())
        place, owner = np.indices(best.T.shape).reshape(2, -1)
        places.append(place)
        owners.append(owner)
        first += worth.shape[1]
    # In two stable sorts; small integers are sorted by radix.
    in_turn = np.argsort(np.concatenate(places).astype(np.uint16), kind="stable")
    in_turn = in_turn[np.argsort(-np.concatenate(values)[in_turn], kind="stable")]
    return np.concatenate(rows)[in_turn], np.concatenate(owners)[in_turn]


def _whole_sites(space: SharingSpace, worths: list[Floats], free: list[int], taking: Taking) -> Taking:
    """The same after whole sites are taken, by their mean worth, as far as any fits."""
    sites = Taking(np.array([space.sites[i].parameters for i in free]), taking.in_turn, taking.rest)
    sites.take(*_turns([worths[i].mean(axis=1, keepdims=True) for i in free]))
    taking.owned = np.repeat(sites.owned, [space.sites[i].filters for i in free], axis=0)
    taking.rest = sites.rest
    return taking


# Levels common to all.


def _common(space: SharingSpace, worths: list[Floats], budget: Budget, free: list[int]) -> Allocation:
    """A filter is everybody's or nobody's: D copies instead of one."""
    summed = [worths[i].sum(axis=0, keepdims=True) for i in free]
    copies = len(space.owners) - (budget.measure == "live")
    price = np.repeat([space.sites[i].parameters_per_filter for i in free], [space.sites[i].filters for i in free])
    taking = Taking(price, np.array([copies]), _room(space, budget))
    taking.take(*_turns(summed))
    levels, first = [0] * len(space.sites), 0
    for i in free:
        levels[i] = int(taking.owned[first : first + space.sites[i].filters].sum())
        first += space.sites[i].filters
    table = {space.sites[i].name: _best_first(one)[0].tolist() for i, one in zip(free, summed, strict=True)}
    order = Order("listed", table=order_tables.learn(table))
    rows = tuple((level,) * len(space.owners) for level in levels)
    return replace(space, order=order).canonical(Allocation(rows, order))


# Any other space: its own steps, one by one.


def _by_steps(
    space: SharingSpace, worths: list[Floats], budget: Budget, free: list[int], learned_order: bool
) -> Allocation:
    """Steps by the mean worth of the filters that they add; seconds for a large space with an order per owner."""
    per_owner = space.granularity == "per_site_and_domain"
    if learned_order:
        space = replace(space, order=order_by_worth(space, worths, per_owner))
    gained: dict[tuple[int, int], Floats] = {}
    for i in free:
        for d, owner in enumerate(space.owners):
            mine = space.order.permutation(space.sites[i].name, owner, space.sites[i].filters)
            gained[i, d] = np.r_[0.0, np.cumsum(worths[i][d, mine])]

    def when(variable: int, step: int) -> float:
        gain, filters, moved = 0.0, 0, space.variables[variable]
        for i, d in moved.cells:
            low, high = (moved.level(position, space.sites[i].max_level) for position in (step - 1, step))
            gain, filters = gain + gained[i, d][high] - gained[i, d][low], filters + high - low
        return -gain / max(1, filters)

    return space.allocation_at(fill(space, np.zeros_like(space.steps), budget, when))


def order_by_worth(space: SharingSpace, worths: Sequence[Floats], per_owner: bool) -> Order:
    """What is worth most first, to each owner or to all in sum; `worths` [owners, filters] of each site."""
    table: dict[str, dict[str, list[int]] | list[int]] = {}
    for i in (i for i, site in enumerate(space.sites) if site.name not in space.keep_shared):
        if per_owner:
            table[space.sites[i].name] = dict(zip(space.owners, _best_first(worths[i]).tolist(), strict=True))
        else:
            table[space.sites[i].name] = _best_first(worths[i].sum(axis=0, keepdims=True))[0].tolist()
    return Order("listed", per_owner=per_owner, table=order_tables.learn(table))
